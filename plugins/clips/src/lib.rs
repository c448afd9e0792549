//! The clips plugin: cuts items into new ones, and turns whole files into other forms.
//!
//! `source` says what an item's file holds, `jobs` has sandboxed workers cut and encode it, `joined` makes one file of
//! tracks and `layout` says how it lies there, `place` puts clips where a scan finds them, `link` tells which item a clip
//! has become. No source is touched.

pub mod clip;
pub mod code;
pub mod contract;
pub mod delete;
pub mod graphql;
pub mod jobs;
pub mod joined;
pub mod layout;
pub mod link;
pub mod make;
pub mod markers;
pub mod migrations;
pub mod own;
pub mod place;
pub mod rendition;
mod report;
pub mod routes;
pub mod source;

use std::{sync::Arc, time::Duration};

use async_graphql::Data;
use axum::Router;
use kernel::{
    error::Code,
    events::MediaAdded,
    jobs::JobTable,
    objects::Objects,
    plugin::{Hooks, Kernel, Plugin, Service},
    stored::Stored,
};
use schema::{
    kit::surface::{NoFields, NoSubscription, Surface},
    media::contracts,
    system::contracts::RenditionReport,
};
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{
    contract::RequestClips,
    graphql::ClipsMutation,
    jobs::{clip::RenderClip, markers::ClipMarkers, rendition::RenderRendition, sweep::SweepClips},
    layout::Ready,
};

/// The `[clips]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The largest clip in bytes.
    pub max_bytes: u64,
    /// How many hours a URL of a rendition is valid, at most 6.
    #[schemars(range(min = 1, max = 6))]
    pub url_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 30,
            url_hours: 6,
        }
    }
}

/// The plugin.
pub struct Clips {
    config: Config,
    kernel: Kernel,
    /// Where whole renditions are.
    objects: Objects,
}

impl Clips {
    /// How long a URL is valid.
    fn valid(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.url_hours) * 3600)
    }
}

impl Plugin for Clips {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let this = Self {
            config,
            kernel: kernel.clone(),
            objects: Objects::in_folder(kernel.data_dir.join("renditions")),
        };
        let ready = Ready {
            objects: this.objects.clone(),
        };
        kernel.parts.insert(Arc::new(Stored(Arc::new(ready))));
        Ok(Arc::new(this))
    }

    fn name(&self) -> &'static str {
        "clips"
    }

    fn description(&self) -> &'static str {
        "Cuts clips, and makes whole files into other forms."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(migrations::m20261121_000001_clips::Migration),
            Box::new(migrations::m20261121_000002_layouts::Migration),
        ]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<RenderClip>(&self);
        table.add::<ClipMarkers>(&self);
        table.add::<RenderRendition>(&self);
        table.add::<SweepClips>(&self);
        table
            .schedule("clips.sweep", "41 4 * * *", &SweepClips {})
            .expect("the pattern is a constant, and every start reads it");
    }

    fn hooks(self: Arc<Self>, hooks: &mut Hooks) {
        hooks.on("clips.added", |kernel, fact: Arc<MediaAdded>| async move {
            link::link(&kernel, fact.library).await?;
            Ok(())
        });
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let kernel = self.kernel.clone();
        vec![Service::new("clips.link", move |stop| link::catch_up(kernel, stop))]
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Surface for Clips {
    type Query = NoFields;
    type Mutation = ClipsMutation;
    type Subscription = NoSubscription;

    fn loaders(&self, kernel: &Kernel, data: &mut Data) {
        let clips: Arc<dyn contracts::Clips> = Arc::new(RequestClips::new(kernel, self.valid()));
        data.insert(clips);
        data.insert(Arc::new(report::Sizes(kernel.store.clone())) as Arc<dyn RenditionReport>);
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> Router {
        routes::router(kernel.clone(), self.objects.clone(), self.valid())
    }
}
