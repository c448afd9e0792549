//! What somebody publishes by RTMP is recorded like any other source: picture by picture, from publisher to publisher, and only
//! from who knows the stream key.

use std::process::Stdio;

use anyhow::{Context, ensure};
use plugin_capture::publish::Doorstep;
use serde_json::json;
use tests::{on_both, server::TestServer};
use tokio::process::Child;

use super::{
    Asks, CREATE, PATIENCE, RATE, ROOM, STOP, files, n_whole, played, seconds, senders::MOVING, source, start, until,
};
use crate::players::{command, has};

const OPEN: (&str, &str) = ("VITAGRAPH_CAPTURE_RTMP_LISTEN", "127.0.0.1:0");
const KEY: &str = "hunter2-hunter2-hunter2";

/// FFmpeg as a publisher of so many seconds, in real time or as fast as it goes.
fn publish(server: &TestServer, key: &str, seconds: u64, is_real_time: bool) -> anyhow::Result<Child> {
    let door = server
        .server()
        .kernel
        .parts
        .get::<Doorstep>()
        .context("an open door")?
        .0;
    let (pictures, length) = (format!("{MOVING},format=yuv420p"), seconds.to_string());
    let mut publisher = command("ffmpeg");
    publisher.args(["-v", "error"]);
    if is_real_time {
        publisher.arg("-re");
    }
    publisher
        .args([
            "-f",
            "lavfi",
            "-i",
            &pictures,
            "-f",
            "lavfi",
            "-i",
            "sine=sample_rate=48000",
            "-t",
            &length,
        ])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-bf",
            "0",
            "-c:a",
            "aac",
        ])
        .args(["-f", "flv", &format!("rtmp://{door}/live/{key}")])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(publisher.spawn()?)
}

/// Waits until the port is open.
async fn opened(server: &TestServer) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while server.server().kernel.parts.get::<Doorstep>().is_none() {
        ensure!(tokio::time::Instant::now() < deadline, "no port is open");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

on_both! {
    async fn what_is_published_by_rtmp_is_kept(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        opened(&server).await?;
        let library = server.library_over(server.media()).await?;
        for bad in ["rtmp://listen/short", "rtmp://listen/", "rtmp://example.org/live/hunter2-hunter2-hunter2"] {
            let input = json!({ "input": { "name": "x", "url": bad, "libraryId": library } });
            ensure!(server.admin().error_code(CREATE, input).await? == "BAD_INPUT", "{bad}");
        }
        let source = source(&server, &library, &format!("rtmp://listen/{KEY}")).await?;
        // Nobody waits yet, and nobody ever waits for a wrong key.
        let refused = publish(&server, KEY, 1, false)?.wait_with_output().await?;
        ensure!(!refused.status.success(), "a publisher came to nobody");
        let capture = start(&server, &source).await?;
        let refused = publish(&server, &KEY.to_uppercase(), 1, false)?.wait_with_output().await?;
        ensure!(!refused.status.success(), "a wrong key was taken");

        // Two come one after the other; the first is cut off in the middle, the second says all it has to say.
        let mut first = publish(&server, KEY, 600, true)?;
        until(&server, "recording", |capture| capture["status"] == "RECORDING").await?;
        first.start_kill()?;
        first.wait().await?;
        until(&server, "cut", |capture| n_whole(capture) >= 1).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            // The port is the same for all, and whoever comes too early is sent away.
            let second = publish(&server, KEY, seconds(), false)?.wait_with_output().await?;
            if second.status.success() {
                break;
            }
            ensure!(tokio::time::Instant::now() < deadline, "{}", String::from_utf8_lossy(&second.stderr));
        }
        until(&server, "cut twice", |capture| n_whole(capture) >= 2).await?;
        let stopped = server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        ensure!(stopped["stopCapture"]["capture"]["status"] == "FINISHED", "{stopped:#}");
        let done = until(&server, "linked", |capture| files(capture).iter().all(|file| !file["media"].is_null())).await?;
        ensure!(files(&done).len() == 2 && files(&done)[1]["frameCount"] == seconds() * RATE, "{done:#}");
        let gaps = done["gaps"].as_array().context("gaps")?;
        ensure!(gaps.len() >= 2 && gaps.iter().all(|gap| gap["reason"].as_str().is_some_and(|why| why.contains("publisher"))), "{done:#}");
        let counts = played(&server.server().kernel.data_dir).await?;
        ensure!(counts.len() == 2 && counts[0] > 0 && counts[1] == seconds() * RATE, "{counts:?}");

        // The key is nowhere to be read.
        let shown = server.ask("{ captureSources(first: 1) { nodes { address lastError } } }", json!({})).await?;
        ensure!(shown["captureSources"]["nodes"][0]["address"] == "rtmp://listen", "{shown:#}");
        ensure!(!format!("{done}{shown}").contains("hunter2"));
        let rows = kernel::sql::rows(server.server().kernel.store.reader(), "select address from capture_source", []).await?;
        for row in &rows {
            ensure!(!row.try_get_by_index::<String>(0)?.contains("hunter2"), "the key is in the database");
        }
    }

    async fn what_is_no_publisher_is_sent_away(backend: Backend) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        opened(&server).await?;
        let door = server.server().kernel.parts.get::<Doorstep>().context("an open door")?.0;
        for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[3; 20_000], &[0xff; 5_000], b"\x03"] {
            let mut stream = tokio::net::TcpStream::connect(door).await?;
            stream.write_all(said).await?;
            stream.shutdown().await?;
            let mut answer = Vec::new();
            // Whoever is sent away while it talks may hear that as an error.
            let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await?;
            ensure!(answer.len() < 10_000, "{} bytes to who knows nothing", answer.len());
        }
        // Closed unless it is opened.
        let closed = TestServer::start_with(backend, &[ROOM]).await?;
        ensure!(closed.server().kernel.parts.get::<Doorstep>().is_none());
        let library = closed.library_over(closed.media()).await?;
        let source = source(&closed, &library, &format!("rtmp://listen/{KEY}")).await?;
        start(&closed, &source).await?;
        let failed = until(&closed, "failed", |capture| capture["status"] == "FAILED").await?;
        ensure!(failed["lastError"].as_str().is_some_and(|error| error.contains("rtmp_listen")), "{failed:#}");
    }
}
