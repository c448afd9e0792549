//! Logs for people or machines, and traces over OTLP when an endpoint is set.

use std::io::IsTerminal;

use anyhow::Context;
use kernel::work::Work;
use opentelemetry::{KeyValue, SpanId, TraceId, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracerProvider},
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{LogFormat, LogSettings};

/// Of all traces, this part is exported unless the settings say another.
const SAMPLED: f64 = 0.05;

/// Says at every start that there is nothing to do, or what every statement is. Who wants to hear that names it in the
/// filter.
const QUIET: &str = "sea_orm_migration=warn,sea_orm=warn";
/// Would log what clients send, tokens too. No filter opens these.
const SECRETIVE: &str = "tungstenite=warn,tokio_tungstenite=warn,hyper=info,hyper_util=info,h2=info,reqwest=info,\
    rustls=info,sqlx=warn";

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
    let filter = filter(settings)?;
    let provider = settings.otlp_endpoint.as_deref();
    let provider = provider.map(|endpoint| traces_to(endpoint, settings)).transpose()?;
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

/// What is logged.
pub fn filter(settings: &LogSettings) -> anyhow::Result<EnvFilter> {
    let Some(level) = &settings.level else {
        return Ok(EnvFilter::new(format!("{QUIET},info,{SECRETIVE}")));
    };
    // Checked alone, so that an error names what was given.
    EnvFilter::try_new(level)
        .and_then(|_| EnvFilter::try_new(format!("{QUIET},{level},{SECRETIVE}")))
        .with_context(|| format!("`{level}` is not a log filter"))
}

/// Gives what belongs to a request or job the trace of that, so that logs, job rows, figures and traces agree.
#[derive(Debug, Default)]
struct TracesOfWork(RandomIdGenerator);

impl IdGenerator for TracesOfWork {
    fn new_trace_id(&self) -> TraceId {
        match Work::present() {
            Some(work) => TraceId::from_bytes(work.trace().to_bytes()),
            None => self.0.new_trace_id(),
        }
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

fn traces_to(endpoint: &str, settings: &LogSettings) -> anyhow::Result<SdkTracerProvider> {
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
        .with_id_generator(TracesOfWork::default())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            settings.trace_fraction.unwrap_or(SAMPLED),
        ))))
        .with_resource(resource)
        .build())
}
