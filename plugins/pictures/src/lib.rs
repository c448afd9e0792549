//! The pictures plugin: draws posters, sheets of stills, animations and peaks of items, measures what makes them alike,
//! and serves what it drew.
//!
//! `queue` finds what is to be drawn, `draw` has a sandboxed worker draw it and keeps the bytes, `record` writes the rows;
//! `urls` and `routes` bring them to clients, `contract` to GraphQL. Bytes lie in a store that `jobs::sweep` keeps tidy.

pub mod absence;
pub mod code;
pub mod contract;
pub mod draw;
pub mod graphql;
pub mod heal;
pub mod jobs;
pub mod migrations;
pub mod queue;
pub mod recipe;
pub mod record;
pub mod request;
pub mod routes;
pub mod set;
pub mod sheets;
pub mod still;
pub mod tables;
pub mod total;
pub mod urls;
pub mod watch;

use std::{sync::Arc, time::Duration};

use ::entities::id::MediaId;
use async_graphql::Data;
use axum::Router;
use kernel::{
    cache::RowCache,
    error::Code,
    events::{MediaChanged, MediaRemoved},
    jobs::JobTable,
    objects::Objects,
    plugin::{Kernel, Plugin, Service},
    still_sheet::StillSheets,
    telemetry::{Metric, MetricKind},
};
use media_engine::engine::Engine;
use media_proto::job::Class;
use schema::{
    kit::{
        surface::{NoFields, NoSubscription, Surface},
        together::{Together, unshared},
    },
    media::contracts,
    system::contracts::PictureReport,
};
use schemars::JsonSchema;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{
    absence::Absences,
    contract::{Report, RequestPictures},
    draw::Drawn,
    graphql::PicturesMutation,
    jobs::{generate::GeneratePictures, sweep::SweepPictures},
    recipe::Wishes,
    set::PictureSet,
    sheets::Lent,
    still::Flights,
    urls::Urls,
};

const MIB: u64 = 1 << 20;

/// The `[pictures]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether pictures are drawn by themselves when items appear or change.
    pub automatic: bool,
    /// Bytes that pictures may take. Above it, animations and then sheets of stills are dropped, the oldest first.
    pub max_bytes: u64,
    /// Items at the media engine at a time; 0 means as many as it works on in the background.
    #[schemars(range(max = 1024))]
    pub workers: usize,
    /// Whether sheets of stills are drawn.
    pub sprites: bool,
    /// Whether short animations are drawn.
    pub previews: bool,
    /// Whether short animations are drawn as animated WebP as well, for where no film can play. They take several times the
    /// room, so that few want them.
    pub animated_webp: bool,
    /// Whether peaks and loudness are measured, for which a file is read to its end.
    pub waveforms: bool,
    /// How many hours a URL of a picture is valid, at most 6. It is promised for half of them.
    #[schemars(range(min = 1, max = 6))]
    pub url_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            automatic: true,
            max_bytes: 64 << 30,
            workers: 0,
            sprites: true,
            previews: true,
            animated_webp: false,
            waveforms: true,
            url_hours: 6,
        }
    }
}

impl Config {
    fn max_bytes(&self) -> i64 {
        i64::try_from(self.max_bytes).unwrap_or(i64::MAX)
    }

    /// What is drawn while the store holds so many bytes: what a sweep would drop first is not made above the budget.
    fn wishes(&self, bytes: i64) -> Wishes {
        let has_room = bytes < self.max_bytes();
        Wishes {
            sprites: self.sprites && has_room,
            previews: self.previews && has_room,
            animated_webp: self.animated_webp,
            waveforms: self.waveforms,
        }
    }
}

/// The plugin `pictures`.
pub struct Pictures {
    config: Config,
    kernel: Kernel,
    /// Where the bytes are.
    pub objects: Objects,
    urls: Urls,
    sets: RowCache<MediaId, PictureSet>,
    flights: Flights,
}

static ITEMS: Metric = Metric {
    name: "pictures_items",
    help: "Items that were drawn, by result",
    kind: MetricKind::Counter,
};
static SECONDS: Metric = Metric {
    name: "pictures_seconds",
    help: "How long an item took",
    kind: MetricKind::Seconds,
};

impl Plugin for Pictures {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let valid = Duration::from_secs(u64::from(config.url_hours) * 3600);
        let together = Arc::new(Together::new(&kernel.store));
        let load = move |ids| {
            let sets = set::load(Arc::clone(&together), ids);
            async { sets.await.map_err(unshared) }
        };
        let sets = kernel.caches.rows("pictures.set", 64 * MIB, PictureSet::weigh, load);
        let forget = sets.clone();
        kernel
            .events
            .on::<MediaChanged>(move |fact| forget.invalidate(fact.media.iter().copied()));
        let forget = sets.clone();
        kernel
            .events
            .on::<MediaRemoved>(move |fact| forget.invalidate(fact.media.iter().copied()));
        let urls = Urls::new(kernel.signer.clone(), valid);
        let lent = Lent {
            sets: sets.clone(),
            store: kernel.store.clone(),
            urls: urls.clone(),
        };
        kernel.parts.insert(Arc::new(StillSheets(Arc::new(lent))));
        Ok(Arc::new(Self {
            config,
            kernel: kernel.clone(),
            objects: Objects::in_folder(kernel.data_dir.join("pictures")),
            urls,
            sets,
            flights: Flights::default(),
        }))
    }

    fn name(&self) -> &'static str {
        "pictures"
    }

    fn description(&self) -> &'static str {
        "Draws posters, stills, animations and waveforms, and serves them."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(migrations::m20261121_000001_pictures::Migration)]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<GeneratePictures>(&self);
        table.add::<SweepPictures>(&self);
        table
            .schedule("pictures.sweep", "23 4 * * *", &SweepPictures {})
            .expect("the pattern is a constant, and every start reads it");
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        if !self.config.automatic {
            return Vec::new();
        }
        let kernel = self.kernel.clone();
        vec![Service::new("pictures.watch", move |stop| watch::watch(kernel, stop))]
    }

    fn metrics(&self) -> &'static [Metric] {
        static ALL: [Metric; 2] = [ITEMS, SECONDS];
        &ALL
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Surface for Pictures {
    type Query = NoFields;
    type Mutation = PicturesMutation;
    type Subscription = NoSubscription;

    fn loaders(&self, kernel: &Kernel, data: &mut Data) {
        let absences = Absences::new(kernel.store.reader().clone());
        let pictures = RequestPictures::new(self.sets.clone(), absences, self.urls.clone());
        data.insert(Arc::new(pictures) as Arc<dyn contracts::Pictures>);
        data.insert(Arc::new(Report::new(kernel.clone())) as Arc<dyn PictureReport>);
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> Router {
        routes::router(kernel.clone(), self)
    }
}

impl Pictures {
    fn n_workers(&self, engine: &Engine) -> usize {
        match self.config.workers {
            0 => engine.width(Class::Batch),
            n => n,
        }
    }

    fn count(&self, kernel: &Kernel, drawn: Option<&Drawn>) {
        let result = if drawn.is_some() { "drawn" } else { "failed" };
        kernel.metrics.add(&ITEMS, &[("result", result)], 1);
        if let Some(drawn) = drawn {
            kernel.metrics.observe(&SECONDS, &[], drawn.took_ms as f64 / 1000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn what_would_be_dropped_first_is_not_made_without_room() {
        let config = Config {
            max_bytes: 1000,
            ..Config::default()
        };
        let wanted = |bytes| {
            let wishes = config.wishes(bytes);
            (wishes.sprites, wishes.previews, wishes.waveforms)
        };
        assert_eq!(wanted(0), (true, true, true));
        assert_eq!(wanted(999), (true, true, true));
        assert_eq!(wanted(1000), (false, false, true));
        let endless = Config {
            max_bytes: u64::MAX,
            sprites: false,
            ..Config::default()
        };
        assert!(!endless.wishes(i64::MAX - 1).sprites && endless.wishes(i64::MAX - 1).previews);
    }
}
