//! Clips and renditions that are deleted, and what stays of them.

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use super::{RENDER, create, item, ready, watched};

const DELETE_CLIP: &str =
    "mutation($input: DeleteClipInput!) { deleteClip(input: $input) { deletedId source { id } } }";
const DELETE_RENDITION: &str =
    "mutation($input: DeleteRenditionInput!) { deleteRendition(input: $input) { deletedId media { id } } }";
const NODE: &str =
    "query($id: ID!) { node(id: $id) { __typename id ... on Clip { title status } ... on Rendition { kind } } }";

async fn n_items(server: &TestServer) -> anyhow::Result<Value> {
    let mut all = server
        .viewer()
        .query("{ media(first: 9) { totalCount } }", json!({}))
        .await?;
    Ok(all["media"]["totalCount"].take())
}

async fn n_clips(server: &TestServer, film: &Value) -> anyhow::Result<Value> {
    Ok(watched(server, &film["id"]).await?["clips"]["totalCount"].take())
}

on_both! {
    async fn a_deleted_clip_goes_to_the_trash_and_comes_back_or_stays_as_an_item(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 160x120 6s").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let editor = server.editor();
        let asked = create(&server, json!({ "mediaId": film["id"], "start": 1, "end": 3 })).await?;
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["status"] == "READY", "{clip:#}");
        let node = server.viewer().query(NODE, json!({ "id": asked["id"] })).await?;
        ensure!(node["node"]["__typename"] == "Clip" && node["node"]["status"] == "READY", "{node:#}");

        let delete = json!({ "input": { "id": asked["id"], "media": "TRASH" } });
        ensure!(server.viewer().error_code(DELETE_CLIP, delete.clone()).await? == "FORBIDDEN");
        let deleted = editor.query(DELETE_CLIP, delete).await?;
        ensure!(deleted["deleteClip"]["deletedId"] == asked["id"], "{deleted:#}");
        ensure!(deleted["deleteClip"]["source"]["id"] == film["id"], "{deleted:#}");
        ensure!(n_clips(&server, &film).await? == 0 && n_items(&server).await? == 1);
        let node = server.viewer().query(NODE, json!({ "id": asked["id"] })).await?;
        ensure!(node["node"].is_null(), "{node:#}");
        let trash = server.viewer().query("{ trash(first: 9) { nodes { file { id } } } }", json!({})).await?;
        let file = &trash["trash"]["nodes"][0]["file"]["id"];
        ensure!(file.is_string(), "{trash:#}");
        let restore = "mutation($input: RestoreFilesInput!) { restoreFiles(input: $input) { failures { code } } }";
        editor.query(restore, json!({ "input": { "fileIds": [file] } })).await?;
        ensure!(n_clips(&server, &film).await? == 1 && n_items(&server).await? == 2, "it is a clip again");

        // Kept, it is an item like any other.
        editor.query(DELETE_CLIP, json!({ "input": { "id": asked["id"], "media": "KEEP" } })).await?;
        ensure!(n_clips(&server, &film).await? == 0 && n_items(&server).await? == 2);
        let again = json!({ "input": { "id": asked["id"], "media": "KEEP" } });
        ensure!(editor.error_code(DELETE_CLIP, again).await? == "CLIPS_CLIP_NOT_FOUND");
    }

    async fn a_deleted_rendition_leaves_nothing_and_can_be_made_again(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 160x120 4s aac:2ch").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let render = async || {
            let input = json!({ "input": { "mediaId": film["id"], "kind": "PROXY_480P" } });
            let made = server.editor().query(RENDER, input).await?;
            server.finished(made["renderProxy"]["job"]["id"].as_str().context("a job")?).await?;
            anyhow::Ok(watched(&server, &film["id"]).await?["renditions"][0].take())
        };
        let made = render().await?;
        let node = server.viewer().query(NODE, json!({ "id": made["id"] })).await?;
        ensure!(node["node"]["__typename"] == "Rendition" && node["node"]["kind"] == "PROXY_480P", "{node:#}");
        let url = format!("{}{}", server.address(), made["url"].as_str().context("a URL")?);
        ensure!(reqwest::get(&url).await?.status() == StatusCode::OK);
        let delete = json!({ "input": { "id": made["id"] } });
        ensure!(server.viewer().error_code(DELETE_RENDITION, delete.clone()).await? == "FORBIDDEN");
        let deleted = server.editor().query(DELETE_RENDITION, delete).await?;
        ensure!(deleted["deleteRendition"]["media"]["id"] == film["id"], "{deleted:#}");
        ensure!(reqwest::get(&url).await?.status() == StatusCode::NOT_FOUND);
        let left = watched(&server, &film["id"]).await?["renditions"].take();
        ensure!(left == json!([]), "{left:#}");
        let again = render().await?;
        ensure!(again["status"] == "READY" && again["id"] != made["id"], "{again:#}");
    }

    async fn other_folders_of_a_library_do_not_take_away_its_clips(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 160x120 4s").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        create(&server, json!({ "mediaId": film["id"], "start": 1, "end": 2 })).await?;
        ensure!(ready(&server, &film["id"]).await?["status"] == "READY");
        let paths = "query($id: ID!) { node(id: $id) { ... on Library { paths } } }";
        let before = server.admin().query(paths, json!({ "id": library })).await?;
        let own = before["node"]["paths"].as_array().context("paths")?;
        ensure!(own.len() == 1, "the folder of clips is nobody's business: {before:#}");
        let update = "mutation($input: UpdateLibraryInput!) { updateLibrary(input: $input) { library { paths } } }";
        // The only other folder of two: not one that moved to where the clips were.
        let moved = tempfile::tempdir()?;
        for wanted in [json!([own[0], moved.path()]), json!([own[0]])] {
            let input = json!({ "input": { "id": library, "paths": wanted } });
            let changed = server.admin().query(update, input).await?;
            ensure!(changed["updateLibrary"]["library"]["paths"] == wanted, "{changed:#}");
        }
        server.scan(&library).await?;
        ensure!(n_items(&server).await? == 2 && n_clips(&server, &film).await? == 1);
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["media"]["files"][0]["path"].is_string(), "{clip:#}");
    }
}
