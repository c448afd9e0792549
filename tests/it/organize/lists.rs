//! Collections, galleries, markers, saved filters and custom fields, and what the contract's documents cost.

use std::fs;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{on_both, shared};

use super::{World, call, document, there_and_back, titles};
use crate::pages::cost;

/// The goal for any operation of the contract but the page of everything.
const MOST_STATEMENTS: u64 = 8;

/// The titles of a collection's items, in order, and its count.
async fn held(world: &World, id: &Value) -> anyhow::Result<(Vec<String>, i64)> {
    let document = "query($id: ID!) { node(id: $id) {
        ... on Collection { itemCount items(first: 50) { totalCount nodes { media { title } } } }
        ... on Gallery { itemCount items(first: 50) { totalCount nodes { media { title } } } } } }";
    let node = world.server.viewer().query(document, json!({ "id": id })).await?["node"].take();
    let nodes = node["items"]["nodes"].as_array().context("items")?;
    let media: Value = nodes.iter().map(|node| node["media"].clone()).collect();
    ensure!(node["itemCount"] == node["items"]["totalCount"], "{node:#}");
    Ok((titles(&media)?, node["itemCount"].as_i64().context("a count")?))
}

on_both! {
    async fn all_markers_are_listed_searched_and_narrowed_but_not_those_of_missing_items(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let (film, tag) = (world.id("film").await?, world.tag(json!({ "name": "Loud" })).await?);
        for (title, start, tags) in [("roar", 0.2, json!([tag])), ("100 % quiet", 0.5, json!([])), ("roaring_again", 1.0, json!([tag]))] {
            let marker = json!({ "mediaId": film, "title": title, "start": start, "tagIds": tags });
            world.edit("createMarker", "marker { id }", marker).await?;
        }
        let list = |arguments: String| {
            let viewer = world.server.viewer();
            async move {
                let document = format!("{{ markers({arguments}) {{ totalCount pageInfo {{ endCursor hasNextPage }} nodes {{ title media {{ id }} }} }} }}");
                anyhow::Ok(viewer.query(&document, json!({})).await?["markers"].take())
            }
        };
        let names = |page: &Value| -> Vec<String> {
            page["nodes"].as_array().into_iter().flatten().filter_map(|node| Some(node["title"].as_str()?.to_owned())).collect()
        };
        let page = list("first: 2".to_owned()).await?;
        ensure!(names(&page) == ["roaring_again", "100 % quiet"] && page["totalCount"] == 3, "{page:#}");
        ensure!(page["nodes"][0]["media"]["id"] == film.as_str() && page["pageInfo"]["hasNextPage"] == true, "{page:#}");
        let rest = list(format!("first: 2, after: {}", page["pageInfo"]["endCursor"])).await?;
        ensure!(names(&rest) == ["roar"] && rest["pageInfo"]["hasNextPage"] == false, "{rest:#}");
        ensure!(names(&list("first: 9, search: \"ROAR\"".to_owned()).await?) == ["roaring_again", "roar"]);
        // Signs of patterns are letters here.
        ensure!(names(&list("first: 9, search: \"0 %\"".to_owned()).await?) == ["100 % quiet"]);
        ensure!(names(&list(format!("first: 9, tagId: \"{tag}\"")).await?) == ["roaring_again", "roar"]);
        std::fs::remove_file(world.server.media().join("film.mp4"))?;
        let libraries = world.server.admin().query("{ libraries { nodes { id } } }", json!({})).await?;
        world.server.scan(libraries["libraries"]["nodes"][0]["id"].as_str().context("a library")?).await?;
        ensure!(names(&list("first: 9".to_owned()).await?).is_empty(), "markers of a missing film are listed");
    }

    async fn a_collection_keeps_the_order_that_somebody_chose(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let ids = world.ids(&["one", "two", "three", "four", "five"]).await?;
        let made = world.edit("createCollection", "collection { id isSmart itemCount } undoToken", json!({ "name": "Trip", "mediaIds": ids[..3] })).await?;
        let id = &made["collection"]["id"];
        ensure!(made["collection"]["isSmart"] == false && made["collection"]["itemCount"] == 3, "{made:#}");
        let before = world.everything().await?;
        let added = world.edit("addToCollection", "undoToken", json!({ "id": id, "mediaIds": [ids[4], ids[0], ids[3]], "afterId": ids[0] })).await?;
        ensure!(held(&world, id).await? == (["one", "five", "four", "two", "three"].map(String::from).to_vec(), 5));
        there_and_back(&world, &before, &added).await?;
        let places = |everything: &Value| -> Value { everything["collections"]["nodes"][0]["items"]["nodes"].clone() };
        let (before, last) = (world.everything().await?, json!([ids[2]]));
        let moved = world.edit("moveInCollection", "undoToken", json!({ "id": id, "mediaIds": last, "afterId": null })).await?;
        ensure!(held(&world, id).await?.0 == ["three", "one", "five", "four", "two"].map(String::from));
        let (old, new) = (places(&before), places(&world.everything().await?));
        let changed = new.as_array().context("items")?.iter().filter(|item| !old.as_array().is_some_and(|old| old.contains(item)));
        ensure!(changed.count() == 1, "moving one item changed others: {old:#} {new:#}");
        there_and_back(&world, &before, &moved).await?;
        world.edit("moveInCollection", "undoToken", json!({ "id": id, "mediaIds": [ids[1], ids[0]], "afterId": ids[4] })).await?;
        ensure!(held(&world, id).await?.0 == ["three", "five", "two", "one", "four"].map(String::from));
        let before = world.everything().await?;
        let removed = world.edit("removeFromCollection", "undoToken collection { itemCount }", json!({ "id": id, "mediaIds": [ids[4], ids[1]] })).await?;
        ensure!(removed["collection"]["itemCount"] == 3, "{removed:#}");
        there_and_back(&world, &before, &removed).await?;
        let (code, _) = world.refused("moveInCollection", json!({ "id": id, "mediaIds": [ids[4]] })).await?;
        ensure!(code == "BAD_INPUT", "an item that is not there was moved: {code}");

        // Pages go on where the last one ended, both ways.
        let page = "query($id: ID!, $after: String) { collection(id: $id) { items(first: 2, after: $after) {
            pageInfo { endCursor hasNextPage } nodes { media { title } } } } }";
        let first = world.server.viewer().query(page, json!({ "id": id })).await?["collection"]["items"].take();
        let second = world.server.viewer().query(page, json!({ "id": id, "after": first["pageInfo"]["endCursor"] })).await?["collection"]["items"].take();
        ensure!(first["pageInfo"]["hasNextPage"] == true && second["pageInfo"]["hasNextPage"] == false, "{first:#} {second:#}");
        ensure!(second["nodes"] == json!([{ "media": { "title": "four" } }]), "{second:#}");

        // What is missing is neither shown nor counted, and comes back where it was.
        let (file, away) = (world.server.media().join("b/three.png"), world.server.media().with_extension("away"));
        let library = world.server.admin().query("{ libraries(first: 1) { nodes { id } } }", json!({})).await?;
        let library = library["libraries"]["nodes"][0]["id"].as_str().context("a library")?.to_owned();
        fs::rename(&file, &away)?;
        world.server.scan(&library).await?;
        ensure!(held(&world, id).await? == (["one", "four"].map(String::from).to_vec(), 2));
        fs::rename(&away, &file)?;
        world.server.scan(&library).await?;
        ensure!(held(&world, id).await? == (["three", "one", "four"].map(String::from).to_vec(), 3));
        let before = world.everything().await?;
        let deleted = world.edit("deleteCollection", "deletedId undoToken", json!({ "id": id })).await?;
        there_and_back(&world, &before, &deleted).await?;
    }

    async fn collections_are_nested_and_smart_ones_hold_what_a_filter_finds(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let mut ids = Vec::new();
        for index in 0..3 {
            let parent: Option<&Value> = ids.last();
            let made = world.edit("createCollection", "collection { id }", json!({ "name": format!("c{index}"), "parentId": parent })).await?;
            ids.push(made["collection"]["id"].clone());
        }
        let (code, message) = world.refused("updateCollection", json!({ "id": ids[0], "parentId": ids[2] })).await?;
        ensure!(code == "COLLECTION_CYCLE" && message.contains("`c0` is in `c2` is in `c1` is in `c0`"), "{message}");
        let tag = world.tag(json!({ "name": "Blue" })).await?;
        let smart = json!({ "name": "Smart", "filter": { "tags": { "anyOf": [tag] }, "kind": { "eq": "IMAGE" } } });
        let made = world.edit("createCollection", "collection { id isSmart filter itemCount } undoToken", smart).await?;
        let id = &made["collection"]["id"];
        ensure!(made["collection"]["isSmart"] == true && made["collection"]["itemCount"] == 0, "{made:#}");
        ensure!(made["collection"]["filter"] == json!({ "tags": { "anyOf": [tag], "includeDescendants": false }, "kind": { "eq": "IMAGE" } }), "{made:#}");
        world.edit("bulkUpdateMedia", "undoToken", json!({ "ids": world.ids(&["one", "two", "film"]).await?, "addTagIds": [tag] })).await?;
        ensure!(held(&world, id).await?.1 == 2, "{:?}", held(&world, id).await?);
        let (code, _) = world.refused("addToCollection", json!({ "id": id, "mediaIds": [] })).await?;
        ensure!(code == "COLLECTION_IS_SMART", "{code}");
        let (code, message) = world.refused("createCollection", json!({ "name": "x", "filter": { "tags": { "anyOf": ["med_x"] } } })).await?;
        ensure!(code == "BAD_INPUT" && message.contains("filter.tags.anyOf[0]"), "{message}");
        world.edit("updateCollection", "undoToken", json!({ "id": id, "filter": { "path": { "startsWith": "b/" } } })).await?;
        ensure!(held(&world, id).await?.1 == 3);

        let made = world.edit("createGallery", "gallery { id cover { title } }", json!({ "name": "Wall", "mediaIds": world.ids(&["four", "one"]).await? })).await?;
        ensure!(made["gallery"]["cover"]["title"] == "four", "{made:#}");
        let lists = "{ collections(first: 9) { totalCount nodes { name children { name } } } galleries(first: 9, search: \"all\") { totalCount nodes { name itemCount } } }";
        let seen = world.server.viewer().query(lists, json!({})).await?;
        ensure!(seen["collections"]["totalCount"] == 4 && seen["collections"]["nodes"][0]["children"] == json!([{ "name": "c1" }]), "{seen:#}");
        ensure!(seen["galleries"] == json!({ "totalCount": 1, "nodes": [{ "name": "Wall", "itemCount": 2 }] }), "{seen:#}");
    }

    async fn markers_stand_where_they_were_put(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let (film, tag) = (world.id("film").await?, world.tag(json!({ "name": "Jump" })).await?);
        let new = |title: &str, start: f64, end: Option<f64>| json!({ "mediaId": film, "title": title, "start": start, "end": end, "tagIds": [tag] });
        world.edit("createMarker", "marker { id }", new("late", 1.5, None)).await?;
        let made = world.edit("createMarker", "marker { id title start end tags(first: 5) { nodes { name } } media { id } } undoToken", new("early", 0.25, Some(0.75))).await?;
        ensure!(made["marker"]["start"] == 0.25 && made["marker"]["end"] == 0.75 && made["marker"]["tags"]["nodes"][0]["name"] == "Jump", "{made:#}");
        let seen = "query($id: ID!) { node(id: $id) { ... on Video { markers(first: 100) { totalCount nodes { title } } } } }";
        let shown = world.server.viewer().query(seen, json!({ "id": film })).await?;
        ensure!(shown["node"]["markers"] == json!({ "totalCount": 2, "nodes": [{ "title": "early" }, { "title": "late" }] }), "{shown:#}");
        let before = world.everything().await?;
        let input = json!({ "id": made["marker"]["id"], "title": "first", "start": 0, "end": null, "tagIds": [] });
        let changed = world.edit("updateMarker", "marker { start end } undoToken", input).await?;
        ensure!(changed["marker"] == json!({ "start": 0.0, "end": null }), "{changed:#}");
        there_and_back(&world, &before, &changed).await?;
        let before = world.everything().await?;
        let deleted = world.edit("deleteMarker", "undoToken", json!({ "id": made["marker"]["id"] })).await?;
        there_and_back(&world, &before, &deleted).await?;
        let picture = world.id("one").await?;
        for (input, path) in [
            (new("x", -1.0, None), "input.start"), (new("x", 1.0, Some(0.5)), "input.end"), (new("x", 60.0, None), "input.start"),
            (new("x", 0.0, Some(60.0)), "input.end"), (json!({ "mediaId": picture, "title": "x", "start": 0 }), "input.mediaId"),
        ] {
            let (code, message) = world.refused("createMarker", input).await?;
            ensure!(code == "BAD_INPUT" && message.starts_with(path), "{path}: {code} {message}");
        }
    }

    async fn saved_filters_are_ones_own_and_checked(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let before = world.everything().await?;
        let input = json!({ "name": "Pictures", "filter": { "kind": { "eq": "IMAGE" }, "not": { "path": { "startsWith": "a/" } } },
            "sort": [{ "field": "TITLE", "direction": "DESC" }] });
        let saved = world.edit("saveFilter", "savedFilter { id version filter sort problem media(first: 9) { totalCount nodes { title } } } undoToken", input.clone()).await?;
        let filter = &saved["savedFilter"];
        ensure!(filter["filter"] == input["filter"] && filter["problem"].is_null(), "{saved:#}");
        ensure!(filter["media"] == json!({ "totalCount": 3, "nodes": [{ "title": "three" }, { "title": "four" }, { "title": "five" }] }), "{saved:#}");
        there_and_back(&world, &before, &saved).await?;
        let (code, _) = world.refused("saveFilter", json!({ "name": "pictures", "filter": {} })).await?;
        ensure!(code == "SAVED_FILTER_NAME_TAKEN", "{code}");
        let (code, message) = world.refused("saveFilter", json!({ "name": "x", "filter": { "or": [{ "people": { "anyOf": ["tag_1"] } }] } })).await?;
        ensure!(code == "BAD_INPUT" && message.contains("filter.or[0].people.anyOf[0]"), "{message}");
        world.edit("saveFilter", "undoToken", json!({ "id": filter["id"], "name": "Words", "search": "film" })).await?;
        let own = world.server.editor().query("{ savedFilters { name search media(first: 3) { nodes { title } } } }", json!({})).await?;
        ensure!(own["savedFilters"] == json!([{ "name": "Words", "search": "film", "media": { "nodes": [{ "title": "film" }] } }]), "{own:#}");
        // Nobody else sees it.
        let viewer = world.server.viewer();
        let others = viewer.query("query($id: ID!) { savedFilters { id } savedFilter(id: $id) { id } node(id: $id) { id } }", json!({ "id": filter["id"] })).await?;
        ensure!(others == json!({ "savedFilters": [], "savedFilter": null, "node": null }), "{others:#}");
        let code = viewer.error_code(&document("deleteSavedFilter", "__typename"), json!({ "input": { "id": filter["id"] } })).await?;
        ensure!(code == "NOT_FOUND", "{code}");
        let mine = call(&viewer, "saveFilter", "savedFilter { id } undoToken", json!({ "name": "Words" })).await?;
        call(&viewer, "undo", "changedCount", json!({ "token": mine["undoToken"] })).await?;
    }

    async fn custom_fields_are_typed_and_filtered_by(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let mut ids = Vec::new();
        for (name, kind) in [("Note", "TEXT"), ("Score", "NUMBER"), ("Seen", "DATE"), ("Owned", "BOOLEAN"), ("Mood", "CHOICE")] {
            let choices = if kind == "CHOICE" { json!(["calm", "loud"]) } else { json!([]) };
            let made = world.edit("createCustomField", "customField { id kind choices }", json!({ "name": name, "kind": kind, "choices": choices })).await?;
            ids.push(made["customField"]["id"].clone());
        }
        let one = world.id("one").await?;
        let values = json!([{ "fieldId": ids[0], "text": "by the sea" }, { "fieldId": ids[1], "number": 7.5 }, { "fieldId": ids[2], "date": "2024-05-06" },
            { "fieldId": ids[3], "boolean": true }, { "fieldId": ids[4], "text": "calm" }]);
        let before = world.everything().await?;
        let changed = world.edit("updateMedia", "media { customFields { field { name } text number date boolean } } undoToken", json!({ "id": one, "fields": values })).await?;
        let fields = changed["media"]["customFields"].as_array().context("fields")?;
        ensure!(fields.len() == 5 && fields[1]["number"] == 7.5 && fields[2]["date"] == "2024-05-06" && fields[3]["boolean"] == true, "{changed:#}");
        ensure!(fields[3]["number"].is_null() && fields[2]["text"].is_null(), "a value says more than its kind: {changed:#}");
        there_and_back(&world, &before, &changed).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("two").await?, "fields": [{ "fieldId": ids[1], "number": -2 }] })).await?;
        let find = "query($criteria: [CustomFieldCriterion!]) { media(first: 9, sort: [{ field: TITLE }], filter: { customFields: $criteria }) { nodes { title } } }";
        for (criterion, expected) in [
            (json!({ "fieldId": ids[1], "number": { "gte": -2, "lt": 7.5 } }), vec!["two"]),
            (json!({ "fieldId": ids[1], "isSet": { "eq": true } }), vec!["one", "two"]),
            (json!({ "fieldId": ids[1], "isSet": { "eq": false } }), vec!["film", "five", "four", "three"]),
            (json!({ "fieldId": ids[0], "text": { "contains": "SEA" } }), vec!["one"]),
            (json!({ "fieldId": ids[2], "date": { "gte": "2024-01-01" } }), vec!["one"]),
            (json!({ "fieldId": ids[3], "boolean": { "eq": false } }), vec![]),
            (json!({ "fieldId": ids[4], "text": { "eq": "calm" } }), vec!["one"]),
        ] {
            let found = world.server.viewer().query(find, json!({ "criteria": [criterion] })).await?;
            ensure!(titles(&found["media"]["nodes"])? == expected, "{criterion}: {found:#}");
        }
        for (value, path) in [
            (json!({ "fieldId": ids[1], "text": "x" }), "input.fields[0]"), (json!({ "fieldId": ids[4], "text": "shy" }), "input.fields[0].text"),
            (json!({ "fieldId": ids[1], "number": 1, "boolean": true }), "input.fields[0]"), (json!({ "fieldId": "cfd_0000000000000", "number": 1 }), "input.fields[0].fieldId"),
        ] {
            let (code, message) = world.refused("updateMedia", json!({ "id": one, "fields": [value] })).await?;
            ensure!(code == "BAD_INPUT" && message.starts_with(path), "{code} {message}");
        }
        let before = world.everything().await?;
        let deleted = world.edit("deleteCustomField", "undoToken", json!({ "id": ids[1] })).await?;
        there_and_back(&world, &before, &deleted).await?;
    }

    async fn the_contracts_mutations_run_as_written_in_few_statements(backend: Backend) {
        let (Some(organize), Some(video)) = (shared::operation("organize.graphql"), shared::operation("video.graphql")) else { return Ok(()) };
        let world = World::new(backend, &[]).await?;
        let ids = world.ids(&["one", "two", "film"]).await?;
        let (a, b) = (world.tag(json!({ "name": "a" })).await?, world.tag(json!({ "name": "b" })).await?);
        // The page of everything asks for fields of other parts; each operation stands on a line of its own.
        let line = |text: &str, name: &str| -> anyhow::Result<String> {
            let found = text.lines().find(|line| line.starts_with(&format!("mutation {name}("))).map(str::to_owned);
            found.with_context(|| format!("no operation {name}"))
        };
        let collection = world.edit("createCollection", "collection { id }", json!({ "name": "c" })).await?["collection"]["id"].clone();
        let inputs: Vec<(&str, Value)> = vec![
            ("Rate", json!({ "id": ids[0], "rating": 1 })),
            ("CreateTag", json!({ "name": "n", "aliases": ["m"], "parentIds": [a] })),
            ("CreatePerson", json!({ "name": "n", "aliases": ["m"] })),
            ("CreateStudio", json!({ "name": "n" })),
            ("CreateCollection", json!({ "name": "n" })),
            ("AddToCollection", json!({ "id": collection, "mediaIds": [ids[0]] })),
            ("SaveFilter", json!({ "name": "n", "filter": { "kind": { "eq": "IMAGE" } } })),
            ("CreateMarker", json!({ "mediaId": ids[2], "title": "n", "start": 0 })),
            ("MergeTags", json!({ "sourceIds": [b], "targetId": a })),
            ("BulkEdit", json!({ "ids": ids, "rating": 1 })),
        ];
        let mut costs = Vec::new();
        for (name, input) in inputs {
            let text = line(&organize, name).or_else(|_| line(&video, name))?;
            let server = &world.server;
            server.server().kernel.caches.clear();
            let n = cost(server, &text, Some(name), &json!({ "input": input })).await?;
            costs.push((name, n));
        }
        println!("statements of the contract's mutations on {backend:?}: {costs:?}");
        let edited = world.edit("updateMedia", "undoToken", json!({ "id": ids[0], "rating": 99 })).await?;
        let text = line(&organize, "Undo")?;
        let undone = world.server.editor().query(&text, json!({ "input": { "token": edited["undoToken"] } })).await?;
        ensure!(undone["undo"]["changedCount"] == 1, "{undone:#}");
        // A merge changes eight tables and reads first what it changes; an addition reads and writes the order, too.
        let most = |name: &str| match name {
            "MergeTags" => 20,
            "AddToCollection" => 13,
            _ => MOST_STATEMENTS,
        };
        let over = costs.iter().find(|(name, n)| *n > most(name));
        ensure!(over.is_none(), "{over:?} of {costs:?}");
    }
}
