//! Clips and renditions as a client sees them: an item of its own that knows its source, whole files in other forms, and
//! nothing of the source touched.

mod bench;
mod marked;
mod played;
mod removed;

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use reqwest::{StatusCode, header::RANGE};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

/// Nothing takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(300);
const CREATE: &str = "mutation($input: CreateClipInput!) { createClip(input: $input) { clip { id title start end status } job { id status } } }";
const RENDER: &str = "mutation($input: RenderProxyInput!) { renderProxy(input: $input) { rendition { id kind status } job { id status } } }";
const WATCH: &str = "query($id: ID!) { node(id: $id) { ... on Video { id title duration
    clips(first: 50) { totalCount nodes { id title start end status mode madeMode reason error { code message } media { id title
        tags(first: 5) { nodes { name mediaCount } } files { path size } ... on Video { duration } } source { id } } }
    renditions { id kind label width height bitRate status url size error { code message } } } } }";

async fn watched(server: &TestServer, id: &Value) -> anyhow::Result<Value> {
    Ok(server.viewer().query(WATCH, json!({ "id": id })).await?["node"].take())
}

/// The one item of a library.
async fn item(server: &TestServer) -> anyhow::Result<Value> {
    let mut data = server
        .viewer()
        .query("{ media(first: 9) { nodes { id title } } }", json!({}))
        .await?;
    Ok(data["media"]["nodes"][0].take())
}

/// Waits until the newest clip of an item is ready or failed.
async fn ready(server: &TestServer, id: &Value) -> anyhow::Result<Value> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let clip = watched(server, id).await?["clips"]["nodes"][0].take();
        if clip["status"] == "READY" || clip["status"] == "FAILED" {
            return Ok(clip);
        }
        ensure!(tokio::time::Instant::now() < deadline, "the clip is still {clip:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn create(server: &TestServer, input: Value) -> anyhow::Result<Value> {
    let mut made = server.editor().query(CREATE, json!({ "input": input })).await?;
    let job = made["createClip"]["job"]["id"].as_str().context("a job")?.to_owned();
    let done = server.finished(&job).await?;
    ensure!(
        done["status"] == "SUCCEEDED" && done["kind"] == "clips.render",
        "{done:#}"
    );
    Ok(made["createClip"]["clip"].take())
}

on_both! {
    async fn a_clip_becomes_an_item_that_knows_its_source(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 320x240 8s aac:2ch").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let path = server.media().join("film.mp4");
        let before = (fs::read(&path)?, fs::metadata(&path)?.modified()?);
        let editor = server.editor();
        let tag = editor.query("mutation { createTag(input: { name: \"Kept\" }) { tag { id } } }", json!({})).await?;
        let update = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        editor.query(update, json!({ "input": { "id": film["id"], "tagIds": [tag["createTag"]["tag"]["id"]] } })).await?;

        let asked = create(&server, json!({ "mediaId": film["id"], "title": "A: night/day", "start": 1.3, "end": 6.7 })).await?;
        ensure!(asked["title"] == "A: night/day" && asked["start"] == 1.3 && asked["end"] == 6.7, "{asked:#}");
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["status"] == "READY" && clip["id"] == asked["id"] && clip["source"]["id"] == film["id"], "{clip:#}");
        ensure!(clip["mode"] == "SMART" && clip["madeMode"] == "SMART" && clip["reason"].is_null(), "{clip:#}");
        let made = &clip["media"];
        ensure!(made["title"] == "A: night/day" && made["id"] != film["id"], "{clip:#}");
        ensure!(made["tags"]["nodes"] == json!([{ "name": "Kept", "mediaCount": 2 }]), "{clip:#}");
        // 25 frames a second: the first at 1.32, the last begins at 6.68.
        ensure!(made["duration"].as_f64().is_some_and(|seconds| (seconds - 5.4).abs() < 0.06), "{clip:#}");
        ensure!(before == (fs::read(&path)?, fs::metadata(&path)?.modified()?), "the source was touched");
        let found = server.viewer().query("{ media(first: 9, search: \"night\") { totalCount } }", json!({})).await?;
        ensure!(found["media"]["totalCount"] == 1, "it is found by its title: {found:#}");
        // A scan of everything finds nothing new and loses nothing.
        server.scan(&library).await?;
        server.idle().await?;
        let all = server.viewer().query("{ media(first: 9) { totalCount } }", json!({})).await?;
        ensure!(all["media"]["totalCount"] == 2, "{all:#}");

        // Several parts, and one that is no film.
        let ranges = json!([{ "start": 5, "end": 6 }, { "start": 0, "end": 0.5 }]);
        create(&server, json!({ "mediaId": film["id"], "ranges": ranges, "mode": "EXACT" })).await?;
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["status"] == "READY" && clip["title"] == "film (clip)" && clip["madeMode"] == "EXACT", "{clip:#}");
        ensure!(clip["media"]["duration"].as_f64().is_some_and(|seconds| (seconds - 1.52).abs() < 0.06), "{clip:#}");
        create(&server, json!({ "mediaId": film["id"], "start": 1, "end": 2, "format": "GIF", "title": "Moving" })).await?;
        let clip = ready(&server, &film["id"]).await?;
        ensure!(clip["status"] == "READY" && clip["media"]["files"][0]["path"].as_str().is_some_and(|path| path.ends_with(".gif")), "{clip:#}");

        for (input, field) in [
            (json!({ "mediaId": film["id"], "start": 3, "end": 2 }), "input.end"),
            (json!({ "mediaId": film["id"], "start": 60, "end": 70 }), "input.start"),
            (json!({ "mediaId": film["id"], "start": 1 }), "input.start"),
        ] {
            let refused = editor.send(CREATE, json!({ "input": input })).await?;
            let fields = &refused["errors"][0]["extensions"]["fields"][0]["path"];
            ensure!(*fields == field, "{refused:#}");
        }
        let input = json!({ "input": { "mediaId": film["id"], "start": 1, "end": 2 } });
        ensure!(server.viewer().error_code(CREATE, input).await? == "FORBIDDEN");
    }

    async fn a_whole_file_is_made_into_another_form_and_served(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mkv h264 640x480 9s aac:2ch").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let render = async |kind: &str| {
            let input = json!({ "input": { "mediaId": film["id"], "kind": kind } });
            let made = server.editor().query(RENDER, input).await?;
            if let Some(job) = made["renderProxy"]["job"]["id"].as_str() {
                let done = server.finished(job).await?;
                ensure!(done["status"] == "SUCCEEDED" && done["kind"] == "clips.transcode", "{done:#}");
            }
            anyhow::Ok(made)
        };
        render("PROXY_480P").await?;
        render("AUDIO_ONLY").await?;
        let again = render("PROXY_480P").await?;
        ensure!(again["renderProxy"]["job"].is_null() && again["renderProxy"]["rendition"]["status"] == "READY", "{again:#}");
        let found = watched(&server, &film["id"]).await?["renditions"].take();
        let [pictures, sound] = found.as_array().context("a list")?.as_slice() else { anyhow::bail!("{found:#}") };
        ensure!(pictures["kind"] == "PROXY_480P" && pictures["label"] == "480p" && pictures["height"] == 480, "{found:#}");
        ensure!(sound["kind"] == "AUDIO_ONLY" && sound["status"] == "READY" && sound["width"].is_null(), "{found:#}");

        for rendition in [pictures, sound] {
            let url = format!("{}{}", server.address(), rendition["url"].as_str().context("a URL")?);
            let whole = reqwest::get(&url).await?;
            ensure!(whole.status() == StatusCode::OK, "{}", whole.status());
            let bytes = whole.bytes().await?;
            ensure!(rendition["size"] == bytes.len() && &bytes[4..8] == b"ftyp", "{rendition:#}");
            let part = reqwest::Client::new().get(&url).header(RANGE, "bytes=4-7").send().await?;
            ensure!(part.status() == StatusCode::PARTIAL_CONTENT && part.bytes().await?.as_ref() == b"ftyp");
            let beyond = reqwest::Client::new().get(&url).header(RANGE, "bytes=99999999-").send().await?;
            ensure!(beyond.status() == StatusCode::RANGE_NOT_SATISFIABLE);
            let tampered = url.replacen("/rendition/", "/rendition/0", 1);
            ensure!(reqwest::get(&tampered).await?.status() == StatusCode::FORBIDDEN);
            // It plays as any file would: a library finds the same length in it.
            let place = server.media().join("made").join(format!("{}.mp4", rendition["label"].as_str().unwrap_or_default()));
            tests::fixture::write_file(&place, &bytes)?;
        }
        server.scan(&library).await?;
        let items = server.viewer().query("{ media(first: 9) { nodes { title ... on Video { duration } ... on Audio { duration } } } }", json!({})).await?;
        for node in items["media"]["nodes"].as_array().context("a list")? {
            ensure!(node["duration"].as_f64().is_some_and(|seconds| (seconds - 9.0).abs() < 0.1), "{items:#}");
        }
        let left = fs::read_dir(server.server().kernel.data_dir.join("clips/.work"))?.count();
        ensure!(left == 0, "{left} files of finished work are left");
    }

    async fn a_rendition_goes_on_where_it_was_paused(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 640x360 60s").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let made = server.editor().query(RENDER, json!({ "input": { "mediaId": film["id"] } })).await?;
        let job = made["renderProxy"]["job"]["id"].as_str().context("a job")?.to_owned();
        let kernel = &server.server().kernel;
        let segments = async || {
            let rows = kernel::sql::rows(kernel.store.reader(), "select count(*) from clip_segment", []).await?;
            anyhow::Ok(rows[0].try_get_by_index::<i64>(0)?)
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while segments().await? < 3 {
            ensure!(tokio::time::Instant::now() < deadline, "no segment is made");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pause = "mutation($input: PauseJobInput!) { pauseJob(input: $input) { job { id } } }";
        server.admin().query(pause, json!({ "input": { "id": job } })).await?;
        let status = "query($id: ID!) { node(id: $id) { ... on Job { status } } }";
        loop {
            let now = server.admin().query(status, json!({ "id": job })).await?;
            if now["node"]["status"] != "RUNNING" {
                ensure!(now["node"]["status"] == "PAUSED", "{now:#}");
                break;
            }
            ensure!(tokio::time::Instant::now() < deadline, "it is not paused");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let n_before = segments().await?;
        ensure!((3..16).contains(&n_before), "{n_before} segments");
        let resume = "mutation($input: ResumeJobInput!) { resumeJob(input: $input) { job { id } } }";
        server.admin().query(resume, json!({ "input": { "id": job } })).await?;
        // Had it begun anew, there would be fewer segments for a while, until it is whole and needs none.
        let text = "select (select count(*) from clip_segment), status from clip_rendition";
        loop {
            let rows = kernel::sql::rows(kernel.store.reader(), text, []).await?;
            let (n, status): (i64, i32) = (rows[0].try_get_by_index(0)?, rows[0].try_get_by_index(1)?);
            if status == 2 {
                break;
            }
            ensure!(n >= n_before, "it began anew: {n} segments of {n_before}");
            ensure!(tokio::time::Instant::now() < deadline, "it does not go on: {n} segments");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let done = server.finished(&job).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let found = watched(&server, &film["id"]).await?;
        ensure!(found["renditions"][0]["status"] == "READY", "{found:#}");
    }
}
