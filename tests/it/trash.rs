//! The trash as a client sees it: files leave their folder and come back, a scan minds neither, and only an administrator
//! removes them.

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, fixture, on_both, server::TestServer};

const FIXTURE: &str = "
    films/a.png 32x32
    films/b.png 16x16
    copies/a.png same:films/a.png
    c.png 16x16 seed:4
";

const ITEMS: &str = "{ media(first: 50, filter: { or: [{ isMissing: { eq: true } }, { isMissing: { eq: false } }] },
    sort: [{ field: PATH, direction: ASC }]) {
    nodes { id title rating missingSince tags(first: 9) { nodes { name mediaCount } } files { id path status url } } } }";

/// The items with their files, those in the trash too.
async fn items(client: &Client) -> anyhow::Result<Vec<Value>> {
    let mut data = client.query(ITEMS, json!({})).await?;
    let Value::Array(nodes) = data["media"]["nodes"].take() else {
        anyhow::bail!("no list: {data}")
    };
    Ok(nodes)
}

/// The id of a file by its path.
async fn file(client: &Client, path: &str) -> anyhow::Result<String> {
    for item in items(client).await? {
        for file in item["files"].as_array().into_iter().flatten() {
            if file["path"] == path && file["status"] != "MISSING" {
                return Ok(file["id"].as_str().context("an id")?.to_owned());
            }
        }
    }
    anyhow::bail!("no file at {path}")
}

/// Path and status of every file, sorted.
async fn states(client: &Client) -> anyhow::Result<Vec<(String, String)>> {
    let mut states = Vec::new();
    for item in items(client).await? {
        for file in item["files"].as_array().into_iter().flatten() {
            let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
            states.push((text("path"), text("status")));
        }
    }
    states.sort();
    Ok(states)
}

async fn call(client: &Client, what: &str, files: &[&str]) -> anyhow::Result<Value> {
    let kind = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    let document = format!(
        "mutation($input: {kind}Input!) {{ {what}(input: $input) {{ files {{ id status }} failures {{ fileId code message }} }} }}"
    );
    Ok(client
        .query(&document, json!({ "input": { "fileIds": files } }))
        .await?[what]
        .take())
}

async fn totals(server: &TestServer, library: &str) -> anyhow::Result<Value> {
    let document = "query($id: ID!) { library(id: $id) { mediaCount totalSize } }";
    Ok(server.viewer().query(document, json!({ "id": library })).await?["library"].take())
}

fn held(server: &TestServer, file: &str, name: &str) -> PathBuf {
    server.media().join(".vitagraph-trash").join(file).join(name)
}

/// Empties the trash to the end.
async fn empty(server: &TestServer, input: Value) -> anyhow::Result<()> {
    let document = "mutation($input: EmptyTrashInput!) { emptyTrash(input: $input) { job { id } } }";
    let started = server.admin().query(document, json!({ "input": input })).await?;
    let done = server
        .finished(started["emptyTrash"]["job"]["id"].as_str().context("an id")?)
        .await?;
    ensure!(
        done["status"] == "SUCCEEDED" && done["kind"] == "trash.empty",
        "{done:#}"
    );
    Ok(())
}

on_both! {
    async fn a_file_goes_into_the_trash_and_comes_back_as_it_was(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        server.idle().await?;
        let editor = server.editor();
        let tag = editor.query("mutation { createTag(input: { name: \"Kept\" }) { tag { id } } }", json!({})).await?;
        let item = items(&editor).await?.into_iter().find(|item| item["files"][0]["path"] == "films/b.png").context("an item")?;
        let update = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        editor.query(update, json!({ "input": { "id": item["id"], "tagIds": [tag["createTag"]["tag"]["id"]], "rating": 80 } })).await?;
        let (before, counted) = (items(&editor).await?, totals(&server, &library).await?);
        let id = file(&editor, "films/b.png").await?;
        let bytes = fs::read(server.media().join("films/b.png"))?;

        let trashed = call(&editor, "trashFiles", &[&id]).await?;
        ensure!(trashed == json!({ "files": [{ "id": id, "status": "TRASHED" }], "failures": [] }), "{trashed:#}");
        ensure!(!server.media().join("films/b.png").exists() && fs::read(held(&server, &id, "b.png"))? == bytes);
        let shown = editor.query("{ media(first: 50) { totalCount } tags(first: 9) { nodes { mediaCount } }
            trash(first: 9) { totalCount nodes { path size trashedAt file { id status url } media { id } } } }", json!({})).await?;
        ensure!(shown["media"]["totalCount"] == 2 && shown["tags"]["nodes"][0]["mediaCount"] == 0, "{shown:#}");
        let row = &shown["trash"]["nodes"][0];
        ensure!(shown["trash"]["totalCount"] == 1 && row["path"] == "films/b.png" && row["size"] == bytes.len(), "{shown:#}");
        ensure!(row["file"]["id"] == id && row["file"]["url"].is_null() && row["media"]["id"] == item["id"], "{shown:#}");
        let less = totals(&server, &library).await?;
        ensure!(less["mediaCount"] == 2 && less["totalSize"].as_i64() == counted["totalSize"].as_i64().map(|size| size - bytes.len() as i64));
        ensure!(call(&editor, "trashFiles", &[&id]).await?["failures"][0]["code"] == "TRASH_WRONG_STATE");

        // A scan neither takes it for missing nor for new, hidden folders or not.
        let include = "mutation($input: UpdateLibraryInput!) { updateLibrary(input: $input) { library { id } } }";
        server.admin().query(include, json!({ "input": { "id": library, "includeHidden": true } })).await?;
        server.scan(&library).await?;
        let state = states(&editor).await?;
        ensure!(state.contains(&("films/b.png".into(), "TRASHED".into())) && state.len() == 4, "{state:?}");
        ensure!(totals(&server, &library).await? == less);

        let back = call(&editor, "restoreFiles", &[&id]).await?;
        ensure!(back["files"] == json!([{ "id": id, "status": "PRESENT" }]), "{back:#}");
        ensure!(fs::read(server.media().join("films/b.png"))? == bytes && !held(&server, &id, "").exists());
        server.scan(&library).await?;
        server.idle().await?;
        let url = |items: Vec<Value>| json!(items).to_string().replace("\"url\":null", "");
        let strip = |items: Vec<Value>| -> Vec<Value> {
            items.into_iter().map(|mut item| {
                for file in item["files"].as_array_mut().into_iter().flatten() {
                    file["url"] = Value::Null;
                }
                item
            }).collect()
        };
        ensure!(url(strip(items(&editor).await?)) == url(strip(before.clone())), "it came back as another one");
        ensure!(totals(&server, &library).await? == counted);
        ensure!(call(&editor, "restoreFiles", &[&id]).await?["failures"][0]["code"] == "TRASH_WRONG_STATE");
    }

    async fn one_of_two_files_goes_and_the_item_stays(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        let editor = server.editor();
        let n_before = totals(&server, &library).await?["mediaCount"].clone();
        let first = file(&editor, "copies/a.png").await?;
        call(&editor, "trashFiles", &[&first]).await?;
        let item = items(&editor).await?.into_iter().find(|item| item["files"].as_array().is_some_and(|files| files.len() == 2)).context("the item")?;
        ensure!(item["missingSince"].is_null() && item["files"][0]["path"] == "films/a.png", "{item:#}");
        ensure!(totals(&server, &library).await?["mediaCount"] == n_before);
        let found = editor.query("{ media(first: 9, filter: { path: { contains: \"films/a\" } }) { nodes { id } } }", json!({})).await;
        if let Ok(found) = found {
            ensure!(found["media"]["nodes"][0]["id"] == item["id"], "{found:#}");
        }
        // The other one too: then the item is missing.
        let second = file(&editor, "films/a.png").await?;
        call(&editor, "trashFiles", &[&second]).await?;
        let gone = items(&editor).await?.into_iter().find(|other| other["id"] == item["id"]).context("the item")?;
        ensure!(gone["missingSince"].is_string(), "{gone:#}");
        call(&editor, "restoreFiles", &[&first, &second]).await?;
        server.scan(&library).await?;
        ensure!(states(&editor).await?.iter().all(|(_, status)| status == "PRESENT"));
        ensure!(totals(&server, &library).await?["mediaCount"] == n_before);
    }

    async fn another_file_in_its_place_is_not_replaced(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        let editor = server.editor();
        let id = file(&editor, "c.png").await?;
        call(&editor, "trashFiles", &[&id]).await?;
        fixture::write(server.media(), "c.png 64x48 seed:77", &server.server().engine).await?;
        server.scan(&library).await?;
        let state = states(&editor).await?;
        ensure!(state.iter().filter(|(path, _)| path == "c.png").count() == 2, "the new one is an item of its own: {state:?}");
        let refused = call(&editor, "restoreFiles", &[&id]).await?;
        ensure!(refused["failures"][0]["code"] == "TRASH_PLACE_TAKEN" && held(&server, &id, "c.png").exists(), "{refused:#}");
        fs::remove_file(server.media().join("c.png"))?;
        server.scan(&library).await?;
        ensure!(call(&editor, "restoreFiles", &[&id]).await?["failures"] == json!([]));
        server.scan(&library).await?;
        let state = states(&editor).await?;
        let of_path: Vec<&str> = state.iter().filter(|(path, _)| path == "c.png").map(|(_, status)| status.as_str()).collect();
        ensure!(of_path == ["MISSING", "PRESENT"], "{state:?}");

        // A file that is not what the library knows is left where it is.
        let id = file(&editor, "films/b.png").await?;
        fixture::write(server.media(), "films/b.png 20x20 seed:5", &server.server().engine).await?;
        let refused = call(&editor, "trashFiles", &[&id, "fil_0000000000000"]).await?;
        let codes: Vec<_> = refused["failures"].as_array().context("a list")?.iter().map(|failure| failure["code"].clone()).collect();
        ensure!(codes == ["TRASH_FILE_NOT_FOUND", "TRASH_FILE_CHANGED"] && server.media().join("films/b.png").exists(), "{refused:#}");
        ensure!(!server.media().join(".vitagraph-trash").join(&id).exists());
    }

    async fn only_an_administrator_empties_the_trash(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        server.idle().await?;
        let (editor, viewer) = (server.editor(), server.viewer());
        let (b, copy) = (file(&editor, "films/b.png").await?, file(&editor, "copies/a.png").await?);
        let trash = "mutation($input: TrashFilesInput!) { trashFiles(input: $input) { files { id } } }";
        ensure!(viewer.error_code(trash, json!({ "input": { "fileIds": [b] } })).await? == "FORBIDDEN");
        call(&editor, "trashFiles", &[&b]).await?;
        let document = "mutation { emptyTrash(input: {}) { job { id } } }";
        ensure!(editor.error_code(document, json!({})).await? == "FORBIDDEN");
        let between = editor.query("{ trash(first: 1) { nodes { trashedAt } } }", json!({})).await?;
        let moment = between["trash"]["nodes"][0]["trashedAt"].clone();
        // Nothing is older than the first.
        empty(&server, json!({ "olderThan": moment })).await?;
        ensure!(held(&server, &b, "b.png").exists());
        call(&editor, "trashFiles", &[&copy]).await?;
        let n_items = items(&editor).await?.len();
        empty(&server, json!({})).await?;
        ensure!(!held(&server, &b, "").exists() && !held(&server, &copy, "").exists());
        let left = items(&editor).await?;
        ensure!(left.len() == n_items - 1, "the item without a file is gone, the other stays: {left:#?}");
        ensure!(states(&editor).await?.iter().all(|(_, status)| status == "PRESENT"));
        ensure!(server.media().join("films/a.png").exists(), "the other copy is untouched");
        ensure!(editor.query("{ trash(first: 9) { totalCount } }", json!({})).await?["trash"]["totalCount"] == 0);
        server.scan(&library).await?;
        ensure!(states(&editor).await?.len() == 2, "nothing is missing after a scan");
        ensure!(totals(&server, &library).await?["mediaCount"] == 2);
    }
}
