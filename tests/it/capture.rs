//! Live sources as a client records them: what was sent is kept, picture by picture, through cuts and a killed server, and
//! becomes items of a library.
//!
//! `VITAGRAPH_TEST_CAPTURE_SECONDS` sets how long sources send; a minute is the full size. `VITAGRAPH_TEST_CAPTURES`
//! sets how many are recorded at once; with it they are of 1080 lines.

mod camera;
mod database;
mod killed;
mod live;
mod many;
mod motion;
mod published;
mod sealed;
mod senders;
mod watched;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use self::{camera::Camera, senders::Senders};
use crate::players::{command, has};

/// What takes longer has hung, also with sources that send for minutes.
const PATIENCE: Duration = Duration::from_secs(600);
/// Pictures in a second of what is sent, and in a group of them.
const RATE: u64 = 25;

const CREATE: &str = "mutation($input: CreateCaptureSourceInput!) { createCaptureSource(input: $input) { captureSource { id name status } } }";
const START: &str =
    "mutation($input: StartCaptureInput!) { startCapture(input: $input) { capture { id status } job { id } } }";
const STOP: &str =
    "mutation($input: StopCaptureInput!) { stopCapture(input: $input) { capture { id status duration } } }";
const LOOK: &str = "{ captureSources(first: 20) { nodes { id name isEnabled status schedule lastError latestSnapshotUrl \
    captures(first: 5) { nodes { id status startedAt endedAt duration size lastError media { id title } \
    files { frameCount duration isInterrupted size endedAt media { id title } } gaps { startedAt endedAt reason } } } } } }";

/// How many seconds sources send.
fn seconds() -> u64 {
    let asked = std::env::var("VITAGRAPH_TEST_CAPTURE_SECONDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Sends a GraphQL operation as an administrator.
trait Asks {
    async fn ask(&self, document: &str, variables: Value) -> anyhow::Result<Value>;
}

impl Asks for TestServer {
    async fn ask(&self, document: &str, variables: Value) -> anyhow::Result<Value> {
        self.admin().query(document, variables).await
    }
}

async fn source(asks: &impl Asks, library: &str, url: &str) -> anyhow::Result<String> {
    let input = json!({ "input": { "name": "Front door", "url": url, "libraryId": library } });
    let made = asks.ask(CREATE, input).await?;
    text(&made["createCaptureSource"]["captureSource"]["id"])
}

async fn start(asks: &impl Asks, source: &str) -> anyhow::Result<String> {
    let begun = asks.ask(START, json!({ "input": { "sourceId": source } })).await?;
    text(&begun["startCapture"]["capture"]["id"])
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().with_context(|| format!("no text: {value}"))?.to_owned())
}

/// The one source with its latest capture, once that is so.
async fn until(asks: &impl Asks, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut found = asks.ask(LOOK, json!({})).await?;
        let capture = found["captureSources"]["nodes"][0]["captures"]["nodes"][0].take();
        if is_so(&capture) {
            return Ok(capture);
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "never {what}: {found:#} {capture:#}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn files(capture: &Value) -> Vec<Value> {
    capture["files"].as_array().cloned().unwrap_or_default()
}

/// How many files are whole.
fn n_whole(capture: &Value) -> usize {
    files(capture).iter().filter(|file| !file["endedAt"].is_null()).count()
}

/// Waits until so many recordings are on the disk.
async fn left(data: &std::path::Path, wanted: usize) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let n = recordings(data)?.len();
        if n == wanted {
            return Ok(());
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "{n} recordings and not {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The recordings on the disk, in their order.
fn recordings(data: &std::path::Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(data.join("captures"))? {
        let folder = folder?;
        if folder.file_name() != ".work" {
            paths.extend(std::fs::read_dir(folder.path())?.flatten().map(|entry| entry.path()));
        }
    }
    // The names end in ids, which grow.
    paths.sort_by_key(|path| path.to_string_lossy().rsplit(' ').next().map(str::to_owned));
    Ok(paths)
}

/// The recordings on the disk, in their order; each is read from its first to its last picture without a complaint. Gives
/// the pictures of each.
async fn played(data: &std::path::Path) -> anyhow::Result<Vec<u64>> {
    let paths = recordings(data)?;
    let mut counts = Vec::new();
    for path in paths {
        let output = command("ffprobe")
            .args([
                "-v",
                "error",
                "-count_frames",
                "-select_streams",
                "v",
                "-show_entries",
                "stream=nb_read_frames",
                "-of",
                "csv=p=0",
            ])
            .arg(&path)
            .output()
            .await?;
        let (said, complaint) = (
            String::from_utf8(output.stdout)?,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        ensure!(
            output.status.success() && complaint.is_empty(),
            "{}: {complaint}",
            path.display()
        );
        counts.push(
            said.trim()
                .parse()
                .with_context(|| format!("{}: {said}", path.display()))?,
        );
    }
    Ok(counts)
}

const OPEN: (&str, &str) = ("VITAGRAPH_EGRESS_ALLOW", "[\"127.0.0.0/8\"]");
/// The machine of a test may have little room.
const ROOM: (&str, &str) = ("VITAGRAPH_CAPTURE_LEAST_FREE_BYTES", "1000000");

on_both! {
    async fn a_stream_is_kept_picture_by_picture_through_cuts(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        let library = server.library_over(server.media()).await?;
        let senders = Senders::start(seconds()).await?;
        // Each connection is cut after its seconds, on the beginning of a group of pictures.
        source(&server, &library, &senders.url("/live.ts?token=hunter2")).await?;
        let found = server.ask(LOOK, json!({})).await?;
        let source = text(&found["captureSources"]["nodes"][0]["id"])?;
        let capture = start(&server, &source).await?;
        let again = server.admin().error_code(START, json!({ "input": { "sourceId": source } })).await?;
        ensure!(again == "CAPTURE_ALREADY_RUNNING", "{again}");
        until(&server, "cut twice", |capture| n_whole(capture) >= 2).await?;
        let stopped = server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        ensure!(stopped["stopCapture"]["capture"]["status"] == "FINISHED", "{stopped:#}");
        let done = until(&server, "linked", |capture| files(capture).iter().all(|file| !file["media"].is_null())).await?;

        let sent = seconds() * RATE;
        for file in &files(&done)[..2] {
            ensure!(file["frameCount"] == sent && file["isInterrupted"] == false, "{sent} were sent: {done:#}");
            ensure!(file["media"]["title"].as_str().is_some_and(|title| title.starts_with("Front door 2")), "{done:#}");
        }
        let gaps = done["gaps"].as_array().context("gaps")?;
        ensure!(gaps.len() >= 2 && gaps.iter().all(|gap| !gap["endedAt"].is_null()), "{done:#}");
        ensure!(gaps[0]["reason"].as_str().is_some_and(|reason| reason.contains("closed the connection")), "{done:#}");
        ensure!(done["media"]["id"] == files(&done)[0]["media"]["id"], "{done:#}");
        let counts = played(&server.server().kernel.data_dir).await?;
        ensure!(counts.len() == files(&done).len() && counts[..2] == [sent, sent], "{sent} were sent, {counts:?} can be seen");
        ensure!(!format!("{done} {found}").contains("hunter2"), "an address was told");
        server.idle().await?;

        // What is kept no longer goes, the oldest first, and nothing else.
        let newest = files(&done).last().context("a file")?["size"].as_i64().context("a size")?;
        let keep = "mutation($input: UpdateCaptureSourceInput!) { updateCaptureSource(input: $input) { captureSource { id } } }";
        server.ask(keep, json!({ "input": { "id": source, "keepBytes": newest } })).await?;
        let data = server.server().kernel.data_dir.clone();
        left(&data, 1).await?;
        ensure!(played(&data).await? == counts[counts.len() - 1..], "the newest is kept");
        server.server().kernel.clock.advance(Duration::from_secs(2 * 24 * 3600));
        server.ask(keep, json!({ "input": { "id": source, "keepBytes": null, "keepDays": 1 } })).await?;
        left(&data, 0).await?;
        server.idle().await?;
    }

    async fn an_address_that_is_not_allowed_is_not_connected_to(backend: Backend) {
        let server = TestServer::start_with(backend, &[ROOM]).await?;
        let library = server.library_over(server.media()).await?;
        let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("rtsp://ann:hunter2@{}/live", canary.local_addr()?);
        let source = source(&server, &library, &url).await?;
        start(&server, &source).await?;
        let failed = until(&server, "failed", |capture| capture["status"] == "FAILED").await?;
        ensure!(failed["lastError"].as_str().is_some_and(|error| error.contains("not a public address")), "{failed:#}");
        ensure!(!failed.to_string().contains("hunter2"), "{failed:#}");
        let nobody = tokio::time::timeout(Duration::from_millis(50), canary.accept()).await;
        ensure!(nobody.is_err(), "somebody came");
        let input = json!({ "input": { "name": "x", "url": "file:///etc/passwd", "libraryId": library } });
        ensure!(server.admin().error_code(CREATE, input.clone()).await? == "BAD_INPUT");
        ensure!(server.editor().error_code(CREATE, input).await? == "FORBIDDEN");
    }

    async fn a_list_of_segments_is_followed_to_its_end(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        let library = server.library_over(server.media()).await?;
        let senders = Senders::start(seconds() + 2).await?;
        let sending = senders.segments().await?;
        let source = source(&server, &library, &senders.url("/hls/live.m3u8")).await?;
        start(&server, &source).await?;
        let done = until(&server, "ended by itself", |capture| {
            capture["status"] == "FINISHED" && !capture["media"].is_null()
        })
        .await?;
        drop(sending);
        let fetched = senders.n_fetched();
        ensure!(fetched >= 3, "{fetched} segments were fetched: {done:#}");
        ensure!(
            files(&done).len() == 1 && done["files"][0]["frameCount"] == fetched * RATE,
            "{fetched} segments: {done:#}"
        );
        ensure!(played(&server.server().kernel.data_dir).await? == [fetched * RATE]);
    }

    async fn a_camera_is_kept_and_asked_for_its_account(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        let library = server.library_over(server.media()).await?;
        let camera = Camera::start(seconds() * RATE).await?;
        let source = source(&server, &library, &camera.url()).await?;
        let capture = start(&server, &source).await?;
        let cut = until(&server, "cut", |capture| n_whole(capture) >= 1).await?;
        let stopped = server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        ensure!(stopped["stopCapture"]["capture"]["status"] == "FINISHED", "{stopped:#}");
        ensure!(
            cut["files"][0]["frameCount"] == seconds() * RATE,
            "{} were sent: {cut:#}",
            seconds() * RATE
        );
        let counts = played(&server.server().kernel.data_dir).await?;
        ensure!(counts.first() == Some(&(seconds() * RATE)), "{counts:?}");
    }
}
