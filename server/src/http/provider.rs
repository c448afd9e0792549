//! `/auth/provider`: signing in at the provider, and linking an account to one there. Browsers come and go by redirects; what
//! a sign-in needs to know of itself is sealed in a cookie of the browser that began it.

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cookie::{Cookie, SameSite};
use kernel::error::Failure;
use schema::user::codes;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{
    Edge,
    auth::{Sender, append_cookie, browser, give_cookie, private, prove, read, refuse},
};
use crate::provider::{Provider, account};

/// The cookie of a sign-in under way.
const COOKIE: &str = "vitagraph-provider";
/// Where it is sent back to, and nowhere else.
const PATH: &str = "/auth/provider";
/// A path of ours is never longer.
const LONGEST_NEXT: usize = 2_000;

/// The routes.
pub fn routes() -> Router<Edge> {
    Router::new()
        .route("/auth/provider/start", get(start))
        .route("/auth/provider/link", post(link))
        .route("/auth/provider/return", get(come_back))
}

/// The provider, if one is set up.
pub fn provider(edge: &Edge) -> Option<std::sync::Arc<Provider>> {
    edge.kernel.parts.get::<Provider>()
}

fn must_have(edge: &Edge) -> Result<std::sync::Arc<Provider>, Failure> {
    provider(edge).ok_or_else(|| Failure::new(&codes::PROVIDER_OFF, "this server has no sign-in provider"))
}

#[derive(Deserialize)]
struct StartQuery {
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    password: String,
}

#[derive(Deserialize)]
struct ReturnQuery {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Sends the browser to the provider.
async fn start(State(edge): State<Edge>, Query(query): Query<StartQuery>, headers: HeaderMap) -> Response {
    let begun = async {
        let provider = must_have(&edge)?;
        let next = query.next.as_deref().map_or("/", own_path).to_owned();
        let (place, sealed) = provider.begin(&edge.kernel, next, None).await?;
        let mut response = redirect(&place);
        append_cookie(&mut response, cookie(&provider, sealed));
        Ok::<_, Failure>(response)
    };
    match begun.await {
        Ok(response) => response,
        Err(failure) if failure.code == &codes::PROVIDER_OFF => refuse(&failure, &headers),
        Err(failure) => back_to(Page::Login, &failure),
    }
}

/// Tells a signed-in browser where to go to have its account linked.
async fn link(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let begun = async {
        let body: LinkBody = read(&edge, request).await?;
        let provider = must_have(&edge)?;
        let (_, user) = browser(&edge, &sender).await?;
        prove(&edge, &user, body.password).await?;
        let (place, sealed) = provider
            .begin(&edge.kernel, "/settings".to_owned(), Some(user.id))
            .await?;
        let mut response = private(Json(json!({ "url": place })).into_response());
        append_cookie(&mut response, cookie(&provider, sealed));
        Ok::<_, Failure>(response)
    };
    match begun.await {
        Ok(response) => response,
        Err(failure) => refuse(&failure, &sender.headers),
    }
}

/// The browser is back from the provider.
async fn come_back(State(edge): State<Edge>, Query(query): Query<ReturnQuery>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let mut page = Page::Login;
    let signed_in = async {
        let provider = must_have(&edge)?;
        let kernel = &edge.kernel;
        let refused = || Failure::new(&codes::PROVIDER_REFUSED, "the provider has not signed you in");
        let sealed = sealed(&sender.headers).ok_or_else(refused)?;
        let begun = provider.begun(kernel, &sealed, query.state.as_deref().unwrap_or_default())?;
        if begun.link.is_some() {
            page = Page::Settings;
        }
        if query.error.is_some() {
            return Err(refused());
        }
        let claims = provider
            .redeem(kernel, &begun, query.code.as_deref().ok_or_else(refused)?)
            .await?;
        let signed_in = account::sign_in(kernel, &provider, &claims, begun.link, sender.device()).await?;
        sender.end_session(kernel).await;
        let mut response = redirect(&begun.next);
        give_cookie(&mut response, &signed_in, provider.is_secure());
        Ok::<_, Failure>(response)
    };
    let mut response = match signed_in.await {
        Ok(response) => response,
        Err(failure) if failure.code == &codes::PROVIDER_OFF => return refuse(&failure, &sender.headers),
        Err(failure) => back_to(page, &failure),
    };
    let gone = Cookie::build((COOKIE, ""))
        .path(PATH)
        .max_age(cookie::time::Duration::ZERO);
    append_cookie(&mut response, gone.build());
    response
}

/// The page that a sign-in at the provider was begun on.
enum Page {
    /// Where one signs in.
    Login,
    /// Where one links one's account.
    Settings,
}

/// Sends the browser back to where it began, which says what went wrong.
fn back_to(page: Page, failure: &Failure) -> Response {
    if failure.code.category.is_servers_own() {
        tracing::error!(error = %failure, cause = ?std::error::Error::source(failure), "a sign-in at the provider failed");
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("problem", failure.code.name)
        .finish();
    match page {
        Page::Login => redirect(&format!("/login?{query}")),
        Page::Settings => redirect(&format!("/settings?{query}")),
    }
}

fn redirect(place: &str) -> Response {
    let mut response = private(StatusCode::SEE_OTHER.into_response());
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A path of this server, or the beginning: what another site could make of it ends here.
fn own_path(text: &str) -> &str {
    let is_own = text.starts_with('/') && !text.starts_with("//") && text.len() <= LONGEST_NEXT;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && is_plain { text } else { "/" }
}

fn cookie(provider: &Provider, sealed: String) -> Cookie<'static> {
    Cookie::build((COOKIE, sealed))
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(provider.is_secure())
        .max_age(cookie::time::Duration::minutes(10))
        .build()
}

fn sealed(headers: &HeaderMap) -> Option<String> {
    let texts = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut cookies = texts.flat_map(|text| Cookie::split_parse(text).flatten());
    let found = cookies.find(|cookie| cookie.name() == COOKIE)?;
    Some(found.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn the_browser_goes_on_to_paths_of_ours_alone() {
        assert_eq!(own_path("/media/med_1?x=y"), "/media/med_1?x=y");
        for text in [
            "",
            "media",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/ü",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(text), "/", "{text}");
        }
    }
}
