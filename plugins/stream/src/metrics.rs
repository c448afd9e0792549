//! What the desk does, as metrics and as the administrators' statistics.

use std::time::Duration;

use kernel::telemetry::{Metric, MetricKind, Metrics};
use schema::{
    kit::scalar::Bytes,
    system::contracts::{StreamReport, StreamingStats},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::desk::{Desk, DeskStats};

/// How often the counters go into the metrics; scrapers come less often.
const PERIOD: Duration = Duration::from_secs(5);

static HEADS: Metric = Metric {
    name: "stream_heads",
    help: "Heads that make segments or wait for leave to go on",
    kind: MetricKind::Gauge,
};
static AWAITED: Metric = Metric {
    name: "stream_segments_awaited",
    help: "Segments that somebody waits for",
    kind: MetricKind::Gauge,
};
static STARTED: Metric = Metric {
    name: "stream_heads_started",
    help: "Heads that were started",
    kind: MetricKind::Counter,
};
static ENDED: Metric = Metric {
    name: "stream_heads_ended",
    help: "Heads that ended before their track did, by reason",
    kind: MetricKind::Counter,
};
static MADE: Metric = Metric {
    name: "stream_segments_made",
    help: "Segments that were made",
    kind: MetricKind::Counter,
};
static MADE_US: Metric = Metric {
    name: "stream_making_microseconds",
    help: "Time that the making of segments took",
    kind: MetricKind::Counter,
};
static PLAYED_US: Metric = Metric {
    name: "stream_made_microseconds",
    help: "How long the segments play whose making was measured",
    kind: MetricKind::Counter,
};
static ASKED: Metric = Metric {
    name: "stream_segments_asked",
    help: "Segments and headers that were asked for, by where they were found",
    kind: MetricKind::Counter,
};
static KEPT: Metric = Metric {
    name: "stream_kept_bytes",
    help: "Bytes of segments that are kept, by where",
    kind: MetricKind::Gauge,
};
static EVICTED: Metric = Metric {
    name: "stream_segments_evicted",
    help: "Segments that left the disk to make room",
    kind: MetricKind::Counter,
};
static REFUSED: Metric = Metric {
    name: "stream_segments_refused",
    help: "Segments that the disk did not take",
    kind: MetricKind::Counter,
};

/// All metrics of this plugin.
pub const ALL: &[Metric] = &[
    HEADS, AWAITED, STARTED, ENDED, MADE, MADE_US, PLAYED_US, ASKED, KEPT, EVICTED, REFUSED,
];

/// Keeps the metrics up to date for ever.
pub async fn record(desk: &Desk, metrics: &Metrics) {
    let mut last = DeskStats::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = desk.stats();
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.set(&HEADS, &[], gauge(now.n_heads as u64));
        metrics.set(&AWAITED, &[], gauge(now.n_awaited as u64));
        metrics.set(&KEPT, &[("place", "memory")], gauge(now.shelf.memory_bytes));
        metrics.set(&KEPT, &[("place", "disk")], gauge(now.shelf.disk_bytes));
        let grown = |of: fn(&DeskStats) -> u64| of(&now).saturating_sub(of(&last));
        metrics.add(&STARTED, &[], grown(|stats| stats.n_started));
        metrics.add(&ENDED, &[("reason", "left")], grown(|stats| stats.n_left));
        metrics.add(&ENDED, &[("reason", "gave_way")], grown(|stats| stats.n_gave_way));
        metrics.add(&ENDED, &[("reason", "failed")], grown(|stats| stats.n_failed));
        metrics.add(&MADE, &[], grown(|stats| stats.n_made));
        metrics.add(&MADE_US, &[], grown(|stats| stats.made_us));
        metrics.add(&PLAYED_US, &[], grown(|stats| stats.played_us));
        metrics.add(&ASKED, &[("found", "memory")], grown(|stats| stats.shelf.memory_hits));
        metrics.add(&ASKED, &[("found", "disk")], grown(|stats| stats.shelf.disk_hits));
        metrics.add(&ASKED, &[("found", "nowhere")], grown(|stats| stats.shelf.misses));
        metrics.add(&EVICTED, &[], grown(|stats| stats.shelf.evictions));
        metrics.add(&REFUSED, &[], grown(|stats| stats.shelf.refusals));
        last = now;
    }
}

/// The desk's figures for administrators.
pub struct Report(pub Desk);

impl StreamReport for Report {
    fn read(&self) -> StreamingStats {
        let stats = self.0.stats();
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        StreamingStats {
            active_heads: stats.n_heads as i64,
            awaited_segments: stats.n_awaited as i64,
            made_segments: count(stats.n_made),
            speed: (stats.made_us > 0).then(|| stats.played_us as f64 / stats.made_us as f64),
            memory_hits: count(stats.shelf.memory_hits),
            disk_hits: count(stats.shelf.disk_hits),
            misses: count(stats.shelf.misses),
            memory_size: Bytes(count(stats.shelf.memory_bytes)),
            disk_size: Bytes(count(stats.shelf.disk_bytes)),
            disk_limit: Bytes(count(stats.shelf.disk_capacity)),
        }
    }
}
