//! Pages read index ranges: no sort, no scan of the table.

use entities::id::UserId;
use schema::{
    kit::{keyset::Window, libraries::Libraries},
    media::{
        inputs::{MediaSort, MediaSortField, SortDirection},
        nested::{self, Parent},
        page, sort,
    },
};
use sea_orm::{ConnectionTrait, Statement, sea_query::SelectStatement};

use crate::world::{World, on_both};

async fn plan(world: &World, select: &SelectStatement) -> String {
    let db = world.kernel.store.reader();
    let built = db.get_database_backend().build(select);
    let explain = if db.get_database_backend() == sea_orm::DbBackend::Sqlite {
        "explain query plan"
    } else {
        "explain"
    };
    let statement = Statement {
        sql: format!("{explain} {}", built.sql),
        ..built
    };
    let rows = db.query_all_raw(statement).await.expect("a plan");
    let column = if explain == "explain" { 0 } else { 3 };
    rows.iter()
        .map(|row| row.try_get_by_index::<String>(column).expect("a line"))
        .collect::<Vec<_>>()
        .join("\n")
}

on_both! {
    async fn sorts_of_one_key_walk_an_index(world: World) {
        let viewer = UserId::new();
        let is_sqlite = world.kernel.store.backend() == sea_orm::DbBackend::Sqlite;
        let window = Window { limit: 40, is_backward: false, after: None, before: None };
        let condition = page::condition(viewer, &Libraries::All, world.kernel.store.backend(), &Default::default(), None, &[]).expect("a condition");
        for (field, index) in [
            (MediaSortField::AddedAt, "media_added_at_idx"),
            (MediaSortField::Title, "media_sort_title_idx"),
            (MediaSortField::Duration, "media_duration_us_idx"),
            (MediaSortField::Date, "media_date_idx"),
            (MediaSortField::Size, "media_size_idx"),
            (MediaSortField::Path, "media_path_idx"),
        ] {
            for direction in [SortDirection::Asc, SortDirection::Desc] {
                let order = sort::order(&[MediaSort { field, direction, seed: None }], false).expect("an order");
                let select = page::statement(viewer, &order, &condition, &window);
                // PostgreSQL sorts tables as small as these; the choice of an index is checked on SQLite.
                let plan = plan(&world, &select).await;
                if is_sqlite {
                    assert!(plan.contains(index), "{field:?}: {plan}");
                    let sorts = plan.matches("TEMP B-TREE").count();
                    // The union of present and absent is merged by a small sort of at most two pages.
                    let is_union = plan.contains("UNION ALL") || plan.contains("COMPOUND");
                    assert!(sorts <= usize::from(is_union), "{field:?}: {plan}");
                }
            }
        }
    }

    async fn nested_pages_walk_the_index_of_the_link(world: World) {
        let parents: Vec<Parent> = world.tags.iter().take(3).map(|tag| Parent::Tag(*tag)).collect();
        let window = Window { limit: 4, is_backward: false, after: None, before: None };
        let plan = plan(&world, &nested::statement(&Libraries::All, &parents, &window)).await;
        if world.kernel.store.backend() == sea_orm::DbBackend::Sqlite {
            assert_eq!(plan.matches("media_tag_tag_id_added_at_idx").count(), 3, "{plan}");
        }
    }
}
