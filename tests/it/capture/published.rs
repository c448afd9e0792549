//! What somebody publishes by RTMP is recorded like any other source: picture by picture, from publisher to publisher, and only
//! from who knows the stream key.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use plugin_capture::publish::Doorstep;
use serde_json::json;
use tests::{on_both, server::TestServer};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout},
};

use super::{
    Asks, CREATE, LOOK, PATIENCE, RATE, ROOM, STOP, files, killed::Mortal, n_whole, played, seconds, senders::MOVING,
    source, start, until,
};
use crate::players::{command, has};

const OPEN: (&str, &str) = ("VITAGRAPH_CAPTURE_RTMP_LISTEN", "127.0.0.1:0");
const KEY: &str = "hunter2-hunter2-hunter2";

/// FFmpeg as a publisher of so many seconds, in real time or as fast as it goes. It says on its standard output how far it is.
fn publish(door: SocketAddr, key: &str, seconds: u64, is_real_time: bool) -> anyhow::Result<Child> {
    let (pictures, length) = (format!("{MOVING},format=yuv420p"), seconds.to_string());
    let mut publisher = command("ffmpeg");
    publisher.args(["-v", "error", "-progress", "pipe:1", "-stats_period", "0.05"]);
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
            "-tune",
            "zerolatency",
            "-g",
            "25",
            "-bf",
            "0",
            "-c:a",
            "aac",
        ])
        .args(["-f", "flv", &format!("rtmp://{door}/live/{key}")]);
    Ok(publisher.spawn()?)
}

/// The door of a server in this process.
fn door(server: &TestServer) -> anyhow::Result<SocketAddr> {
    let door = server.server().kernel.parts.get::<Doorstep>();
    Ok(door.context("an open door")?.0)
}

/// The door of a server of its own process, which its log tells, the last time that it does.
async fn told_door(server: &Mortal, n_before: usize) -> anyhow::Result<SocketAddr> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let log = server.process()?.log();
        let told: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("publishers may come by RTMP"))
            .collect();
        if told.len() > n_before {
            let (_, address) = told[told.len() - 1].split_once("address=").context("an address")?;
            return Ok(address.split_whitespace().next().unwrap_or_default().parse()?);
        }
        ensure!(tokio::time::Instant::now() < deadline, "no port is open: {log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody who publishes in real time and counts the pictures that went out.
struct Publisher {
    child: Child,
    n_frames: Arc<AtomicU64>,
}

impl Publisher {
    /// Comes again and again until the capture records so many files: whoever comes too early is sent away.
    async fn come(server: &Mortal, door: SocketAddr, n_files: usize) -> anyhow::Result<Self> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut child = publish(door, KEY, seconds() * 4 + 60, true)?;
            let n_frames = Arc::new(AtomicU64::new(0));
            let said = BufReader::new(child.stdout.take().context("a pipe")?);
            tokio::spawn(count(said, Arc::clone(&n_frames)));
            while child.try_wait()?.is_none() {
                let found = server.outside.ask(LOOK, json!({})).await?;
                let capture = &found["captureSources"]["nodes"][0]["captures"]["nodes"][0];
                if capture["status"] == "RECORDING" && files(capture).len() >= n_files {
                    return Ok(Self { child, n_frames });
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            ensure!(tokio::time::Instant::now() < deadline, "nobody was let in");
        }
    }

    fn n_frames(&self) -> u64 {
        self.n_frames.load(Ordering::SeqCst)
    }
}

async fn count(said: BufReader<ChildStdout>, n_frames: Arc<AtomicU64>) {
    let mut lines = said.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(n) = line.strip_prefix("frame=").and_then(|n| n.trim().parse().ok()) {
            n_frames.store(n, Ordering::SeqCst);
        }
    }
}

/// Waits until the port is open.
async fn opened(server: &TestServer) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while server.server().kernel.parts.get::<Doorstep>().is_none() {
        ensure!(tokio::time::Instant::now() < deadline, "no port is open");
        tokio::time::sleep(Duration::from_millis(20)).await;
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
        let refused = publish(door(&server)?, KEY, 1, false)?.wait_with_output().await?;
        ensure!(!refused.status.success(), "a publisher came to nobody");
        let capture = start(&server, &source).await?;
        let refused = publish(door(&server)?, &KEY.to_uppercase(), 1, false)?.wait_with_output().await?;
        ensure!(!refused.status.success(), "a wrong key was taken");

        // Two come one after the other; the first is cut off in the middle, the second says all it has to say.
        let mut first = publish(door(&server)?, KEY, 600, true)?;
        until(&server, "recording", |capture| capture["status"] == "RECORDING").await?;
        first.start_kill()?;
        first.wait().await?;
        until(&server, "cut", |capture| n_whole(capture) >= 1).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            // The port is the same for all, and whoever comes too early is sent away.
            let second = publish(door(&server)?, KEY, seconds(), false)?.wait_with_output().await?;
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
        let lasts = files(&done)[1]["duration"].as_f64().context("a duration")?;
        ensure!((lasts - seconds() as f64).abs() < 0.2, "{} s became {lasts} s", seconds());
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

    async fn a_killed_server_has_kept_what_was_published(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let mut server = Mortal::start(backend, &[OPEN, ROOM]).await?;
        let door = told_door(&server, 0).await?;
        let source = source(&server.outside, &server.library, &format!("rtmp://listen/{KEY}")).await?;
        let capture = start(&server.outside, &source).await?;
        let mut publisher = Publisher::come(&server, door, 1).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while publisher.n_frames() < seconds() * RATE {
            ensure!(publisher.child.try_wait()?.is_none(), "the publisher has left");
            ensure!(tokio::time::Instant::now() < deadline, "{} pictures were published", publisher.n_frames());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let written = server.written().await?;
        server.kill()?;
        let sent = publisher.n_frames();
        drop(publisher);
        server.revive().await?;
        let door = told_door(&server, 1).await?;
        let _publisher = Publisher::come(&server, door, 2).await?;
        server.kept(&capture, sent, written).await?;
    }

    async fn what_is_no_publisher_is_sent_away(backend: Backend) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let server = TestServer::start_with(backend, &[OPEN, ROOM]).await?;
        opened(&server).await?;
        let door = door(&server)?;
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
