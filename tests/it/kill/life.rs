//! One run of a server: what it is asked, and how it ends.

use std::{
    fs,
    path::PathBuf,
    process::Child,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tests::client::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::process::World;

/// Nothing but the whole work takes longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// A killed server's workers must have followed it by then: even a dead process needs a processor to be gone.
const FOLLOW: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// What a job is that has not ended.
const UNFINISHED: [&str; 4] = ["RUNNING", "READY", "WAITING", "PAUSED"];

/// One run of a server.
pub struct Life {
    child: Mutex<Child>,
    address: watch::Receiver<Option<String>>,
    token: String,
    log: PathBuf,
}

impl Life {
    /// A process that will say where it is.
    pub fn new(child: Child, address: watch::Receiver<Option<String>>, token: String, log: PathBuf) -> Self {
        Self {
            child: Mutex::new(child),
            address,
            token,
            log,
        }
    }

    /// Waits until it serves.
    pub async fn ready(&self) -> anyhow::Result<Client> {
        let mut address = self.address.clone();
        let found = match timeout(PATIENCE, address.wait_for(Option::is_some)).await {
            Ok(Ok(address)) => address.clone(),
            _ => None,
        };
        let Some(address) = found else {
            bail!("the server did not start: {}", self.log_tail())
        };
        Ok(Client::new(address, Some(self.token.clone())))
    }

    fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(6_000)..]).into_owned()
    }

    /// Its process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        Ok(self.child.lock().unwrap_or_else(PoisonError::into_inner).id())
    }

    /// Whether the process has died.
    pub fn has_ended(&self) -> anyhow::Result<bool> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(child.try_wait()?.is_some())
    }

    pub async fn start_scan(&self, world: &World) -> anyhow::Result<()> {
        let client = self.ready().await?;
        let libraries = client
            .query("{ libraries(first: 1) { nodes { id } } }", json!({}))
            .await?;
        let input = json!({ "input": { "libraryId": libraries["libraries"]["nodes"][0]["id"] } });
        let document = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        client.query(document, input).await?;
        ensure!(
            !world.workers()?.is_empty(),
            "no media worker was found, so that none could be missed"
        );
        Ok(())
    }

    async fn jobs(&self) -> anyhow::Result<Vec<Value>> {
        let document = "{ jobs(first: 50) { nodes { kind status attempts error { code message } } } }";
        let jobs = self.ready().await?.query(document, json!({})).await;
        let jobs = jobs.with_context(|| format!("the log says:\n{}", self.log_tail()))?;
        Ok(jobs["jobs"]["nodes"].as_array().context("jobs")?.clone())
    }

    /// Waits until a job runs; false when all have ended.
    pub async fn is_working(&self, world: &World) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let mut seen = 0;
        loop {
            let jobs = self.jobs().await?;
            let has = |status: &str| jobs.iter().any(|job| job["status"] == status);
            if has("RUNNING") && !self.runs_for_a_dead(world).await? {
                return Ok(true);
            }
            if !UNFINISHED.iter().any(|status| has(status)) {
                // A page's ids are read before its rows: a job that ends between the two hides the ones it left behind.
                if seen == jobs.len() {
                    return Ok(false);
                }
                seen = jobs.len();
                continue;
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "no job goes on after {PATIENCE:?}: {jobs:#?}"
            );
            world.pass_time().await?;
            sleep(POLL).await;
        }
    }

    /// On a shared database a row may still say that a killed process runs it.
    async fn runs_for_a_dead(&self, world: &World) -> anyhow::Result<bool> {
        if !world.is_shared() {
            return Ok(false);
        }
        let db = world.connect().await?;
        let dead =
            "select 1 from job where state = 2 and not exists (select 1 from node where node.id = job.lease_owner)";
        let dead = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), dead))
            .await?
            .is_some();
        db.close().await?;
        Ok(dead)
    }

    /// Waits until nothing is left to do.
    pub async fn idle(&self, world: &World) -> anyhow::Result<()> {
        let wait = async {
            while self.is_working(world).await? {
                sleep(POLL).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE * 5, wait).await.context("the jobs do not end")?
    }

    /// Waits until nothing is left to do, and holds that all of it succeeded.
    pub async fn all_succeeded(&self, world: &World) -> anyhow::Result<()> {
        loop {
            self.idle(world).await?;
            let jobs = self.jobs().await?;
            // Some jobs start by themselves a while after what they follow.
            if jobs
                .iter()
                .any(|job| UNFINISHED.iter().any(|status| job["status"] == *status))
            {
                continue;
            }
            ensure!(
                !jobs.is_empty() && jobs.iter().all(|job| job["status"] == "SUCCEEDED"),
                "{jobs:#?}"
            );
            return Ok(());
        }
    }

    /// Ends the process at once, as a power cut would, and waits for its workers to follow.
    pub async fn kill(self, world: &World) -> anyhow::Result<()> {
        self.reap(rustix::process::Signal::KILL).await?;
        let begun = Instant::now();
        loop {
            let left = world.workers()?;
            if left.is_empty() {
                break;
            }
            ensure!(begun.elapsed() < FOLLOW, "the workers {left:?} outlive their server");
            sleep(POLL).await;
        }
        world.forget_nodes().await?;
        world.pass_time().await
    }

    /// The same beside others that go on, and without anybody who tells the database.
    pub async fn crash(self) -> anyhow::Result<()> {
        self.reap(rustix::process::Signal::KILL).await
    }

    /// Ends the server as a service manager would.
    pub async fn end(self) -> anyhow::Result<()> {
        self.reap(rustix::process::Signal::TERM).await
    }

    async fn reap(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.try_wait()?.is_none() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, signal)?;
        }
        child.wait()?;
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A test that failed leaves no server behind.
        let _ = child.kill();
        let _ = child.wait();
    }
}
