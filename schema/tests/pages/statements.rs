//! How many statements pages cost: the same at every size, and few.

use async_graphql::value;

use crate::world::{World, none, on_both};

/// The grid of the web app, with all nested edges.
const PAGE: &str =
    "query MediaPage($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
  media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { ...MediaCard } }
  }
}
fragment MediaCard on Media {
  __typename
  id title date addedAt rating isFavorite viewCount
  thumbnail { url thumbhash srcset { url width } }
  tags(first: 20) { nodes { id name color } }
  people(first: 20) { nodes { id name } }
  studio { id name }
  files { id path size modifiedAt container }
  ... on Video { duration width height frameRate resumePosition codecs previewUrl sprite { vttUrl } }
  ... on Audio { duration codecs resumePosition }
  ... on Image { width height }
}";

fn forget(world: &World) {
    world.kernel.caches.clear();
}

on_both! {
    async fn a_page_costs_the_same_statements_at_every_size(world: World) {
        let mut costs = Vec::new();
        for first in [10, 40, 200] {
            forget(&world);
            let cold = world.statements(PAGE, value!({ "first": first })).await;
            let warm = world.statements(PAGE, value!({ "first": first })).await;
            costs.push((cold, warm));
        }
        assert_eq!(costs, [(2, 0), (2, 0), (2, 0)], "the page with all that it shows, and the total");
        forget(&world);
        let filter = value!({ "first": 40, "search": "lantern", "sort": [{ "field": "RATING", "direction": "DESC" }],
            "filter": { "not": { "height": { "lt": 400 } } } });
        assert_eq!(world.statements(PAGE, filter).await, 3, "one more says whether the search finds few");
        forget(&world);
        assert_eq!(world.statements(PAGE, value!({ "first": 40, "search": "lantern" })).await, 2);
        forget(&world);
        let tags = value!({ "tags": { "anyOf": [world.tags[0].to_string()], "includeDescendants": true } });
        let all = value!({ "first": 40, "search": "lantern", "sort": [{ "field": "RATING", "direction": "DESC" }], "filter": tags });
        assert_eq!(world.statements(PAGE, all).await, 4, "and one what is below a tag");
    }

    async fn facets_cost_a_statement_each_and_nothing_until_something_changes(world: World) {
        let document = "query($filter: MediaFilter) { media(first: 40, filter: $filter) { totalCount nodes { id title }
            facets { tags(first: 10) { value { id name } count } kinds { value count } resolutions { value count } } } }";
        let filter = value!({ "filter": { "tags": { "anyOf": [world.tags[0].to_string()], "includeDescendants": true } } });
        // The tags of this world keep no count, so that of all items no tag is shown, and none read.
        for (variables, statements) in [(filter.clone(), 2 + 2 + 3), (none(), 2 + 2)] {
            forget(&world);
            assert_eq!(world.statements(document, variables.clone()).await, statements, "{variables}");
            assert_eq!(world.statements(document, variables).await, 0, "nothing has changed");
        }
        let before = world.data(document, filter.clone()).await;
        let edit = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        let id = before["media"]["nodes"][0]["id"].as_str().expect("an id").to_owned();
        world.data(edit, value!({ "input": { "id": id, "tagIds": [] } })).await;
        let after = world.data(document, filter).await;
        let count = |data: &serde_json::Value| data["media"]["totalCount"].as_i64().expect("a total");
        assert_eq!(count(&after), count(&before) - 1, "one's own write is seen at once");
        assert_ne!(after["media"]["facets"], before["media"]["facets"]);
    }

    async fn a_thousand_equal_cold_requests_cost_the_statements_of_one(world: World) {
        let world = std::sync::Arc::new(world);
        // Rows live a minute, so that whole cards are asked for less often where nothing is optimized.
        for (document, n) in [("query($first: Int) { media(first: $first) { totalCount nodes { id title } } }", 1000), (PAGE, 60)] {
            forget(&world);
            let cold = world.statements(document, value!({ "first": 40 })).await;
            forget(&world);
            let before = world.kernel.store.statements().statements;
            let readers: Vec<_> = (0..n)
                .map(|_| {
                    let world = std::sync::Arc::clone(&world);
                    tokio::spawn(async move { world.data(document, value!({ "first": 40 })).await })
                })
                .collect();
            for reader in readers {
                let page = reader.await.expect("no panic");
                assert_eq!(page["media"]["totalCount"], 220);
            }
            assert_eq!(world.kernel.store.statements().statements - before, cold, "{n} times {document}");
        }
    }

    async fn what_is_not_selected_costs_nothing(world: World) {
        for (document, statements) in [
            ("{ media(first: 40) { nodes { id title } } }", 2),
            ("{ media(first: 40) { totalCount } }", 1),
            ("{ media(first: 40) { pageInfo { endCursor } } }", 1),
            ("{ media(first: 40) { nodes { id files { path } } } }", 2),
            ("{ media(first: 40) { nodes { id files { streams { codec } } } } }", 2 + 1),
            ("{ media(first: 200) { nodes { id files { streams { codec } chapters { title } } } } }", 2 + 1),
        ] {
            forget(&world);
            world.shared.streams.clear();
            world.shared.chapters.clear();
            assert_eq!(world.statements(document, none()).await, statements, "{document}");
        }
    }

    async fn the_newest_of_all_tags_are_one_statement(world: World) {
        let document = "{ tags(first: 50) { nodes { id media(first: 4) { pageInfo { hasNextPage } nodes { id title } } } } }";
        forget(&world);
        assert_eq!(world.statements(document, none()).await, 3, "tags, their newest, the cards");
        let data = world.data(document, none()).await;
        let tags = data["tags"]["nodes"].as_array().expect("tags");
        assert_eq!(tags.len(), 12);
        for (n, tag) in tags.iter().enumerate() {
            // By name in natural order, so in the order in which they were made.
            assert_eq!(tag["id"], world.tags[n].to_string());
            let mut rows: Vec<_> = world.media.iter().filter(|row| row.missing_at.is_none()).collect();
            rows.retain(|row| world.tagged.contains(&(row.id, world.tags[n])));
            rows.sort_by_key(|row| std::cmp::Reverse((row.added_at, row.id)));
            let expected: Vec<String> = rows.iter().take(4).map(|row| row.id.to_string()).collect();
            let nodes = tag["media"]["nodes"].as_array().expect("media");
            let found: Vec<&str> = nodes.iter().map(|node| node["id"].as_str().expect("an id")).collect();
            assert_eq!(found, expected);
            assert_eq!(tag["media"]["pageInfo"]["hasNextPage"], rows.len() > 4);
        }
    }

    async fn nested_pages_go_on_in_both_directions(world: World) {
        for parent in ["tag(id: $id)", "person(id: $id)", "studio(id: $id)", "library(id: $id)"] {
            let id = match &parent[..3] {
                "tag" => world.tags[0].to_string(),
                "per" => world.people[0].to_string(),
                "stu" => world.studios[0].to_string(),
                _ => world.library.to_string(),
            };
            let root = parent.split('(').next().expect("a name");
            let document = format!("query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {{
                {parent} {{ media(first: $first, after: $after, last: $last, before: $before) {{
                    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} nodes {{ id }} }} }} }}");
            let mut forward: Vec<String> = Vec::new();
            let mut backward: Vec<String> = Vec::new();
            for is_backward in [false, true] {
                let mut cursor = None::<String>;
                loop {
                    let variables = if is_backward {
                        value!({ "id": id.clone(), "last": 7, "before": cursor.clone() })
                    } else {
                        value!({ "id": id.clone(), "first": 7, "after": cursor.clone() })
                    };
                    let data = world.data(&document, variables).await;
                    let page = &data[root]["media"];
                    let nodes = page["nodes"].as_array().expect("nodes").iter();
                    let found: Vec<String> = nodes.map(|node| node["id"].as_str().expect("an id").to_owned()).collect();
                    let info = &page["pageInfo"];
                    let (more, next) = if is_backward {
                        backward.splice(0..0, found);
                        (&info["hasPreviousPage"], &info["startCursor"])
                    } else {
                        forward.extend(found);
                        (&info["hasNextPage"], &info["endCursor"])
                    };
                    if more == false {
                        break;
                    }
                    cursor = next.as_str().map(str::to_owned);
                }
            }
            assert!(forward.len() > 14, "{parent} has {} items", forward.len());
            assert_eq!(forward, backward, "{parent}");
        }
    }
}
