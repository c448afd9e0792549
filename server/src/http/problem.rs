//! Errors of plain HTTP routes: a status and `{ "error": { code, message, requestId } }`.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use kernel::error::Failure;
use serde_json::json;

/// The answer for a failure, with the status of its category.
pub fn problem(failure: &Failure, headers: &HeaderMap) -> Response {
    let status = StatusCode::from_u16(failure.code.category.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem_with(status, failure.code.name, &failure.message, headers)
}

/// The answer for a failure with a status of its own.
pub fn problem_with(status: StatusCode, code: &str, message: &str, headers: &HeaderMap) -> Response {
    let request_id = super::edge::request_id(headers);
    let body = json!({ "error": { "code": code, "message": message, "requestId": request_id } });
    (status, Json(body)).into_response()
}
