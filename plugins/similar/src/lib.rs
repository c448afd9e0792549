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
pub mod state;

use std::sync::Arc;

use entities::{
    id::{JobId, LibraryId},
    library,
};
use kernel::{
    error::{Code, Failure},
    events::MediaRemoved,
    jobs::{Enqueue, JobTable, Priority},
    plugin::{Hooks, Kernel, Plugin, Service},
    store::Durability,
};
use sea_orm::EntityTrait;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{compare::Near, enter::Scope, jobs::index::IndexSimilar};

/// The `[similar]` section.
#[derive(Debug, Clone, Default, Deserialize)]
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
        vec![Box::new(migrations::m20261121_000001_similar::Migration)]
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

/// Starts a comparison, or gives the one that is live with the same scope.
///
/// # Errors
/// The library does not exist, or the database fails.
pub async fn start(kernel: &Kernel, scope: Scope, is_forced: bool) -> Result<JobId, Failure> {
    if let Scope::Library(id) = &scope {
        must_exist(kernel, *id).await?;
    }
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let enqueued = kernel
        .jobs
        .start_one(&IndexSimilar { scope, is_forced }, options)
        .await?;
    Ok(enqueued.job)
}

async fn must_exist(kernel: &Kernel, library: LibraryId) -> Result<(), Failure> {
    match library::Entity::find_by_id(library).one(kernel.store.reader()).await? {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            &code::LIBRARY_NOT_FOUND,
            format!("no library `{library}`"),
        )),
    }
}
