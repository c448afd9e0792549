//! A source that is recorded for what moves keeps the files in which something does, and says how many it did not keep.

use anyhow::{Context, ensure};
use serde_json::json;
use tests::{on_both, server::TestServer};

use super::{Asks, CREATE, OPEN, ROOM, STOP, recordings, seconds, senders::Senders, start, text};
use crate::players::has;

const CHANGE: &str =
    "mutation($input: UpdateCaptureSourceInput!) { updateCaptureSource(input: $input) { captureSource { id } } }";
const SEEN: &str =
    "{ captureSources(first: 1) { nodes { motionThreshold captures(first: 2) { nodes { status skippedFileCount
    files { frameCount endedAt motion } } } } } }";

on_both! {
    async fn what_does_not_move_is_not_kept(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        let library = server.library_over(server.media()).await?;
        let senders = Senders::start(seconds()).await?;
        senders.still(seconds()).await?;
        let input = json!({ "name": "Yard", "url": senders.url("/still.ts"), "libraryId": library, "motionThreshold": 3 });
        let refused = json!({ "input": { "name": "x", "url": senders.url("/still.ts"), "libraryId": library, "motionThreshold": 101 } });
        ensure!(server.admin().error_code(CREATE, refused).await? == "BAD_INPUT");
        let made = server.ask(CREATE, json!({ "input": input })).await?;
        let source = text(&made["createCaptureSource"]["captureSource"]["id"])?;
        let wait = async |what: &str, is_so: &dyn Fn(&serde_json::Value) -> bool| {
            let deadline = tokio::time::Instant::now() + super::PATIENCE;
            loop {
                let seen = server.ask(SEEN, json!({})).await?["captureSources"]["nodes"][0].take();
                if is_so(&seen["captures"]["nodes"][0]) {
                    return anyhow::Ok(seen);
                }
                ensure!(tokio::time::Instant::now() < deadline, "never {what}: {seen:#}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };

        // Each connection is a file.
        let capture = start(&server, &source).await?;
        let seen = wait("skipped twice", &|capture| capture["skippedFileCount"].as_i64() >= Some(2)).await?;
        ensure!(seen["motionThreshold"] == 3, "{seen:#}");
        server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        // The last one may have been too short for two keyframes: then nobody knows that nothing moved.
        let kept = recordings(&server.server().kernel.data_dir)?.len();
        ensure!(kept <= 1, "{kept} files in which nothing moved are kept");

        server.ask(CHANGE, json!({ "input": { "id": source, "url": senders.url("/live.ts") } })).await?;
        let capture = start(&server, &source).await?;
        let seen = wait("kept", &|capture| capture["files"].as_array().is_some_and(|files| files.iter().any(|file| !file["endedAt"].is_null()))).await?;
        server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        let now = &seen["captures"]["nodes"][0];
        ensure!(now["skippedFileCount"] == 0, "{seen:#}");
        let motion = now["files"][0]["motion"].as_array().context("how much moved")?;
        ensure!(motion.len() as u64 + 1 >= seconds() && motion.len() as u64 <= seconds() + 1, "a byte for each second: {seen:#}");
        ensure!(motion.iter().filter_map(|percent| percent.as_i64()).max() >= Some(3), "{seen:#}");
    }
}
