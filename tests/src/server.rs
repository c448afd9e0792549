//! A whole server in the test's process, on a port and a database of its own, with three accounts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use entities::user::Role;
use futures_util::StreamExt;
use kernel::{cache::STATED_BYTES, config::Config};
use schema::user::{
    rules::{NewUser, create_user},
    sessions::{NewToken, create_token},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::{compose::Server, plugins::Plugins, settings::Settings};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{client::Client, database::Backend, fixture};

/// A job that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running server with an administrator, an editor and a viewer.
pub struct TestServer {
    server: Arc<Server>,
    address: String,
    tokens: [String; 3],
    media: PathBuf,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
    _world: TempDir,
}

impl TestServer {
    /// Boots a server on an empty database. Nothing is drawn by itself, so that what a test counts is its own.
    pub async fn start(backend: Backend) -> anyhow::Result<Self> {
        Self::start_with(backend, &[]).await
    }

    /// The same with settings over those of tests, as environment variables.
    pub async fn start_with(backend: Backend, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let world = tempfile::tempdir()?;
        let media = world.path().join("media");
        std::fs::create_dir(&media)?;
        let mut settings = Settings::new(world.path().join("data"));
        settings.database = backend.create().await?;
        settings.worker_faults = true;
        settings.cache_bytes = Some(STATED_BYTES);
        // Fixtures have rested for an hour; what a test writes itself is read at once.
        let usual = [
            ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0"),
            // What a test changes is scanned when it says so.
            ("VITAGRAPH_SCAN_WATCH", "false"),
            ("VITAGRAPH_PICTURES_AUTOMATIC", "false"),
            ("VITAGRAPH_SUBTITLES_AUTOMATIC", "false"),
        ];
        let variables = usual.iter().chain(environment);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        settings.config = Config::load(
            None,
            variables,
            &[Plugins::NAMES, &["egress", "media", "oidc"]].concat(),
        )?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        settings.origins = vec![address.clone()];
        let server = Arc::new(Server::boot(settings).await?);

        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (server, stop) = (Arc::clone(&server), stop.clone());
            async move { server.serve(listener, stop).await.expect("the server serves") }
        });
        let mut tokens = Vec::new();
        for (name, role) in [
            ("admin", Role::Admin),
            ("editor", Role::Editor),
            ("viewer", Role::Viewer),
        ] {
            tokens.push(account(&server, name, role).await?);
        }
        let tokens = tokens.try_into().map_err(|_| anyhow::anyhow!("three accounts"))?;
        Ok(Self {
            server,
            address,
            tokens,
            media,
            stop,
            serving: Some(serving),
            _world: world,
        })
    }

    /// The server itself: its kernel and its engine.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// `http://…`, without a final slash.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder that fixtures are written to.
    pub fn media(&self) -> &Path {
        &self.media
    }

    /// A client without an account.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// A client that may do everything.
    pub fn admin(&self) -> Client {
        self.client(0)
    }

    /// A client that may edit, but not administer.
    pub fn editor(&self) -> Client {
        self.client(1)
    }

    /// A client that may look, play and rate.
    pub fn viewer(&self) -> Client {
        self.client(2)
    }

    /// Another client that may look, play and rate: of an account of its own.
    pub async fn second_viewer(&self) -> anyhow::Result<Client> {
        let token = account(&self.server, "another viewer", Role::Viewer).await?;
        Ok(Client::new(&self.address, Some(token)))
    }

    /// A client that may edit in some libraries only: `access` is the list that `libraryAccess` takes.
    pub async fn guest(&self, access: Value) -> anyhow::Result<Client> {
        let token = account(&self.server, "guest", Role::Editor).await?;
        let guest = Client::new(&self.address, Some(token));
        let id = guest.query("{ viewer { id } }", json!({})).await?["viewer"]["id"].take();
        let limit = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }";
        let input = json!({ "input": { "id": id, "libraryAccess": access } });
        self.admin().query(limit, input).await?;
        Ok(guest)
    }

    /// Writes a fixture and makes a library `films` over the folder it lies in; returns the library's id.
    pub async fn library(&self, fixture: &str) -> anyhow::Result<String> {
        fixture::write(&self.media, fixture, &self.server.engine).await?;
        self.library_over(&self.media).await
    }

    /// Makes a library `films` over any folder.
    pub async fn library_over(&self, folder: &Path) -> anyhow::Result<String> {
        let document = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";
        let input = json!({ "input": { "name": "films", "paths": [folder] } });
        let made = self.admin().query(document, input).await?;
        Ok(made["createLibrary"]["library"]["id"]
            .as_str()
            .context("an id")?
            .to_owned())
    }

    /// Scans a library to the end; the scan must succeed. Returns the finished job.
    pub async fn scan(&self, library: &str) -> anyhow::Result<Value> {
        let job = self.start_scan(library).await?;
        let done = self.finished(&job).await?;
        ensure!(done["status"] == "SUCCEEDED", "the scan did not succeed: {done:#}");
        Ok(done)
    }

    /// Starts a scan and returns its job's id.
    pub async fn start_scan(&self, library: &str) -> anyhow::Result<String> {
        let document = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        let started = self
            .admin()
            .query(document, json!({ "input": { "libraryId": library } }))
            .await?;
        Ok(started["startScan"]["job"]["id"].as_str().context("an id")?.to_owned())
    }

    /// The job when it has ended, however it ended.
    pub async fn finished(&self, job: &str) -> anyhow::Result<Value> {
        let id = job.parse()?;
        let wait = async {
            let mut views = self.server.kernel.jobs.watch(id);
            while let Some(view) = views.next().await {
                view?;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(ended) => ended?,
            Err(_) => bail!("the job {job} has not ended within {PATIENCE:?}"),
        }
        let document = "query($id: ID!) { node(id: $id) { ... on Job { id kind status attempts error { code message }
            progress { step done total fraction } } } }";
        Ok(self.admin().query(document, json!({ "id": job })).await?["node"].take())
    }

    /// Waits until nothing is left to do, background jobs included.
    pub async fn idle(&self) -> anyhow::Result<()> {
        match tokio::time::timeout(PATIENCE, self.server.kernel.jobs.drain()).await {
            Ok(drained) => Ok(drained?),
            Err(_) => bail!("jobs are still waiting after {PATIENCE:?}"),
        }
    }

    fn client(&self, index: usize) -> Client {
        Client::new(&self.address, Some(self.tokens[index].clone()))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

async fn account(server: &Server, name: &str, role: Role) -> anyhow::Result<String> {
    let new = NewUser {
        name: name.to_owned(),
        password: SecretString::from("correct horse battery"),
        role,
        libraries: None,
    };
    let user = create_user(&server.kernel, new).await?;
    let token = NewToken {
        name: "tests".to_owned(),
        scope: role,
        expires_at: None,
    };
    let (secret, _) = create_token(&server.kernel, user.id, role, token).await?;
    Ok(secret.expose_secret().to_owned())
}
