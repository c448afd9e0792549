//! Sends one file: asks whether it is known, begins or goes on, and waits until it is an item.

use std::{
    io::SeekFrom,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use data_encoding::{BASE64, HEXLOWER};
use futures_util::TryStreamExt;
use kernel::identity;
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt},
    time::sleep,
};
use tokio_util::io::ReaderStream;

use super::{
    display::{Display, Progress},
    memory::Memory,
};

/// One request; proxies often refuse larger ones.
const CHUNK: u64 = 64 << 20;
/// Attempts in a row that bring nothing on.
const ATTEMPTS: u32 = 10;
const READ: usize = 256 * 1024;

/// Sends to one server.
pub struct Sender {
    http: Client,
    server: String,
    token: String,
    library: Option<String>,
}

struct Local {
    name: String,
    size: u64,
    modified_ms: u64,
}

impl Sender {
    /// Sends to this server as this token.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(server: &str, token: String, library: Option<String>) -> anyhow::Result<Self> {
        let server = server.trim_end_matches('/').to_owned();
        ensure!(
            server.starts_with("http://"),
            "`{server}` must begin with `http://`; TLS is for a proxy on the way"
        );
        let http = Client::builder().connect_timeout(Duration::from_secs(10)).build()?;
        Ok(Self {
            http,
            server,
            token,
            library,
        })
    }

    /// Sends a file; says what became of it.
    ///
    /// # Errors
    /// When the file cannot be read, or the server refuses or stays away.
    pub async fn send(&self, path: &Path, memory: &Memory, display: &Display) -> anyhow::Result<String> {
        let path = std::path::absolute(path)?;
        let metadata = std::fs::metadata(&path)?;
        ensure!(metadata.is_file(), "it is no file");
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let local = Local {
            name,
            size: metadata.len(),
            modified_ms: modified.as_millis() as u64,
        };
        let key = format!(
            "{} {} {} {}",
            self.server,
            path.display(),
            local.size,
            local.modified_ms
        );
        let progress = display.file(&local.name, local.size);
        let url = match memory.get(&key) {
            Some(url) if self.offset(&url).await?.is_some() => url,
            _ => {
                if let Some(media) = self.known(&path, local.size).await? {
                    return Ok(format!("is there already, as {media}"));
                }
                let url = self.begin(&local).await?;
                memory.set(&key, Some(&url))?;
                url
            }
        };
        self.bring(&path, &url, local.size, &progress).await?;
        let done = self.outcome(&url).await?;
        memory.set(&key, None)?;
        Ok(done)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        request.bearer_auth(&self.token).header("tus-resumable", "1.0.0")
    }

    async fn query(&self, document: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": document, "variables": variables });
        let mut answer: Value = self
            .request(Method::POST, "/graphql")
            .json(&body)
            .send()
            .await?
            .json()
            .await?;
        if let Some(error) = answer["errors"].get(0) {
            bail!("the server refuses: {}", error["message"].as_str().unwrap_or_default());
        }
        Ok(answer["data"].take())
    }

    /// The item that has the same first and last bytes, if one has.
    async fn known(&self, path: &Path, size: u64) -> anyhow::Result<Option<String>> {
        let file = std::fs::File::open(path)?;
        let read = tokio::task::spawn_blocking(move || identity::fingerprint(&file, size as i64));
        let hash = HEXLOWER.encode(&read.await??.blake3);
        let document = "query($of: [String!]!) { mediaByFingerprint(fingerprints: $of) { id } }";
        let found = self.query(document, json!({ "of": [hash] })).await?;
        Ok(found["mediaByFingerprint"][0]["id"].as_str().map(str::to_owned))
    }

    async fn begin(&self, local: &Local) -> anyhow::Result<String> {
        let mut metadata = format!(
            "filename {},modifiedAt {}",
            BASE64.encode(local.name.as_bytes()),
            BASE64.encode(local.modified_ms.to_string().as_bytes())
        );
        if let Some(library) = &self.library {
            metadata.push_str(&format!(",library {}", BASE64.encode(library.as_bytes())));
        }
        let request = self
            .request(Method::POST, "/uploads")
            .header("upload-length", local.size);
        let answer = request
            .header("upload-metadata", metadata)
            .send()
            .await
            .context("no server answers")?;
        if answer.status() != StatusCode::CREATED {
            bail!("{}", refusal(answer).await);
        }
        let location = answer.headers().get("location").and_then(|url| url.to_str().ok());
        Ok(location
            .context("the server did not say where the upload is")?
            .to_owned())
    }

    /// How many bytes are safe; none if the server does not know the upload any more.
    async fn offset(&self, url: &str) -> anyhow::Result<Option<u64>> {
        let answer = self
            .request(Method::HEAD, url)
            .send()
            .await
            .context("no server answers")?;
        let offset = answer
            .headers()
            .get("upload-offset")
            .and_then(|offset| offset.to_str().ok()?.parse().ok());
        match answer.status() {
            StatusCode::OK => Ok(Some(offset.context("the server did not say how far the upload is")?)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status => bail!("the server answered {status}"),
        }
    }

    /// Sends what the server does not have yet, again and again until it has all.
    async fn bring(&self, path: &Path, url: &str, size: u64, progress: &Progress) -> anyhow::Result<()> {
        let (mut attempts, mut best) = (0, None);
        loop {
            let offset = match self.offset(url).await {
                Ok(Some(offset)) => offset,
                Ok(None) => bail!("the server has forgotten the upload; run the command again"),
                Err(error) if attempts >= ATTEMPTS => return Err(error),
                Err(_) => {
                    attempts += 1;
                    sleep(pause(attempts)).await;
                    continue;
                }
            };
            progress.begin_at(offset);
            if best.is_none_or(|best| offset > best) {
                (attempts, best) = (0, Some(offset));
            }
            if offset >= size {
                return Ok(());
            }
            match self.piece(path, url, offset, size, progress).await {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) if is_final(answer.status()) => bail!("{}", refusal(answer).await),
                Ok(answer) if attempts >= ATTEMPTS => bail!("{}", refusal(answer).await),
                Err(error) if attempts >= ATTEMPTS => return Err(error),
                _ => {
                    attempts += 1;
                    sleep(pause(attempts)).await;
                }
            }
        }
    }

    async fn piece(
        &self,
        path: &Path,
        url: &str,
        offset: u64,
        size: u64,
        progress: &Progress,
    ) -> anyhow::Result<Response> {
        let mut file = tokio::fs::File::open(path).await?;
        file.seek(SeekFrom::Start(offset)).await?;
        let n = (size - offset).min(CHUNK);
        let sent = Arc::new(AtomicU64::new(offset));
        let counted = Arc::clone(&sent);
        let stream = ReaderStream::with_capacity(file.take(n), READ).inspect_ok(move |bytes| {
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let request = self
            .request(Method::PATCH, url)
            .header("content-type", "application/offset+octet-stream")
            .header("content-length", n)
            .header("upload-offset", offset)
            .body(Body::wrap_stream(stream));
        let mut sending = std::pin::pin!(request.send());
        loop {
            tokio::select! {
                answer = &mut sending => return Ok(answer?),
                () = sleep(Duration::from_millis(200)) => progress.at(sent.load(Ordering::Relaxed)),
            }
        }
    }

    /// Waits until the server has looked at the file; says what became of it.
    async fn outcome(&self, url: &str) -> anyhow::Result<String> {
        let id = url.rsplit('/').next().unwrap_or_default();
        let document = "{ uploads(first: 200) { nodes { id status media { id } error { message } } } }";
        loop {
            let all = self.query(document, json!({})).await?;
            let nodes = all["uploads"]["nodes"].as_array().cloned().unwrap_or_default();
            let Some(now) = nodes.iter().find(|node| node["id"] == id) else {
                return Ok("was sent".to_owned());
            };
            let media = now["media"]["id"].as_str();
            match (now["status"].as_str().unwrap_or_default(), media) {
                ("READY", Some(media)) => return Ok(format!("is {media}")),
                ("DUPLICATE", Some(media)) => return Ok(format!("is there already, as {media}")),
                ("FAILED", _) => bail!(
                    "{}",
                    now["error"]["message"].as_str().unwrap_or("it could not be taken in")
                ),
                _ => sleep(Duration::from_millis(300)).await,
            }
        }
    }
}

fn pause(attempt: u32) -> Duration {
    Duration::from_millis(500 << attempt.min(6))
}

/// Whether the same request would be refused again.
fn is_final(status: StatusCode) -> bool {
    let may_pass = [408, 409, 423, 429, 460];
    status.is_client_error() && !may_pass.contains(&status.as_u16())
}

async fn refusal(answer: Response) -> String {
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    match body["error"]["message"].as_str() {
        Some(message) => format!("the server refuses: {message}"),
        None => format!("the server answered {status}"),
    }
}
