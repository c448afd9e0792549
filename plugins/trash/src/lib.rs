//! The trash plugin: files leave a library's folders only by a person's word, and come back by another one until somebody
//! empties the trash.
//!
//! A file in the trash lies below `.vitagraph-trash` at the top of its library's path, on the same file system. `held` is
//! what is written down, `disk` what is done, `rows` what it means, and `moves` puts them in the order that survives a crash.

pub mod code;
pub mod disk;
pub mod graphql;
pub mod held;
pub mod jobs;
pub mod migrations;
pub mod moves;
pub mod rows;

use std::{sync::Arc, time::Duration};

use entities::id::FileId;
use kernel::{
    discard::{self, Discards},
    error::{Code, Failure},
    jobs::JobTable,
    plugin::{Kernel, Plugin, Service},
};
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::jobs::empty::EmptyTrash;

/// The `[trash]` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

/// The plugin.
pub struct Trash {
    kernel: Kernel,
}

impl Plugin for Trash {
    type Config = Config;

    fn new(kernel: &Kernel, _config: Config) -> anyhow::Result<Arc<Self>> {
        kernel.parts.insert(Arc::new(discard::Trash(Arc::new(Discarder))));
        Ok(Arc::new(Self { kernel: kernel.clone() }))
    }

    fn name(&self) -> &'static str {
        "trash"
    }

    fn description(&self) -> &'static str {
        "Puts files in the trash, restores them, and empties it."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(migrations::m20261121_000001_trash::Migration)]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<EmptyTrash>(&self);
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let kernel = self.kernel.clone();
        vec![Service::new("trash.repair", move |stop| repair(kernel, stop))]
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

/// What is lent to other plugins; it holds nothing.
struct Discarder;

#[async_trait::async_trait]
impl Discards for Discarder {
    async fn discard(&self, kernel: &Kernel, files: &[FileId]) -> Result<Vec<(FileId, Failure)>, Failure> {
        Ok(moves::trash(kernel, files).await?.failed)
    }
}

/// Takes to its end what was on its way when the last process ended.
async fn repair(kernel: Kernel, stop: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(5);
    let work = async {
        while let Err(failure) = moves::repair(&kernel).await {
            tracing::warn!(error = %failure, "the trash could not be looked through");
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(work).await;
}
