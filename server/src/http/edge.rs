//! What every request passes: a request id, a span, metrics, security headers, and a net under panics.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use kernel::{
    error::Failure,
    telemetry::{Metric, MetricKind},
    work::{TraceId, Work},
};
use tracing::Instrument;

use super::{Edge, problem::problem_of};

/// The header that carries the request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const REQUESTS: Metric = Metric {
    name: "http_requests",
    help: "HTTP requests by route, method and status",
    kind: MetricKind::Counter,
};
const SECONDS: Metric = Metric {
    name: "http_request_seconds",
    help: "Time to the response's head",
    kind: MetricKind::Seconds,
};

/// The metrics of this module.
pub const METRICS: &[Metric] = &[REQUESTS, SECONDS];

/// The rule for pages: everything from our own origin, nothing inline, no frames, and no text becomes markup or script
/// (Trusted Types) but by the app's one policy, which knows addresses of its own alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
     form-action 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; \
     require-trusted-types-for 'script'; trusted-types default";
/// The same for the playground: the editor puts its styles and its symbol font into the page itself.
const CONTENT_SECURITY_POLICY_PLAYGROUND: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; \
     frame-ancestors 'none'; form-action 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
     font-src 'self' data:; worker-src 'self' blob:";

/// The id of the request that these headers belong to.
pub fn request_id(headers: &HeaderMap) -> &str {
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
}

/// Gives the request an id, a span and a place in the metrics, and the response its headers.
pub async fn enter(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let caller = request
        .headers()
        .get("traceparent")
        .and_then(|parent| parent.to_str().ok());
    let trace = caller.and_then(TraceId::of_traceparent).unwrap_or_else(TraceId::random);
    Work::of(trace).run(answer(edge, trace, request, next)).await
}

async fn answer(edge: Edge, trace: TraceId, mut request: Request, next: Next) -> Response {
    let id = match request
        .headers()
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_sane(id))
    {
        Some(id) => id.to_owned(),
        None => format!("{:016x}", rand::random::<u64>()),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    edge.traffic.request(edge.kernel.clock.now_ms());
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("assets", |path| route_name(path.as_str()))
        .to_owned();
    let is_playground = request.uri().path().starts_with("/playground");
    // The path is not in the span: a signed URL is a secret while it lives.
    let span = tracing::info_span!("http.request", %method, route, request_id = %id, trace_id = %trace,
        status = tracing::field::Empty);
    // A panic costs its request alone.
    let run = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind();
    let mut response = run.await.unwrap_or_else(|panic| on_panic(&*panic, &span, &id));

    let status = response.status();
    span.record("status", status.as_u16());
    let elapsed = begun.elapsed();
    edge.kernel
        .metrics
        .observe(&SECONDS, &[("route", &route)], elapsed.as_secs_f64());
    let labels = [
        ("route", route.as_str()),
        ("method", method_name(method.as_str())),
        ("status", status.as_str()),
    ];
    edge.kernel.metrics.add(&REQUESTS, &labels, 1);
    tracing::debug!(parent: &span, elapsed_us = elapsed.as_micros() as u64, "answered");

    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    let policy = if is_playground {
        CONTENT_SECURITY_POLICY_PLAYGROUND
    } else {
        CONTENT_SECURITY_POLICY
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        // A route that knows better, such as one that serves bytes, has said so already.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn on_panic(panic: &(dyn Any + Send), span: &tracing::Span, id: &str) -> Response {
    tracing::error!(parent: span, panic = panic_text(panic), "a request panicked");
    let failure = Failure::internal("a panic");
    problem_of(&failure, id)
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

/// An id from outside is taken over when it is short and plain, since it ends up in logs.
fn is_sane(id: &str) -> bool {
    (8..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn route_name(path: &str) -> &str {
    if path == "/{*path}" { "assets" } else { path }
}

/// Methods come from outside, and a metric's label may not grow without bound.
fn method_name(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
