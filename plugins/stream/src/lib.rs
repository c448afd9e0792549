//! Gives clients the bytes of files: direct play, with signed URLs and byte ranges.

mod body;
mod code;
mod kind;
mod routes;
mod urls;

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use async_graphql::Data;
use axum::Router;
use kernel::{
    error::Code,
    plugin::{Kernel, Plugin},
    signing,
};
use schema::{
    kit::surface::{NoFields, NoSubscription, Surface},
    media::contracts::FileUrls,
};
use serde::Deserialize;

use crate::urls::Urls;

/// The `[stream]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many hours a URL of a file is valid, at most 6. It is promised for half of them.
    pub url_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { url_hours: 6 }
    }
}

/// The plugin `stream`.
pub struct Stream {
    urls: Arc<Urls>,
}

impl Plugin for Stream {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let valid = Duration::from_secs(u64::from(config.url_hours) * 3600);
        ensure!(
            valid <= signing::LONGEST && !valid.is_zero(),
            "`url_hours` in `[stream]` is {}; it must be from 1 to 6",
            config.url_hours
        );
        Ok(Arc::new(Self {
            urls: Arc::new(Urls::new(kernel.signer.clone(), valid)),
        }))
    }

    fn name(&self) -> &'static str {
        "stream"
    }

    fn description(&self) -> &'static str {
        "Plays files directly, with signed URLs and byte ranges."
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Surface for Stream {
    type Query = NoFields;
    type Mutation = NoFields;
    type Subscription = NoSubscription;

    fn loaders(&self, _kernel: &Kernel, data: &mut Data) {
        data.insert(Arc::clone(&self.urls) as Arc<dyn FileUrls>);
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> Router {
        routes::router(kernel.clone())
    }
}
