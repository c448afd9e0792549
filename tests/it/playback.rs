//! What an account has seen: where it stopped, and how often it saw enough to count.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

const SAVE: &str = "mutation($input: SaveProgressInput!) { saveProgress(input: $input) { media { id
    ... on Video { resumePosition viewCount lastViewedAt } } } }";
const RECORD: &str =
    "mutation($input: RecordViewInput!) { recordView(input: $input) { media { id viewCount lastViewedAt } } }";

async fn id_of(client: &Client, title: &str) -> anyhow::Result<Value> {
    let found = client
        .query("{ media(first: 10) { nodes { id title } } }", json!({}))
        .await?;
    let items = found["media"]["nodes"].as_array().context("items")?;
    let item = items.iter().find(|item| item["title"] == title);
    Ok(item.with_context(|| format!("no {title}"))?["id"].clone())
}

async fn save(client: &Client, id: &Value, position: f64) -> anyhow::Result<Value> {
    let saved = client
        .query(SAVE, json!({ "input": { "id": id, "position": position } }))
        .await?;
    Ok(saved["saveProgress"]["media"].clone())
}

async fn record(client: &Client, id: &Value, watched: Option<f64>) -> anyhow::Result<Value> {
    let recorded = client
        .query(RECORD, json!({ "input": { "id": id, "watched": watched } }))
        .await?;
    Ok(recorded["recordView"]["media"].clone())
}

on_both! {
    async fn each_account_resumes_where_it_stopped_and_nothing_at_the_end(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 10s\npicture.png").await?;
        server.scan(&library).await?;
        let (viewer, editor) = (server.viewer(), server.editor());
        let film = id_of(&viewer, "film").await?;
        let stopped = save(&viewer, &film, 4.25).await?;
        ensure!(stopped["resumePosition"] == 4.25 && stopped["viewCount"] == 0, "{stopped:#}");
        ensure!(stopped["lastViewedAt"].is_string(), "{stopped:#}");
        ensure!(save(&editor, &film, 7.0).await?["resumePosition"] == 7.0);
        let seen = viewer.query("query($id: ID!) { node(id: $id) { ... on Video { resumePosition } } }", json!({ "id": film })).await?;
        ensure!(seen["node"]["resumePosition"] == 4.25, "the editor's place is the editor's: {seen:#}");
        for end in [9.6, 10.0, 1000.0, 0.0] {
            save(&viewer, &film, 4.25).await?;
            ensure!(save(&viewer, &film, end).await?["resumePosition"].is_null(), "{end}");
        }
        let negative = json!({ "input": { "id": film, "position": -1 } });
        ensure!(viewer.error_code(SAVE, negative).await? == "BAD_INPUT");
        let picture = json!({ "input": { "id": id_of(&viewer, "picture").await?, "position": 1 } });
        ensure!(viewer.error_code(SAVE, picture).await? == "BAD_INPUT");
        let unknown = json!({ "input": { "id": "med_0000000000000", "position": 1 } });
        ensure!(viewer.error_code(SAVE, unknown).await? == "NOT_FOUND");
    }

    async fn a_view_counts_when_enough_was_watched_and_history_is_in_order(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_VIEW_PERCENT", "50")]).await?;
        let library = server.library("film.mp4 h264 10s\nother.mp4 h264 10s\nthird.mp4 h264 1s").await?;
        server.scan(&library).await?;
        let viewer = server.viewer();
        let (film, other) = (id_of(&viewer, "film").await?, id_of(&viewer, "other").await?);
        let short = record(&viewer, &film, Some(4.9)).await?;
        ensure!(short["viewCount"] == 0 && short["lastViewedAt"].is_null(), "{short:#}");
        ensure!(record(&viewer, &film, Some(5.0)).await?["viewCount"] == 1);
        save(&viewer, &film, 3.0).await?;
        let twice = record(&viewer, &film, None).await?;
        ensure!(twice["viewCount"] == 2, "{twice:#}");
        let still = viewer.query("query($id: ID!) { node(id: $id) { ... on Video { resumePosition } } }", json!({ "id": film })).await?;
        ensure!(still["node"]["resumePosition"] == 3.0, "a view forgets no place: {still:#}");
        ensure!(record(&server.editor(), &film, None).await?["viewCount"] == 1, "views are each account's own");
        server.server().kernel.clock.advance(std::time::Duration::from_secs(5));
        save(&viewer, &other, 2.0).await?;
        let history = "{ media(first: 2, sort: [{ field: LAST_VIEWED_AT, direction: DESC }]) { nodes { title viewCount } } }";
        let seen = viewer.query(history, json!({})).await?;
        let expected = json!([{ "title": "other", "viewCount": 0 }, { "title": "film", "viewCount": 2 }]);
        ensure!(seen["media"]["nodes"] == expected, "{seen:#}");
    }

    async fn views_at_the_same_moment_all_count(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 1s").await?;
        server.scan(&library).await?;
        let viewer = server.viewer();
        let film = id_of(&viewer, "film").await?;
        let views = (0..20).map(|_| record(&viewer, &film, None));
        futures_util::future::try_join_all(views).await?;
        ensure!(record(&viewer, &film, None).await?["viewCount"] == 21);
    }
}
