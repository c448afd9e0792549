//! Logs for people or machines, and traces over OTLP when an endpoint is set.

use std::io::IsTerminal;

use anyhow::Context;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{LogFormat, LogSettings};

/// Of the traces that begin here, this part is exported.
const SAMPLED: f64 = 0.05;

/// Says at every start that there is nothing to do. Who wants to hear that names it in the filter.
const QUIET: &str = "sea_orm_migration=warn";

/// Flushes what is left of the traces when it is dropped.
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown()
        {
            tracing::debug!(%error, "the last traces were not exported");
        }
    }
}

/// Begins to log, to standard error. Once per process, before any task runs.
pub fn start(settings: &LogSettings) -> anyhow::Result<Telemetry> {
    let filter = match &settings.level {
        // Checked alone, so that an error names what was given.
        Some(level) => EnvFilter::try_new(level)
            .and_then(|_| EnvFilter::try_new(format!("{QUIET},{level}")))
            .with_context(|| format!("`{level}` is not a log filter"))?,
        None => EnvFilter::new(format!("{QUIET},info")),
    };
    let provider = settings.otlp_endpoint.as_deref().map(provider).transpose()?;
    // The exporter's own requests must not become traces, or each would make the next.
    let traces = provider.as_ref().map(|provider| {
        let own = EnvFilter::new("info,hyper=off,reqwest=off,opentelemetry=off,h2=off");
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("vitagraph"))
            .with_filter(own)
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Human => lines
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces)
        .try_init()
        .context("the process already has a logger")?;
    Ok(Telemetry { provider })
}

fn provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let base = endpoint.trim_end_matches('/');
    let url = if base.ends_with("/v1/traces") {
        base.to_owned()
    } else {
        format!("{base}/v1/traces")
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url)
        .build()
        .with_context(|| format!("`{endpoint}` cannot take traces"))?;
    let resource = Resource::builder()
        .with_service_name("vitagraph")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(SAMPLED))))
        .with_resource(resource)
        .build())
}
