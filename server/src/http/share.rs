//! What a share link shows to whoever has it: a page without scripts for browsers, JSON for programs.
//!
//! One document is all that a link can ask, of the one thing that its row names, so a link opens nothing else. The URLs of
//! bytes in the answer are signed and expire by themselves.

mod page;

use std::net::IpAddr;

use async_graphql::Variables;
use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use kernel::error::{Failure, code};
use schema::{
    kit::access::Access,
    share::{
        codes as share_codes,
        rules::{self, Opened, Subject},
    },
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Edge, auth, edge::request_id, graphql::call::Call, graphql::execute, problem::problem};
use crate::codes;

/// A password is short.
const BODY_BYTES: usize = 4096;

/// All that is ever read for a link.
const DOCUMENT: &str = "query ShareLink($id: ID!, $after: String) { node(id: $id) {
    ... on Media { ...Shared }
    ... on Collection { name description items(first: 50, after: $after) { ...SharedItems } }
    ... on Gallery { name description items(first: 50, after: $after) { ...SharedItems } }
} }
fragment SharedItems on CollectionItemConnection { nodes { media { ...Shared } } pageInfo { hasNextPage endCursor } }
fragment Shared on Media { kind title description date thumbnail { url } files { url size container missingSince }
    ... on Video { duration playback { hlsUrl } } ... on Audio { duration } }";

/// The routes below `/share`.
pub fn routes() -> Router<Edge> {
    Router::new().route("/share/{token}", get(show).post(unlock))
}

#[derive(Deserialize, Default)]
struct From {
    after: Option<String>,
}

/// What a link shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The name of the collection, or the title of the item.
    name: String,
    /// What it is about.
    description: Option<String>,
    /// The items, as the API gives them.
    items: Vec<Value>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

async fn show(
    State(edge): State<Edge>,
    Path(token): Path<String>,
    Query(from): Query<From>,
    request: Request,
) -> Response {
    let address = auth::address(&request);
    answer(&edge, &token, None, from, address, request.headers()).await
}

/// The same with the link's password, out of a form or as JSON. It changes nothing, so any page may send it.
async fn unlock(
    State(edge): State<Edge>,
    Path(token): Path<String>,
    Query(from): Query<From>,
    request: Request,
) -> Response {
    let (address, headers) = (auth::address(&request), request.headers().clone());
    match password(request).await {
        Ok(password) => answer(&edge, &token, Some(password), from, address, &headers).await,
        Err(failure) => seal(problem(&failure, &headers)),
    }
}

async fn password(request: Request) -> Result<SecretString, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        password: String,
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let body = to_bytes(request.into_body(), BODY_BYTES).await;
    let body = body.map_err(|_| Failure::new(&codes::BODY_TOO_LARGE, "the body is too long or was cut off"))?;
    let given = match is_form {
        true => url::form_urlencoded::parse(&body)
            .find(|(name, _)| name == "password")
            .map(|(_, value)| value.into_owned()),
        false => serde_json::from_slice::<Body>(&body).ok().map(|body| body.password),
    };
    let missing = || Failure::new(&code::BAD_INPUT, "the body has no `password`");
    given.map(SecretString::from).ok_or_else(missing)
}

async fn answer(
    edge: &Edge,
    token: &str,
    password: Option<SecretString>,
    from: From,
    address: Option<IpAddr>,
    headers: &HeaderMap,
) -> Response {
    let is_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let is_guess = password.is_some();
    let shown = async {
        let opened = rules::open(&edge.kernel, token, password, address).await?;
        look(edge, opened, from, request_id(headers)).await
    };
    seal(match shown.await {
        Ok(shown) if is_page => page::of(&shown, is_guess).into_response(),
        Ok(shown) => Json(shown).into_response(),
        Err(failure) => refuse(&failure, is_page, headers),
    })
}

fn refuse(failure: &Failure, is_page: bool, headers: &HeaderMap) -> Response {
    if failure.code.category.is_servers_own() {
        tracing::error!(error = %failure, cause = ?std::error::Error::source(failure), "a share link failed");
    }
    if !is_page {
        return problem(failure, headers);
    }
    let status = StatusCode::from_u16(failure.code.category.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let wants_password =
        [&share_codes::SHARE_PASSWORD_NEEDED, &share_codes::SHARE_PASSWORD_WRONG].contains(&failure.code);
    let page = match wants_password {
        true => page::locked(failure.code == &share_codes::SHARE_PASSWORD_WRONG),
        false => page::closed(&failure.message),
    };
    (status, page).into_response()
}

/// A link is a secret: no cache keeps what it shows, and no other site and no search engine hears of it.
fn seal(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn look(edge: &Edge, opened: Opened, from: From, request_id: &str) -> Result<Shown, Failure> {
    let id = match opened.subject {
        Subject::Media(id) => id.to_string(),
        Subject::Collection(id) => id.to_string(),
    };
    let call = Call {
        query: Some(DOCUMENT.to_owned()),
        variables: Variables::from_json(json!({ "id": id, "after": from.after })),
        ..Call::default()
    };
    let prepared = execute::prepare(edge, call, Access::Viewer(opened.viewer), request_id)?;
    let response = execute::execute(edge, prepared).await;
    if let Some(error) = response.errors.first() {
        let is_cursor = execute::has_code(error, code::BAD_INPUT.name);
        return Err(match is_cursor {
            true => Failure::field("after", "this is no cursor of this list"),
            false => Failure::internal(format!("reading what a link shows: {}", error.message)),
        });
    }
    let data = response.data.into_json().map_err(Failure::internal)?;
    let node = &data["node"];
    let gone = || Failure::new(&share_codes::SHARE_NOT_FOUND, "what this link showed is gone");
    let text = |name: &str| node[name].as_str().map(str::to_owned);
    Ok(match opened.subject {
        Subject::Media(_) => Shown {
            name: text("title").ok_or_else(gone)?,
            description: text("description"),
            items: vec![node.clone()],
            next: None,
        },
        Subject::Collection(_) => {
            let nodes = node["items"]["nodes"].as_array().ok_or_else(gone)?;
            let info = &node["items"]["pageInfo"];
            let next = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true);
            Shown {
                name: text("name").ok_or_else(gone)?,
                description: text("description"),
                items: nodes.iter().map(|item| item["media"].clone()).collect(),
                next: next.map(str::to_owned),
            }
        }
    })
}
