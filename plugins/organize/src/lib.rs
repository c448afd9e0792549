//! The organize plugin: edits that are too large for one request, their undo, and how long they are kept.
//!
//! What an edit means is the schema's; this plugin makes large ones in parts, each a transaction of its own.

pub mod code;
pub mod graphql;
pub mod jobs;
pub mod names;
pub mod pattern;
pub mod rule;

use std::sync::Arc;

use kernel::{
    error::Code,
    jobs::JobTable,
    plugin::{Kernel, Plugin},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::jobs::{
    autotag::AutoTag, bulk::BulkUpdate, galleries::FolderGalleries, retain::RetainEdits, rule::NameRule, undo::UndoEdit,
};

/// The `[organize]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Changes of more items become a job.
    pub most_at_once: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_at_once: 2_000 }
    }
}

/// The plugin.
pub struct Organize {
    /// Changes of more items become a job.
    pub most_at_once: i64,
}

impl Plugin for Organize {
    type Config = Config;

    fn new(_kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            most_at_once: i64::from(config.most_at_once),
        }))
    }

    fn name(&self) -> &'static str {
        "organize"
    }

    fn description(&self) -> &'static str {
        "Changes many items at once and takes edits back."
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<AutoTag>(&self);
        table.add::<BulkUpdate>(&self);
        table.add::<FolderGalleries>(&self);
        table.add::<NameRule>(&self);
        table.add::<UndoEdit>(&self);
        table.add::<RetainEdits>(&self);
        // The pattern is a constant, and a test reads it.
        if let Err(error) = table.schedule("edits", jobs::retain::NIGHTLY, &RetainEdits {}) {
            unreachable!("the schedule of the retention cannot be read: {error}");
        }
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}
