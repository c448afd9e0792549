//! Server-sent events, after the GraphQL-SSE protocol in its distinct connections mode: one operation, one response.

use std::{convert::Infallible, time::Duration};

use async_graphql::Response as GraphqlResponse;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    answer::to_json,
    execute::{self, Prepared},
    session::Watch,
};
use crate::http::Edge;

/// A comment this often keeps proxies from closing a quiet connection.
const KEEP_ALIVE: Duration = Duration::from_secs(12);
/// How long a client may leave its socket full.
const PATIENCE: Duration = Duration::from_secs(10);

/// Streams the operation's responses as `next` events, and `complete` at the end.
pub fn stream(edge: Edge, prepared: Prepared, headers: HeaderMap, watch: Watch) -> Response {
    // One event under way: a slow reader holds back its own subscription, which then skips to the newest state.
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    let tracker = edge.tracker.clone();
    tracker.spawn(feed(edge, prepared, headers, watch, sender));
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(receiver)));
    *response.status_mut() = StatusCode::OK;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn feed(
    edge: Edge,
    prepared: Prepared,
    headers: HeaderMap,
    mut watch: Watch,
    sender: mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let stop = edge.stop.clone();
    let kernel = edge.kernel.clone();
    let mut responses = std::pin::pin!(execute::responses(edge, prepared));
    let mut quiet = tokio::time::interval(KEEP_ALIVE);
    quiet.reset();
    loop {
        let event = tokio::select! {
            biased;
            () = sender.closed() => return,
            () = stop.cancelled() => return,
            ended = watch.ended(&kernel, &headers) => {
                tracing::debug!(reason = ended.reason, "an event stream ended with its session");
                return;
            }
            response = responses.next() => match response {
                Some(response) => next_event(&response),
                None => {
                    let _ = tokio::time::timeout(PATIENCE, sender.send(Ok(complete_event()))).await;
                    return;
                }
            },
            _ = quiet.tick() => Bytes::from_static(b":\n\n"),
        };
        quiet.reset();
        match tokio::time::timeout(PATIENCE, sender.send(Ok(event))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::info!("an event stream was cut, because its reader does not read");
                return;
            }
        }
    }
}

fn next_event(response: &GraphqlResponse) -> Bytes {
    // JSON text has no line breaks of its own, so one `data` line holds it.
    Bytes::from(format!("event: next\ndata: {}\n\n", to_json(response)))
}

fn complete_event() -> Bytes {
    Bytes::from_static(b"event: complete\ndata:\n\n")
}
