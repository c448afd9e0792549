//! Tagging by paths, galleries of folders, merges of items that people organized, and backups.

use anyhow::{Context, ensure};
use schema::transfer::{export::export, import::Import};
use serde_json::{Value, json};
use server::{backup, compose::Base, settings::Settings};
use tests::{database::Backend, on_both};

use super::World;

const FIXTURE: &str = "
    Harbor_Films/Ada.Byron-New_York.png 16x16 seed:11
    Harbor_Films/category.png 16x16 seed:12
    trips/elan_night.png 16x16 seed:13
    trips/other.png 16x16 seed:14
";

/// A world with some more files and names.
async fn named(backend: Backend) -> anyhow::Result<World> {
    let world = World::new(backend, &[]).await?;
    tests::fixture::write(world.server.media(), FIXTURE, &world.server.server().engine).await?;
    world.server.scan(&library(&world).await?).await?;
    world.server.idle().await?;
    world.tag(json!({ "name": "New York", "aliases": ["Elan"] })).await?;
    world.tag(json!({ "name": "Cat" })).await?;
    world
        .edit("createPerson", "person { id }", json!({ "name": "Ada Byron" }))
        .await?;
    world
        .edit("createStudio", "studio { id }", json!({ "name": "Harbor Films" }))
        .await?;
    Ok(world)
}

async fn library(world: &World) -> anyhow::Result<String> {
    let found = world
        .server
        .admin()
        .query("{ libraries(first: 1) { nodes { id } } }", json!({}))
        .await?;
    Ok(found["libraries"]["nodes"][0]["id"]
        .as_str()
        .context("a library")?
        .to_owned())
}

async fn finished(world: &World, payload: &Value) -> anyhow::Result<Value> {
    let done = world
        .server
        .finished(payload["job"]["id"].as_str().context("a job")?)
        .await?;
    ensure!(done["status"] == "SUCCEEDED", "{done:#}");
    Ok(done)
}

on_both! {
    async fn items_are_tagged_by_names_in_their_paths(backend: Backend) {
        let world = named(backend).await?;
        let before = world.everything().await?;
        let preview = "query($input: StartAutoTagInput!, $first: Int, $after: ID) { autoTagPreview(input: $input, first: $first, after: $after) {
            lookedAtCount next matches { media { title } tags { name } people { name } studio { name } } } }";
        let editor = world.server.editor();
        let seen = editor.query(preview, json!({ "input": {} })).await?["autoTagPreview"].take();
        ensure!(seen["lookedAtCount"] == 10 && seen["next"].is_null(), "{seen:#}");
        let matches = seen["matches"].as_array().context("matches")?;
        let of = |title: &str| matches.iter().find(|one| one["media"]["title"].as_str().is_some_and(|known| known.contains(title)));
        let ada = of("Ada").context("the picture of Ada")?;
        ensure!(ada["tags"] == json!([{ "name": "New York" }]) && ada["people"][0]["name"] == "Ada Byron" && ada["studio"]["name"] == "Harbor Films", "{ada:#}");
        ensure!(of("category").is_some_and(|one| one["tags"] == json!([])), "`category` is no cat: {seen:#}");
        ensure!(of("elan").is_some_and(|one| one["tags"][0]["name"] == "New York") && matches.len() == 3, "{seen:#}");
        // Page by page it is the same.
        let (mut after, mut n) = (json!(null), 0);
        loop {
            let page = editor.query(preview, json!({ "input": {}, "first": 1, "after": after })).await?["autoTagPreview"].take();
            n += page["matches"].as_array().map_or(0, Vec::len);
            after = page["next"].clone();
            if after.is_null() { break }
        }
        ensure!(n == 3, "{n} matches page by page");
        ensure!(world.everything().await? == before, "a preview changed something");

        let started = world.edit("startAutoTag", "job { id } undoToken", json!({})).await?;
        finished(&world, &started).await?;
        ensure!(world.found("\"new york\"").await?.len() == 2 && world.found("harbor").await?.len() == 2);
        let after = world.everything().await?;
        let counts: Vec<&Value> = after["tags"]["nodes"].as_array().into_iter().flatten().map(|tag| &tag["mediaCount"]).collect();
        ensure!(counts == [&json!(0), &json!(2)], "{counts:?}");
        let again = world.edit("startAutoTag", "job { id } undoToken", json!({})).await?;
        finished(&world, &again).await?;
        ensure!(world.everything().await? == after, "the second time something changed");
        world.undo(&started).await?;
        ensure!(world.everything().await? == before, "the undo left something behind");
    }

    async fn items_are_described_by_a_rule_on_their_file_names(backend: Backend) {
        let world = named(backend).await?;
        let more = "shows/a.png 16x16 seed:31\nshows/b.png 16x16 seed:32\nshows/c.png 16x16 seed:33";
        tests::fixture::write(world.server.media(), more, &world.server.server().engine).await?;
        for (name, other) in [
            ("a", "2021.05.04 - Night.Train (Ada Byron, Bob) 07"),
            ("b", "2021.99.04 - no_day (x) 1"),
            ("c", "2020_01_02 - mine (Bob) 5"),
        ] {
            let at = |name: &str| world.server.media().join(format!("shows/{name}.png"));
            std::fs::rename(at(name), at(other))?;
        }
        world.server.scan(&library(&world).await?).await?;
        world.server.idle().await?;
        let field = world.edit("createCustomField", "customField { id }", json!({ "name": "Part", "kind": "NUMBER" })).await?["customField"]["id"].clone();
        let mine = world.server.viewer().query("{ media(first: 1, filter: { path: { contains: \"mine\" } }) { nodes { id } } }", json!({})).await?;
        let mine = mine["media"]["nodes"][0]["id"].clone();
        world.edit("updateMedia", "undoToken", json!({ "id": mine, "title": "My own", "fields": [{ "fieldId": field, "number": 3 }] })).await?;
        let before = world.everything().await?;
        let rule = json!({ "pattern": "{tags}/{date} - {title} ({people}) {field:part}" });
        let preview = "query($input: StartNameRuleInput!) { nameRulePreview(input: $input) { lookedAtCount next matches { media { id } title date studio people tags fields { field text } } } }";
        let editor = world.server.editor();
        let seen = editor.query(preview, json!({ "input": rule })).await?["nameRulePreview"].take();
        let matches = seen["matches"].as_array().context("matches")?;
        ensure!(matches.len() == 2 && seen["lookedAtCount"] == 13 && seen["next"].is_null(), "{seen:#}");
        let train = matches.iter().find(|one| one["title"] == "Night Train").context("the train")?;
        ensure!(train["date"] == "2021-05-04" && train["people"] == json!(["Ada Byron", "Bob"]) && train["tags"] == json!(["shows"])
            && train["fields"] == json!([{ "field": "part", "text": "07" }]), "{seen:#}");
        ensure!(matches.iter().any(|one| one["media"]["id"] == mine && one["title"].is_null() && one["date"] == "2020-01-02"), "{seen:#}");
        ensure!(world.everything().await? == before, "a preview changed something");

        let started = world.edit("startNameRule", "job { id } undoToken", rule.clone()).await?;
        finished(&world, &started).await?;
        let shown = "query($search: String!) { media(first: 9, search: $search) { nodes { title date tags { nodes { name } } people { nodes { name } } customFields { number } } } }";
        let seen = world.server.viewer().query(shown, json!({ "search": "bob" })).await?["media"]["nodes"].take();
        let names = |names: &[&str]| json!({ "nodes": names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() });
        let of = |title: &str| seen.as_array().into_iter().flatten().find(|one| one["title"] == title).cloned().unwrap_or_default();
        let expected = json!({ "title": "Night Train", "date": "2021-05-04", "tags": names(&["shows"]), "people": names(&["Ada Byron", "Bob"]), "customFields": [{ "number": 7.0 }] });
        ensure!(of("Night Train") == expected, "{seen:#}");
        let expected = json!({ "title": "My own", "date": "2020-01-02", "tags": names(&["shows"]), "people": names(&["Bob"]), "customFields": [{ "number": 3.0 }] });
        ensure!(of("My own") == expected, "{seen:#}");
        let after = world.everything().await?;
        let again = world.edit("startNameRule", "job { id } undoToken", rule).await?;
        finished(&world, &again).await?;
        ensure!(world.everything().await? == after, "the second time something changed");
        world.undo(&started).await?;
        ensure!(world.everything().await? == before, "the undo left something behind");
        let mut wrong = editor.send(preview, json!({ "input": { "pattern": "{titel}" } })).await?;
        ensure!(wrong["errors"][0]["extensions"].take()["fields"][0]["path"] == "input.pattern", "{wrong:#}");
    }

    async fn a_folder_of_pictures_becomes_a_gallery_and_takes_new_ones_in(backend: Backend) {
        let world = named(backend).await?;
        let before = world.everything().await?;
        let list = "{ galleries(first: 9) { nodes { name isFolder itemCount cover { title } } } }";
        let started = world.edit("createFolderGalleries", "job { id } undoToken", json!({ "minPictures": 3 })).await?;
        finished(&world, &started).await?;
        let seen = world.server.viewer().query(list, json!({})).await?;
        ensure!(seen["galleries"]["nodes"] == json!([{ "name": "b", "isFolder": true, "itemCount": 3, "cover": { "title": "five" } }]), "{seen:#}");
        world.undo(&started).await?;
        ensure!(world.everything().await? == before, "the undo left something behind");
        let started = world.edit("createFolderGalleries", "job { id } undoToken", json!({})).await?;
        finished(&world, &started).await?;
        tests::fixture::write(world.server.media(), "b/zulu.png 16x16 seed:21", &world.server.server().engine).await?;
        world.server.scan(&library(&world).await?).await?;
        let again = world.edit("createFolderGalleries", "job { id } undoToken", json!({})).await?;
        finished(&world, &again).await?;
        let seen = world.server.viewer().query(list, json!({})).await?;
        let counts: Vec<&Value> = seen["galleries"]["nodes"].as_array().into_iter().flatten().map(|one| &one["itemCount"]).collect();
        ensure!(counts == [&json!(2), &json!(4), &json!(2), &json!(2)], "{seen:#}");
    }

    async fn an_item_that_stays_of_a_merge_has_what_the_others_were_organized_by(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let ids = world.ids(&["one", "two", "three"]).await?;
        let made = world.edit("createCollection", "collection { id }", json!({ "name": "c", "mediaIds": ids })).await?;
        let field = world.edit("createCustomField", "customField { id }", json!({ "name": "f", "kind": "NUMBER" })).await?["customField"]["id"].clone();
        world.edit("updateMedia", "undoToken", json!({ "id": ids[1], "fields": [{ "fieldId": field, "number": 2 }] })).await?;
        let other = world.edit("createCollection", "collection { id }", json!({ "name": "d", "mediaIds": [ids[1], ids[2]] })).await?;
        world.edit("mergeMedia", "media { id }", json!({ "ids": ids, "keepId": ids[0] })).await?;
        let seen = "query($one: ID!, $other: ID!, $id: ID!) { one: collection(id: $one) { itemCount items(first: 9) { nodes { media { id } } } }
            other: collection(id: $other) { itemCount items(first: 9) { nodes { media { id } } } } node(id: $id) { ... on Image { customFields { number } } } }";
        let variables = json!({ "one": made["collection"]["id"], "other": other["collection"]["id"], "id": ids[0] });
        let seen = world.server.viewer().query(seen, variables).await?;
        let kept = json!({ "itemCount": 1, "items": { "nodes": [{ "media": { "id": ids[0] } }] } });
        ensure!(seen["one"] == kept && seen["other"] == kept, "{seen:#}");
        ensure!(seen["node"]["customFields"] == json!([{ "number": 2.0 }]), "{seen:#}");
    }

    async fn what_people_decided_goes_to_another_server_by_what_files_hold(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let animal = world.tag(json!({ "name": "Animal", "color": "#112233", "description": "alive" })).await?;
        let cat = world.tag(json!({ "name": "Cat", "aliases": ["Kitty"], "parentIds": [animal] })).await?;
        let person = world.edit("createPerson", "person { id }", json!({ "name": "Ada", "aliases": ["A."] })).await?["person"]["id"].clone();
        let top = world.edit("createStudio", "studio { id }", json!({ "name": "Top" })).await?["studio"]["id"].clone();
        let studio = world.edit("createStudio", "studio { id }", json!({ "name": "Below", "parentId": top })).await?["studio"]["id"].clone();
        let field = world.edit("createCustomField", "customField { id }", json!({ "name": "Mood", "kind": "CHOICE", "choices": ["calm"] })).await?["customField"]["id"].clone();
        let ids = world.ids(&["one", "two", "film"]).await?;
        let input = json!({ "id": ids[0], "title": "Uno", "description": "d", "date": "2020-01-02", "rating": 40, "isFavorite": true, "tagIds": [cat],
            "personIds": [person], "studioId": studio, "fields": [{ "fieldId": field, "text": "calm" }] });
        world.edit("updateMedia", "undoToken", input).await?;
        world.edit("createMarker", "marker { id }", json!({ "mediaId": ids[2], "title": "m", "start": 0.5, "end": 1, "tagIds": [animal] })).await?;
        let outer = world.edit("createCollection", "collection { id }", json!({ "name": "Outer", "mediaIds": [ids[1], ids[0]] })).await?["collection"]["id"].clone();
        world.edit("createCollection", "collection { id }", json!({ "name": "Smart", "parentId": outer, "filter": { "tags": { "anyOf": [cat] } } })).await?;
        world.edit("createGallery", "gallery { id }", json!({ "name": "Wall", "mediaIds": [ids[1]] })).await?;
        world.edit("saveFilter", "undoToken", json!({ "name": "Mine", "filter": { "people": { "anyOf": [person] } }, "sort": [{ "field": "TITLE" }] })).await?;
        let mut file = Vec::new();
        export(&world.server.server().kernel, &mut file).await?;
        let text = String::from_utf8(file)?;

        // Another server with the same files elsewhere: other ids, other paths.
        let other = World::new(backend, &[]).await?;
        std::fs::rename(other.server.media().join("a"), other.server.media().join("moved"))?;
        other.server.scan(&library(&other).await?).await?;
        let kernel = &other.server.server().kernel;
        let mut import = Import::begin(kernel).await?;
        for line in text.lines() {
            import.line(line).await?;
        }
        ensure!(import.done.n_media == 2 && import.done.n_unknown == 0, "{:?}", import.done);
        let (here, there) = (world.everything().await?, other.everything().await?);
        let lists = |world: &World, everything: &Value| -> anyhow::Result<Value> {
            // Ids differ; what they stand for must not.
            let mut names = std::collections::BTreeMap::new();
            for list in ["media", "tags", "people", "studios", "collections", "galleries"] {
                for node in everything[list]["nodes"].as_array().context("a list")? {
                    let name = node["title"].as_str().or(node["name"].as_str()).unwrap_or_default();
                    names.insert(node["id"].as_str().unwrap_or_default().to_owned(), format!("{list} {name}"));
                }
            }
            let mut text = everything.to_string();
            for (id, name) in names {
                text = text.replace(&id, &name);
            }
            let mut json: Value = serde_json::from_str(&text)?;
            for (list, key) in [("savedFilters", ""), ("customFields", "")] {
                for node in json[list].as_array_mut().context(key)? {
                    node["id"] = Value::Null;
                }
            }
            // Ids of markers and fields inside of items.
            for node in json["media"]["nodes"].as_array_mut().context("items")? {
                for field in node["customFields"].as_array_mut().into_iter().flatten() { field["field"] = Value::Null; }
                for marker in node["markers"]["nodes"].as_array_mut().into_iter().flatten() { marker["id"] = Value::Null; }
            }
            let mut items = json["media"]["nodes"].take();
            if let Some(items) = items.as_array_mut() { items.sort_by_key(Value::to_string) }
            json["media"] = items;
            ensure!(world.server.address().starts_with("http"), "a server");
            Ok(json)
        };
        let (here, there) = (lists(&world, &here)?, lists(&other, &there)?);
        ensure!(here == there, "{}", super::difference(&here, &there));
        // Read twice, it changes nothing.
        let before = other.everything().await?;
        let mut again = Import::begin(kernel).await?;
        for line in text.lines() {
            again.line(line).await?;
        }
        ensure!(other.everything().await? == before, "the second import changed something");
        let mut wrong = Import::begin(kernel).await?;
        ensure!(wrong.line(r#"{"kind":"header","version":99}"#).await.is_err() && wrong.line("x").await.is_err());
    }

    async fn a_backup_is_made_while_the_server_writes_and_put_back(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        world.tag(json!({ "name": "before" })).await?;
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("copy.db");
        let mut settings = Settings::new(world.server.server().kernel.data_dir.to_path_buf());
        if backend == Backend::Postgres {
            settings.database = Some("postgres://elsewhere".to_owned());
            let refused = backup::back_up(&settings, &copy).await.err().context("a backup of PostgreSQL")?.to_string();
            ensure!(refused.contains("pg_dump"), "{refused}");
            return Ok(());
        }
        let writes = async {
            for index in 0..40 {
                world.tag(json!({ "name": format!("during {index}") })).await?;
            }
            anyhow::Ok(())
        };
        let (size, written) = tokio::join!(backup::back_up(&settings, &copy), writes);
        written?;
        ensure!(size? == std::fs::metadata(&copy)?.len());
        let twice = backup::back_up(&settings, &copy).await.err().context("a backup replaced another")?.to_string();
        ensure!(twice.contains("is there already"), "{twice}");
        // No server may run where it is put.
        let refused = backup::restore(&settings, &copy).await.err().context("a restore below a running server")?.to_string();
        ensure!(refused.contains("stop it first"), "{refused}");

        let other = Settings::new(folder.path().join("data"));
        ensure!(backup::restore(&other, &copy).await?.is_none());
        let base = Base::open(&other).await?;
        let rows = kernel::sql::rows(base.kernel.store.reader(), "select name from tag where name = 'before'", []).await?;
        ensure!(rows.len() == 1, "the tag is not in the backup");
        base.close().await?;
        let aside = backup::restore(&other, &copy).await?.context("the database before")?;
        ensure!(aside.exists(), "{} is gone", aside.display());
        std::fs::write(&copy, b"no database at all")?;
        let refused = backup::restore(&other, &copy).await;
        ensure!(refused.is_err(), "any file was restored");
        Base::open(&other).await?.close().await?;
    }
}
