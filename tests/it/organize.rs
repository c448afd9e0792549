//! Editing, undo and bulk edits; tags as a graph; people and studios; the audit log.

mod lists;
mod work;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

/// A few small pictures and a film.
const FIXTURE: &str = "
    a/one.png    16x16 seed:1
    a/two.png    16x16 seed:2
    b/three.png  16x16 seed:3
    b/four.png   16x16 seed:4
    b/five.png   16x16 seed:5
    film.mp4     2s
";

/// A scanned library and its items' ids by title.
pub struct World {
    pub server: TestServer,
}

impl World {
    pub async fn new(backend: tests::database::Backend, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let server = TestServer::start_with(backend, environment).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        server.idle().await?;
        Ok(Self { server })
    }

    pub async fn id(&self, title: &str) -> anyhow::Result<String> {
        let document = "query($title: String) { media(first: 1, filter: { title: { eq: $title } }) { nodes { id } } }";
        let found = self.server.admin().query(document, json!({ "title": title })).await?;
        Ok(found["media"]["nodes"][0]["id"]
            .as_str()
            .with_context(|| format!("no item {title}"))?
            .to_owned())
    }

    pub async fn ids(&self, titles: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::new();
        for title in titles {
            ids.push(self.id(title).await?);
        }
        Ok(ids)
    }

    /// Calls a mutation as an editor; gives its payload.
    pub async fn edit(&self, mutation: &str, selection: &str, input: Value) -> anyhow::Result<Value> {
        call(&self.server.editor(), mutation, selection, input).await
    }

    /// The code and the message of a mutation that must fail.
    pub async fn refused(&self, mutation: &str, input: Value) -> anyhow::Result<(String, String)> {
        let response = self
            .server
            .editor()
            .send(&document(mutation, "__typename"), json!({ "input": input }))
            .await?;
        let error = &response["errors"][0];
        let code = error["extensions"]["code"]
            .as_str()
            .with_context(|| format!("{mutation} was not refused: {response:#}"))?;
        Ok((
            code.to_owned(),
            error["message"].as_str().unwrap_or_default().to_owned(),
        ))
    }

    pub async fn tag(&self, input: Value) -> anyhow::Result<String> {
        let made = self.edit("createTag", "tag { id }", input).await?;
        Ok(made["tag"]["id"].as_str().context("an id")?.to_owned())
    }

    pub async fn undo(&self, payload: &Value) -> anyhow::Result<Value> {
        let token = payload["undoToken"]
            .as_str()
            .with_context(|| format!("no token in {payload:#}"))?;
        self.edit(
            "undo",
            "changedCount undoToken conflicts { subjectId message }",
            json!({ "token": token }),
        )
        .await
    }

    /// Everything that people decided, as clients see it.
    pub async fn everything(&self) -> anyhow::Result<Value> {
        let document = "{
            media(first: 50, sort: [{ field: ID }]) { nodes { id title description date rating isFavorite studio { id }
                tags(first: 50) { nodes { id } } people(first: 50) { nodes { id } } customFields { field { id } text number date boolean }
                ... on Video { markers(first: 50) { nodes { id title start end tags(first: 9) { nodes { id } } } } } } }
            tags(first: 50) { nodes { id name aliases color description mediaCount parents { id } children { id }
                media(first: 50) { totalCount nodes { id } } } }
            people(first: 50) { nodes { id name aliases description mediaCount media(first: 50) { nodes { id } } } }
            studios(first: 50) { nodes { id name parent { id } mediaCount media(first: 50) { nodes { id } } } }
            collections(first: 50) { nodes { id name description isSmart filter itemCount parent { id } children { id }
                items(first: 50) { totalCount nodes { media { id } position } } } }
            galleries(first: 50) { nodes { id name itemCount items(first: 50) { nodes { media { id } } } } }
            savedFilters { id name filter search sort }
            customFields { id name kind choices }
        }";
        self.server.editor().query(document, json!({})).await
    }

    /// The titles that a search finds.
    pub async fn found(&self, search: &str) -> anyhow::Result<Vec<String>> {
        let document = "query($search: String) { media(first: 50, search: $search, sort: [{ field: TITLE }]) { nodes { title } } }";
        let found = self
            .server
            .viewer()
            .query(document, json!({ "search": search }))
            .await?;
        titles(&found["media"]["nodes"])
    }
}

pub fn titles(nodes: &Value) -> anyhow::Result<Vec<String>> {
    let nodes = nodes.as_array().context("nodes")?;
    Ok(nodes
        .iter()
        .map(|node| node["title"].as_str().unwrap_or_default().to_owned())
        .collect())
}

pub fn document(mutation: &str, selection: &str) -> String {
    let mut letters = mutation.chars();
    let capital: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect();
    format!("mutation($input: {capital}Input!) {{ {mutation}(input: $input) {{ {selection} }} }}")
}

pub async fn call(client: &Client, mutation: &str, selection: &str, input: Value) -> anyhow::Result<Value> {
    let mut data = client
        .query(&document(mutation, selection), json!({ "input": input }))
        .await?;
    Ok(data[mutation].take())
}

/// That an edit changed something, that its undo brings everything back, and that the undo's undo brings the edit back.
pub async fn there_and_back(world: &World, before: &Value, payload: &Value) -> anyhow::Result<()> {
    let after = world.everything().await?;
    ensure!(after != *before, "nothing changed: {payload:#}");
    let undone = world.undo(payload).await?;
    ensure!(undone["changedCount"].as_i64() > Some(0), "{undone:#}");
    let back = world.everything().await?;
    ensure!(
        back == *before,
        "the undo left something behind: {}",
        difference(before, &back)
    );
    let again = world.undo(&undone).await?;
    let there = world.everything().await?;
    ensure!(
        there == after,
        "the undo of the undo differs: {}",
        difference(&after, &there)
    );
    ensure!(again["undoToken"].is_string());
    let (code, _) = world.refused("undo", json!({ "token": undone["undoToken"] })).await?;
    ensure!(code == "EDIT_UNDONE", "an undo was undone twice: {code}");
    Ok(())
}

pub fn difference(one: &Value, other: &Value) -> String {
    let (one, other) = (format!("{one:#}"), format!("{other:#}"));
    let lines = one
        .lines()
        .zip(other.lines())
        .filter(|(one, other)| one != other)
        .take(12);
    lines
        .map(|(one, other)| format!("\n{} -> {}", one.trim(), other.trim()))
        .collect()
}

on_both! {
    async fn every_change_of_an_item_can_be_undone_and_done_again(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let (one, tag) = (world.id("one").await?, world.tag(json!({ "name": "Sea", "aliases": ["Ocean"] })).await?);
        let person = world.edit("createPerson", "person { id }", json!({ "name": "Ada" })).await?["person"]["id"].clone();
        let studio = world.edit("createStudio", "studio { id }", json!({ "name": "Harbor" })).await?["studio"]["id"].clone();
        let before = world.everything().await?;
        let input = json!({ "id": one, "title": "Uno", "description": "A lighthouse", "date": "2020-02-02", "rating": 80,
            "isFavorite": true, "tagIds": [tag], "personIds": [person], "studioId": studio });
        let changed = world.edit("updateMedia", "undoToken media { title rating }", input.clone()).await?;
        ensure!(changed["media"]["title"] == "Uno" && changed["media"]["rating"] == 80, "{changed:#}");
        ensure!(world.found("ocean").await? == ["Uno"] && world.found("harbor ada").await? == ["Uno"]);
        there_and_back(&world, &before, &changed).await?;
        ensure!(world.found("lighthouse").await? == ["Uno"], "the undone undo is not searched");
        let same = world.edit("updateMedia", "undoToken", input).await?;
        ensure!(same["undoToken"].is_null(), "a change of nothing was recorded");

        // What is left out stays, what is added comes behind, what is removed goes.
        let other = world.tag(json!({ "name": "Land" })).await?;
        let input = json!({ "id": one, "addTagIds": [other, tag] });
        world.edit("updateMedia", "undoToken", input).await?;
        let input = json!({ "id": one, "removeTagIds": [tag] });
        let left = world.edit("updateMedia", "media { tags(first: 9) { nodes { name } } rating }", input).await?;
        ensure!(left["media"]["tags"]["nodes"] == json!([{ "name": "Land" }]) && left["media"]["rating"] == 80, "{left:#}");
        ensure!(world.found("sea").await?.is_empty());
        let (code, message) = world.refused("updateMedia", json!({ "id": one, "tagIds": [], "addTagIds": [] })).await?;
        ensure!(code == "BAD_INPUT" && message.contains("input.tagIds"), "{message}");
        let (code, message) = world.refused("updateMedia", json!({ "id": one, "addTagIds": ["tag_0000000000000"] })).await?;
        ensure!(code == "BAD_INPUT" && message.contains("input.addTagIds[0]"), "{message}");
    }

    async fn a_conflict_names_what_is_in_the_way_and_nothing_else_is_undone(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let ids = world.ids(&["one", "two", "three"]).await?;
        let input = json!({ "ids": ids, "description": "first" });
        let first = world.edit("bulkUpdateMedia", "matchedCount updatedCount undoToken", input).await?;
        ensure!(first["matchedCount"] == 3 && first["updatedCount"] == 3, "{first:#}");
        let second = world.edit("updateMedia", "undoToken", json!({ "id": ids[1], "description": "second" })).await?;
        let before = world.everything().await?;
        let response = world.server.editor().send(&document("undo", "changedCount"), json!({ "input": { "token": first["undoToken"] } })).await?;
        let error = &response["errors"][0];
        ensure!(error["extensions"]["code"] == "UNDO_CONFLICT", "{response:#}");
        ensure!(error["extensions"]["fields"][0]["path"] == ids[1], "{error:#}");
        ensure!(error["message"].as_str().is_some_and(|text| text.contains("description was changed since")), "{error:#}");
        ensure!(world.everything().await? == before, "a refused undo changed something");
        let input = json!({ "token": first["undoToken"], "skipConflicts": true });
        let skipped = world.edit("undo", "changedCount conflicts { subjectId message }", input).await?;
        ensure!(skipped["changedCount"] == 2 && skipped["conflicts"][0]["subjectId"] == ids[1], "{skipped:#}");
        // The later edit is as it was, and can be undone.
        let undone = world.undo(&second).await?;
        ensure!(undone["changedCount"] == 1, "{undone:#}");

        // What something else refers to by now does not go.
        let made = world.edit("createTag", "tag { id } undoToken", json!({ "name": "Kept" })).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": ids[0], "tagIds": [made["tag"]["id"]] })).await?;
        let (code, message) = world.refused("undo", json!({ "token": made["undoToken"] })).await?;
        ensure!(code == "UNDO_CONFLICT" && message.contains("refers to it by now"), "{message}");
        // What it referred to is gone: it does not come back.
        let studio = world.edit("createStudio", "studio { id }", json!({ "name": "Away" })).await?["studio"]["id"].clone();
        world.edit("updateMedia", "undoToken", json!({ "id": ids[0], "studioId": studio })).await?;
        let cleared = world.edit("updateMedia", "undoToken", json!({ "id": ids[0], "studioId": null })).await?;
        world.edit("deleteStudio", "deletedId", json!({ "id": studio })).await?;
        let (code, message) = world.refused("undo", json!({ "token": cleared["undoToken"] })).await?;
        ensure!(code == "UNDO_CONFLICT" && message.contains("the studio that it had is gone"), "{message}");
    }

    async fn a_bulk_edit_says_first_what_it_would_change(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let tag = world.tag(json!({ "name": "Set" })).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("one").await?, "rating": 10, "tagIds": [tag] })).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("two").await?, "rating": 90 })).await?;
        let before = world.everything().await?;
        let (one, selection) = (world.id("one").await?, "matchedCount updatedCount undoToken media { id rating } job { id }");
        let mut input = json!({ "filter": { "kind": { "eq": "IMAGE" } }, "except": [one], "rating": 90, "addTagIds": [tag], "dryRun": true });
        let dry = world.edit("bulkUpdateMedia", selection, input.clone()).await?;
        ensure!(dry["matchedCount"] == 4 && dry["updatedCount"] == 4 && dry["undoToken"].is_null(), "{dry:#}");
        ensure!(world.everything().await? == before, "a dry run changed something");
        input["dryRun"] = json!(false);
        let wet = world.edit("bulkUpdateMedia", selection, input).await?;
        ensure!(wet["updatedCount"] == 4 && wet["media"].as_array().is_some_and(|all| all.iter().all(|item| item["rating"] == 90)), "{wet:#}");
        there_and_back(&world, &before, &wet).await?;
        // A filter that the change itself empties is read before.
        let input = json!({ "filter": { "tags": { "isEmpty": true } }, "addTagIds": [tag] });
        let all = world.edit("bulkUpdateMedia", selection, input).await?;
        ensure!(all["matchedCount"] == 1 && all["updatedCount"] == 1, "{all:#}");
        // Ratings are everybody's own, the rest is not.
        let viewer = world.server.viewer();
        let rated = call(&viewer, "bulkUpdateMedia", "updatedCount undoToken", json!({ "filter": {}, "rating": 5 })).await?;
        ensure!(rated["updatedCount"] == 6, "{rated:#}");
        let code = viewer.error_code(&document("bulkUpdateMedia", "__typename"), json!({ "input": { "filter": {}, "title": "x" } })).await?;
        ensure!(code == "FORBIDDEN", "{code}");
        let code = world.refused("undo", json!({ "token": rated["undoToken"] })).await?.0;
        ensure!(code == "EDIT_NOT_FOUND", "an editor undid somebody's ratings: {code}");
        let undone = call(&viewer, "undo", "changedCount", json!({ "token": rated["undoToken"] })).await?;
        ensure!(undone["changedCount"] == 6, "{undone:#}");
        let code = viewer.error_code(&document("undo", "__typename"), json!({ "input": { "token": wet["undoToken"] } })).await?;
        ensure!(code == "EDIT_NOT_FOUND", "a viewer knows of an editor's edit: {code}");
        for input in [json!({ "rating": 1 }), json!({ "ids": [], "filter": {}, "rating": 1 }), json!({ "filter": {} })] {
            let (code, message) = world.refused("bulkUpdateMedia", input).await?;
            ensure!(["BAD_INPUT", "ORGANIZE_NOTHING_TO_CHANGE"].contains(&code.as_str()), "{code} {message}");
        }
    }

    async fn a_large_edit_is_a_job_and_so_is_its_undo(backend: Backend) {
        let world = World::new(backend, &[("VITAGRAPH_ORGANIZE_MOST_AT_ONCE", "3")]).await?;
        let tag = world.tag(json!({ "name": "Set" })).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("one").await?, "rating": 10, "description": "x" })).await?;
        let before = world.everything().await?;
        let input = json!({ "filter": {}, "search": "", "addTagIds": [tag], "rating": 50, "description": "all" });
        let started = world.edit("bulkUpdateMedia", "matchedCount updatedCount undoToken job { id }", input).await?;
        ensure!(started["matchedCount"] == 6 && started["updatedCount"] == 0, "{started:#}");
        let done = world.server.finished(started["job"]["id"].as_str().context("a job")?).await?;
        ensure!(done["status"] == "SUCCEEDED" && done["progress"]["fraction"] == 1.0, "{done:#}");
        let after = world.everything().await?;
        ensure!(after["tags"]["nodes"][0]["mediaCount"] == 6 && world.found("set").await?.len() == 6, "{after:#}");
        let undone = world.edit("undo", "changedCount undoToken job { id }", json!({ "token": started["undoToken"] })).await?;
        let done = world.server.finished(undone["job"]["id"].as_str().context("a job")?).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let back = world.everything().await?;
        ensure!(back == before, "{}", difference(&before, &back));
        let again = world.edit("undo", "job { id }", json!({ "token": undone["undoToken"] })).await?;
        world.server.finished(again["job"]["id"].as_str().context("a job")?).await?;
        ensure!(world.everything().await? == after, "the undo of the undo differs");
        // A conflict fails the job, and the edit stands.
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("two").await?, "description": "since" })).await?;
        let refused = world.edit("undo", "job { id }", json!({ "token": started["undoToken"] })).await?;
        let ended = world.server.finished(refused["job"]["id"].as_str().context("a job")?).await?;
        ensure!(ended["status"] == "FAILED" && ended["error"]["code"] == "UNDO_CONFLICT", "{ended:#}");
        let input = json!({ "token": started["undoToken"], "skipConflicts": true });
        let partly = world.edit("undo", "job { id }", input).await?;
        world.server.finished(partly["job"]["id"].as_str().context("a job")?).await?;
        let left = world.everything().await?;
        ensure!(left["tags"]["nodes"][0]["mediaCount"] == 0, "{left:#}");
        ensure!(left.to_string().contains("since"), "what was changed since is gone");
    }

    async fn tags_are_a_graph_without_circles(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let animal = world.tag(json!({ "name": "Animal" })).await?;
        let pet = world.tag(json!({ "name": "Pet" })).await?;
        let cat = world.tag(json!({ "name": "Cat", "parentIds": [animal, pet], "aliases": ["Kitty"], "color": "#FF8800" })).await?;
        let tabby = world.tag(json!({ "name": "Tabby", "parentIds": [cat] })).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": world.id("one").await?, "tagIds": [tabby] })).await?;
        let below = "query($id: ID!) { media(first: 9, filter: { tags: { anyOf: [$id], includeDescendants: true } }) { nodes { title } }
            tag(id: $id) { name descendants(first: 9) { totalCount nodes { name } } } }";
        let seen = world.server.viewer().query(below, json!({ "id": animal })).await?;
        ensure!(seen["media"]["nodes"] == json!([{ "title": "one" }]), "{seen:#}");
        ensure!(seen["tag"]["descendants"] == json!({ "totalCount": 2, "nodes": [{ "name": "Cat" }, { "name": "Tabby" }] }), "{seen:#}");
        let (code, message) = world.refused("updateTag", json!({ "id": animal, "parentIds": [tabby] })).await?;
        ensure!(code == "TAG_CYCLE" && message.contains("`Animal` is in `Tabby` is in `Cat` is in `Animal`"), "{message}");
        let (code, _) = world.refused("updateTag", json!({ "id": cat, "parentIds": [cat] })).await?;
        ensure!(code == "TAG_CYCLE", "{code}");
        let (code, message) = world.refused("updateTag", json!({ "id": cat, "name": "pet" })).await?;
        ensure!(code == "TAG_NAME_TAKEN" && message.contains("pet"), "{code} {message}");

        let before = world.everything().await?;
        let input = json!({ "id": tabby, "name": "Tiger cat", "aliases": ["Tabby", "Striped"], "color": null, "parentIds": [pet], "description": "Stripes" });
        let changed = world.edit("updateTag", "tag { name aliases parents { name } } undoToken", input).await?;
        ensure!(changed["tag"]["aliases"] == json!(["Striped", "Tabby"]), "{changed:#}");
        ensure!(world.found("striped").await? == ["one"] && world.found("tiger").await? == ["one"], "a renamed tag is not searched");
        there_and_back(&world, &before, &changed).await?;
    }

    async fn merged_tags_keep_everything_and_come_apart_again(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let top = world.tag(json!({ "name": "Top" })).await?;
        let cat = world.tag(json!({ "name": "Cat", "parentIds": [top], "aliases": ["Kitty"] })).await?;
        let felid = world.tag(json!({ "name": "Felid", "aliases": ["Feline", "cat"] })).await?;
        let lion = world.tag(json!({ "name": "Lion", "parentIds": [felid] })).await?;
        let ids = world.ids(&["one", "two", "three", "film"]).await?;
        for (id, tags) in ids.iter().zip([json!([cat]), json!([felid]), json!([cat, felid]), json!([lion])]) {
            world.edit("updateMedia", "undoToken", json!({ "id": id, "tagIds": tags })).await?;
        }
        let marker = json!({ "mediaId": ids[3], "title": "roar", "start": 0.5, "end": 1.0, "tagIds": [felid] });
        world.edit("createMarker", "marker { id }", marker).await?;
        let before = world.everything().await?;
        let input = json!({ "sourceIds": [felid], "targetId": cat });
        let merged = world.edit("mergeTags", "tag { name aliases mediaCount parents { name } children { name } media(first: 9) { totalCount } } undoToken", input).await?;
        let tag = &merged["tag"];
        ensure!(tag["mediaCount"] == 3 && tag["media"]["totalCount"] == 3, "{tag:#}");
        ensure!(tag["aliases"] == json!(["Felid", "Feline", "Kitty"]) && tag["children"] == json!([{ "name": "Lion" }]), "{tag:#}");
        ensure!(world.found("feline").await?.len() == 3, "a merged name is not searched");
        there_and_back(&world, &before, &merged).await?;
        // A target below its source does not end above itself.
        let input = json!({ "sourceIds": [top], "targetId": cat });
        let merged = world.edit("mergeTags", "tag { parents { name } } undoToken", input).await?;
        ensure!(merged["tag"]["parents"] == json!([]), "{merged:#}");
        let (code, _) = world.refused("mergeTags", json!({ "sourceIds": [cat], "targetId": cat })).await?;
        ensure!(code == "BAD_INPUT");

        let before = world.everything().await?;
        let deleted = world.edit("deleteTag", "deletedId undoToken", json!({ "id": cat })).await?;
        ensure!(deleted["deletedId"] == cat.as_str() && world.found("kitty").await?.is_empty(), "{deleted:#}");
        there_and_back(&world, &before, &deleted).await?;
    }

    async fn people_and_studios_are_changed_merged_and_deleted(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let mut people = Vec::new();
        for input in [json!({ "name": "Ada", "aliases": ["A. L."] }), json!({ "name": "Ada Lovelace" }), json!({ "name": "Bob" })] {
            people.push(world.edit("createPerson", "person { id }", input).await?["person"]["id"].clone());
        }
        let mut studios = Vec::new();
        for (name, parent) in [("Harbor", None), ("Pier", Some(0)), ("Quay", Some(1))] {
            let parent: Option<&Value> = parent.map(|index: usize| &studios[index]);
            studios.push(world.edit("createStudio", "studio { id }", json!({ "name": name, "parentId": parent })).await?["studio"]["id"].clone());
        }
        let ids = world.ids(&["one", "two"]).await?;
        let input = json!({ "id": ids[0], "personIds": [people[2], people[0], people[1]], "studioId": studios[0] });
        world.edit("updateMedia", "undoToken", input).await?;
        world.edit("updateMedia", "undoToken", json!({ "id": ids[1], "personIds": [people[1]], "studioId": studios[2] })).await?;
        let before = world.everything().await?;
        let changed = world.edit("updatePerson", "undoToken", json!({ "id": people[2], "name": "Robert", "aliases": ["Bob"], "description": "He" })).await?;
        ensure!(world.found("robert").await? == ["one"]);
        there_and_back(&world, &before, &changed).await?;
        let before = world.everything().await?;
        let input = json!({ "sourceIds": [people[1]], "targetId": people[0] });
        let merged = world.edit("mergePeople", "person { mediaCount aliases } undoToken", input).await?;
        ensure!(merged["person"] == json!({ "mediaCount": 2, "aliases": ["A. L.", "Ada Lovelace"] }), "{merged:#}");
        there_and_back(&world, &before, &merged).await?;
        let before = world.everything().await?;
        let deleted = world.edit("deletePerson", "undoToken", json!({ "id": people[0] })).await?;
        there_and_back(&world, &before, &deleted).await?;

        let (code, message) = world.refused("updateStudio", json!({ "id": studios[0], "parentId": studios[2] })).await?;
        ensure!(code == "STUDIO_CYCLE" && message.contains("`Harbor` is in `Quay` is in `Pier` is in `Harbor`"), "{message}");
        let before = world.everything().await?;
        let changed = world.edit("updateStudio", "undoToken", json!({ "id": studios[2], "name": "Dock", "parentId": null })).await?;
        ensure!(world.found("dock").await? == ["two"], "a renamed studio is not searched");
        there_and_back(&world, &before, &changed).await?;
        let before = world.everything().await?;
        let merged = world.edit("mergeStudios", "studio { mediaCount parent { id } } undoToken", json!({ "sourceIds": [studios[0], studios[2]], "targetId": studios[1] })).await?;
        ensure!(merged["studio"] == json!({ "mediaCount": 2, "parent": null }), "{merged:#}");
        there_and_back(&world, &before, &merged).await?;
        let before = world.everything().await?;
        let deleted = world.edit("deleteStudio", "undoToken", json!({ "id": studios[1] })).await?;
        there_and_back(&world, &before, &deleted).await?;
    }

    async fn the_audit_log_says_who_changed_what(backend: Backend) {
        let world = World::new(backend, &[]).await?;
        let (one, tag) = (world.id("one").await?, world.tag(json!({ "name": "Sea" })).await?);
        world.edit("updateMedia", "undoToken", json!({ "id": one, "title": "Uno", "rating": 70, "addTagIds": [tag] })).await?;
        call(&world.server.viewer(), "updateMedia", "undoToken", json!({ "id": one, "rating": 30 })).await?;
        let log = "query($filter: EditFilter, $after: String) { edits(first: 2, after: $after, filter: $filter) { totalCount
            pageInfo { hasNextPage endCursor }
            nodes { id action actor changedCount isUndone changes(first: 5) { totalCount nodes { kind subjectId differences { table before after } } } } } }";
        let admin = world.server.admin();
        let seen = admin.query(log, json!({ "filter": { "subjectId": one } })).await?;
        let edit = &seen["edits"]["nodes"][0];
        ensure!(seen["edits"]["totalCount"] == 1 && edit["action"] == "updateMedia" && edit["actor"] == "editor", "{seen:#}");
        let change = &edit["changes"]["nodes"][0];
        ensure!(change["kind"] == "MEDIA" && change["subjectId"] == one.as_str(), "{change:#}");
        let differences = change["differences"].as_array().context("differences")?;
        let title = differences.iter().find(|row| row["table"] == "media").context("the title")?;
        ensure!(title["before"]["title"] == "one" && title["after"]["title"] == "Uno" && title["after"].get("description").is_none(), "{title:#}");
        let added = differences.iter().find(|row| row["table"] == "media_tag").context("the tag")?;
        ensure!(added["before"].is_null() && added["after"]["tag_id"] == tag.as_str(), "{added:#}");
        ensure!(differences.iter().all(|row| row["table"] != "media_user"), "somebody else's rating is shown");
        let own = world.server.editor().query(log, json!({ "filter": { "subjectId": one } })).await?;
        ensure!(own.to_string().contains("media_user"), "one's own rating is hidden: {own:#}");
        let code = world.server.viewer().error_code(log, json!({})).await?;
        ensure!(code == "FORBIDDEN", "{code}");
        let first = admin.query(log, json!({})).await?;
        ensure!(first["edits"]["totalCount"] == 2 && first["edits"]["nodes"][0]["action"] == "updateMedia", "{first:#}");
        let none = admin.query(log, json!({ "after": first["edits"]["pageInfo"]["endCursor"] })).await?;
        ensure!(none["edits"]["nodes"] == json!([]), "{none:#}");
    }
}
