//! The conditions as the databases read them.

use async_graphql::ID;
use expect_test::{Expect, expect};
use sea_orm::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder};

use super::*;
use crate::kit::criterion::{IntCriterion, TextCriterion};

fn check(filter: &MediaFilter, sqlite: Expect, postgres: Expect) {
    let descendants = Descendants::from([(TagId(1), vec![TagId(1), TagId(2)])]);
    let sql = |backend| {
        let translation = Translation {
            sees: &Libraries::All,
            viewer: UserId(7),
            backend,
            descendants: &descendants,
        };
        let condition = translation.condition(filter).expect("a condition");
        let select = Query::select()
            .expr(Expr::cust("1"))
            .from("media")
            .cond_where(condition)
            .take();
        match backend {
            DbBackend::Postgres => select.to_string(PostgresQueryBuilder),
            _ => select.to_string(SqliteQueryBuilder),
        }
    };
    sqlite.assert_eq(&sql(DbBackend::Sqlite));
    postgres.assert_eq(&sql(DbBackend::Postgres));
}

#[test]
fn filters_become_conditions_for_both_databases() {
    let tags = TagCriterion {
        any_of: Some(vec![ID(TagId(1).to_string())]),
        include_descendants: true,
        ..TagCriterion::default()
    };
    let rating = IntCriterion {
        gte: Some(80),
        ..IntCriterion::default()
    };
    let filter = MediaFilter {
        tags: Some(tags),
        not: Some(Box::new(MediaFilter {
            rating: Some(rating),
            ..MediaFilter::default()
        })),
        ..MediaFilter::default()
    };
    check(
        &filter,
        expect![[
            r#"SELECT 1 FROM "media" WHERE (NOT ((SELECT "mu"."rating" FROM "media_user" AS "mu" WHERE "mu"."media_id" = "media"."id" AND "mu"."user_id" = 7) IS NOT NULL AND (SELECT "mu"."rating" FROM "media_user" AS "mu" WHERE "mu"."media_id" = "media"."id" AND "mu"."user_id" = 7) >= 80)) AND EXISTS(SELECT 1 FROM "media_tag" AS "mt" WHERE "mt"."media_id" = "media"."id" AND "mt"."tag_id" IN (1, 2))"#
        ]],
        expect![[
            r#"SELECT 1 FROM "media" WHERE (NOT ((SELECT "mu"."rating" FROM "media_user" AS "mu" WHERE "mu"."media_id" = "media"."id" AND "mu"."user_id" = 7) IS NOT NULL AND (SELECT "mu"."rating" FROM "media_user" AS "mu" WHERE "mu"."media_id" = "media"."id" AND "mu"."user_id" = 7) >= 80)) AND EXISTS(SELECT 1 FROM "media_tag" AS "mt" WHERE "mt"."media_id" = "media"."id" AND "mt"."tag_id" IN (1, 2))"#
        ]],
    );
    let title = TextCriterion {
        contains: Some("50%".to_owned()),
        ..TextCriterion::default()
    };
    let filter = MediaFilter {
        or: Some(vec![MediaFilter {
            title: Some(title),
            ..MediaFilter::default()
        }]),
        ..MediaFilter::default()
    };
    check(
        &filter,
        expect![[r#"SELECT 1 FROM "media" WHERE "media"."title" LIKE '%50\%%' ESCAPE '\'"#]],
        expect![[r#"SELECT 1 FROM "media" WHERE "media"."title" ilike E'%50\\%%'"#]],
    );
}
