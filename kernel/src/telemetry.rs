//! Metrics with declared names: what a plugin did not declare, it cannot emit.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::work::Work;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets from 0.5 ms to 60 s.
    Seconds,
}

/// A declared metric: `<plugin>_<noun>_<unit>`; counters get `_total` in the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name without `vitagraph_`.
    pub name: &'static str,
    /// What it counts, in a sentence without a final period.
    pub help: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
}

type Labels = Vec<(String, String)>;
type Seconds = HistogramWithExemplars<Labels>;

enum Series {
    Counter(Family<Labels, Counter>),
    Gauge(Family<Labels, Gauge>),
    Seconds(Family<Labels, Seconds, fn() -> Seconds>),
}

#[derive(Default)]
struct Inner {
    registry: Registry,
    series: HashMap<&'static str, Series>,
    declared: Vec<Metric>,
}

/// The process's metrics. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct Metrics {
    inner: Arc<RwLock<Inner>>,
}

fn buckets() -> Seconds {
    let bounds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ];
    HistogramWithExemplars::new(bounds.into_iter())
}

impl Metrics {
    /// Declares metrics; a name declared twice stays as it was first.
    pub fn declare(&self, metrics: &[Metric]) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for metric in metrics {
            if inner.series.contains_key(metric.name) {
                continue;
            }
            let name = format!("vitagraph_{}", metric.name);
            let series = match metric.kind {
                MetricKind::Counter => {
                    let family = Family::default();
                    inner.registry.register(name, metric.help, family.clone());
                    Series::Counter(family)
                }
                MetricKind::Gauge => {
                    let family = Family::default();
                    inner.registry.register(name, metric.help, family.clone());
                    Series::Gauge(family)
                }
                MetricKind::Seconds => {
                    let family = Family::new_with_constructor(buckets as fn() -> Seconds);
                    inner.registry.register(name, metric.help, family.clone());
                    Series::Seconds(family)
                }
            };
            inner.series.insert(metric.name, series);
            inner.declared.push(*metric);
        }
    }

    /// All that were declared, in that order.
    pub fn declared(&self) -> Vec<Metric> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.declared.clone()
    }

    /// Adds to a counter.
    pub fn add(&self, metric: &Metric, labels: &[(&str, &str)], n: u64) {
        self.with(metric, |series| {
            if let Series::Counter(family) = series {
                family.get_or_create(&owned(labels)).inc_by(n);
            }
        });
    }

    /// Sets a gauge.
    pub fn set(&self, metric: &Metric, labels: &[(&str, &str)], value: i64) {
        self.with(metric, |series| {
            if let Series::Gauge(family) = series {
                family.get_or_create(&owned(labels)).set(value);
            }
        });
    }

    /// Records a duration in seconds, with the trace of the present work as an example of it.
    pub fn observe(&self, metric: &Metric, labels: &[(&str, &str)], seconds: f64) {
        self.with(metric, |series| {
            if let Series::Seconds(family) = series {
                let trace = Work::present().map(|work| owned(&[("trace_id", &work.trace().to_string())]));
                family.get_or_create(&owned(labels)).observe(seconds, trace, None);
            }
        });
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &inner.registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics could not be written: {error}\n"),
        }
    }

    fn with(&self, metric: &Metric, record: impl FnOnce(&Series)) {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        match inner.series.get(metric.name) {
            Some(series) => record(series),
            None => tracing::error!(metric = metric.name, "a metric that no plugin declared was dropped"),
        }
    }
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
