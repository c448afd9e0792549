//! A small tus client that says exactly what it is told to, right or wrong.

use std::time::Duration;

use anyhow::{Context, ensure};
use data_encoding::BASE64;
use serde_json::Value;
use tests::client::Client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A film of so many bytes: the same one, then bytes that containers do not mind, drawn from a seed.
pub fn film_of(film: &[u8], n_bytes: usize, seed: u64) -> Vec<u8> {
    let mut bytes = film.to_vec();
    let n = n_bytes - film.len();
    if n >= 8 {
        bytes.extend((n as u32).to_be_bytes());
        bytes.extend(b"free");
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        let mut tail = vec![0; n - 8];
        hasher.finalize_xof().fill(&mut tail);
        bytes.extend(tail);
    }
    bytes
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub offset: Option<usize>,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn body(&self) -> &str {
        &self.body
    }

    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The client.
pub struct Tus(Client);

const TYPE: (&str, &str) = ("content-type", "application/offset+octet-stream");

impl Tus {
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// A request without any header of tus.
    pub async fn raw(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Answer> {
        let mut request = self.0.request(method, url)?;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_vec()).send().await?;
        let headers = answer.headers().clone();
        let offset = headers
            .get("upload-offset")
            .and_then(|offset| offset.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            offset,
            headers,
            body: answer.text().await?,
        })
    }

    pub async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let headers = [&[("tus-resumable", "1.0.0")], headers].concat();
        self.raw(method, url, &headers, body).await
    }

    pub async fn try_create(
        &self,
        n_bytes: Option<usize>,
        metadata: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        self.create_any(n_bytes, metadata, headers, b"").await
    }

    async fn create_any(
        &self,
        n_bytes: Option<usize>,
        metadata: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let length = n_bytes.map(|n| n.to_string());
        let pairs: Vec<String> = metadata
            .iter()
            .map(|(key, value)| format!("{key} {}", BASE64.encode(value.as_bytes())))
            .collect();
        let metadata = pairs.join(",");
        let mut all = headers.to_vec();
        all.extend(length.as_deref().map(|length| ("upload-length", length)));
        if !metadata.is_empty() {
            all.push(("upload-metadata", &metadata));
        }
        self.request("POST", "/uploads", &all, body).await
    }

    /// Begins an upload; returns its URL.
    pub async fn create(&self, n_bytes: usize, metadata: &[(&str, &str)]) -> anyhow::Result<String> {
        let made = self.try_create(Some(n_bytes), metadata, &[]).await?;
        ensure!(made.status == 201, "{made:?}");
        Ok(made.header("location").to_owned())
    }

    /// Begins an upload with its first bytes.
    pub async fn create_with(&self, bytes: &[u8], n_bytes: usize, metadata: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.create_any(Some(n_bytes), metadata, &[TYPE], bytes).await
    }

    /// Sends a whole file.
    pub async fn send(&self, bytes: &[u8], metadata: &[(&str, &str)]) -> anyhow::Result<String> {
        let url = self.create(bytes.len(), metadata).await?;
        if !bytes.is_empty() {
            let sent = self.patch(&url, 0, bytes).await?;
            ensure!(sent.status == 204, "{sent:?}");
        }
        Ok(url)
    }

    pub async fn head(&self, url: &str) -> anyhow::Result<Answer> {
        self.request("HEAD", url, &[], b"").await
    }

    pub async fn patch(&self, url: &str, offset: usize, bytes: &[u8]) -> anyhow::Result<Answer> {
        self.patch_with(url, &[("upload-offset", &offset.to_string())], bytes)
            .await
    }

    pub async fn patch_with(&self, url: &str, headers: &[(&str, &str)], bytes: &[u8]) -> anyhow::Result<Answer> {
        self.request("PATCH", url, &[&[TYPE], headers].concat(), bytes).await
    }

    /// Announces more bytes than it sends, and waits for what the server says.
    pub async fn stall(&self, url: &str, n_announced: usize, bytes: &[u8]) -> anyhow::Result<String> {
        let mut stream = self.begin(url, 0, n_announced, bytes).await?;
        let mut answer = vec![0; 4096];
        let n = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await??;
        Ok(String::from_utf8_lossy(&answer[..n]).into_owned())
    }

    /// Announces more bytes than it sends, and goes away.
    pub async fn break_off(&self, url: &str, offset: usize, n_announced: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stream = self.begin(url, offset, n_announced, bytes).await?;
        Ok(stream.shutdown().await?)
    }

    async fn begin(&self, url: &str, offset: usize, n_announced: usize, bytes: &[u8]) -> anyhow::Result<TcpStream> {
        let request = self.0.request("PATCH", url)?.build()?;
        let host = request.url().host_str().context("a host")?;
        let port = request.url().port().context("a port")?;
        #[allow(
            clippy::disallowed_methods,
            reason = "a test breaks off in the middle, which no client does"
        )]
        let mut stream = TcpStream::connect((host, port)).await?;
        let token = self.0.token().context("a token")?;
        let head = format!(
            "PATCH {url} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\ntus-resumable: 1.0.0\r\n\
             content-type: application/offset+octet-stream\r\nupload-offset: {offset}\r\ncontent-length: {n_announced}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(bytes).await?;
        stream.flush().await?;
        Ok(stream)
    }
}
