//! Programs that send: FFmpeg behind a small HTTP server, at the speed of real time.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, ensure};
use axum::{
    Router,
    body::Body,
    extract::{Path as UrlPath, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, net::TcpListener, process::Child, task::JoinHandle};

use crate::players::command;

/// A server of live sources on this machine.
pub struct Senders {
    address: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    folder: TempDir,
    film: PathBuf,
    /// Pictures whose first bytes were sent over all connections.
    n_frames: AtomicU64,
    fetched: Mutex<BTreeSet<String>>,
}

impl Shared {
    fn still(&self) -> PathBuf {
        self.folder.path().join("still.mp4")
    }
}

/// What a camera sees where something happens, and where nothing does but its own noise.
pub const MOVING: &str = "testsrc2=size=320x180:rate=25";
const STILL: &str = "smptebars=size=320x180:rate=25,noise=alls=4:allf=t";

impl Senders {
    /// Sources that send for so many seconds.
    pub async fn start(seconds: u64) -> anyhow::Result<Self> {
        Self::start_with(seconds, MOVING).await
    }

    /// The same of another picture.
    pub async fn start_with(seconds: u64, picture: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let film = folder.path().join("film.mp4");
        make(&film, picture, seconds).await?;
        let shared = Arc::new(Shared {
            folder,
            film,
            n_frames: AtomicU64::new(0),
            fetched: Mutex::default(),
        });
        let routes = Router::new()
            .route("/live.ts", get(live))
            .route("/still.ts", get(still))
            .route("/hls/{name}", get(segment))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("the sender serves") });
        Ok(Self {
            address,
            shared,
            serving,
        })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// How many pictures have begun to be sent.
    pub fn n_frames(&self) -> u64 {
        self.shared.n_frames.load(Ordering::SeqCst)
    }

    /// How many segments were fetched.
    pub fn n_fetched(&self) -> u64 {
        self.shared.fetched.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Makes what `/still.ts` sends: so many seconds in which nothing moves.
    pub async fn still(&self, seconds: u64) -> anyhow::Result<()> {
        make(&self.shared.still(), STILL, seconds).await
    }

    /// Begins a live list of segments of a second each, and waits until it is there.
    pub async fn segments(&self) -> anyhow::Result<Child> {
        let list = self.shared.folder.path().join("live.m3u8");
        let mut sending = command("ffmpeg")
            .args(["-nostdin", "-v", "error", "-re", "-i"])
            .arg(&self.shared.film)
            .args(["-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_list_size", "6"])
            .args(["-hls_flags", "delete_segments+temp_file"])
            .arg(&list)
            .spawn()?;
        while !list.exists() {
            ensure!(sending.try_wait()?.is_none(), "ffmpeg ended before its first segment");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(sending)
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A film of so many seconds of this picture with a keyframe each second, and sound.
pub async fn make(film: &Path, picture: &str, seconds: u64) -> anyhow::Result<()> {
    let length = seconds.to_string();
    let made = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", picture])
        .args(["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", &length])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-threads",
            "1",
            "-bf",
            "0",
            "-g",
            "25",
            "-sc_threshold",
            "0",
        ])
        .args(["-c:a", "aac", "-ac", "2"])
        .arg(film)
        .output()
        .await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// A transport stream at the speed of real time, which then is cut.
async fn live(State(shared): State<Arc<Shared>>) -> Response {
    let film = shared.film.clone();
    answer(send(shared, &film))
}

async fn still(State(shared): State<Arc<Shared>>) -> Response {
    let film = shared.still();
    answer(send(shared, &film))
}

fn answer(sent: anyhow::Result<Body>) -> Response {
    match sent {
        Ok(body) => body.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn send(shared: Arc<Shared>, film: &Path) -> anyhow::Result<Body> {
    let mut child = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-re", "-i"])
        .arg(film)
        .args(["-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1"])
        .spawn()?;
    let output = child.stdout.take().context("a pipe")?;
    let begin = (child, output, Packets::default());
    let pieces = stream::unfold(begin, move |(child, mut output, mut packets)| {
        let shared = Arc::clone(&shared);
        async move {
            let mut piece = vec![0; 64 * 1024];
            let n = output.read(&mut piece).await.ok().filter(|n| *n > 0)?;
            piece.truncate(n);
            shared.n_frames.fetch_add(packets.count(&piece), Ordering::SeqCst);
            Some((Ok::<_, std::io::Error>(piece), (child, output, packets)))
        }
    });
    Ok(Body::from_stream(pieces))
}

/// Counts pictures in a transport stream: packets of 188 bytes, the first of a picture of the first stream marked so.
#[derive(Default)]
struct Packets {
    rest: Vec<u8>,
}

impl Packets {
    fn count(&mut self, piece: &[u8]) -> u64 {
        self.rest.extend_from_slice(piece);
        let n_whole = self.rest.len() / 188 * 188;
        let is_first = |packet: &&[u8]| packet[1] & 0x5f == 0x41 && packet[2] == 0x00;
        let n = self.rest[..n_whole].chunks_exact(188).filter(is_first).count() as u64;
        self.rest.drain(..n_whole);
        n
    }
}

async fn segment(State(shared): State<Arc<Shared>>, UrlPath(name): UrlPath<String>) -> Response {
    let path = shared.folder.path().join(&name);
    match std::fs::read(path) {
        Ok(bytes) => {
            if name.ends_with(".ts") {
                shared
                    .fetched
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(name);
            }
            bytes.into_response()
        }
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
