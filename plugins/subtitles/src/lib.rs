//! The subtitles plugin: reads what subtitles say, so that the search finds films by it.
//!
//! `queue` finds what is to be read, `read` has a sandboxed worker read it, `record` writes the lines and the search index in one
//! transaction; `watch` starts the job when items appear or change.

pub mod code;
pub mod jobs;
pub mod queue;
pub mod read;
pub mod record;
pub mod watch;

use std::sync::Arc;

use kernel::{
    error::Code,
    jobs::JobTable,
    plugin::{Kernel, Plugin, Service},
};
use schema::kit::surface::{NoFields, NoSubscription, Surface};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::jobs::read::ReadSubtitles;

/// The `[subtitles]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether subtitles are read for the search by themselves when items appear or change.
    pub automatic: bool,
    /// Whether those inside films are read, too, for which each film that has any is read to its end once. Files of subtitles
    /// beside films always are.
    pub embedded: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            automatic: true,
            embedded: true,
        }
    }
}

/// The plugin `subtitles`.
pub struct Subtitles {
    config: Config,
    kernel: Kernel,
}

impl Plugin for Subtitles {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            config,
            kernel: kernel.clone(),
        }))
    }

    fn name(&self) -> &'static str {
        "subtitles"
    }

    fn description(&self) -> &'static str {
        "Reads what subtitles say, for the search."
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<ReadSubtitles>(&self);
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        if !self.config.automatic {
            return Vec::new();
        }
        let (kernel, embedded) = (self.kernel.clone(), self.config.embedded);
        vec![Service::new("subtitles.watch", move |stop| {
            watch::watch(kernel, embedded, stop)
        })]
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Surface for Subtitles {
    type Query = NoFields;
    type Mutation = NoFields;
    type Subscription = NoSubscription;
}
