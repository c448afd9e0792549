//! A server as its administrator starts it: the real program, with its log, its output and a place for its traces.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::kill::process::programs;

/// What takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Takes traces over OTLP.
pub struct Collector {
    /// Where it listens.
    pub address: String,
    bodies: Arc<Mutex<Vec<Bytes>>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// Begins to listen.
    pub async fn start() -> anyhow::Result<Self> {
        let bodies: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let take = |State(bodies): State<Arc<Mutex<Vec<Bytes>>>>, body: Bytes| async move {
            bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        };
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&bodies));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("the collector serves") });
        Ok(Self { address, bodies, task })
    }

    /// What was sent, as it was sent.
    pub fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).concat()
    }

    /// The spans that were sent.
    pub fn spans(&self) -> anyhow::Result<Vec<Span>> {
        let mut spans = Vec::new();
        for body in self.bodies.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let request = ExportTraceServiceRequest::decode(body.clone())?;
            let scopes = request
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans);
            spans.extend(scopes.flat_map(|scope| scope.spans));
        }
        Ok(spans)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A running `vitagraph serve`.
pub struct Process {
    child: Child,
    home: PathBuf,
    said: watch::Receiver<String>,
}

impl Process {
    /// Starts it in an empty home; `environment` is over that of tests.
    pub fn start(home: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let log = fs::File::options().create(true).append(true).open(home.join("log"))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "what is looked at from outside must be a process of its own; the product starts none"
        )]
        let mut command = Command::new(programs()?.join("vitagraph"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("VITAGRAPH_DATA", home.join("data"))
            .env("VITAGRAPH_PICTURES_AUTOMATIC", "false")
            .env("VITAGRAPH_SUBTITLES_AUTOMATIC", "false")
            .env_remove("VITAGRAPH_DATABASE")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().context("standard output")?;
        let (say, said) = watch::channel(String::new());
        // Ends with the process that writes.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                say.send_modify(|said| {
                    said.push_str(&line);
                    said.push('\n');
                });
            }
        });
        Ok(Self {
            child,
            home: home.to_owned(),
            said,
        })
    }

    /// Waits until it says where it is: `http://…`, without a final slash.
    pub async fn address(&self) -> anyhow::Result<String> {
        let find = |said: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix("Vitagraph is at "))?;
            Some(line.trim_end_matches('/').to_owned())
        };
        let mut said = self.said.clone();
        let heard = timeout(PATIENCE, said.wait_for(|said| find(said).is_some())).await;
        let heard = heard
            .ok()
            .and_then(Result::ok)
            .with_context(|| format!("it did not start: {}", self.log()))?;
        find(&heard).context("an address")
    }

    /// The one-time code for the first account.
    pub fn setup_code(&self) -> anyhow::Result<String> {
        let said = self.said.borrow();
        let (_, code) = said.split_once("one-time code: ").context("a setup code")?;
        Ok(code.lines().next().unwrap_or_default().to_owned())
    }

    /// Makes the first account, and signs it in.
    pub async fn administrator(&self) -> anyhow::Result<Administrator> {
        let address = self.address().await?;
        let setup = json!({ "code": self.setup_code()?, "name": "ann", "password": "correct horse" });
        let request = reqwest::Client::new().post(format!("{address}/auth/setup"));
        let response = request
            .header("x-requested-with", "vitagraph")
            .json(&setup)
            .send()
            .await?;
        let set = response.headers().get("set-cookie").context("a cookie")?.to_str()?;
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Ok(Administrator { cookie })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.home.join("log")).unwrap_or_default()).into_owned()
    }

    /// Asks it to stop and waits until it has ended well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(rustix::process::Signal::TERM)?;
        self.ended().await
    }

    /// Waits until it has ended well.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "it ended with {status}: {}", self.log());
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < deadline, "it did not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(id, signal)?)
    }
}

/// The browser of the first account, which stays signed in when the server is started anew.
pub struct Administrator {
    cookie: String,
}

impl Administrator {
    /// The answer's data.
    pub async fn ask(&self, process: &Process, query: &str, variables: Value) -> anyhow::Result<Value> {
        let request = reqwest::Client::new().post(format!("{}/graphql", process.address().await?));
        let request = request
            .header("x-requested-with", "vitagraph")
            .header("cookie", &self.cookie);
        let body = json!({ "query": query, "variables": variables });
        let mut answer: Value = request.json(&body).send().await?.json().await?;
        ensure!(answer.get("errors").is_none(), "{answer:#}");
        Ok(answer["data"].take())
    }

    /// Makes a library over a folder; returns its id.
    pub async fn library(&self, process: &Process, folder: &Path) -> anyhow::Result<Value> {
        let make = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";
        let input = json!({ "input": { "name": "films", "paths": [folder] } });
        Ok(self.ask(process, make, input).await?["createLibrary"]["library"]["id"].take())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
