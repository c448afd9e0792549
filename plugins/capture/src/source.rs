//! Live sources: each is spoken to here and comes out as a stream of bytes that a worker can read.

mod hls;
mod matroska;
mod rtsp;

use std::time::Duration;

use fetch::{Client, FetchError, Limits};
use kernel::egress::{
    Egress,
    target::{Scheme, Target},
};
use tokio::{io::AsyncWriteExt, net::UnixStream};

use crate::publish::Publisher;

/// A live source may send for ever; a playlist and one of its segments may not.
const ENDLESS: u64 = u64::MAX;
/// How much of the beginning tells a playlist from media.
const PLAYLIST: &[u8] = b"#EXTM3U";

/// What a source is reached with.
#[derive(Clone)]
pub struct Reach {
    /// For RTSP.
    pub egress: std::sync::Arc<Egress>,
    /// For HTTP.
    pub client: Client,
    /// How long it may send nothing.
    pub idle: Duration,
}

/// Why a source gives nothing any more. The text holds no address but a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Lost {
    /// What happened.
    pub text: String,
    /// Whether trying again may help.
    pub may_pass: bool,
}

impl Lost {
    /// For now.
    pub fn now(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            may_pass: true,
        }
    }

    /// For good.
    pub fn forever(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            may_pass: false,
        }
    }
}

impl From<FetchError> for Lost {
    fn from(error: FetchError) -> Self {
        Self {
            may_pass: error.may_pass(),
            text: error.to_string(),
        }
    }
}

impl From<kernel::egress::EgressError> for Lost {
    fn from(error: kernel::egress::EgressError) -> Self {
        FetchError::from(error).into()
    }
}

/// Where the bytes go.
pub struct Sink {
    socket: UnixStream,
    n_bytes: u64,
}

impl Sink {
    /// The socket to a worker.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, n_bytes: 0 }
    }

    /// How many bytes have come.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Hands bytes on.
    ///
    /// # Errors
    /// Nobody takes them.
    pub async fn put(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.n_bytes += bytes.len() as u64;
        // The worker says itself why it reads no more.
        let put = self.socket.write_all(bytes).await;
        put.map_err(|error| Lost::now(format!("what came could not be handed on: {error}")))
    }
}

/// What a connection reads.
pub enum Input<'a> {
    /// A source that is connected to.
    Target(&'a Target),
    /// Somebody who has come.
    Publisher(Box<Publisher>),
}

/// Hands on what comes of an input until it ends: nothing, if it said that this was all.
///
/// # Errors
/// It cannot be reached, breaks, or pauses for too long.
pub async fn take(reach: &Reach, input: Input<'_>, sink: &mut Sink) -> Result<(), Lost> {
    match input {
        Input::Target(target) => feed(reach, target, sink).await,
        Input::Publisher(publisher) => publisher.feed(reach.idle, sink).await,
    }
}

/// Speaks to a source and hands on what comes, until it ends: nothing, if it said that this was all.
///
/// # Errors
/// It cannot be reached, breaks, or pauses for too long.
async fn feed(reach: &Reach, target: &Target, sink: &mut Sink) -> Result<(), Lost> {
    if target.scheme() == Scheme::Rtsp {
        return rtsp::feed(reach, target, sink).await;
    }
    let limits = Limits {
        idle: reach.idle,
        max_bytes: ENDLESS,
    };
    let mut answer = reach.client.get(target, None, limits).await?;
    let is_named = answer.content_type.contains("mpegurl");
    let Some(first) = answer.piece().await? else {
        return Err(Lost::now(format!("{target} sends nothing")));
    };
    if is_named || first.starts_with(PLAYLIST) {
        // It is asked for again, and again, with the bounds of a playlist.
        drop(answer);
        return hls::feed(reach, target, sink).await;
    }
    sink.put(&first).await?;
    while let Some(piece) = answer.piece().await? {
        sink.put(&piece).await?;
    }
    Err(Lost::now(format!("{target} has closed the connection")))
}
