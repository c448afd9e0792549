//! What a plugin does, and the handles it is given. Nothing here knows GraphQL or HTTP.

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc};

use futures_util::StreamExt;
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{
    cache::Caches,
    clock::Clock,
    error::Code,
    events::{Events, Fact, Heard},
    jobs::{JobTable, Jobs},
    parts::Parts,
    signing::Signer,
    store::Store,
    telemetry::{Metric, Metrics},
};

/// The handles every part of the server works with. Clones are cheap.
#[derive(Clone)]
pub struct Kernel {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Facts of this process.
    pub events: Events,
    /// Durable work.
    pub jobs: Jobs,
    /// The maker of caches.
    pub caches: Caches,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// Signs the URLs of bytes.
    pub signer: Signer,
    /// What the server lends: `kernel.parts.get::<Engine>()`.
    pub parts: Parts,
    /// The data directory: the embedded database and what the server makes itself.
    pub data_dir: Arc<PathBuf>,
}

/// A part of the server that works: jobs, services, reactions.
pub trait Plugin: Send + Sync + 'static {
    /// The `[name]` section of the config file. Derive with `deny_unknown_fields`; what its fields say of themselves is what
    /// pages show and checks demand, see [`setting`](crate::setting).
    type Config: DeserializeOwned + Default + JsonSchema
    where
        Self: Sized;

    /// Wires the plugin to the kernel. No I/O here: that belongs in a service or a job.
    fn new(kernel: &Kernel, config: Self::Config) -> anyhow::Result<Arc<Self>>
    where
        Self: Sized;

    /// Refuses settings that mean nothing, beyond what their types and ranges say.
    ///
    /// # Errors
    /// Names the key, and says what would be right.
    fn check(_config: &Self::Config) -> anyhow::Result<()>
    where
        Self: Sized,
    {
        Ok(())
    }

    /// One lowercase word: config section, URL prefix, prefix of job kinds and metrics.
    fn name(&self) -> &'static str;

    /// One sentence for the admin page.
    fn description(&self) -> &'static str;

    /// Migrations of the tables this plugin owns, oldest first.
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }

    /// The job kinds it can run: `table.add::<ScanLibrary>(&self)`.
    fn jobs(self: Arc<Self>, _table: &mut JobTable) {}

    /// Reactions to facts: `hooks.on(|kernel, fact: Arc<MediaAdded>| async move { .. })`.
    fn hooks(self: Arc<Self>, _hooks: &mut Hooks) {}

    /// Tasks that live as long as the server: `Service::new("capture.watch", |stop| async move { .. })`.
    fn services(self: Arc<Self>) -> Vec<Service> {
        Vec::new()
    }

    /// Every metric it may emit. The registry refuses other names.
    fn metrics(&self) -> &'static [Metric] {
        &[]
    }

    /// Every error code it may answer, prefixed with its name: `SCAN_LIBRARY_NOT_FOUND`.
    fn codes(&self) -> &'static [&'static Code] {
        &[]
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that lives as long as the server.
pub struct Service {
    name: &'static str,
    run: Box<dyn FnOnce(CancellationToken) -> Task + Send>,
}

impl Service {
    /// Names the task and says how it begins; it must end soon after the token is canceled.
    pub fn new<F>(name: &'static str, run: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            run: Box::new(move |stop| Box::pin(run(stop))),
        }
    }

    /// Its name, for logs.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Begins it.
    pub fn start(self, stop: CancellationToken) -> Task {
        (self.run)(stop)
    }
}

/// Reactions to facts, collected before the server starts.
#[derive(Default)]
pub struct Hooks {
    reactions: Vec<Reaction>,
}

struct Reaction {
    name: &'static str,
    begin: Box<dyn FnOnce(Kernel, CancellationToken) -> Task + Send>,
}

impl Hooks {
    /// Runs `react` for every fact of this kind, one after the other. A gap is logged: what must not be missed is a
    /// job in the transaction that makes the fact.
    pub fn on<F, R>(&mut self, name: &'static str, react: impl Fn(Kernel, Arc<F>) -> R + Send + Sync + 'static)
    where
        F: Fact,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let begin = move |kernel: Kernel, stop: CancellationToken| -> Task {
            let mut facts = kernel.events.subscribe::<F>();
            Box::pin(async move {
                while let Some(Some(heard)) = stop.run_until_cancelled(facts.next()).await {
                    match heard {
                        Heard::Fact(fact) => {
                            if let Err(error) = react(kernel.clone(), fact).await {
                                tracing::error!(hook = name, error = format!("{error:#}"), "a reaction failed");
                            }
                        }
                        Heard::Gap => tracing::warn!(hook = name, "a reaction was slow and missed facts"),
                    }
                }
            })
        };
        self.reactions.push(Reaction {
            name,
            begin: Box::new(begin),
        });
    }

    /// The reactions as services of the server.
    pub fn into_services(self, kernel: &Kernel) -> Vec<Service> {
        let service = |reaction: Reaction| {
            let kernel = kernel.clone();
            Service::new(reaction.name, move |stop| (reaction.begin)(kernel, stop))
        };
        self.reactions.into_iter().map(service).collect()
    }
}
