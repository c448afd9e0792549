//! The similar plugin: finds duplicates and near duplicates among videos, images and sounds, and merges them.
//!
//! `enter` takes over what was measured of files, `compare` finds pairs by the index in memory, `groups` says who belongs
//! together, `merge` makes one item of several. No file is opened, and none is touched.

pub mod code;
pub mod compare;
pub mod dismiss;
pub mod enter;
pub mod graphql;
pub mod groups;
pub mod index;
pub mod jobs;
pub mod keeper;
pub mod merge;
pub mod migrations;
pub mod neighbors;
pub mod request;
pub mod state;

use std::sync::Arc;

use kernel::{
    error::Code,
    events::MediaRemoved,
    jobs::JobTable,
    plugin::{Hooks, Kernel, Plugin, Service},
    store::Durability,
};
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{compare::Near, jobs::index::IndexSimilar};

/// The `[similar]` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

/// The plugin.
pub struct Similar {
    kernel: Kernel,
    near: Near,
}

impl Similar {
    /// The index of this process.
    pub fn near(&self) -> &Near {
        &self.near
    }
}

impl Plugin for Similar {
    type Config = Config;

    fn new(kernel: &Kernel, _config: Config) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            kernel: kernel.clone(),
            near: Near::default(),
        }))
    }

    fn name(&self) -> &'static str {
        "similar"
    }

    fn description(&self) -> &'static str {
        "Finds duplicates and near duplicates, and merges them."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(migrations::m20261121_000001_similar::Migration),
            Box::new(migrations::m20261121_000002_request::Migration),
            Box::new(migrations::m20261122_000003_archives::Migration),
        ]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<IndexSimilar>(&self);
    }

    fn hooks(self: Arc<Self>, hooks: &mut Hooks) {
        // Who is missing is left out of every list; who was deleted may have held others together.
        hooks.on("similar.removed", |kernel, fact: Arc<MediaRemoved>| async move {
            let tx = kernel.store.begin(Durability::Normal).await?;
            state::next_version(&tx).await?;
            groups::recompute(&tx, fact.media.iter().copied()).await?;
            tx.commit().await?;
            Ok(())
        });
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let kernel = self.kernel.clone();
        vec![Service::new("similar.keeper", move |stop| keeper::keep(kernel, stop))]
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}
