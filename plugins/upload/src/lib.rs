//! The upload plugin: files come in over tus 1.0, resumable, and appear in a library whole or not at all. The IETF's draft of
//! resumable uploads is spoken, too, where a setting allows it. What web pages show can be fetched, where another one does.
//!
//! A byte that was acknowledged is on the disk. `routes` speaks tus, `receive` feeds `writer`, which alone moves an
//! upload's offset, `desk` gives each upload one writer, `jobs::finish` looks at what has come and places it, `link` tells
//! which item it has become. `download` has another maker's program fetch a page, which then goes the same way.

pub mod code;
pub mod desk;
pub mod download;
pub mod end;
pub mod graphql;
pub mod jobs;
pub mod known;
pub mod link;
pub mod migrations;
pub mod naming;
pub mod place;
pub mod protocol;
pub mod receive;
pub mod rest;
pub mod routes;
pub mod row;
pub mod writer;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use kernel::{
    egress::Egress,
    error::Code,
    events::{MediaAdded, MediaChanged},
    jobs::JobTable,
    plugin::{Hooks, Kernel, Plugin, Service},
};
use schema::kit::surface::{NoSubscription, Surface};
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{
    desk::Desk,
    download::program::Bounds,
    graphql::{UploadMutation, UploadQuery},
    jobs::{
        download::DownloadPage,
        finish::FinishUpload,
        sweep::{HOURLY, SweepUploads},
    },
    naming::Template,
};

/// The `[upload]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The largest file in bytes.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub max_bytes: u64,
    /// Unfinished uploads of one account.
    pub max_open: u64,
    /// Bytes of all unfinished uploads together; 0 means as many as the disk has.
    pub max_total_bytes: u64,
    /// Bytes that must stay free on the disk; never fewer than 2 % of it.
    pub min_free_bytes: u64,
    /// A request that brings no byte for so long is ended.
    pub idle_seconds: u64,
    /// A request that brings fewer bytes a second, over half a minute, is ended.
    pub min_rate: u64,
    /// How long an unfinished upload is kept after its last byte.
    pub expire_hours: u32,
    /// How long the list remembers a finished one.
    pub remember_hours: u32,
    /// Where a file is placed in its library, of `{name}`, `{user}`, `{kind}`, `{year}`, `{month}`, `{day}` and `{hash}`.
    pub template: String,
    /// Whether the IETF's draft of resumable uploads is spoken beside tus. It still changes.
    pub ietf_draft: bool,
    /// Whether editors may have media of web pages fetched. `yt-dlp` does it, which must be on the server's PATH; it is shut in,
    /// and connects to nothing that `[egress]` forbids.
    #[schemars(extend("outside" = true))]
    pub download_pages: bool,
    /// The most bytes that one page may bring.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub download_max_bytes: u64,
    /// How long fetching one page may take.
    #[schemars(range(min = 1))]
    pub download_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 40,
            max_open: 16,
            max_total_bytes: 0,
            min_free_bytes: 2 << 30,
            idle_seconds: 60,
            min_rate: 1024,
            expire_hours: 7 * 24,
            remember_hours: 7 * 24,
            template: "uploads/{year}-{month}/{name}".to_owned(),
            ietf_draft: false,
            download_pages: false,
            download_max_bytes: 20 << 30,
            download_seconds: 4 * 3600,
        }
    }
}

/// When a request is given up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Without a byte for so long.
    pub idle: Duration,
    /// With fewer bytes a second.
    pub min_rate: u64,
}

/// The plugin.
pub struct Upload {
    config: Config,
    template: Template,
    kernel: Kernel,
    egress: Arc<Egress>,
    desk: Desk,
}

impl Upload {
    fn limits(&self) -> Limits {
        Limits {
            idle: Duration::from_secs(self.config.idle_seconds.max(1)),
            min_rate: self.config.min_rate,
        }
    }

    /// The bounds of fetching a page.
    fn download_bounds(&self) -> Bounds {
        Bounds {
            max_bytes: self.config.download_max_bytes.max(1),
            max_s: u64::from(self.config.download_seconds.max(1)),
        }
    }

    /// How long unfinished uploads are kept, in milliseconds.
    fn keep_ms(&self) -> i64 {
        i64::from(self.config.expire_hours) * 3_600_000
    }

    /// How long finished uploads are remembered, in milliseconds.
    fn remember_ms(&self) -> i64 {
        i64::from(self.config.remember_hours) * 3_600_000
    }
}

impl Plugin for Upload {
    type Config = Config;

    fn check(config: &Config) -> anyhow::Result<()> {
        Template::parse(&config.template).context("`template` in `[upload]`")?;
        Ok(())
    }

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let template = Template::parse(&config.template).context("`template` in `[upload]`")?;
        // Without rules, as in tools, the public internet alone is open.
        let closed = || Arc::new(Egress::new(&Default::default()).expect("no rules are good rules"));
        Ok(Arc::new(Self {
            config,
            template,
            kernel: kernel.clone(),
            egress: kernel.parts.get_or_make::<Egress>(closed),
            desk: Desk::default(),
        }))
    }

    fn name(&self) -> &'static str {
        "upload"
    }

    fn description(&self) -> &'static str {
        "Takes files in over tus, resumable and whole, and has pages' media fetched."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(migrations::m20261121_000001_upload::Migration),
            Box::new(migrations::m20261122_000002_source::Migration),
        ]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<FinishUpload>(&self);
        table.add::<SweepUploads>(&self);
        table.add::<DownloadPage>(&self);
        if let Err(error) = table.schedule("upload.sweep", HOURLY, &SweepUploads {}) {
            unreachable!("the schedule of the sweep cannot be read: {error}");
        }
    }

    fn hooks(self: Arc<Self>, hooks: &mut Hooks) {
        let remember_ms = self.remember_ms();
        hooks.on("upload.added", move |kernel, _: Arc<MediaAdded>| async move {
            link::link(&kernel, remember_ms).await?;
            Ok(())
        });
        hooks.on("upload.changed", move |kernel, _: Arc<MediaChanged>| async move {
            link::link(&kernel, remember_ms).await?;
            Ok(())
        });
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let (kernel, desk, remember_ms) = (self.kernel.clone(), self.desk.clone(), self.remember_ms());
        vec![
            Service::new("upload.link", move |stop| link::catch_up(kernel, remember_ms, stop)),
            Service::new("upload.desk", move |stop| async move {
                stop.cancelled().await;
                desk.close().await;
            }),
        ]
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Surface for Upload {
    type Query = UploadQuery;
    type Mutation = UploadMutation;
    type Subscription = NoSubscription;

    fn account_routes(self: Arc<Self>, _kernel: &Kernel) -> Router {
        routes::router(self)
    }
}
