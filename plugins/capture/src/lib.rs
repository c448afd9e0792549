//! The capture plugin: records live sources, such as cameras and streams, into libraries.
//!
//! `publish` lets those in who send by RTMP. `source` connects through `kernel::egress` and feeds bytes to a sandboxed
//! worker, `part` writes the fragments that come back into a file, the row first, so that a killed server loses less
//! than a second, `jobs::record` keeps a capture going through gaps, `clock` begins those that are due and ends what
//! has been kept long enough, `link` tells which items they have become; `routes` shows a recording while it grows, by
//! what `grown` reads off its file. Addresses of sources are secrets: `secret` seals them, and nothing here shows or
//! logs one.

mod clock;
mod code;
mod desk;
mod graphql;
mod grown;
mod jobs;
mod link;
mod migrations;
mod part;
mod place;
pub mod publish;
mod repair;
mod routes;
mod row;
mod secret;
mod source;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use async_graphql::Data;
use fetch::Client;
use kernel::{
    egress::Egress,
    error::Code,
    events::{MediaAdded, MediaChanged},
    jobs::JobTable,
    plugin::{Hooks, Kernel, Plugin, Service},
};
use schema::kit::surface::Surface;
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{
    desk::Desk,
    graphql::{CaptureMutation, CaptureQuery, CaptureSubscription, loader::RequestCaptures},
    jobs::record::Record,
    publish::{Door, Doorstep},
};

/// The `[capture]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// After how many minutes of one recording a new file begins.
    #[schemars(range(min = 1))]
    pub file_minutes: u32,
    /// How long a source may send nothing until it counts as gone, in seconds.
    #[schemars(range(min = 1))]
    pub idle_seconds: u32,
    /// The longest pause between two attempts to reach a source, in seconds.
    #[schemars(range(min = 1))]
    pub retry_seconds: u32,
    /// Recordings end when less than so many bytes are free.
    pub least_free_bytes: u64,
    /// How old the picture of a source may be that is recorded, in seconds.
    #[schemars(range(min = 1))]
    pub snapshot_seconds: u32,
    /// Where publishers may connect by RTMP, such as `0.0.0.0:1935`; nowhere when empty. Each must know the stream key of a
    /// source. RTMP is not encrypted.
    #[schemars(extend("outside" = true))]
    pub rtmp_listen: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file_minutes: 60,
            idle_seconds: 15,
            retry_seconds: 30,
            least_free_bytes: 2 << 30,
            snapshot_seconds: 10,
            rtmp_listen: String::new(),
        }
    }
}

/// The plugin.
pub struct Capture {
    config: Config,
    kernel: Kernel,
    egress: Arc<Egress>,
    client: Client,
    desk: Arc<Desk>,
    /// Where publishers may connect.
    listen: Option<SocketAddr>,
    door: Arc<Door>,
}

impl Plugin for Capture {
    type Config = Config;

    fn check(config: &Config) -> anyhow::Result<()> {
        listen(config).map(drop)
    }

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        // Without rules, as in tools, the public internet alone is open.
        let closed = || Arc::new(Egress::new(&Default::default()).expect("no rules are good rules"));
        let egress = kernel.parts.get_or_make::<Egress>(closed);
        Ok(Arc::new(Self {
            listen: listen(&config)?,
            door: Arc::default(),
            config,
            kernel: kernel.clone(),
            client: Client::new(Arc::clone(&egress)),
            egress,
            desk: Arc::default(),
        }))
    }

    fn name(&self) -> &'static str {
        "capture"
    }

    fn description(&self) -> &'static str {
        "Records cameras and live streams."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(migrations::m20261121_000001_capture::Migration),
            Box::new(migrations::m20261121_000002_shown::Migration),
            Box::new(migrations::m20261121_000003_motion::Migration),
        ]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<Record>(&self);
    }

    fn hooks(self: Arc<Self>, hooks: &mut Hooks) {
        hooks.on("capture.added", |kernel, fact: Arc<MediaAdded>| async move {
            link::link(&kernel, fact.library).await?;
            Ok(())
        });
        // Bytes that were there before become another file of their item.
        hooks.on("capture.changed", |kernel, _: Arc<MediaChanged>| async move {
            link::link_waiting(&kernel).await?;
            Ok(())
        });
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let kernel = self.kernel.clone();
        let (ticking, linking) = (kernel.clone(), kernel);
        let desk = Arc::clone(&self.desk);
        let mut services = vec![
            Service::new("capture.clock", move |stop| async move {
                secret::seal_all(&ticking).await;
                clock::run(ticking, desk, stop).await;
            }),
            Service::new("capture.link", move |stop| link::catch_up(linking, stop)),
        ];
        if let Some(address) = self.listen {
            let (door, parts) = (Arc::clone(&self.door), self.kernel.parts.clone());
            let tell = move |address| parts.insert(Arc::new(Doorstep(address)));
            services.push(Service::new("capture.door", move |stop| door.open(address, tell, stop)));
        }
        services
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

/// Where the settings let publishers connect.
fn listen(config: &Config) -> anyhow::Result<Option<SocketAddr>> {
    let text = config.rtmp_listen.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse();
    let address =
        address.with_context(|| format!("`rtmp_listen` in `[capture]` is `{text}`, not an address and a port"));
    Ok(Some(address?))
}

impl Capture {
    fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.idle_seconds))
    }
}

impl Surface for Capture {
    type Query = CaptureQuery;
    type Mutation = CaptureMutation;
    type Subscription = CaptureSubscription;

    fn loaders(&self, kernel: &Kernel, data: &mut Data) {
        data.insert(Arc::new(RequestCaptures::new(kernel)));
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> axum::Router {
        routes::router(kernel)
    }
}
