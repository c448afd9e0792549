//! `/graphql`: GraphQL over HTTP by POST and GET, over WebSocket, and over server-sent events.

pub mod answer;
pub mod call;
pub mod cost;
pub mod document;
pub mod events;
pub mod execute;
pub mod kept;
pub mod lexer;
pub mod negotiate;
pub mod off;
pub mod order;
pub mod session;
pub mod socket;

use async_graphql::parser::types::OperationType;
use axum::{
    extract::{FromRequestParts, Request, State, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use kernel::error::Failure;
use schema::kit::access::{Access, Via};

use self::{
    answer::{answer, refuse, status_of_failure},
    call::Refused,
    negotiate::{Shape, negotiate},
    session::Watch,
};
use super::{Edge, auth, compress, edge::request_id};
use crate::codes;

/// Answers whatever is sent to `/graphql`.
pub async fn serve(State(edge): State<Edge>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::GET && is_upgrade(&parts.headers) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::open(edge, upgrade, parts.headers),
            Err(rejection) => axum::response::IntoResponse::into_response(rejection),
        };
    }
    let headers = parts.headers;
    let id = request_id(&headers).to_owned();
    let Some(shape) = negotiate(&headers) else {
        let message = "this endpoint answers application/graphql-response+json, application/json and text/event-stream";
        let failure = Failure::new(&codes::NOT_ACCEPTABLE, message);
        return refuse(StatusCode::NOT_ACCEPTABLE, &failure, &id, Shape::Json);
    };
    let read = match parts.method {
        Method::POST => call::from_post(&headers, body).await,
        Method::GET => call::from_get(&parts.uri, &headers),
        _ => {
            let failure = Failure::new(&codes::METHOD_NOT_ALLOWED, "this endpoint takes POST and GET");
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &failure, &id, shape);
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            return response;
        }
    };
    let mut call = match read {
        Ok(call) => call,
        Err(Refused { status, failure }) => {
            let mut response = refuse(status, &failure, &id, shape);
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                // The rest of the body is not read, so that nothing can follow on this connection; the client must know.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            return response;
        }
    };
    let access = match admit(&edge, &headers).await {
        Ok(access) => access,
        Err(failure) => return refuse(status_of_failure(&failure), &failure, &id, shape),
    };
    let begun = std::time::Instant::now();
    let found = match execute::find(&edge, &mut call, &access) {
        Ok(found) => found,
        Err(failure) => return answer(&execute::refusal(&failure, &id), shape),
    };
    let question = match shape {
        Shape::EventStream => None,
        _ => kept::question(&edge, &found, &call, &access),
    };
    if let Some(bytes) = question.as_ref().and_then(|question| edge.kept.find(question)) {
        execute::count_kept(&edge, found.document.name(call.operation_name.as_deref()), begun, &id);
        return compress::may(answer::kept(bytes, shape));
    }
    let prepared = match execute::prepare_found(&edge, found, call, access.clone(), &id) {
        Ok(prepared) => prepared,
        Err(failure) if failure.code == &codes::METHOD_NOT_ALLOWED => {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &failure, &id, shape);
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        Err(failure) => return answer(&execute::refusal(&failure, &id), shape),
    };
    if shape == Shape::EventStream {
        let watch = Watch::new(&edge.kernel, access);
        return events::stream(edge, prepared, headers, watch);
    }
    if prepared.kind == OperationType::Subscription {
        let message = "a subscription needs a WebSocket, or `Accept: text/event-stream`";
        let failure = Failure::new(&codes::NOT_ACCEPTABLE, message);
        return refuse(StatusCode::NOT_ACCEPTABLE, &failure, &id, shape);
    }
    let is_query = prepared.kind == OperationType::Query;
    let response = execute::execute(&edge, prepared).await;
    let written = match question.and_then(|question| Some((question, answer::plain(&response)?))) {
        Some((question, bytes)) => {
            edge.kept.keep(&question, bytes.clone());
            answer::kept(bytes, shape)
        }
        None => answer(&response, shape),
    };
    match is_query {
        true => compress::may(written),
        false => written,
    }
}

/// Who asks; a cookie counts only in a request that proves to come from this site.
async fn admit(edge: &Edge, headers: &HeaderMap) -> Result<Access, Failure> {
    let access = auth::authenticate(headers, &edge.kernel).await?;
    if matches!(&access, Access::Viewer(viewer) if matches!(viewer.via, Via::Session(_))) {
        edge.origins.check_cookie_request(headers)?;
    }
    Ok(access)
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
