//! Filters and searches mean what the same predicates mean in memory.

use async_graphql::{Value, value};
use entities::media::{self, MediaKind};

use schema::search::token::folded;

use crate::world::{N, World, none, on_both};

const FILTERED: &str = "query($filter: MediaFilter, $search: String) {
    media(first: 1000, filter: $filter, search: $search, sort: [{ field: ID }]) { totalCount nodes { id } } }";

async fn check(world: &World, filter: Value, holds: impl Fn(&media::Model) -> bool) {
    let shown = filter.to_string();
    let data = world.data(FILTERED, value!({ "filter": filter })).await;
    let nodes = data["media"]["nodes"].as_array().expect("nodes");
    let found: Vec<&str> = nodes.iter().map(|node| node["id"].as_str().expect("an id")).collect();
    let expected: Vec<String> = world
        .media
        .iter()
        .filter(|row| holds(row))
        .map(|row| row.id.to_string())
        .collect();
    assert_eq!(found, expected, "{shown}");
    assert_eq!(data["media"]["totalCount"], expected.len(), "{shown}");
    assert!(
        shown.contains("or") || !expected.is_empty(),
        "{shown} matches nothing: the test proves little"
    );
}

fn id(id: impl ToString) -> Value {
    Value::from(id.to_string())
}

on_both! {
    async fn each_criterion_holds_for_what_it_says(world: World) {
        let here = |row: &media::Model| row.missing_at.is_none();
        let own = |row: &media::Model| world.own(row.id).cloned();
        let tagged = |row: &media::Model, n: usize| world.tagged.contains(&(row.id, world.tags[n]));
        let credited = |row: &media::Model, n: usize| world.credited.contains(&(row.id, world.people[n]));
        let (t3, t4) = (id(world.tags[3]), id(world.tags[4]));
        let w = &world;

        check(w, value!({ "kind": { "in": ["VIDEO", "AUDIO"] } }), |row| here(row) && row.kind != MediaKind::Image).await;
        check(w, value!({ "kind": { "ne": "VIDEO" } }), |row| here(row) && row.kind != MediaKind::Video).await;
        check(w, value!({ "duration": { "between": { "from": 2, "to": 4.5 } } }), |row| {
            here(row) && row.duration_us.is_some_and(|us| (2_000_000..=4_500_000).contains(&us))
        }).await;
        check(w, value!({ "height": { "gte": 720 } }), |row| here(row) && row.height.is_some_and(|height| height >= 720)).await;
        check(w, value!({ "width": { "ne": 640 } }), |row| here(row) && row.width != Some(640)).await;
        check(w, value!({ "size": { "notIn": [0, 1000] } }), |row| here(row) && row.size > 1000).await;
        check(w, value!({ "duration": { "isNull": true } }), |row| here(row) && row.duration_us.is_none()).await;
        check(w, value!({ "rating": { "gte": 60 } }), |row| {
            here(row) && own(row).and_then(|own| own.rating).is_some_and(|rating| rating >= 60)
        }).await;
        check(w, value!({ "rating": { "isNull": true } }), |row| here(row) && own(row).and_then(|own| own.rating).is_none()).await;
        check(w, value!({ "isFavorite": { "eq": true } }), |row| here(row) && own(row).is_some_and(|own| own.is_favorite)).await;
        check(w, value!({ "isFavorite": { "eq": false } }), |row| here(row) && !own(row).is_some_and(|own| own.is_favorite)).await;
        check(w, value!({ "viewCount": { "lte": 2 } }), |row| here(row) && own(row).map_or(0, |own| own.n_views) <= 2).await;
        check(w, value!({ "hasSubtitles": { "eq": true } }), |row| here(row) && row.has_subtitles).await;
        check(w, value!({ "videoCodec": { "in": ["hevc"] } }), |row| here(row) && row.video_codec.as_deref() == Some("hevc")).await;
        check(w, value!({ "audioCodec": { "ne": "aac" } }), |row| here(row) && row.audio_codec.as_deref() != Some("aac")).await;
        check(w, value!({ "container": { "startsWith": "Matro" } }), here).await;
        check(w, value!({ "path": { "contains": "HOLIDAYS/3" } }), |row| here(row) && row.path.contains("holidays/3")).await;
        check(w, value!({ "title": { "contains": "0% off_" } }), |row| here(row) && row.title.contains("0% off_")).await;
        check(w, value!({ "title": { "endsWith": " 1", "notContains": "lantern" } }), |row| {
            here(row) && row.title.ends_with(" 1") && !row.title.contains("Lantern")
        }).await;
        check(w, value!({ "date": { "lt": "2005-05-01" } }), |row| here(row) && row.date.as_deref().is_some_and(|date| date < "2005-05-01")).await;
        check(w, value!({ "addedAt": { "gte": "2023-11-14T22:13:20.030Z" } }), |row| here(row) && row.added_at >= 1_700_000_000_030).await;
        check(w, value!({ "isMissing": { "eq": true } }), |row| !here(row)).await;
        check(w, value!({ "or": [{ "isMissing": { "eq": true } }, { "isMissing": { "eq": false } }] }), |_| true).await;
        check(w, value!({ "tags": { "anyOf": [t3.clone(), t4.clone()] } }), |row| here(row) && (tagged(row, 3) || tagged(row, 4))).await;
        check(w, value!({ "tags": { "allOf": [t3.clone(), id(world.tags[8])] } }), |row| here(row) && tagged(row, 3) && tagged(row, 8)).await;
        check(w, value!({ "tags": { "noneOf": [t3.clone()], "isEmpty": false } }), |row| {
            here(row) && !tagged(row, 3) && (0..12).any(|n| tagged(row, n))
        }).await;
        check(w, value!({ "tags": { "anyOf": [id(world.tags[1])], "includeDescendants": true } }), |row| {
            here(row) && (0..3).any(|n| tagged(row, n))
        }).await;
        check(w, value!({ "people": { "anyOf": [id(world.people[2])] } }), |row| here(row) && credited(row, 2)).await;
        check(w, value!({ "studio": { "noneOf": [id(world.studios[0])] } }), |row| here(row) && row.studio_id != Some(world.studios[0])).await;
        check(w, value!({ "studio": { "isEmpty": true } }), |row| here(row) && row.studio_id.is_none()).await;
        check(w, value!({ "library": { "anyOf": [id(world.library)] } }), here).await;
        check(w, value!({ "ids": [id(world.media[0].id), id(world.media[3].id)] }), |row| [world.media[0].id, world.media[3].id].contains(&row.id)).await;
    }

    async fn trees_nest_and_not_is_the_complement(world: World) {
        let here = |row: &media::Model| row.missing_at.is_none();
        let tall = |row: &media::Model| row.height.is_some_and(|height| height >= 720);
        let long = |row: &media::Model| row.duration_us.is_some_and(|us| us > 4_000_000);
        let w = &world;
        check(w, value!({ "and": [] }), here).await;
        check(w, value!({ "or": [] }), |_| false).await;
        check(w, value!({ "not": { "height": { "gte": 720 } } }), |row| here(row) && !tall(row)).await;
        check(w, value!({ "not": { "not": { "height": { "gte": 720 } } } }), |row| here(row) && tall(row)).await;
        check(w, value!({ "not": { "or": [{ "height": { "gte": 720 } }, { "duration": { "gt": 4 } }] } }), |row| {
            here(row) && !(tall(row) || long(row))
        }).await;
        check(w, value!({ "and": [{ "or": [{ "height": { "gte": 720 } }, { "duration": { "gt": 4 } }] }, { "not": { "rating": { "gte": 0 } } }] }), |row| {
            here(row) && (tall(row) || long(row)) && world.own(row.id).and_then(|own| own.rating).is_none()
        }).await;
    }

    async fn a_search_finds_words_phrases_and_linked_names(world: World) {
        let words = |text: &str| -> Vec<String> { folded(text).split(' ').map(str::to_owned).collect() };
        // Every text of an item, cut into words.
        let texts = |row: &media::Model| -> Vec<Vec<String>> {
            let names = (0..12).filter(|n| world.tagged.contains(&(row.id, world.tags[*n]))).map(|n| format!("tag {n}"));
            let people = (0..5).filter(|n| world.credited.contains(&(row.id, world.people[*n]))).map(|n| format!("Person {n}"));
            let studio = (0..3).filter(|n| row.studio_id == Some(world.studios[*n])).map(|n| format!("Studio {n}"));
            let own = [row.title.clone(), row.path.clone(), row.description.clone().unwrap_or_default()];
            own.into_iter().chain(names).chain(people).chain(studio).map(|text| words(&text)).collect()
        };
        for (search, wanted, without) in [
            ("lantern", &["lantern"][..], &[][..]),
            ("LANTERN 1", &["lantern", "1"], &[]),
            ("\"magic show\" -3", &["magic show"], &["3"]),
            ("50% off_", &["50", "off"], &[]),
            ("album", &["album"], &[]),
            ("albu*", &["albu*"], &[]),
            ("\"tag 7\"", &["tag 7"], &[]),
            ("\"person 4\" -clip", &["person 4"], &["clip"]),
            ("studio 2 -about", &["studio", "2"], &["about"]),
            ("-lantern", &[], &["lantern"]),
        ] {
            let occurs = |row: &media::Model, term: &str| {
                let phrase = words(term);
                let fits = |(found, wanted): (&String, &String)| match term.ends_with('*') {
                    true => found.starts_with(wanted.as_str()),
                    false => found == wanted,
                };
                let holds = |text: &Vec<String>| text.windows(phrase.len()).any(|part| part.iter().zip(&phrase).all(fits));
                texts(row).iter().any(holds)
            };
            let expected = world.media.iter().filter(|row| row.missing_at.is_none());
            let expected = expected
                .filter(|row| wanted.iter().all(|term| occurs(row, term)) && !without.iter().any(|term| occurs(row, term)));
            let expected: Vec<String> = expected.map(|row| row.id.to_string()).collect();
            // By another order and by relevance, through a filter and alone: the same items.
            let data = world.data(FILTERED, value!({ "search": search })).await;
            let ids = |nodes: &serde_json::Value| -> Vec<String> {
                let nodes = nodes.as_array().expect("nodes").iter();
                nodes.map(|node| node["id"].as_str().expect("an id").to_owned()).collect()
            };
            assert_eq!(ids(&data["media"]["nodes"]), expected, "{search}");
            assert_eq!(data["media"]["totalCount"], expected.len(), "{search}");
            let document = "query($search: String) { media(first: 1000, search: $search) { totalCount nodes { id } } }";
            let data = world.data(document, value!({ "search": search })).await;
            let mut found = ids(&data["media"]["nodes"]);
            found.sort();
            let mut sorted = expected.clone();
            sorted.sort();
            assert_eq!(found, sorted, "{search} by relevance");
            assert_eq!(data["media"]["totalCount"], expected.len(), "{search} by relevance");
            assert!(!expected.is_empty() || search.contains("clip"), "{search} finds nothing: the test proves little");
        }
    }

    async fn the_best_matches_come_first_and_pages_go_on_from_both_ends(world: World) {
        let document = "query($first: Int, $after: String, $last: Int, $before: String, $search: String!, $filter: MediaFilter) {
            media(first: $first, after: $after, last: $last, before: $before, search: $search, filter: $filter) {
                pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { id } } }";
        // `1` is in titles, names of tags, people and studios, paths and descriptions.
        let searches = ["1", "clip", "\"about 12\"", "1 -lantern"];
        // Through a filter, too, and then by what the census finds.
        let ways = [(7, Value::Null, false), (7, value!({ "kind": { "in": ["VIDEO"] } }), false), (5, value!({ "kind": { "in": ["VIDEO"] } }), true)];
        let mut filtered = std::collections::HashMap::new();
        for (search, (size, filter, has_census)) in ways.iter().flat_map(|way| searches.map(|search| (search, way))) {
            if *has_census {
                world.shared.answers.census.make().await.expect("a census");
            }
            let (mut forward, mut backward) = (Vec::new(), Vec::new());
            for is_backward in [false, true] {
                let mut cursor = None::<String>;
                loop {
                    let variables = if is_backward {
                        value!({ "last": size, "before": cursor.clone(), "search": search, "filter": filter })
                    } else {
                        value!({ "first": size, "after": cursor.clone(), "search": search, "filter": filter })
                    };
                    let data = world.data(document, variables).await;
                    let nodes = data["media"]["nodes"].as_array().expect("nodes").iter();
                    let found: Vec<String> = nodes.map(|node| node["id"].as_str().expect("an id").to_owned()).collect();
                    let info = &data["media"]["pageInfo"];
                    let (more, next) = if is_backward {
                        backward.splice(0..0, found);
                        (&info["hasPreviousPage"], &info["startCursor"])
                    } else {
                        forward.extend(found);
                        (&info["hasNextPage"], &info["endCursor"])
                    };
                    assert!(forward.len().max(backward.len()) <= N, "{search} goes round");
                    if more == false {
                        break;
                    }
                    cursor = next.as_str().map(str::to_owned);
                }
            }
            assert_eq!(forward, backward, "{search}");
            if *filter != Value::Null {
                assert!(!forward.is_empty(), "{search} finds no film: the test proves little");
                assert_eq!(*filtered.entry(search).or_insert(forward.clone()), forward, "{search}, census: {has_census}");
            }
            let place = |id: &str| world.media.iter().position(|row| row.id.to_string() == id).expect("known");
            let tier = |n: usize| {
                let row = &world.media[n];
                let has = |text: &str| format!(" {} ", folded(text)).contains(" 1 ");
                let named = (world.tagged.contains(&(row.id, world.tags[1])))
                    || world.credited.contains(&(row.id, world.people[1]))
                    || row.studio_id == Some(world.studios[1]);
                [has(&row.title), named, has(&row.path), true].iter().position(|here| *here)
            };
            if search == "1" && *filter == Value::Null {
                let keys: Vec<_> = forward.iter().map(|id| (tier(place(id)), std::cmp::Reverse(place(id)))).collect();
                assert!(keys.is_sorted(), "{keys:?}");
                assert!(keys.first().map(|key| key.0) < keys.last().map(|key| key.0));
            }
        }
    }

    async fn a_mistyped_word_finds_what_was_meant(world: World) {
        let count = async |search: &str| {
            let data = world.data(FILTERED, value!({ "search": search })).await;
            data["media"]["totalCount"].as_i64().expect("a count")
        };
        let n_lanterns = count("lantern").await;
        assert!(n_lanterns > 20);
        for typo in ["lantren", "lanten", "lamtern", "lanternn", "Lántrn", "lantrn -draft"] {
            assert_eq!(count(typo).await, n_lanterns, "{typo}");
        }
        for exact in ["\"lantren\"", "lantren*", "lxntxxn", "clp", "lantren nowhere"] {
            assert_eq!(count(exact).await, 0, "{exact}");
        }
    }

    async fn a_search_follows_edits_at_once(world: World) {
        let count = async |search: &str| {
            let data = world.data(FILTERED, value!({ "search": search })).await;
            data["media"]["totalCount"].as_i64().expect("a count")
        };
        let edit = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        let media = id(world.media[0].id);
        assert_eq!((count("zeppelin").await, count("\"about 0\"").await), (0, 1));
        let input = value!({ "id": media.clone(), "title": "The Zeppelin", "description": null, "tagIds": [id(world.tags[11])] });
        world.data(edit, value!({ "input": input })).await;
        assert_eq!((count("zeppelin").await, count("\"about 0\"").await), (1, 0));
        assert_eq!(count("zeppelin \"tag 11\"").await, 1);
        world.data(edit, value!({ "input": { "id": media, "title": "Plain", "tagIds": [] } })).await;
        assert_eq!((count("zeppelin").await, count("plain \"tag 11\"").await, count("plain").await), (0, 0, 1));
    }

    async fn what_a_search_found_is_marked_in_every_text(world: World) {
        let document = "query($search: String!) { media(first: 50, search: $search) { nodes { title highlights(search: $search) { field pieces { text isMatch } } } } }";
        for (search, marked) in [("lantern -clip*", ""), ("lantern 5", "[Lantern] "), ("\"tag 7\" magi*", "[magic] show"), ("lantren", "[Lantern]")] {
            let data = world.data(document, value!({ "search": search })).await;
            let nodes = data["media"]["nodes"].as_array().expect("nodes");
            assert_eq!(nodes.is_empty(), marked.is_empty(), "{search}");
            for node in nodes {
                let shown = |highlight: &serde_json::Value| {
                    let pieces = highlight["pieces"].as_array().expect("pieces").iter();
                    let piece = |piece: &serde_json::Value| {
                        let text = piece["text"].as_str().expect("a text");
                        if piece["isMatch"] == true { format!("[{text}]") } else { text.to_owned() }
                    };
                    pieces.map(piece).collect::<String>()
                };
                let highlights = node["highlights"].as_array().expect("highlights");
                let title = highlights.iter().find(|highlight| highlight["field"] == "TITLE").map(shown);
                assert!(title.is_some_and(|title| title.starts_with(marked)), "{search}: {node}");
                let has_tag = highlights.iter().any(|highlight| highlight["field"] == "TAG" && shown(highlight) == "[tag] [7]");
                assert_eq!(has_tag, search.contains("tag"), "{search}: {node}");
            }
        }
    }

    async fn bad_filters_are_refused_with_their_path(world: World) {
        let tag = id(world.tags[0]);
        let mut deep = value!({ "kind": { "eq": "VIDEO" } });
        for _ in 0..20 {
            deep = value!({ "not": deep });
        }
        for (filter, path) in [
            (value!({ "people": { "anyOf": ["prs_x"] } }), "filter.people.anyOf[0]"),
            (value!({ "and": [{ "people": { "noneOf": [tag] } }] }), "filter.and[0].people.noneOf[0]"),
            (value!({ "tags": { "anyOf": ["tag_a"], "includeDescendants": true } }), "filter.tags.anyOf[0]"),
            (value!({ "title": { "eq": "a\u{0}b" } }), "filter.title"),
            (value!({ "rating": { "gte": 80, "lte": 20 } }), "filter.rating.gte"),
            (value!({ "or": [{ "kind": { "eq": "VIDEO" } }, { "duration": { "between": { "from": 9, "to": 1 } } }] }), "filter.or[1].duration.between"),
            (value!({ "not": { "addedAt": { "gt": "2026-01-01T00:00:00Z", "lt": "2025-01-01T00:00:00Z" } } }), "filter.not.addedAt.gt"),
            (value!({ "videoCodec": { "in": [] } }), "filter.videoCodec.in"),
            (value!({ "kind": { "in": [] } }), "filter.kind.in"),
            (value!({ "kind": { "eq": "VIDEO", "in": ["AUDIO"] } }), "filter.kind.eq"),
            (value!({ "resolution": { "in": [] } }), "filter.resolution.in"),
            (value!({ "height": { "isNull": true, "gt": 1 } }), "filter.height.isNull"),
            (value!({ "tags": { "allOf": [id(world.tags[0])], "noneOf": [id(world.tags[1]), id(world.tags[0])] } }), "filter.tags.noneOf[1]"),
            (value!({ "people": { "anyOf": [id(world.people[0])], "isEmpty": true } }), "filter.people.isEmpty"),
            (value!({ "studio": { "allOf": [id(world.studios[0]), id(world.studios[1])] } }), "filter.studio.allOf"),
            (value!({ "ids": [id(world.studios[0])] }), "filter.ids[0]"),
        ] {
            let refused = world.refused(FILTERED, value!({ "filter": filter })).await;
            assert_eq!(refused, ("BAD_INPUT".to_owned(), Some(path.to_owned())));
        }
        assert_eq!(world.refused(FILTERED, value!({ "filter": deep })).await.0, "BAD_INPUT");
        let missing = world.data("{ node(id: \"med_0000000000000\") { id } }", none()).await;
        assert!(missing["node"].is_null());
        assert_eq!(world.refused("{ node(id: \"nope\") { id } }", none()).await.1.as_deref(), Some("id"));
        assert_eq!(world.refused("{ tag(id: \"med_0000000000000\") { id } }", none()).await.1.as_deref(), Some("id"));
    }
}
