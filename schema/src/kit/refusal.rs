//! The answer of a byte route that has no bytes to give: the same JSON as the rest of the edge, never kept by a cache.

use std::error::Error;

use axum::{
    Json,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use kernel::error::Failure;
use serde_json::json;

/// The answer for a failure, with the status of its category. One of ours is logged here, once.
pub fn refusal(failure: &Failure, headers: &HeaderMap) -> Response {
    let status = StatusCode::from_u16(failure.code.category.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    refusal_with(status, failure, headers)
}

/// The answer for a failure with a status of its own.
pub fn refusal_with(status: StatusCode, failure: &Failure, headers: &HeaderMap) -> Response {
    if failure.code.category.is_servers_own() {
        tracing::error!(error = %failure, cause = ?failure.source(), "a byte route failed");
    }
    let request_id = headers
        .get(HeaderName::from_static("x-request-id"))
        .and_then(|id| id.to_str().ok());
    let error = json!({ "code": failure.code.name, "message": failure.message, "requestId": request_id });
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (status, no_store, Json(json!({ "error": error }))).into_response()
}
