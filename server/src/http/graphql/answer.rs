//! Writes a GraphQL response as HTTP.

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use kernel::error::{Category, Failure, code};
use serde::Serialize;

use super::{execute, negotiate::Shape};

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "<[ServerError]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, Value>,
}

/// The response's JSON text. `data` is absent when the operation was not executed.
pub fn to_json(response: &GraphqlResponse) -> String {
    let data = (!is_request_error(response)).then_some(&response.data);
    let written = Written {
        errors: &response.errors,
        data,
        extensions: &response.extensions,
    };
    serde_json::to_string(&written).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be written");
        r#"{"errors":[{"message":"the response could not be written","extensions":{"code":"INTERNAL"}}]}"#.to_owned()
    })
}

/// Whether the operation was refused before any field was resolved.
pub fn is_request_error(response: &GraphqlResponse) -> bool {
    response.data == Value::Null && response.errors.iter().any(|error| error.path.is_empty())
}

/// The answer to an operation that could be read.
pub fn answer(response: &GraphqlResponse, shape: Shape) -> Response {
    let status = match shape {
        Shape::Json => StatusCode::OK,
        _ if !is_request_error(response) => StatusCode::OK,
        _ => status_of(response),
    };
    write(response, status, shape)
}

/// The bytes of an answer without errors, if it is nothing but its data.
pub fn plain(response: &GraphqlResponse) -> Option<Bytes> {
    (response.errors.is_empty() && response.http_headers.is_empty()).then(|| to_json(response).into())
}

/// The answer of these bytes, which hold no errors.
pub fn kept(bytes: Bytes, shape: Shape) -> Response {
    whole(bytes.into(), StatusCode::OK, shape)
}

/// The answer to an HTTP request that is no GraphQL request.
pub fn refuse(status: StatusCode, failure: &Failure, request_id: &str, shape: Shape) -> Response {
    write(&execute::refusal(failure, request_id), status, shape)
}

fn status_of(response: &GraphqlResponse) -> StatusCode {
    let has = |name: &str| response.errors.iter().any(|error| execute::has_code(error, name));
    if has(code::UNAUTHENTICATED.name) {
        StatusCode::UNAUTHORIZED
    } else if has(code::TIMEOUT.name) {
        StatusCode::GATEWAY_TIMEOUT
    } else if has(code::INTERNAL.name) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::BAD_REQUEST
    }
}

/// The status of a failure that came before the document was looked at.
pub fn status_of_failure(failure: &Failure) -> StatusCode {
    match failure.code.category {
        Category::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        category => StatusCode::from_u16(category.http_status()).unwrap_or(StatusCode::BAD_REQUEST),
    }
}

fn write(response: &GraphqlResponse, status: StatusCode, shape: Shape) -> Response {
    let mut written = whole(to_json(response).into(), status, shape);
    for (name, value) in &response.http_headers {
        if !written.headers().contains_key(name) {
            written.headers_mut().append(name, value.clone());
        }
    }
    written
}

fn whole(body: Body, status: StatusCode, shape: Shape) -> Response {
    let mut written = Response::new(body);
    *written.status_mut() = status;
    let headers = written.headers_mut();
    // Events are for streams; an error before one begins is JSON.
    let kind = if shape == Shape::EventStream {
        Shape::GraphqlJson
    } else {
        shape
    }
    .content_type();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    written
}
