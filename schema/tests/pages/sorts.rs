//! Pages under every sort: stable under ties, complete, and the same from both ends.

use std::cmp::Ordering;

use async_graphql::value;
use entities::media;
use serde_json::Value as Json;

use crate::world::{World, none, on_both};

const FIELDS: [&str; 14] = [
    "ID",
    "TITLE",
    "DATE",
    "ADDED_AT",
    "MODIFIED_AT",
    "RATING",
    "SIZE",
    "DURATION",
    "HEIGHT",
    "BIT_RATE",
    "VIEW_COUNT",
    "LAST_VIEWED_AT",
    "PATH",
    "RANDOM",
];

fn ids(page: &Json) -> Vec<String> {
    page["edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|edge| edge["node"]["id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn walk(world: &World, sort: &str, backward: bool) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let window = match (backward, &cursor) {
            (false, None) => "first: 37".to_owned(),
            (false, Some(cursor)) => format!("first: 37, after: \"{cursor}\""),
            (true, None) => "last: 37".to_owned(),
            (true, Some(cursor)) => format!("last: 37, before: \"{cursor}\""),
        };
        let document = format!(
            "{{ media({window}, sort: {sort}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
                edges {{ cursor node {{ id }} }} }} }}"
        );
        let data = world.data(&document, none()).await;
        let page = &data["media"];
        assert_eq!(page["totalCount"], 220, "{sort}");
        let found = ids(page);
        let info = &page["pageInfo"];
        if backward {
            all.splice(0..0, found);
            cursor = info["startCursor"].as_str().map(str::to_owned);
        } else {
            all.extend(found);
            cursor = info["endCursor"].as_str().map(str::to_owned);
        }
        let more = if backward {
            &info["hasPreviousPage"]
        } else {
            &info["hasNextPage"]
        };
        assert!(all.len() <= 220, "{sort} goes round");
        if more == false {
            return all;
        }
    }
}

/// The order that a sort means, computed here; text orders are the database's own and are not computed.
fn expected(world: &World, field: &str, descending: bool) -> Option<Vec<String>> {
    let own = |row: &media::Model| world.own(row.id).cloned();
    let key = |row: &media::Model| -> Option<i64> {
        match field {
            "ID" => Some(row.id.0),
            "ADDED_AT" => Some(row.added_at),
            "MODIFIED_AT" => Some(row.modified_at),
            "RATING" => own(row)?.rating.map(i64::from),
            "SIZE" => Some(row.size),
            "DURATION" => row.duration_us,
            "HEIGHT" => row.height.map(i64::from),
            "BIT_RATE" => row.bit_rate,
            "VIEW_COUNT" => own(row).map(|own| own.n_views).filter(|n_views| *n_views > 0),
            "LAST_VIEWED_AT" => own(row)?.last_viewed_at,
            "DATE" => row
                .date
                .as_ref()
                .map(|date| date.replace('-', "").parse().expect("a day")),
            _ => None,
        }
    };
    if matches!(field, "TITLE" | "PATH" | "RANDOM") {
        return None;
    }
    let mut rows: Vec<&media::Model> = world.media.iter().filter(|row| row.missing_at.is_none()).collect();
    let turn = |order: Ordering| if descending { order.reverse() } else { order };
    rows.sort_by(|one, other| {
        let keys = match (key(one), key(other)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) => turn(one.cmp(&other)),
        };
        keys.then(turn(one.id.cmp(&other.id)))
    });
    Some(rows.into_iter().map(|row| row.id.to_string()).collect())
}

on_both! {
    async fn every_sort_pages_alike_from_both_ends(world: World) {
        for field in FIELDS {
            for direction in ["ASC", "DESC"] {
                let sort = format!("[{{ field: {field}, direction: {direction} }}]");
                let forward = walk(&world, &sort, false).await;
                let mut distinct = forward.clone();
                distinct.sort();
                distinct.dedup();
                assert_eq!(distinct.len(), 220, "{sort}");
                assert_eq!(forward, walk(&world, &sort, true).await, "{sort}");
                if let Some(expected) = expected(&world, field, direction == "DESC") {
                    assert_eq!(forward, expected, "{sort}");
                }
            }
        }
    }

    async fn sorts_of_several_keys_page_alike_from_both_ends(world: World) {
        for sort in [
            "[{ field: RATING, direction: DESC }, { field: TITLE, direction: ASC }]",
            "[{ field: HEIGHT, direction: ASC }, { field: DURATION, direction: DESC }, { field: BIT_RATE, direction: ASC }]",
            "[{ field: SIZE, direction: DESC }, { field: LAST_VIEWED_AT, direction: ASC }, { field: ID, direction: DESC }]",
            "[{ field: TITLE, direction: DESC }, { field: ADDED_AT, direction: DESC }]",
        ] {
            let forward = walk(&world, sort, false).await;
            assert_eq!(forward.len(), 220, "{sort}");
            assert_eq!(forward, walk(&world, sort, true).await, "{sort}");
        }
    }

    async fn random_depends_on_its_seed_alone(world: World) {
        let seeded = |seed: i32| format!("[{{ field: RANDOM, seed: {seed} }}]");
        let one = walk(&world, &seeded(1), false).await;
        assert_eq!(one, walk(&world, &seeded(1), false).await);
        let two = walk(&world, &seeded(2), false).await;
        let by_id = walk(&world, "[{ field: ID }]", false).await;
        let same = |one: &[String], other: &[String]| one.iter().zip(other).filter(|(one, other)| one == other).count();
        assert!(same(&one, &two) < 12 && same(&one, &by_id) < 12, "the orders are hardly alike");
        // Neighbors by id do not stay neighbors.
        let places: Vec<usize> = by_id.iter().map(|id| one.iter().position(|other| other == id).expect("present")).collect();
        let rising = places.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((70..150).contains(&rising), "{rising} of 219 steps rise");
    }

    async fn bad_paging_is_refused_with_its_field(world: World) {
        let data = world.data("{ media(first: 1) { pageInfo { endCursor } } }", none()).await;
        let cursor = data["media"]["pageInfo"]["endCursor"].as_str().expect("a cursor").to_owned();
        let document = "query($first: Int, $last: Int, $after: String, $sort: [MediaSort!]) {
            media(first: $first, last: $last, after: $after, sort: $sort) { nodes { id title } } }";
        let cases = [
            (value!({ "first": 1, "last": 1 }), "last"),
            (value!({ "first": -1 }), "first"),
            (value!({ "first": 201 }), "first"),
            (value!({ "after": "x" }), "after"),
            (value!({ "after": cursor.clone(), "sort": [{ "field": "TITLE" }] }), "after"),
            (value!({ "sort": [{ "field": "TITLE" }, { "field": "TITLE" }] }), "sort[1].field"),
            (value!({ "sort": [{ "field": "TITLE", "seed": 1 }] }), "sort[0].seed"),
        ];
        for (variables, path) in cases {
            let shown = variables.to_string();
            let refused = world.refused(document, variables).await;
            assert_eq!(refused, ("BAD_INPUT".to_owned(), Some(path.to_owned())), "{shown}");
        }
        let light = "query($after: String) { media(first: 1000, after: $after) { nodes { id } } }";
        let data = world.data(light, value!({ "after": cursor })).await;
        assert_eq!(data["media"]["nodes"].as_array().map(Vec::len), Some(219), "ids alone come by the thousand");
    }
}
