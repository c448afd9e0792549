//! Clips of many markers at once.

use anyhow::ensure;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use super::{item, ready, watched};

const MARK: &str = "mutation($input: CreateMarkerInput!) { createMarker(input: $input) { marker { id } } }";
const MAKE: &str = "mutation($input: CreateClipsFromMarkersInput!) { createClipsFromMarkers(input: $input) {
    matchedCount clipCount job { id } } }";

async fn make(server: &TestServer, input: Value) -> anyhow::Result<Value> {
    let mut made = server.editor().query(MAKE, json!({ "input": input })).await?;
    let made = made["createClipsFromMarkers"].take();
    if let Some(job) = made["job"]["id"].as_str() {
        let done = server.finished(job).await?;
        ensure!(
            done["status"] == "SUCCEEDED" && done["kind"] == "clips.markers",
            "{done:#}"
        );
    }
    Ok(made)
}

on_both! {
    async fn markers_become_clips_once(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 160x120 8s").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let editor = server.editor();
        let tag = editor.query("mutation { createTag(input: { name: \"Goal\" }) { tag { id } } }", json!({})).await?;
        let tag = &tag["createTag"]["tag"]["id"];
        let mut ids = Vec::new();
        for (title, start, end, tags) in [
            ("First", 1.0, json!(2.0), json!([tag])),
            ("Second", 3.0, json!(4.5), json!([])),
            ("A place", 6.0, json!(null), json!([tag])),
        ] {
            let input = json!({ "mediaId": film["id"], "title": title, "start": start, "end": end, "tagIds": tags });
            let mut made = editor.query(MARK, json!({ "input": input })).await?;
            ids.push(made["createMarker"]["marker"]["id"].take());
        }
        // Whoever asks what would happen changes nothing.
        let all = json!({ "filter": {}, "length": 1, "dryRun": true });
        let said = make(&server, all).await?;
        ensure!(said == json!({ "matchedCount": 3, "clipCount": 3, "job": null }), "{said:#}");
        ensure!(watched(&server, &film["id"]).await?["clips"]["totalCount"] == 0);
        // A place has no length of its own.
        let tagged = json!({ "filter": {}, "tagId": tag });
        let said = make(&server, tagged).await?;
        ensure!(said["matchedCount"] == 1 && said["clipCount"] == 1, "{said:#}");
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["status"] == "READY" && clip["title"] == "First" && clip["start"] == 1.0 && clip["end"] == 2.0, "{clip:#}");
        ensure!(clip["media"]["tags"]["nodes"][0]["name"] == "Goal", "the marker's tag is the clip's: {clip:#}");
        // The one that is a clip is not made again.
        let said = make(&server, json!({ "ids": ids, "length": 1 })).await?;
        ensure!(said["matchedCount"] == 3 && said["clipCount"] == 2, "{said:#}");
        let said = make(&server, json!({ "ids": ids, "length": 1 })).await?;
        ensure!(said["clipCount"] == 0 && said["job"].is_null(), "{said:#}");
        server.idle().await?;
        let found = watched(&server, &film["id"]).await?["clips"].take();
        let mut titles: Vec<&str> = found["nodes"].as_array().into_iter().flatten().filter_map(|clip| clip["title"].as_str()).collect();
        titles.sort_unstable();
        ensure!(titles == ["A place", "First", "Second"], "{found:#}");

        for (input, field) in [
            (json!({}), "input.filter"),
            (json!({ "ids": [ids[0]], "filter": {} }), "input.ids"),
            (json!({ "filter": {}, "length": 0 }), "input.length"),
        ] {
            let refused = editor.send(MAKE, json!({ "input": input })).await?;
            let fields = &refused["errors"][0]["extensions"]["fields"][0]["path"];
            ensure!(*fields == field, "{refused:#}");
        }
    }
}
