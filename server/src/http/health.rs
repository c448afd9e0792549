//! Whether the process lives, whether it can answer, and its metrics.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use entities::user::Role;
use kernel::error::{Failure, code};
use schema::kit::access::Access;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::{Edge, auth, problem::problem};

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process lives.
pub async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers.
pub async fn readyz(State(edge): State<Edge>) -> Response {
    let store = &edge.kernel.store;
    let ask = store
        .reader()
        .query_one_raw(Statement::from_string(store.backend(), "select 1 as one"));
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(Some(_))) => Json(json!({ "status": "ready" })).into_response(),
        Ok(Ok(None)) => not_ready("the database gave no answer"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            not_ready("the database does not answer")
        }
        Err(_) => not_ready("the database did not answer in time"),
    }
}

fn not_ready(reason: &str) -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        Json(json!({ "status": "unavailable", "reason": reason })),
    )
        .into_response()
}

/// All metrics in the OpenMetrics text format, for administrators.
pub async fn metrics(State(edge): State<Edge>, headers: HeaderMap) -> Response {
    let access = match auth::authenticate(&headers, &edge.kernel).await {
        Ok(access) => access,
        Err(failure) => return problem(&failure, &headers),
    };
    match access {
        Access::Viewer(viewer) if viewer.role == Role::Admin => {}
        Access::Viewer(_) => {
            let failure = Failure::new(&code::FORBIDDEN, "metrics need an administrator's token");
            return problem(&failure, &headers);
        }
        Access::Anonymous => {
            let failure = Failure::new(&code::UNAUTHENTICATED, "metrics need an administrator's token");
            return problem(&failure, &headers);
        }
    }
    edge.read_gauges().await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], edge.kernel.metrics.encode()).into_response()
}
