//! The HTTP server: routes, and what they share.

pub mod assets;
pub mod auth;
pub mod compress;
pub mod edge;
pub mod gauges;
pub mod graphql;
pub mod health;
pub mod listen;
pub mod origin;
pub mod passkeys;
pub mod problem;
pub mod profile;
pub mod provider;
pub mod setup_code;
pub mod share;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_graphql::Data;
use axum::{
    Router,
    routing::{any, get},
};
use kernel::{
    plugin::Kernel,
    telemetry::{Metric, MetricKind},
};
use schema::{
    SharedCaches,
    kit::access::Access,
    system::{operations::Operations, traffic::Traffic},
};
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    gauges::Gauges,
    graphql::{cost::Costs, document::Documents, execute::Schemas, kept::Kept},
    origin::Origins,
};
use crate::plugins::Plugins;

const SOCKETS: Metric = Metric {
    name: "graphql_sockets",
    help: "Open WebSocket connections",
    kind: MetricKind::Gauge,
};
const SUBSCRIPTIONS: Metric = Metric {
    name: "graphql_subscriptions",
    help: "Subscriptions under way",
    kind: MetricKind::Gauge,
};

/// The metrics of this module.
pub const METRICS: &[Metric] = &[SOCKETS, SUBSCRIPTIONS];

/// What the routes share. Clones are handles to the same.
#[derive(Clone)]
pub struct Edge {
    inner: Arc<EdgeInner>,
    costs: Arc<OnceLock<Costs>>,
}

/// The parts of an [`Edge`].
pub struct EdgeInner {
    /// The handles of the server.
    pub kernel: Kernel,
    /// The composed schema.
    pub schemas: Schemas,
    /// The row caches behind the loaders.
    pub shared: SharedCaches,
    /// The plugins, for their loaders.
    pub plugins: Plugins,
    /// Documents that were used lately.
    pub documents: Documents,
    /// Answers that are still true.
    pub kept: Kept,
    /// Which pages may use session cookies.
    pub origins: Origins,
    /// Open sockets.
    pub sockets: Sockets,
    /// Requests and subscriptions, for the system's statistics.
    pub traffic: Arc<Traffic>,
    /// What is read when somebody asks for the metrics.
    pub gauges: Gauges,
    /// How long operations take.
    pub operations: Arc<Operations>,
    /// Operations that take longer are logged.
    pub slow_operation: Duration,
    /// Where mutations run.
    pub writing: Handle,
    /// Owns the tasks of long-lived connections.
    pub tracker: TaskTracker,
    /// Canceled when the server ends.
    pub stop: CancellationToken,
}

impl std::ops::Deref for Edge {
    type Target = EdgeInner;

    fn deref(&self) -> &EdgeInner {
        &self.inner
    }
}

impl Edge {
    /// Shares these parts.
    pub fn new(inner: EdgeInner) -> Self {
        Self {
            inner: Arc::new(inner),
            costs: Arc::default(),
        }
    }

    /// What operations cost; read from the schema's text when the first one is checked.
    pub fn costs(&self) -> &Costs {
        self.costs.get_or_init(|| Costs::new(&self.schemas.answers.sdl()))
    }

    /// What the resolvers of one request find in their context.
    pub fn request_data(&self, access: &Access) -> Data {
        graphql::execute::request_data(&self.kernel, &self.shared, &self.plugins, access)
    }

    /// Brings up to date what is only read when somebody asks for the metrics.
    pub async fn read_gauges(&self) {
        self.gauges.read(&self.kernel).await;
        self.kernel.metrics.set(&SOCKETS, &[], self.sockets.count());
        self.kernel
            .metrics
            .set(&SUBSCRIPTIONS, &[], self.traffic.n_subscriptions());
    }
}

/// Open sockets.
#[derive(Debug, Clone, Default)]
pub struct Sockets(Arc<AtomicI64>);

/// One more socket, until it is dropped.
pub struct OpenSocket(Arc<AtomicI64>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sockets {
    /// Counts a socket while the answer lives.
    pub fn open(&self) -> OpenSocket {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenSocket(Arc::clone(&self.0))
    }

    /// How many are open.
    pub fn count(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All routes. What is not here is an asset of the web app or 404.
pub fn router(edge: &Edge) -> Router {
    let own = Router::new()
        .route("/graphql", any(graphql::serve))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(auth::routes())
        .merge(passkeys::routes())
        .merge(provider::routes())
        .merge(share::routes())
        .merge(profile::routes())
        .with_state(edge.clone());
    let admit = axum::middleware::from_fn_with_state(edge.clone(), auth::admit);
    let accounts = edge.plugins.account_routes(&edge.kernel).layer(admit);
    let all = own
        .merge(edge.plugins.routes(&edge.kernel))
        .merge(accounts)
        .fallback(assets::serve)
        .layer(compress::layer());
    behind_edge(edge, all)
}

/// Routes with what every request passes: see [`edge::enter`].
pub fn behind_edge(edge: &Edge, routes: Router) -> Router {
    routes.layer(axum::middleware::from_fn_with_state(edge.clone(), edge::enter))
}
