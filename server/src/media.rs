//! The media engine within the server: its settings, its calibration, and its metrics.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use async_trait::async_trait;
use entities::setting;
use kernel::{
    config::Config,
    store::{Durability, Store},
    telemetry::{Metric, MetricKind, Metrics},
};
use media_engine::{
    calibration::{Calibration, Calibrations},
    engine::{Engine, EngineConfig},
    stats::{ClassStats, EngineStats},
};
use media_proto::message::Scheduling;
use schemars::JsonSchema;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How often the engine's counters go into the metrics; scrapers come less often.
const PERIOD: Duration = Duration::from_secs(5);

const JOBS: Metric = Metric {
    name: "media_jobs",
    help: "Media jobs by class and outcome",
    kind: MetricKind::Counter,
};
const BUSY_US: Metric = Metric {
    name: "media_job_microseconds",
    help: "Time that media jobs took by class, without their waiting",
    kind: MetricKind::Counter,
};
const DEATHS: Metric = Metric {
    name: "media_worker_deaths",
    help: "Media workers that died or were killed for a file, by class and reason",
    kind: MetricKind::Counter,
};
const STARTED: Metric = Metric {
    name: "media_workers_started",
    help: "Media workers started by class",
    kind: MetricKind::Counter,
};
const QUARANTINED: Metric = Metric {
    name: "media_quarantined",
    help: "Files put into quarantine by class",
    kind: MetricKind::Counter,
};
const WAITING: Metric = Metric {
    name: "media_jobs_waiting",
    help: "Media jobs that wait for a worker by class",
    kind: MetricKind::Gauge,
};
const WORKERS: Metric = Metric {
    name: "media_workers",
    help: "Media workers by class and state",
    kind: MetricKind::Gauge,
};
const SLOWED: Metric = Metric {
    name: "media_class_slowed",
    help: "Whether new media workers of a class are slowed down because many died",
    kind: MetricKind::Gauge,
};
const STREAMS: Metric = Metric {
    name: "media_stream_budget_percent",
    help: "The part of the processors that streams have taken, in percent",
    kind: MetricKind::Gauge,
};

/// The metrics of this module.
pub const METRICS: &[Metric] = &[
    JOBS,
    BUSY_US,
    DEATHS,
    STARTED,
    QUARANTINED,
    WAITING,
    WORKERS,
    SLOWED,
    STREAMS,
];

/// The `[media]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// When background work runs: `idle`, when nothing else on the machine wants a processor, or `normal`, beside
    /// everything else. Where other programs keep all processors busy, nothing would be drawn with `idle`.
    #[schemars(extend("enum" = ["idle", "normal"]))]
    background: String,
    /// Whether films are encoded on a device, such as a graphics card, where one works: `off` or `auto`. A device that
    /// fails is replaced by software.
    #[schemars(extend("enum" = ["off", "auto"]))]
    hardware: String,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            background: "idle".to_owned(),
            hardware: "off".to_owned(),
        }
    }
}

/// The engine's configuration, of the settings that hold.
///
/// # Errors
/// When a setting has no such value.
pub fn config(settings: &Settings, held: &Config) -> anyhow::Result<EngineConfig> {
    let media: MediaConfig = held.section("media")?;
    let batch_scheduling = match media.background.as_str() {
        // Tests share the machine with their own build: background work would never have its turn.
        "idle" if settings.worker_faults => Scheduling::Normal,
        "idle" => Scheduling::Idle,
        "normal" => Scheduling::Normal,
        other => bail!("`background` in `[media]` is `{other}`; it must be `idle` or `normal`"),
    };
    let uses_devices = match media.hardware.as_str() {
        "off" => false,
        "auto" => true,
        other => bail!("`hardware` in `[media]` is `{other}`; it must be `off` or `auto`"),
    };
    Ok(EngineConfig {
        worker_binary: settings.worker_binary.clone(),
        faults: settings.worker_faults,
        batch_scheduling,
        uses_devices,
        ..EngineConfig::default()
    })
}

/// Measures the machine, unless that was done before, and keeps the metrics up to date until it is stopped.
pub async fn run(engine: Arc<Engine>, store: Store, metrics: Metrics, faults: bool, stop: CancellationToken) {
    let calibrate = async {
        // A server for tests lives too short for two seconds of arithmetic to pay.
        if faults {
            return;
        }
        match engine.calibrate(&CalibrationTable { store }, &stop).await {
            Ok(Calibration { decode_fps, encode_fps }) => {
                tracing::info!(
                    decode_fps,
                    encode_fps,
                    "this machine's speed in frames of 720p a processor second"
                );
            }
            Err(error) if stop.is_cancelled() => tracing::debug!(%error, "calibration was stopped"),
            Err(error) => tracing::warn!(%error, "this machine's speed is unknown, so few streams are admitted"),
        }
    };
    let find_devices = async {
        // The same of trials; a test says itself which devices there are.
        if faults || !engine.devices().are_allowed() {
            return;
        }
        match engine.hardware().await {
            Ok(_) => tracing::info!(encoder = ?engine.devices().choose(), "the encoder of streams"),
            Err(error) => tracing::warn!(%error, "no device could be tried, so streams are encoded in software"),
        }
    };
    let record = async {
        let mut last = EngineStats::default();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = engine.stats();
            record(&metrics, &last, &now);
            metrics.set(&STREAMS, &[], (engine.budget().load() * 100.0).round() as i64);
            last = now;
        }
    };
    let futures = async { tokio::join!(calibrate, find_devices, record) };
    tokio::select! {
        () = stop.cancelled() => {}
        ((), (), ()) = futures => {}
    }
}

fn record(metrics: &Metrics, last: &EngineStats, now: &EngineStats) {
    for class in &now.classes {
        let before = last.classes.iter().find(|before| before.class == class.class);
        let name = class.class.name();
        let grown = |of: fn(&ClassStats) -> u64| of(class).saturating_sub(before.map_or(0, of));
        let label = ("class", name);
        metrics.add(&JOBS, &[label, ("outcome", "done")], grown(|c| c.n_done));
        metrics.add(&JOBS, &[label, ("outcome", "failed")], grown(|c| c.n_failed));
        let took = |c: &ClassStats| u64::try_from(c.total.as_micros()).unwrap_or(u64::MAX);
        metrics.add(&BUSY_US, &[label], grown(took));
        metrics.add(&DEATHS, &[label, ("reason", "crash")], grown(|c| c.n_crashed));
        metrics.add(&DEATHS, &[label, ("reason", "time")], grown(|c| c.n_hung));
        metrics.add(&DEATHS, &[label, ("reason", "reply")], grown(|c| c.n_malformed));
        metrics.add(&STARTED, &[label], grown(|c| c.n_spawned));
        metrics.add(&QUARANTINED, &[label], grown(|c| c.n_quarantined));
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.set(&WAITING, &[label], gauge(class.n_waiting));
        metrics.set(&WORKERS, &[label, ("state", "busy")], gauge(class.n_busy));
        metrics.set(&WORKERS, &[label, ("state", "idle")], gauge(class.n_idle));
        metrics.set(&SLOWED, &[label], i64::from(class.is_slowed));
    }
}

/// Measured speeds as rows of `setting`: one for each kind of machine and FFmpeg that ran on this database.
struct CalibrationTable {
    store: Store,
}

impl CalibrationTable {
    async fn write(&self, key: &str, calibration: Calibration) -> Result<(), DbErr> {
        let value = serde_json::to_vec(&calibration).map_err(|error| DbErr::Custom(error.to_string()))?;
        let row = setting::ActiveModel {
            name: Set(name(key)),
            value: Set(value),
            updated_at: Set(self.store.clock().now_ms()),
        };
        let replace = OnConflict::column(setting::Column::Name)
            .update_columns([setting::Column::Value, setting::Column::UpdatedAt])
            .to_owned();
        let tx = self.store.begin(Durability::Normal).await?;
        setting::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&*tx)
            .await?;
        tx.commit().await
    }
}

fn name(key: &str) -> String {
    format!("media.calibration/{key}")
}

#[async_trait]
impl Calibrations for CalibrationTable {
    async fn load(&self, key: &str) -> Option<Calibration> {
        match setting::Entity::find_by_id(name(key)).one(self.store.reader()).await {
            Ok(row) => serde_json::from_slice(&row?.value).ok(),
            Err(error) => {
                tracing::warn!(%error, "the machine's speed could not be read; it is measured again");
                None
            }
        }
    }

    async fn store(&self, key: &str, calibration: Calibration) {
        if let Err(error) = self.write(key, calibration).await {
            tracing::warn!(%error, "the machine's speed could not be kept; it will be measured again");
        }
    }
}
