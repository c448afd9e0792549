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
    problem_of(failure, super::edge::request_id(headers))
}

/// The same for the request with this id.
pub fn problem_of(failure: &Failure, request_id: &str) -> Response {
    let status = StatusCode::from_u16(failure.code.category.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    written(status, failure.code.name, &failure.message, request_id)
}

/// The answer for a failure with a status of its own.
pub fn problem_with(status: StatusCode, code: &str, message: &str, headers: &HeaderMap) -> Response {
    written(status, code, message, super::edge::request_id(headers))
}

fn written(status: StatusCode, code: &str, message: &str, request_id: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": message, "requestId": request_id } });
    (status, Json(body)).into_response()
}
