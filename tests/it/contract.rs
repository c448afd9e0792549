//! What clients are promised: the checked-in SDL is the server's, and the contract documents run as written.

use std::path::Path;

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer, shared};

const FIXTURE: &str = "
    night.mkv        h264 320x240 1s aac srt:eng title:Night_Train chapters:2
    day.mp4          h264 aac
    song.flac        title:Song artist:Somebody
    picture.jpg      200x100
    broken.mp4       h264 aac truncated:10%
";

#[test]
fn the_checked_in_sdl_is_the_servers() -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/schema.graphql");
    let sdl = server::compose::sdl();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &sdl)?;
    }
    let checked_in = std::fs::read_to_string(&path)?;
    ensure!(
        checked_in.trim() == sdl.trim(),
        "schema/schema.graphql is not current: run `make sdl`"
    );
    Ok(())
}

/// Runs one operation of a document that must succeed.
async fn run(client: &Client, document: &str, operation: &str, variables: Value) -> anyhow::Result<Value> {
    let mut response = client.send_named(document, Some(operation), variables).await?;
    ensure!(
        response.get("errors").is_none(),
        "{operation}: {:#}",
        response["errors"]
    );
    Ok(response["data"].take())
}

/// Every event of one subscription of a document, over server-sent events, until it completes.
async fn events(client: &Client, document: &str, operation: &str, variables: Value) -> anyhow::Result<Vec<Value>> {
    let body = json!({ "query": document, "operationName": operation, "variables": variables });
    let request = client
        .request("POST", "/graphql")?
        .header("accept", "text/event-stream")
        .json(&body);
    let mut stream = request.send().await?.error_for_status()?.bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk?)?);
        if text.contains("event: complete") {
            break;
        }
    }
    let data = |line: &str| {
        line.strip_prefix("data:")
            .and_then(|data| serde_json::from_str(data.trim()).ok())
    };
    Ok(text
        .lines()
        .filter_map(data)
        .filter(|event: &Value| event.is_object())
        .collect())
}

on_both! {
    async fn an_answer_keeps_the_order_of_the_selection(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 1s\nsong.flac").await?;
        server.scan(&library).await?;
        // What waits for the database stands before what is known at once; the keys are numbered as they are selected.
        let document = "query($id: ID!) { k1: library(id: $id) { k2: media(first: 2) { k3: nodes { k4: files { k5: id } ...on Video { k6: title } }
            k7: totalCount } k8: name } ...More } fragment More on Query { k9: viewer { id } l0: __typename }";
        let body = json!({ "query": document, "variables": { "id": library } });
        let text = server.viewer().request("POST", "/graphql")?.json(&body).send().await?.text().await?;
        let place = |key: &str| text.find(&format!("\"{key}\":")).with_context(|| format!("no {key} in {text}"));
        let keys = ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "l0"];
        let places = keys.into_iter().map(place).collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(places.is_sorted(), "not in the order of the selection: {text}");
    }

    async fn the_library_jobs_and_media_page_documents_run_as_written(backend: Backend) {
        let (Some(library), Some(jobs), Some(page)) = (
            shared::operation("library.graphql"),
            shared::operation("jobs.graphql"),
            shared::operation("media-page.graphql"),
        ) else {
            return Ok(());
        };
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        server.library(FIXTURE).await?;

        let libraries = run(&admin, &library, "Libraries", json!({})).await?;
        let id = libraries["libraries"]["nodes"][0]["id"].clone();
        let other = tempfile::tempdir()?;
        let input = json!({ "input": { "name": "Other", "paths": [other.path()] } });
        let made = run(&admin, &library, "CreateLibrary", input).await?;
        ensure!(made["createLibrary"]["library"]["name"] == "Other");

        let started = run(&admin, &library, "StartScan", json!({ "input": { "libraryId": id } })).await?;
        let job = started["startScan"]["job"]["id"].clone();
        let seen = events(&admin, &jobs, "JobProgress", json!({ "id": job })).await?;
        let last = &seen.last().context("a first and a last state")?["data"]["jobProgress"];
        ensure!(last["status"] == "SUCCEEDED" && last["progress"]["fraction"] == 1.0, "{seen:#?}");

        let listed = run(&admin, &jobs, "Jobs", json!({ "first": 10 })).await?;
        ensure!(listed["jobs"]["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node["id"] == job)));
        for (operation, field) in
            [("CancelJob", "cancelJob"), ("RetryJob", "retryJob"), ("PauseJob", "pauseJob"), ("ResumeJob", "resumeJob")]
        {
            // The job has succeeded, so each answers with the reason; that is an answer to a valid document.
            let response = admin.send_named(&jobs, Some(operation), json!({ "input": { "id": job } })).await?;
            let code = &response["errors"][0]["extensions"]["code"];
            ensure!(response["data"][field].is_object() || code.as_str().is_some_and(|code| code.starts_with("JOB_")),
                "{operation}: {response:#}");
        }

        let media = run(&admin, &page, "MediaPage", json!({ "first": 10 })).await?;
        let nodes: Vec<_> = media["media"]["edges"].as_array().context("edges")?.iter().map(|edge| &edge["node"]).collect();
        ensure!(media["media"]["totalCount"] == nodes.len() && nodes.len() >= 4, "{media:#}");
        let train = nodes.iter().find(|node| node["title"] == "Night Train").context("the title of the container")?;
        ensure!(train["__typename"] == "Video" && train["width"] == 320 && train["duration"].as_f64() > Some(0.9));
    }

    async fn accounts_and_tokens_are_made_by_the_system_document(backend: Backend) {
        let Some(system) = shared::operation("system.graphql") else { return Ok(()) };
        // The page of later plugins is not due; each other operation of the file is sent alone.
        let only = |name: &str| -> anyhow::Result<String> {
            let line = system.lines().find(|line| line.contains(&format!(" {name}(")) || line.contains(&format!(" {name} ")));
            Ok(line.context("an operation on one line")?.to_owned())
        };
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        let viewer = run(&admin, &only("Viewer")?, "Viewer", json!({})).await?;
        ensure!(viewer["viewer"]["name"] == "admin", "{viewer:#}");
        let input = json!({ "input": { "name": "anna", "password": "a long password", "role": "EDITOR" } });
        let made = run(&admin, &only("CreateUser")?, "CreateUser", input).await?;
        ensure!(made["createUser"]["user"]["role"] == "EDITOR", "{made:#}");
        let input = json!({ "input": { "name": "laptop", "scopes": ["VIEW"] } });
        let made = run(&admin, &only("CreateApiToken")?, "CreateApiToken", input).await?;
        let token = made["createApiToken"]["token"].as_str().context("a token")?;
        let narrow = Client::new(server.address(), Some(token.to_owned()));
        ensure!(narrow.query("{ viewer { role } }", json!({})).await?["viewer"]["role"] == "VIEWER");
    }
}
