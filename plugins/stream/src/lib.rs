//! Plays files: as they are, by signed URLs and byte ranges, and as HLS and DASH that is made while it is watched.
//!
//! `plan` says what can be made of a file, `rendition` what a track of it is, `desk` has heads make what is asked for and
//! keeps it, `presentation` and `routes` bring it to players, `offer` to GraphQL.

mod body;
mod code;
mod desk;
mod graphql;
mod header;
mod kind;
mod metrics;
mod offer;
mod plan;
mod presentation;
mod progress;
mod rendition;
mod routes;
mod texts;
mod urls;

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::Context;
use async_graphql::Data;
use axum::Router;
use entities::id::FileId;
use kernel::{
    cache::RowCache,
    error::Code,
    plugin::{Kernel, Plugin, Service},
    shelf::Shelf,
    telemetry::Metric,
};
use media_proto::rendition::Preset;
use schema::{
    kit::surface::{NoFields, NoSubscription, Surface},
    media::contracts::{FileUrls, Streaming},
    system::contracts::StreamReport,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    desk::Desk, graphql::StreamMutation, metrics::Report, offer::Offers, plan::Plan, progress::Rules, texts::Texts,
    urls::Urls,
};

const MIB: u64 = 1 << 20;
/// Plans of some thousand films.
const PLANS: u64 = 32 * MIB;

/// The `[stream]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many hours a URL of a file is valid, at most 6. It is promised for half of them.
    #[schemars(range(min = 1, max = 6))]
    pub url_hours: u32,
    /// Where clients find this server's media, such as `https://cdn.example`, if a server stands in front of this one that
    /// keeps what it was given. Paths are the same there.
    pub media_base_url: Option<String>,
    /// Bytes of segments in memory.
    pub memory_bytes: u64,
    /// Bytes of segments on the disk, in the data directory.
    pub disk_bytes: u64,
    /// How much work goes into compression: `ultrafast`, `superfast`, `veryfast` or `medium`.
    #[schemars(extend("enum" = ["ultrafast", "superfast", "veryfast", "medium"]))]
    pub preset: String,
    /// The share of an item that must be watched to count as a view, in percent.
    #[schemars(range(max = 100))]
    pub view_percent: u8,
    /// The share behind which an item is finished and begins anew the next time, in percent.
    #[schemars(range(max = 100))]
    pub finished_percent: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url_hours: 6,
            media_base_url: None,
            memory_bytes: 96 * MIB,
            disk_bytes: 8192 * MIB,
            preset: Preset::Veryfast.name().to_owned(),
            view_percent: 20,
            finished_percent: 95,
        }
    }
}

/// The plugin `stream`.
pub struct Stream {
    kernel: Kernel,
    urls: Arc<Urls>,
    offers: Arc<Offers>,
    plans: RowCache<FileId, Plan>,
    desk: Desk,
    shelf: Shelf,
    texts: Texts,
    rules: Rules,
}

impl Plugin for Stream {
    type Config = Config;

    fn check(config: &Config) -> anyhow::Result<()> {
        urls::base(config.media_base_url.as_deref()).context("`media_base_url` in `[stream]`")?;
        Ok(())
    }

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let valid = Duration::from_secs(u64::from(config.url_hours) * 3600);
        let presets = [Preset::Ultrafast, Preset::Superfast, Preset::Veryfast, Preset::Medium];
        let preset = presets.into_iter().find(|preset| preset.name() == config.preset);
        let preset = preset.with_context(|| {
            let known = presets.map(Preset::name).join("`, `");
            format!(
                "`preset` in `[stream]` is `{}`; it must be one of `{known}`",
                config.preset
            )
        })?;
        let urls = Urls::new(kernel.signer.clone(), valid, config.media_base_url.as_deref());
        let urls = Arc::new(urls.context("`media_base_url` in `[stream]`")?);
        let folder = kernel.data_dir.join("cache").join("segments");
        let shelf = Shelf::in_folder(folder, config.memory_bytes, config.disk_bytes);
        Ok(Arc::new(Self {
            kernel: kernel.clone(),
            offers: Arc::new(Offers {
                urls: Arc::clone(&urls),
                preset,
                parts: kernel.parts.clone(),
            }),
            urls,
            plans: plans(kernel, preset),
            desk: Desk::new(kernel.clone(), shelf.clone()),
            shelf,
            texts: Texts::default(),
            rules: Rules {
                view_percent: config.view_percent,
                finished_percent: config.finished_percent,
            },
        }))
    }

    fn name(&self) -> &'static str {
        "stream"
    }

    fn description(&self) -> &'static str {
        "Plays files directly and as HLS and DASH, with signed URLs."
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        vec![Service::new("stream.heads", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = metrics::record(&self.desk, &self.kernel.metrics) => {}
            }
            self.desk.close().await;
        })]
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::ALL
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

fn plans(kernel: &Kernel, preset: Preset) -> RowCache<FileId, Plan> {
    // Not the kernel, which holds the cache: neither would ever go.
    let handles = (kernel.store.clone(), kernel.parts.clone());
    kernel
        .caches
        .rows("stream.plans", PLANS, Plan::weigh, move |files: Vec<FileId>| {
            let (store, parts) = handles.clone();
            async move {
                let mut plans = HashMap::new();
                for file in files {
                    if let Some(plan) = plan::load::load(&store, &parts, file, preset).await? {
                        plans.insert(file, plan);
                    }
                }
                Ok(plans)
            }
        })
}

impl Surface for Stream {
    type Query = NoFields;
    type Mutation = StreamMutation;
    type Subscription = NoSubscription;

    fn loaders(&self, _kernel: &Kernel, data: &mut Data) {
        data.insert(Arc::clone(&self.urls) as Arc<dyn FileUrls>);
        data.insert(Arc::clone(&self.offers) as Arc<dyn Streaming>);
        data.insert(Arc::new(Report(self.desk.clone())) as Arc<dyn StreamReport>);
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> Router {
        routes::router(self, kernel)
    }
}
