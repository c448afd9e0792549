//! What is read only when somebody asks for the metrics: the process, its disk, the database, the caches and the jobs.

use std::{
    collections::HashMap,
    fs,
    sync::{Mutex, PoisonError},
};

use kernel::{
    error::Failure,
    plugin::Kernel,
    store::{EMBEDDED_FILE, EMBEDDED_LOG},
    telemetry::{Metric, MetricKind},
};
use sea_orm::{ConnectionTrait, DbErr, Statement};

/// Declares a metric of this module.
const fn metric(name: &'static str, help: &'static str, kind: MetricKind) -> Metric {
    Metric { name, help, kind }
}

const RESIDENT: Metric = metric(
    "process_resident_bytes",
    "Memory of the server, without the media workers",
    MetricKind::Gauge,
);
const THREADS: Metric = metric("process_threads", "Threads of the server", MetricKind::Gauge);
const OPEN_FILES: Metric = metric(
    "process_open_files",
    "Open descriptors of the server",
    MetricKind::Gauge,
);
const CPU: Metric = metric(
    "process_cpu_milliseconds",
    "Processor time of the server, without the media workers",
    MetricKind::Counter,
);
const DISK_FREE: Metric = metric(
    "disk_free_bytes",
    "Free on the disk of the data directory",
    MetricKind::Gauge,
);
const DISK_SIZE: Metric = metric(
    "disk_size_bytes",
    "Size of the disk of the data directory",
    MetricKind::Gauge,
);
const DATABASE: Metric = metric("database_bytes", "The embedded database's file", MetricKind::Gauge);
const DATABASE_LOG: Metric = metric(
    "database_log_bytes",
    "What the embedded database has not folded into its file yet",
    MetricKind::Gauge,
);
const STATEMENTS: Metric = metric("database_statements", "SQL statements", MetricKind::Counter);
const STATEMENTS_FAILED: Metric = metric(
    "database_statements_failed",
    "SQL statements that ended in an error",
    MetricKind::Counter,
);
const STATEMENT_TIME: Metric = metric(
    "database_busy_microseconds",
    "Time in SQL statements",
    MetricKind::Counter,
);
const CACHE_BYTES: Metric = metric("cache_bytes", "Bytes in a cache, as it weighs them", MetricKind::Gauge);
const CACHE_ENTRIES: Metric = metric("cache_entries", "Entries in a cache", MetricKind::Gauge);
const CACHE_ASKED: Metric = metric(
    "cache_keys_asked",
    "Keys asked of a cache: found, loaded, or waited for",
    MetricKind::Counter,
);
const JOBS: Metric = metric("jobs", "Jobs in the table, by state", MetricKind::Gauge);
const OLDEST_READY: Metric = metric(
    "jobs_oldest_ready_seconds",
    "How long the oldest job that could run has waited, by queue; queues without one are 0",
    MetricKind::Gauge,
);

/// The metrics of this module.
pub const METRICS: &[Metric] = &[
    RESIDENT,
    THREADS,
    OPEN_FILES,
    CPU,
    DISK_FREE,
    DISK_SIZE,
    DATABASE,
    DATABASE_LOG,
    STATEMENTS,
    STATEMENTS_FAILED,
    STATEMENT_TIME,
    CACHE_BYTES,
    CACHE_ENTRIES,
    CACHE_ASKED,
    JOBS,
    OLDEST_READY,
];

/// The names of job states, in the order of their numbers.
const STATES: [&str; 7] = [
    "waiting",
    "ready",
    "running",
    "succeeded",
    "failed",
    "canceled",
    "paused",
];

/// What the counters stood at when they were last read: counters of metrics only take what has been added.
#[derive(Debug, Default)]
pub struct Gauges {
    last: Mutex<HashMap<String, u64>>,
    queues: Mutex<Vec<String>>,
}

impl Gauges {
    /// Brings the metrics of this module up to date. Figures that cannot be read are left as they were, and logged.
    pub async fn read(&self, kernel: &Kernel) {
        self.process(kernel);
        self.disk(kernel);
        self.database(kernel);
        self.caches(kernel);
        if let Err(error) = self.jobs(kernel).await {
            tracing::warn!(error = %Failure::from(error), "the figures of jobs could not be read");
        }
    }

    fn process(&self, kernel: &Kernel) {
        let metrics = &kernel.metrics;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<i64>().ok()
        };
        // In kibibytes; see proc_pid_status(5).
        if let Some(resident) = field("VmRSS") {
            metrics.set(&RESIDENT, &[], resident * 1024);
        }
        if let Some(threads) = field("Threads") {
            metrics.set(&THREADS, &[], threads);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            metrics.set(&OPEN_FILES, &[], open.count() as i64);
        }
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let used_ms = used.tv_sec as u64 * 1000 + used.tv_nsec as u64 / 1_000_000;
        self.grow(kernel, &CPU, &[], used_ms);
    }

    fn disk(&self, kernel: &Kernel) {
        match rustix::fs::statvfs(kernel.data_dir.as_path()) {
            Ok(disk) => {
                let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX);
                kernel.metrics.set(&DISK_FREE, &[], bytes(disk.f_bavail));
                kernel.metrics.set(&DISK_SIZE, &[], bytes(disk.f_blocks));
            }
            Err(error) => tracing::warn!(%error, "the disk's free space could not be read"),
        }
        let size = |name: &str| fs::metadata(kernel.data_dir.join(name)).map_or(0, |found| found.len() as i64);
        kernel.metrics.set(&DATABASE, &[], size(EMBEDDED_FILE));
        kernel.metrics.set(&DATABASE_LOG, &[], size(EMBEDDED_LOG));
    }

    fn database(&self, kernel: &Kernel) {
        let counts = kernel.store.statements();
        self.grow(kernel, &STATEMENTS, &[], counts.statements);
        self.grow(kernel, &STATEMENTS_FAILED, &[], counts.failures);
        self.grow(kernel, &STATEMENT_TIME, &[], counts.busy_us);
    }

    fn caches(&self, kernel: &Kernel) {
        for stats in kernel.caches.stats() {
            let label = ("cache", stats.name);
            let clamp = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            kernel.metrics.set(&CACHE_BYTES, &[label], clamp(stats.bytes));
            kernel.metrics.set(&CACHE_ENTRIES, &[label], clamp(stats.entries));
            for (outcome, n) in [
                ("found", stats.hits),
                ("loaded", stats.misses),
                ("waited", stats.coalesced),
            ] {
                self.grow(kernel, &CACHE_ASKED, &[label, ("outcome", outcome)], n);
            }
        }
    }

    async fn jobs(&self, kernel: &Kernel) -> Result<(), DbErr> {
        let store = &kernel.store;
        let all = |sql: &str| Statement::from_string(store.backend(), sql);
        let counted = "select state, count(*) as n from job group by state";
        let rows = store.reader().query_all_raw(all(counted)).await?;
        let mut counts = [0; STATES.len()];
        for row in rows {
            let state: i32 = row.try_get("", "state")?;
            if let Some(count) = usize::try_from(state).ok().and_then(|state| counts.get_mut(state)) {
                *count = row.try_get("", "n")?;
            }
        }
        for (state, count) in STATES.iter().zip(counts) {
            kernel.metrics.set(&JOBS, &[("state", state)], count);
        }
        let now = kernel.clock.now_ms();
        // The literal lets the partial index of ready jobs answer.
        let oldest = "select queue, min(run_at) as oldest from job where state = 1 group by queue";
        let rows = store.reader().query_all_raw(all(oldest)).await?;
        let mut waiting: Vec<(String, i64)> = Vec::new();
        for row in rows {
            let oldest: i64 = row.try_get("", "oldest")?;
            waiting.push((row.try_get("", "queue")?, (now - oldest).max(0) / 1000));
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for (queue, seconds) in &waiting {
            kernel.metrics.set(&OLDEST_READY, &[("queue", queue)], *seconds);
            if !queues.contains(queue) {
                queues.push(queue.clone());
            }
        }
        for queue in queues
            .iter()
            .filter(|queue| waiting.iter().all(|(known, _)| known != *queue))
        {
            kernel.metrics.set(&OLDEST_READY, &[("queue", queue)], 0);
        }
        Ok(())
    }

    /// Adds what a counter has grown by since it was last read.
    fn grow(&self, kernel: &Kernel, metric: &Metric, labels: &[(&str, &str)], now: u64) {
        let key = format!("{} {labels:?}", metric.name);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.insert(key, now).unwrap_or(0);
        kernel.metrics.add(metric, labels, now.saturating_sub(before));
    }
}
