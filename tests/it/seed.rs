//! The synthetic library: the same for the same seed, its counters right, its values skewed as in real ones.

use anyhow::{Context, ensure};
use kernel::store::Store;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use server::dev::{self, plan::Plan};
use tests::{database::Backend, library::Library, on_both};

/// The first column of the first row.
async fn number(store: &Store, sql: &str) -> anyhow::Result<i64> {
    let db = store.reader();
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    Ok(row.context("a row")?.try_get_by_index(0)?)
}

/// Rows whose counter is not what its lists show; each query counts them.
const WRONG: [&str; 6] = [
    "select count(*) from tag where n_media <> (select count(*) from media_tag join media on media.id = media_id
        where tag_id = tag.id and missing_at is null)",
    "select count(*) from person where n_media <> (select count(*) from media_person join media on media.id = media_id
        where person_id = person.id and missing_at is null)",
    "select count(*) from studio where n_media <> (select count(*) from media where studio_id = studio.id and missing_at is null)",
    "select count(*) from library where n_media <> (select count(*) from media where library_id = library.id and missing_at is null)",
    "select count(*) from library where total_size <> (select coalesce(cast(sum(size) as bigint), 0) from file
        where library_id = library.id and status = 0)",
    "select count(*) from library where total_duration_us <> (select coalesce(cast(sum(duration_us) as bigint), 0) from media
        where library_id = library.id and missing_at is null)",
];

/// Everything that the seed alone decides, in one text.
async fn content(library: &Library) -> anyhow::Result<String> {
    let document = "query($after: String) { media(first: 200, after: $after, sort: [{ field: ID }]) {
        pageInfo { hasNextPage endCursor }
        nodes { id title date addedAt rating viewCount isFavorite studio { name } tags(first: 20) { nodes { name } }
            people(first: 20) { nodes { name } } files { path size streams { codec } } } } }";
    let (mut text, mut after) = (String::new(), json!(null));
    loop {
        let page = library.data(document, json!({ "after": after })).await?["media"].take();
        text.push_str(&page["nodes"].to_string());
        if page["pageInfo"]["hasNextPage"] == false {
            return Ok(text);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

on_both! {
    async fn equal_seeds_make_equal_libraries(backend: Backend) {
        let (one, other) = (Library::seeded(backend, 400).await?, Library::seeded(backend, 400).await?);
        let content_of_one = content(&one).await?;
        ensure!(content_of_one == content(&other).await?, "two libraries of one seed differ");
        let different = Library::planned(backend, Plan::new(400, None, None, None, 2)).await?;
        ensure!(content_of_one != content(&different).await?, "libraries of two seeds are the same");
    }

    async fn counters_say_what_lists_show(backend: Backend) {
        let library = Library::seeded(backend, 3_000).await?;
        let store = &library.kernel.store;
        for wrong in WRONG {
            let n_wrong = number(store, wrong).await?;
            ensure!(n_wrong == 0, "{n_wrong} rows of: {wrong}");
        }
        ensure!(number(store, "select count(*) from media").await? == 3_000);
        ensure!(number(store, "select count(*) from media where missing_at is not null").await? > 5);
        // A few tags are everywhere, and most are rare.
        let most = number(store, "select max(n_media) from tag").await?;
        let middle = number(store, "select n_media from tag order by n_media limit 1 offset (select count(*) / 2 from tag)").await?;
        ensure!(most > 2 * middle && middle > 0, "the most used tag has {most} items, one in the middle {middle}");
        for own in ["rating is not null", "is_favorite", "n_views > 0", "position_us is not null"] {
            ensure!(number(store, &format!("select count(*) from media_user where {own}")).await? > 10, "{own}");
        }
    }

    async fn a_database_with_items_is_not_seeded(backend: Backend) {
        let library = Library::seeded(backend, 10).await?;
        let again = dev::seed(&library.kernel, Plan::new(10, None, None, None, 1), |_| ()).await;
        let refused = again.err().context("seeding a library twice")?.to_string();
        ensure!(refused.contains("10 items already"), "{refused}");
    }

    async fn indexes_are_as_before_after_a_large_seed(backend: Backend) {
        let indexes = |library: &Library| {
            let store = library.kernel.store.clone();
            let sql = match backend {
                Backend::Sqlite => "select sql from sqlite_master where type = 'index' and sql is not null order by name",
                Backend::Postgres => "select indexdef from pg_indexes where schemaname = 'public' order by indexname",
            };
            async move {
                let db = store.reader();
                let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
                rows.iter().map(|row| Ok(row.try_get_by_index::<String>(0)?)).collect::<anyhow::Result<Vec<_>>>()
            }
        };
        let (small, large) = (Library::seeded(backend, 10).await?, Library::seeded(backend, 20_000).await?);
        let expected = indexes(&small).await?;
        ensure!(expected.len() > 30, "{expected:?}");
        ensure!(expected == indexes(&large).await?);
    }
}
