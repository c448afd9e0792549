//! Puts the parts together: store, kernel, plugins, engine, schema, routes, and the tasks that run them.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use axum::Router;
use kernel::{
    bus::{Bus, LocalBus, PostgresBus},
    clock::Clock,
    config::Config,
    egress::{Egress, EgressConfig},
    events::Events,
    jobs::{JobTable, Jobs},
    parts::Parts,
    plugin::{Hooks, Kernel, Plugin},
    relay::Relay,
    seal::Sealer,
    signing::Signer,
    store::Store,
    telemetry::Metrics,
};
use media_engine::engine::Engine;
use schema::{
    limits,
    system::{
        PluginFact, ServerFacts, contracts::HardwareReport, operations::Operations, settings::SettingsBook,
        traffic::Traffic,
    },
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    data_dir::{self, DataLock},
    hardware::HardwareTrials,
    http::{
        self, Edge, EdgeInner, Sockets,
        gauges::{self, Gauges},
        graphql,
        graphql::{
            execute::{FreshLoaders, RootSpans, Schemas},
            off::OffFields,
        },
        listen,
        origin::Origins,
    },
    media, migrate,
    plugins::{Graphql, Mutation, Plugins, Query, Subscription},
    provider::Provider,
    quarantine::QuarantineTable,
    setting_book::{self, Book},
    settings::Settings,
    writing::Writing,
};

/// How long services and connections may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Operations that take longer are logged.
const SLOW_OPERATION: Duration = Duration::from_secs(1);

/// The data and the handles to it, without anything that runs: enough for a command that reads or changes rows.
pub struct Base {
    /// The handles.
    pub kernel: Kernel,
    bus: Arc<dyn Bus>,
    /// The plugins.
    pub plugins: Plugins,
    /// The settings that hold, with what was decided in the app.
    held: Config,
    lock: Option<DataLock>,
}

/// Whether the media workers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workers {
    None,
    Run,
}

impl Base {
    /// Opens the data directory and the database. Whoever gets the data lock brings the tables up to date; beside a
    /// process that has it, the tables must be up to date already.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, Workers::None).await
    }

    /// Whether this process owns the data directory.
    pub fn owns_data(&self) -> bool {
        self.lock.is_some()
    }

    /// Closes the database and gives the data directory back.
    pub async fn close(self) -> anyhow::Result<()> {
        self.kernel.store.clone().close().await.context("closing the database")
    }

    async fn open_with(settings: &Settings, workers: Workers) -> anyhow::Result<Self> {
        let data = data_dir::prepare(&settings.data)?;
        let lock = DataLock::try_take(&data)?;
        if workers == Workers::Run && lock.is_none() && settings.is_embedded() {
            let holder = DataLock::holder(&data).map_or(String::new(), |pid| format!(" (process {pid})"));
            bail!(
                "another vitagraph{holder} uses {}; stop it, or choose another --data",
                data.display()
            );
        }
        let clock = Clock::default();
        let events = Events::default();
        let store = Store::open(&settings.store(&data), clock.clone(), events.clone())
            .await
            .context("opening the database; `--database` and `--data` say which")?;
        let url = settings.database.as_deref();
        let may_migrate = lock.is_some() || !settings.is_embedded();
        if may_migrate {
            migrate::core(&store, &data, url).await?;
        } else {
            migrate::check(&store, &[]).await?;
        }
        let held = setting_book::with_stored(&settings.config, &store).await?;
        let bus = bus(settings, workers).await?;
        let mut jobs = settings.jobs.clone();
        jobs.owns_database = settings.is_embedded() && lock.is_some();
        let kernel = Kernel {
            jobs: Jobs::new(store.clone(), Arc::clone(&bus), jobs),
            signer: Signer::open(&store).await.context("reading the key that signs URLs")?,
            store,
            clock,
            events,
            caches: settings.caches(),
            metrics: Metrics::default(),
            parts: Parts::default(),
            data_dir: Arc::new(data),
        };
        // Better now than when the first secret is needed.
        Sealer::of(&kernel).context("reading the key that seals secrets")?;
        if workers == Workers::Run {
            let config = media::config(settings, &held)?;
            let quarantine = Arc::new(QuarantineTable::new(kernel.store.clone()));
            let engine = Engine::start(config, quarantine)
                .await
                .context("starting the media workers")?;
            kernel.parts.insert(engine);
        }
        let (egress, provider) = outward(settings, &held)?;
        kernel.parts.insert(egress);
        if let Some(provider) = provider {
            kernel.parts.insert(Arc::new(provider));
        }
        let plugins = Plugins::new(&kernel, &held)?;
        let all = plugins.all();
        if may_migrate {
            migrate::plugins(&kernel.store, &kernel.data_dir, url, &all).await?;
            schema::search::index::ensure(&kernel.store)
                .await
                .context("indexing all items for the search")?;
        } else {
            migrate::check(&kernel.store, &all).await?;
        }
        for metrics in [
            http::METRICS,
            gauges::METRICS,
            http::edge::METRICS,
            graphql::execute::METRICS,
            media::METRICS,
        ] {
            kernel.metrics.declare(metrics);
        }
        for plugin in &all {
            kernel.metrics.declare(plugin.metrics());
        }
        Ok(Self {
            kernel,
            bus,
            plugins,
            held,
            lock,
        })
    }
}

/// What leads to other processes on the same database, for a server on PostgreSQL. A command tells nobody: what it writes is
/// seen once caches have forgotten the rows.
async fn bus(settings: &Settings, workers: Workers) -> anyhow::Result<Arc<dyn Bus>> {
    Ok(match (&settings.database, workers) {
        (Some(url), Workers::Run) => {
            let bus = PostgresBus::connect(url).await;
            Arc::new(bus.context("joining the other servers on the database")?)
        }
        _ => Arc::new(LocalBus::default()),
    })
}

/// A running server: jobs and services run from [`Server::boot`] to [`Server::shutdown`].
pub struct Server {
    /// The handles.
    pub kernel: Kernel,
    /// The composed schema.
    pub schema: Graphql,
    /// All routes.
    pub router: Router,
    /// The media workers.
    pub engine: Arc<Engine>,
    /// The plugins.
    pub plugins: Plugins,
    /// What the routes share.
    pub edge: Edge,
    stop: CancellationToken,
    runner: JoinHandle<()>,
    services: TaskTracker,
    writing: Writing,
    lock: Option<DataLock>,
}

impl Server {
    /// Opens the data, starts the media workers, the jobs and the services, and composes schema and routes. On the
    /// embedded database it must be the only one.
    pub async fn boot(settings: Settings) -> anyhow::Result<Self> {
        let base = Base::open_with(&settings, Workers::Run).await?;
        let Base {
            kernel,
            bus,
            plugins,
            held,
            lock,
        } = base;
        let engine = kernel.parts.get::<Engine>().context("the media engine is missing")?;
        let stop = CancellationToken::new();
        let shared = schema::context(&kernel);
        let working = plugins.working();
        let hardware = Arc::new(HardwareTrials::new(kernel.clone(), Arc::clone(&engine)));
        let book = Arc::new(Book::new(kernel.clone(), settings.config.clone(), held));
        let writing = Writing::start().context("starting the threads that write")?;
        let is_traced = settings.log.otlp_endpoint.is_some();
        let schemas = compose_schemas(&kernel, &shared, &plugins, is_traced, (hardware, book));
        let operations = Operations::of(&kernel);
        operations
            .remember(&kernel)
            .await
            .context("reading the figures of operations")?;
        let edge = Edge::new(EdgeInner {
            kernel: kernel.clone(),
            schemas: schemas.clone(),
            shared,
            plugins: plugins.clone(),
            documents: graphql::document::Documents::default(),
            kept: graphql::kept::Kept::new(&kernel.caches),
            origins: Origins::new(settings.origins.clone()),
            sockets: Sockets::default(),
            traffic: Traffic::of(&kernel),
            gauges: Gauges::default(),
            operations: Arc::clone(&operations),
            slow_operation: settings.log.slow_operation.unwrap_or(SLOW_OPERATION),
            writing: writing.handle().clone(),
            tracker: TaskTracker::new(),
            stop: stop.clone(),
        });
        let router = http::router(&edge);

        let mut table = JobTable::default();
        let mut hooks = Hooks::default();
        let services = TaskTracker::new();
        let mut started = Vec::new();
        for plugin in &working {
            Arc::clone(plugin).jobs(&mut table);
            Arc::clone(plugin).hooks(&mut hooks);
            started.extend(Arc::clone(plugin).services());
        }
        started.extend(hooks.into_services(&kernel));
        let on_writing = writing.handle().enter();
        for service in started {
            tracing::debug!(service = service.name(), "starting a service");
            services.spawn(service.start(stop.clone()));
        }
        if let Some(others) = bus.others() {
            let mut relay = Relay::new(&kernel.events, bus);
            schema::carry(&mut relay);
            services.spawn(relay.run(others, kernel.store.clone(), kernel.caches.clone(), stop.clone()));
        }
        let (store, metrics, faults) = (kernel.store.clone(), kernel.metrics.clone(), settings.worker_faults);
        services.spawn(media::run(Arc::clone(&engine), store, metrics, faults, stop.clone()));
        services.spawn(kernel.store.clone().keep_statistics(stop.clone()));
        services.spawn(keep_hours(Arc::clone(&operations), kernel.store.clone(), stop.clone()));
        let runner = kernel.jobs.run(table, kernel.clone(), stop.clone());
        drop(on_writing);
        Ok(Self {
            kernel,
            schema: schemas.answers,
            router,
            engine,
            plugins,
            edge,
            stop,
            runner,
            services,
            writing,
            lock,
        })
    }

    /// Answers requests until `stop` is canceled, then ends long-lived connections and gives the others time to finish.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let answering = listen::serve(listener, self.router.clone(), listen::PATIENCE, stop.clone());
        let mut serving = tokio::spawn(answering);
        tokio::select! {
            ended = &mut serving => return ended.context("the HTTP server panicked"),
            () = stop.cancelled() => {}
        }
        self.stop.cancel();
        match tokio::time::timeout(PATIENCE, &mut serving).await {
            Ok(ended) => ended.context("the HTTP server panicked"),
            Err(_) => {
                tracing::info!("some requests did not end in time and were cut");
                serving.abort();
                Ok(())
            }
        }
    }

    /// Hands running jobs back, ends services, sockets and workers, and closes the database.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.stop.cancel();
        if let Err(error) = self.runner.await {
            tracing::error!(%error, "the job runner ended badly");
        }
        for tracker in [&self.services, &self.edge.tracker] {
            tracker.close();
            if tokio::time::timeout(PATIENCE, tracker.wait()).await.is_err() {
                tracing::warn!(n_left = tracker.len(), "some tasks did not end in time");
            }
        }
        self.engine.stop().await;
        self.kernel
            .store
            .clone()
            .close()
            .await
            .context("closing the database")?;
        drop((self.writing, self.lock));
        Ok(())
    }
}

/// Writes the figures of operations once an hour and at the end.
async fn keep_hours(operations: Arc<Operations>, store: Store, stop: CancellationToken) {
    loop {
        let hour = tokio::time::sleep(Duration::from_secs(3600));
        let is_last = stop.run_until_cancelled(hour).await.is_none();
        if let Err(error) = operations.keep(&store).await {
            tracing::warn!(%error, "the figures of operations could not be written");
        }
        if is_last {
            return;
        }
    }
}

/// The way out, and the sign-in provider that is reached by it.
///
/// # Errors
/// When the settings make no sense.
pub fn outward(settings: &Settings, config: &Config) -> anyhow::Result<(Arc<Egress>, Option<Provider>)> {
    let egress = Arc::new(Egress::new(&config.section::<EgressConfig>("egress")?)?);
    let origin = settings.origins.first().map(String::as_str);
    let provider = Provider::new(config.section("oidc")?, origin, Arc::clone(&egress))?;
    Ok((egress, provider))
}

fn compose_schemas(
    kernel: &Kernel,
    shared: &schema::SharedCaches,
    plugins: &Plugins,
    is_traced: bool,
    (hardware, book): (Arc<dyn HardwareReport>, Arc<dyn SettingsBook>),
) -> Schemas {
    let fact = |plugin: &Arc<dyn Plugin>| PluginFact {
        name: plugin.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        is_enabled: !plugins.off().contains(plugin.name()),
        description: plugin.description().to_owned(),
    };
    let started_at = kernel.clock.now_ms();
    let builder = || {
        let facts = ServerFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            plugins: plugins.all().iter().map(fact).collect(),
        };
        let mut builder = Graphql::build(Query::default(), Mutation::default(), Subscription::default())
            .limit_depth(limits::DEPTH)
            .limit_recursive_depth(limits::RECURSION)
            .limit_complexity(limits::COMPLEXITY)
            .limit_directives(limits::DIRECTIVES)
            .disable_suggestions()
            .data(kernel.clone())
            .data(shared.clone())
            .data(facts)
            .data(Arc::clone(&hardware))
            .data(Arc::clone(&book));
        if is_traced {
            builder = builder.extension(RootSpans);
        }
        if let Some(off) = OffFields::of(plugins.off()) {
            builder = builder.extension(off);
        }
        plugins.attach(builder)
    };
    let loaders = FreshLoaders {
        kernel: kernel.clone(),
        shared: shared.clone(),
        plugins: plugins.clone(),
    };
    Schemas {
        answers: builder().finish(),
        events: builder().extension(loaders).finish(),
    }
}

/// The composed schema's SDL: the same for the same program, whatever its data.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items();
    Graphql::build(Query::default(), Mutation::default(), Subscription::default())
        .finish()
        .sdl_with_options(options)
}
