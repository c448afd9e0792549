//! The door for those who publish by RTMP, such as encoders and OBS: a port that is closed unless a setting opens it. Whoever
//! comes must know the stream key of a source that is being captured at that moment; all others are sent away without a word.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entities::id::CaptureId;
use rtmp_runtime::server::{ServerEvent, ServerSession};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::source::{Lost, Sink};

/// What the address of a source begins with that waits for a publisher; its stream key follows.
pub const LISTEN: &str = "rtmp://listen/";
/// The fewest and the most characters of a stream key.
const KEY: std::ops::RangeInclusive<usize> = 16..=128;
/// How long a connection may take until it has said what it publishes.
const GREETING: Duration = Duration::from_secs(15);
/// Connections that have not said it yet.
const MAX_STRANGERS: usize = 32;
/// How long to wait until the port is tried again.
const PAUSE: Duration = Duration::from_secs(10);
/// What is read at once.
const PIECE: usize = 64 * 1024;

/// The address that publishers connect to, while it is open.
pub struct Doorstep(pub SocketAddr);

/// A stream key, as its hash: it is compared in constant time, and shown nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamKey(blake3::Hash);

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey")
    }
}

impl StreamKey {
    /// The key in an address that begins with [`LISTEN`]; nothing if it is none.
    pub fn parse(key: &str) -> Option<Self> {
        let is_safe = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let is_key = KEY.contains(&key.len()) && key.chars().all(is_safe);
        is_key.then(|| Self::of(key))
    }

    fn of(key: &str) -> Self {
        Self(blake3::hash(key.as_bytes()))
    }
}

/// Which captures wait for whom.
#[derive(Default)]
pub struct Door {
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    capture: CaptureId,
    key: StreamKey,
    send: mpsc::Sender<Publisher>,
}

/// A capture's place at the door, until it is dropped.
pub struct Ticket {
    door: Arc<Door>,
    capture: CaptureId,
    came: mpsc::Receiver<Publisher>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.door.lock().retain(|waiting| waiting.capture != self.capture);
    }
}

impl Ticket {
    /// The next publisher.
    pub async fn next(&mut self) -> Publisher {
        match self.came.recv().await {
            Some(publisher) => publisher,
            // The other end goes with this one.
            None => std::future::pending().await,
        }
    }
}

impl Door {
    /// Waits for publishers with this key.
    pub fn wait(self: &Arc<Self>, capture: CaptureId, key: StreamKey) -> Ticket {
        // One may come while the one before is not known to be gone.
        let (send, came) = mpsc::channel(1);
        self.lock().push(Waiting { capture, key, send });
        Ticket {
            door: Arc::clone(self),
            capture,
            came,
        }
    }

    /// Who waits for this key. All are compared, so that time tells nothing.
    fn find(&self, key: &str) -> Option<mpsc::Sender<Publisher>> {
        let (key, mut found) = (StreamKey::of(key), None);
        for waiting in self.lock().iter() {
            if waiting.key == key {
                found = Some(waiting.send.clone());
            }
        }
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets publishers in until it is stopped; `tell` hears where the port is.
    pub async fn open(self: Arc<Self>, address: SocketAddr, tell: impl Fn(SocketAddr), stop: CancellationToken) {
        let opened = async {
            loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(error) => tracing::error!(%address, %error, "publishers cannot come: the port does not open"),
                }
                sleep(PAUSE).await;
            }
        };
        let Some(listener) = stop.run_until_cancelled(opened).await else {
            return;
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "publishers may come by RTMP");
            tell(address);
        }
        let mut strangers = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if strangers.len() < MAX_STRANGERS => {
                        strangers.spawn(timeout(GREETING, Arc::clone(&self).greet(stream)));
                    }
                    Ok(_) => {}
                    // The system is out of descriptors: some connection will end.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                Some(_) = strangers.join_next() => {}
            }
        }
    }

    /// Hears what a connection publishes, and hands it to who waits for that.
    async fn greet(self: Arc<Self>, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut session = ServerSession::with_defaults();
        let mut piece = vec![0; PIECE];
        loop {
            let Ok(n @ 1..) = stream.read(&mut piece).await else {
                return;
            };
            // What is no RTMP is not worth an answer.
            let Ok((reply, events)) = session.handle_data(&piece[..n]) else {
                return;
            };
            let mut waiting = None;
            let mut flv = Vec::new();
            for event in events {
                match event {
                    // The answer, which says yes, goes out when somebody has taken it.
                    ServerEvent::Publish { stream_key, .. } => match self.find(&stream_key) {
                        Some(found) => waiting = Some(found),
                        None => return,
                    },
                    ServerEvent::Media { flv: more } => flv.extend(more),
                    ServerEvent::Eof => return,
                    _ => {}
                }
            }
            match waiting {
                Some(waiting) => {
                    let publisher = Publisher {
                        stream,
                        session,
                        reply,
                        flv,
                    };
                    // Where another one waits already, this one is a mistake.
                    let _ = waiting.try_send(publisher);
                    return;
                }
                None if stream.write_all(&reply).await.is_err() => return,
                None => {}
            }
        }
    }
}

/// A connection of somebody who may publish.
pub struct Publisher {
    stream: TcpStream,
    session: ServerSession,
    /// What was not answered yet.
    reply: Vec<u8>,
    /// What came already.
    flv: Vec<u8>,
}

impl Publisher {
    /// Hands on what comes until the publisher ends.
    ///
    /// # Errors
    /// Always, with what has happened: another publisher may come.
    pub async fn feed(mut self, idle: Duration, sink: &mut Sink) -> Result<(), Lost> {
        let broken = |error: std::io::Error| Lost::now(format!("the connection of the publisher broke: {error}"));
        self.stream.write_all(&self.reply).await.map_err(broken)?;
        sink.put(&self.flv).await?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = timeout(idle, self.stream.read(&mut piece)).await;
            let n = read
                .map_err(|_| Lost::now(format!("the publisher sends nothing for {} s", idle.as_secs())))?
                .map_err(broken)?;
            if n == 0 {
                return Err(Lost::now("the publisher has closed the connection"));
            }
            let heard = self.session.handle_data(&piece[..n]);
            let (reply, events) =
                heard.map_err(|error| Lost::now(format!("what the publisher sends is no RTMP: {error}")))?;
            timeout(idle, self.stream.write_all(&reply))
                .await
                .map_err(|_| Lost::now("the publisher does not listen"))?
                .map_err(broken)?;
            for event in events {
                match event {
                    ServerEvent::Media { flv } => sink.put(&flv).await?,
                    ServerEvent::Eof => return Err(Lost::now("the publisher has ended its stream")),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_plain_and_shown_nowhere() {
        let key = StreamKey::parse("abcdefghijklmnop").expect("a key");
        assert_eq!(format!("{key:?}"), "StreamKey");
        for bad in [
            "",
            "short",
            "abcdefghijklmno",
            "abcdefgh/jklmnop",
            "abcdefgh jklmnop",
            &"a".repeat(129),
        ] {
            assert!(StreamKey::parse(bad).is_none(), "{bad}");
        }
        let door = Arc::new(Door::default());
        let ticket = door.wait(CaptureId(7), key);
        assert!(door.find("abcdefghijklmnop").is_some() && door.find("abcdefghijklmnoq").is_none());
        drop(ticket);
        assert!(door.find("abcdefghijklmnop").is_none());
    }
}
