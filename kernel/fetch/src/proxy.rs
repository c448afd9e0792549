//! A proxy on loopback for one program of another maker: whatever that connects to goes through `kernel::egress`, so that its
//! rules hold for the program as they hold for the server. It speaks CONNECT and plain HTTP, and only to who knows its secret.

use std::{
    fmt::Write,
    future::Future,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use data_encoding::{BASE64, HEXLOWER};
use kernel::egress::{
    Egress, EgressError,
    target::{Scheme, Target},
};
use subtle::ConstantTimeEq;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// The name that goes with the secret.
const NAME: &str = "vitagraph";
/// The longest head of a request.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// How long a head may take to come.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may be silent in one direction.
const IDLE: Duration = Duration::from_secs(300);
/// More connections at once are closed.
const MAX_CONNECTIONS: usize = 64;
/// What is passed on at once.
const PIECE: usize = 32 * 1024;

/// A proxy of one run of a program.
pub struct Proxy {
    listener: TcpListener,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    egress: Arc<Egress>,
    secret: String,
    max_bytes: u64,
    n_bytes: AtomicU64,
    refused: Mutex<Option<EgressError>>,
}

/// What is told of a proxy, also while it serves.
#[derive(Clone)]
pub struct Witness(Arc<Shared>);

impl Witness {
    /// How many bytes have come through to the program.
    pub fn n_bytes(&self) -> u64 {
        self.0.n_bytes.load(Ordering::Relaxed)
    }

    /// Whether as many have come as may.
    pub fn is_spent(&self) -> bool {
        self.n_bytes() >= self.0.max_bytes
    }

    /// The first connection that a rule has refused, once.
    pub fn take_refused(&self) -> Option<EgressError> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Proxy {
    /// Opens a port of its own, with a secret of its own. No more than so many bytes come through to the program.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn open(egress: Arc<Egress>, max_bytes: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let shared = Shared {
            egress,
            secret: HEXLOWER.encode(&rand::random::<[u8; 16]>()),
            max_bytes,
            n_bytes: AtomicU64::new(0),
            refused: Mutex::new(None),
        };
        Ok(Self {
            port: listener.local_addr()?.port(),
            listener,
            shared: Arc::new(shared),
        })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the program is told: a URL with the secret, which nobody else may see.
    pub fn url(&self) -> String {
        format!("http://{NAME}:{}@127.0.0.1:{}", self.shared.secret, self.port)
    }

    /// What can be asked while it serves.
    pub fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.shared))
    }

    /// Serves until it is dropped; all connections end with it.
    pub async fn serve(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                        connections.spawn(handle(Arc::clone(&self.shared), stream));
                    }
                    Ok(_) => {}
                    // The system is out of descriptors: some connection will end.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn handle(shared: Arc<Shared>, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    match timeout(HEAD_PATIENCE, head(&shared, &mut stream)).await {
        Ok(Ok(asked)) => {
            // Whoever breaks off tells the other side by closing.
            let _ = pass(&shared, stream, asked).await;
        }
        Ok(Err(Refusal::Said(status, text))) => {
            let challenge = match status.starts_with("407") {
                true => "Proxy-Authenticate: Basic realm=\"vitagraph\"\r\n",
                false => "",
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\n{challenge}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Ok(Err(Refusal::Broken)) | Err(_) => {}
    }
}

/// Why a request is not passed on.
enum Refusal {
    /// With this status and text.
    Said(&'static str, String),
    /// The connection broke.
    Broken,
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// What was asked for, and the connection to it.
struct Asked {
    upstream: TcpStream,
    /// Sent before anything else to the other side.
    to_upstream: Vec<u8>,
    /// Sent before anything else to the program.
    to_client: &'static [u8],
}

async fn head(shared: &Shared, stream: &mut TcpStream) -> Result<Asked, Refusal> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Refusal::Broken);
        }
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > MAX_HEAD {
            return Err(bad("the head is too long"));
        }
    };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(&bytes[..end]).is_ok_and(|parsed| parsed.is_complete()) {
        return Err(bad("this is no request"));
    }
    let (Some(method), Some(place)) = (request.method, request.path) else {
        return Err(bad("this is no request"));
    };
    let expected = format!(
        "Basic {}",
        BASE64.encode(format!("{NAME}:{}", shared.secret).as_bytes())
    );
    let is_known = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("proxy-authorization") && bool::from(header.value.ct_eq(expected.as_bytes()))
    });
    if !is_known {
        let text = "who does not know the secret is not served".to_owned();
        return Err(Refusal::Said("407 Proxy Authentication Required", text));
    }
    if method == "CONNECT" {
        // Nothing but a host and a port, read as hosts of URLs are.
        let is_plain = !place.contains(['/', '@', '?', '#']);
        let target = Target::parse(&format!("https://{place}/"));
        let target = target
            .ok()
            .filter(|_| is_plain)
            .ok_or_else(|| bad("CONNECT names a host and a port"))?;
        return Ok(Asked {
            upstream: connect(shared, &target).await?,
            to_upstream: bytes[end..].to_vec(),
            to_client: b"HTTP/1.1 200 Connection established\r\n\r\n",
        });
    }
    let target = Target::parse(place)
        .ok()
        .filter(|target| target.scheme() == Scheme::Http);
    let target = target.ok_or_else(|| bad("a request names a whole URL of `http://`, or is CONNECT"))?;
    let mut to_upstream = rewritten(method, &target, request.headers);
    to_upstream.extend_from_slice(&bytes[end..]);
    Ok(Asked {
        upstream: connect(shared, &target).await?,
        to_upstream,
        to_client: b"",
    })
}

/// The head as the other side is sent it. One request a connection: the next may name another host.
fn rewritten(method: &str, target: &Target, headers: &[httparse::Header<'_>]) -> Vec<u8> {
    const OURS: [&str; 6] = [
        "connection",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "upgrade",
    ];
    let mut head = format!(
        "{method} {} HTTP/1.1\r\nHost: {}",
        target.path_and_query(),
        target.host()
    );
    if target.port() != 80 {
        let _ = write!(head, ":{}", target.port());
    }
    head.push_str("\r\nConnection: close\r\n");
    let mut head = head.into_bytes();
    for header in headers {
        if OURS.iter().any(|ours| header.name.eq_ignore_ascii_case(ours)) {
            continue;
        }
        head.extend_from_slice(header.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(header.value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

async fn connect(shared: &Shared, target: &Target) -> Result<TcpStream, Refusal> {
    if shared.n_bytes.load(Ordering::Relaxed) >= shared.max_bytes {
        return Err(Refusal::Said(
            "403 Forbidden",
            "as many bytes have come as may".to_owned(),
        ));
    }
    match shared.egress.connect(target).await {
        Ok(stream) => Ok(stream),
        Err(error) if error.may_pass() => Err(Refusal::Said("502 Bad Gateway", error.to_string())),
        Err(error) => {
            let text = error.to_string();
            let mut refused = shared.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.get_or_insert(error);
            Err(Refusal::Said("403 Forbidden", text))
        }
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::Said("400 Bad Request", text.to_owned())
}

/// Passes bytes on in both directions until one side ends or too many have come.
async fn pass(shared: &Shared, client: TcpStream, asked: Asked) -> io::Result<()> {
    let (from_client, mut to_client) = client.into_split();
    let (from_upstream, mut to_upstream) = asked.upstream.into_split();
    to_upstream.write_all(&asked.to_upstream).await?;
    to_client.write_all(asked.to_client).await?;
    let up = pump(from_client, to_upstream, |_| true);
    let down = pump(from_upstream, to_client, |n| {
        shared.n_bytes.fetch_add(n as u64, Ordering::Relaxed) + (n as u64) <= shared.max_bytes
    });
    either(up, down).await
}

/// Ends with the answer: what a program still sends behind that is of no use.
async fn either(
    up: impl Future<Output = io::Result<()>>,
    down: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    tokio::select! {
        ended = &mut down => ended,
        ended = &mut up => {
            ended?;
            // A program that has said all still hears the answer.
            down.await
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    may: impl Fn(usize) -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let n = timeout(IDLE, from.read(&mut piece)).await.map_err(io::Error::other)??;
        if n == 0 {
            return to.shutdown().await;
        }
        if !may(n) {
            return Err(io::Error::other("as many bytes have come as may"));
        }
        timeout(IDLE, to.write_all(&piece[..n]))
            .await
            .map_err(io::Error::other)??;
    }
}
