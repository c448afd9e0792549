//! A client that costs little itself: HTTP/1.1 over one connection, requests made beforehand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// A server and who asks it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// The bearer token; none when empty.
    pub token: String,
}

/// A whole request.
pub type Request = Arc<[u8]>;

impl Target {
    /// A GraphQL request.
    pub fn graphql(&self, document: &str, variables: &Value) -> Request {
        self.post(&json!({ "query": document, "variables": variables }))
    }

    /// A GraphQL request with any body.
    pub fn post(&self, body: &Value) -> Request {
        let body = body.to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        (head + &body).into_bytes().into()
    }

    /// A request for a path.
    pub fn get(&self, path: &str) -> Request {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address)
            .into_bytes()
            .into()
    }

    /// Opens a connection.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(&self.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: Vec::new(),
        })
    }

    /// The data of an operation that must succeed.
    pub async fn query(&self, document: &str, variables: &Value) -> anyhow::Result<Value> {
        let answer = self.connect().await?.send(&self.graphql(document, variables)).await?;
        data(&answer)
    }
}

/// The data of an answer without errors.
pub fn data(answer: &[u8]) -> anyhow::Result<Value> {
    let mut answer: Value = serde_json::from_slice(answer)?;
    if let Some(errors) = answer.get("errors") {
        bail!("{errors}");
    }
    Ok(answer["data"].take())
}

/// A connection that is used again and again.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// The body of the answer to a request.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (mut end, mut length) = (None, 0);
        loop {
            if let Some(end) = end
                && self.buffer.len() >= end + length
            {
                return Ok(self.buffer.split_off(end));
            }
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the server closed the connection"
            );
            if end.is_none()
                && let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&self.buffer[..at])?.to_ascii_lowercase();
                let field = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                length = field.context("an answer without content-length")?.trim().parse()?;
                end = Some(at + 4);
            }
        }
    }

    /// How long a request took, and the body of its answer.
    pub async fn time(&mut self, request: &[u8]) -> anyhow::Result<(Duration, Vec<u8>)> {
        let begun = Instant::now();
        let body = self.send(request).await?;
        Ok((begun.elapsed(), body))
    }
}

/// What many clients saw.
#[derive(Debug, Default)]
pub struct Load {
    /// How long each request took.
    pub times: Times,
    /// From the first to the last.
    pub elapsed: Duration,
}

impl Load {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.times.0.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Many times of one thing.
#[derive(Debug, Default, Clone)]
pub struct Times(pub Vec<Duration>);

impl Times {
    /// The time that so many in a thousand did not exceed, in milliseconds.
    pub fn at(&self, per_mille: usize) -> f64 {
        let mut times = self.0.clone();
        times.sort_unstable();
        let index = (times.len() * per_mille / 1000).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// The median and the 99th of a hundred.
    pub fn show(&self) -> String {
        format!("p50 {:7.2} ms  p99 {:7.2} ms", self.at(500), self.at(990))
    }
}

/// In the variables of a request: each time it is sent the digits are others, so that its answer is not a kept one.
pub const NONCE: &str = "nonce-0000000000";

/// A request of which each copy that is sent may differ.
struct Varying {
    bytes: Vec<u8>,
    digits: Option<std::ops::Range<usize>>,
}

impl Varying {
    fn new(request: &[u8]) -> Self {
        let at = request.windows(NONCE.len()).position(|bytes| bytes == NONCE.as_bytes());
        Self {
            bytes: request.to_vec(),
            digits: at.map(|at| at + NONCE.len() - 10..at + NONCE.len()),
        }
    }

    fn next(&mut self) -> &[u8] {
        static SENT: AtomicU64 = AtomicU64::new(0);
        if let Some(digits) = self.digits.clone() {
            let n = SENT.fetch_add(1, Ordering::Relaxed) % 10_000_000_000;
            self.bytes[digits].copy_from_slice(format!("{n:010}").as_bytes());
        }
        &self.bytes
    }
}

/// Lets clients send the same request one after the other for a while; every answer must have the length of the first.
pub async fn load(target: &Target, request: &Request, clients: usize, lasting: Duration) -> anyhow::Result<Load> {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (mut connection, mut request) = (target.connect().await?, Varying::new(request));
        running.spawn(async move {
            let mut times = Vec::new();
            let mut length = None;
            while begun.elapsed() < lasting {
                let (time, body) = connection.time(request.next()).await?;
                ensure!(*length.get_or_insert(body.len()) == body.len(), "answers differ");
                times.push(time);
            }
            anyhow::Ok(times)
        });
    }
    let mut load = Load::default();
    while let Some(times) = running.join_next().await {
        load.times.0.extend(times??);
    }
    load.elapsed = begun.elapsed();
    Ok(load)
}
