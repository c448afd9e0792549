//! Filters and searches mean what the same predicates mean in memory.

use async_graphql::{Value, value};
use entities::media::{self, MediaKind};

use crate::world::{World, none, on_both};

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
        let linked = |row: &media::Model, name: &str| {
            let tag = |n: usize| format!("tag {n}").contains(name) && world.tagged.contains(&(row.id, world.tags[n]));
            let person = |n: usize| format!("person {n}").contains(name) && world.credited.contains(&(row.id, world.people[n]));
            (0..12).any(tag) || (0..5).any(person)
        };
        for (search, words, without) in [
            ("lantern", &["lantern"][..], &[][..]),
            ("LANTERN 1", &["lantern", "1"], &[]),
            ("\"magic show\" -3", &["magic show"], &["3"]),
            ("50% off_", &["50%", "off_"], &[]),
            ("\"tag 7\"", &["tag 7"], &[]),
            ("\"person 4\" -clip", &["person 4"], &["clip"]),
        ] {
            let occurs = |row: &media::Model, word: &str| {
                row.title.to_lowercase().contains(word) || row.path.contains(word) || linked(row, word)
            };
            let data = world.data(FILTERED, value!({ "search": search })).await;
            let n = world.media.iter().filter(|row| row.missing_at.is_none());
            let n = n.filter(|row| words.iter().all(|word| occurs(row, word)) && !without.iter().any(|word| occurs(row, word)));
            assert_eq!(data["media"]["totalCount"], n.count(), "{search}");
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
