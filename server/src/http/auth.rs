//! Sign-in for browsers, the first account, and who sends a request.
//!
//! Every answer of `/auth` is `{ needsSetup, viewer }` or `{ error }`, and none is kept by a cache. A session's secret
//! is in an HttpOnly cookie and nowhere else.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cookie::{Cookie, SameSite};
use entities::user::{self, Role};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
};
use schema::{
    kit::access::{Access, Via, Viewer},
    user::{
        authenticator::{Authenticator, Credentials, SignInError, SignedIn, begin_session},
        codes as user_codes, rules,
        sessions::{ABSOLUTE, Device, revoke_session},
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{Edge, problem::problem, provider, setup_code::SetupCode};
use crate::codes;

/// The cookie over plain HTTP, which a home network often is.
const COOKIE: &str = "vitagraph";
/// The cookie over HTTPS: browsers accept this prefix only from this very host, and only with `Secure`.
const COOKIE_SECURE: &str = "__Host-vitagraph";
/// Names and passwords are short.
const BODY_BYTES: usize = 16 * 1024;

/// The routes below `/auth`.
pub fn routes() -> Router<Edge> {
    Router::new()
        .route("/auth/state", get(state))
        .route("/auth/setup", post(setup))
        .route("/auth/sign-in", post(sign_in))
        .route("/auth/sign-out", post(sign_out))
}

/// Who sends a request: by `Authorization: Bearer TOKEN`, else by the session's cookie, else nobody.
///
/// A bad token is an error, so that a script learns of it; a cookie whose session has ended is nobody. Whoever acts on
/// a cookie must also check [`super::origin::Origins::check_cookie_request`].
pub async fn authenticate(headers: &HeaderMap, kernel: &Kernel) -> Result<Access, Failure> {
    let authenticator = Authenticator::of(kernel);
    if let Some(token) = bearer(headers)? {
        return match authenticator.token(kernel, token).await? {
            Some(viewer) => Ok(Access::Viewer(viewer)),
            None => Err(unauthenticated(
                "the token is unknown, revoked or expired; make a new one",
            )),
        };
    }
    for secret in session_secrets(headers) {
        if let Some(viewer) = authenticator.session(kernel, &secret).await? {
            return Ok(Access::Viewer(viewer));
        }
    }
    Ok(Access::Anonymous)
}

/// A browser that is signed in, and its account; a token is none, and must not outlive itself by what browsers may do.
pub async fn browser(edge: &Edge, sender: &Sender) -> Result<(Viewer, user::Model), Failure> {
    let viewer = match authenticate(&sender.headers, &edge.kernel).await? {
        Access::Viewer(viewer) if viewer.session().is_some() => viewer,
        _ => return Err(unauthenticated("sign in with a browser")),
    };
    let user = rules::find(&edge.kernel, viewer.user).await?;
    let user = user.ok_or_else(|| unauthenticated("the account is gone"))?;
    Ok((viewer, user))
}

/// Refuses a password that is not the account's: who finds a browser unlocked must not make themselves at home in it.
pub async fn prove(edge: &Edge, user: &user::Model, password: String) -> Result<(), Failure> {
    let given = SecretString::from(password);
    let is_right = Authenticator::of(&edge.kernel).prove(&edge.kernel, user, given).await;
    match is_right.map_err(Failure::from)? {
        true => Ok(()),
        false => Err(Failure::field("password", "this is not the account's password")),
    }
}

/// Says who sends a request to a plugin's route; one that a cookie has authenticated must come from this site.
pub async fn admit(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let (headers, method) = (request.headers().clone(), request.method().clone());
    let access = async {
        let access = authenticate(&headers, &edge.kernel).await?;
        // A browser asks what it may send before it sends it, without cookie and header.
        let by_cookie = matches!(&access, Access::Viewer(viewer) if matches!(viewer.via, Via::Session(_)));
        if by_cookie && method != Method::OPTIONS {
            edge.origins.check_cookie_request(&headers)?;
        }
        Ok::<_, Failure>(access)
    };
    match access.await {
        Ok(access) => {
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        Err(failure) => refuse(&failure, &headers),
    }
}

impl Edge {
    /// The code that makes the first account, while there is none.
    pub async fn setup_code(&self) -> Result<Option<String>, Failure> {
        let is_needed = Authenticator::of(&self.kernel).setup_needed(&self.kernel).await?;
        Ok(is_needed.then(|| SetupCode::of(&self.kernel).show()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupBody {
    code: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    name: String,
    password: String,
    /// Of the second factor: asked for by `SECOND_FACTOR_NEEDED`.
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOutBody {}

async fn state(State(edge): State<Edge>, headers: HeaderMap) -> Response {
    let answer = async {
        let access = authenticate(&headers, &edge.kernel).await?;
        let needs_setup = Authenticator::of(&edge.kernel).setup_needed(&edge.kernel).await?;
        let viewer = match &access {
            Access::Viewer(viewer) => Some(viewer),
            Access::Anonymous => None,
        };
        let provider = provider::provider(&edge);
        let provider = provider.map(|provider| provider.config.label.clone());
        Ok::<_, Failure>(private(
            Json(json!({
                "needsSetup": needs_setup,
                "viewer": viewer.map(shown),
                "provider": provider,
            }))
            .into_response(),
        ))
    };
    match answer.await {
        Ok(answer) => answer,
        Err(failure) => refuse(&failure, &headers),
    }
}

async fn setup(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let done = async {
        let body: SetupBody = read(&edge, request).await?;
        let kernel = &edge.kernel;
        if !Authenticator::of(kernel).setup_needed(kernel).await? {
            return Err(Failure::new(
                &user_codes::SETUP_DONE,
                "the first account exists already; sign in",
            ));
        }
        if !SetupCode::of(kernel).try_code(&body.code) {
            let message =
                "this is not the one-time code that the server printed; after five wrong ones it prints another";
            return Err(Failure::new(&user_codes::SETUP_CODE_WRONG, message));
        }
        let user = rules::create_first_user(kernel, body.name, SecretString::from(body.password)).await?;
        tracing::info!(user = %user.id, "the first account was made");
        begin_session(kernel, &user, sender.device()).await
    };
    match done.await {
        Ok(signed_in) => welcome(&signed_in, &sender),
        Err(failure) => refuse(&failure, &sender.headers),
    }
}

async fn sign_in(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let kernel = &edge.kernel;
    let authenticator = Authenticator::of(kernel);
    let body: SignInBody = match read(&edge, request).await {
        Ok(body) => body,
        Err(failure) => return refuse(&failure, &sender.headers),
    };
    let given = Credentials {
        name: body.name,
        password: SecretString::from(body.password),
        code: body.code.map(SecretString::from),
    };
    match authenticator.sign_in(kernel, given, sender.device()).await {
        Ok(signed_in) => {
            end_session(kernel, &sender.headers).await;
            welcome(&signed_in, &sender)
        }
        Err(error) => {
            let wait = match &error {
                SignInError::Throttled { seconds } => Some(*seconds),
                SignInError::Refused(_) => None,
            };
            let mut response = refuse(&Failure::from(error), &sender.headers);
            if let Some(seconds) = wait {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

async fn sign_out(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let SignOutBody {} = match read(&edge, request).await {
        Ok(body) => body,
        Err(failure) => return refuse(&failure, &sender.headers),
    };
    end_session(&edge.kernel, &sender.headers).await;
    let mut response = describe(false, None);
    for is_secure in [false, true] {
        append_cookie(
            &mut response,
            session_cookie(String::new(), is_secure, cookie::time::Duration::ZERO),
        );
    }
    response
}

/// Ends the session that the request's cookie belongs to, if it still runs.
async fn end_session(kernel: &Kernel, headers: &HeaderMap) {
    let authenticator = Authenticator::of(kernel);
    for secret in session_secrets(headers) {
        let ended = async {
            match authenticator.session(kernel, &secret).await?.map(|viewer| viewer.via) {
                Some(Via::Session(session)) => revoke_session(kernel, session).await,
                _ => Ok(()),
            }
        };
        if let Err(failure) = ended.await {
            tracing::error!(error = %failure, cause = ?std::error::Error::source(&failure), "a session could not be ended");
        }
    }
}

/// Where a request comes from, unless from this machine: behind a proxy on it everybody has the same address, and would
/// delay everybody.
pub fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| peer.ip())
        .filter(|address| !address.to_canonical().is_loopback())
}

/// What is kept of a request whose body is read.
pub struct Sender {
    /// Its headers.
    pub headers: HeaderMap,
    address: Option<IpAddr>,
    user_agent: Option<String>,
}

impl Sender {
    /// Who sends a request.
    pub fn of(request: &Request) -> Self {
        let user_agent = request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        Self {
            headers: request.headers().clone(),
            address: address(request),
            user_agent: user_agent.map(str::to_owned),
        }
    }

    /// What is remembered of it with a session.
    pub fn device(&self) -> Device {
        Device {
            address: self.address,
            user_agent: self.user_agent.clone(),
        }
    }

    /// Whether the browser came by HTTPS: its own word, which the origin check has found to be ours.
    pub fn is_secure(&self) -> bool {
        self.origin().is_some_and(|origin| origin.starts_with("https://"))
    }

    /// The page that it comes from, if a browser sends it.
    pub fn origin(&self) -> Option<String> {
        let origin = self.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.map(str::to_owned)
    }

    /// Ends the session that it belongs to: another one takes its place.
    pub async fn end_session(&self, kernel: &Kernel) {
        end_session(kernel, &self.headers).await;
    }
}

/// Reads a JSON body strictly, after the checks that stand between other sites' pages and these routes.
pub async fn read<T: DeserializeOwned>(edge: &Edge, request: Request) -> Result<T, Failure> {
    edge.origins.check_cookie_request(request.headers())?;
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let message = "send the body as `content-type: application/json`";
        return Err(Failure::new(&codes::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = to_bytes(request.into_body(), BODY_BYTES).await;
    let body = body.map_err(|_| Failure::new(&codes::BODY_TOO_LARGE, "the body is too long or was cut off"))?;
    serde_json::from_slice(&body).map_err(|error| {
        // Serde's text may quote the input, which holds a password; its place does not.
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::new(
            &code::BAD_INPUT,
            format!("the body is not the JSON object this route takes: {place}"),
        )
    })
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = || unauthenticated("send one header `Authorization: Bearer TOKEN`");
    if values.next().is_some() {
        return Err(malformed());
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Some(token.trim()))
    } else {
        Err(malformed())
    }
}

/// The secrets in the request's cookies, the one that only this host can have set first.
fn session_secrets(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let texts = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let cookies: Vec<Cookie<'_>> = texts.flat_map(|text| Cookie::split_parse(text).flatten()).collect();
    let secret = |name: &str| {
        let found = cookies.iter().find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    };
    [secret(COOKIE_SECURE), secret(COOKIE)].into_iter().flatten()
}

fn session_cookie(secret: String, is_secure: bool, max_age: cookie::time::Duration) -> Cookie<'static> {
    let name = if is_secure { COOKIE_SECURE } else { COOKIE };
    Cookie::build((name, secret))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure)
        .max_age(max_age)
        .build()
}

/// Adds a cookie to an answer.
pub fn append_cookie(response: &mut Response, cookie: Cookie<'_>) {
    let value = HeaderValue::try_from(cookie.to_string()).expect("a cookie of plain ASCII is a header value");
    response.headers_mut().append(header::SET_COOKIE, value);
}

/// Tells who is signed in now, and gives the browser its cookie.
pub fn welcome(signed_in: &SignedIn, sender: &Sender) -> Response {
    let mut response = describe(false, Some(&signed_in.viewer));
    give_cookie(&mut response, signed_in, sender.is_secure());
    response
}

/// Gives the browser the cookie of a new session.
pub fn give_cookie(response: &mut Response, signed_in: &SignedIn, is_secure: bool) {
    let max_age = cookie::time::Duration::seconds(ABSOLUTE.as_secs() as i64);
    let secret = signed_in.secret.expose_secret().to_owned();
    append_cookie(response, session_cookie(secret, is_secure, max_age));
}

fn describe(needs_setup: bool, viewer: Option<&Viewer>) -> Response {
    private(Json(json!({ "needsSetup": needs_setup, "viewer": viewer.map(shown) })).into_response())
}

fn shown(viewer: &Viewer) -> serde_json::Value {
    let role = match viewer.role {
        Role::Viewer => "VIEWER",
        Role::Editor => "EDITOR",
        Role::Admin => "ADMIN",
    };
    json!({ "name": viewer.name, "role": role })
}

/// The answer of a failure, which no cache keeps.
pub fn refuse(failure: &Failure, headers: &HeaderMap) -> Response {
    if failure.code.category.is_servers_own() {
        tracing::error!(error = %failure, cause = ?std::error::Error::source(failure), "a sign-in route failed");
    }
    private(problem(failure, headers))
}

/// Keeps an answer out of caches.
pub fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("vary"),
        HeaderValue::from_static("cookie, authorization"),
    );
    response
}

fn unauthenticated(message: &str) -> Failure {
    Failure::new(&code::UNAUTHENTICATED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read_and_everything_else_is_refused() {
        assert_eq!(bearer(&headers(&[])).expect("none"), None);
        assert_eq!(
            bearer(&headers(&[("authorization", "bearer  vg_x")])).expect("one"),
            Some("vg_x")
        );
        for bad in [
            &[("authorization", "Basic YTpi")][..],
            &[("authorization", "vg_x")],
            &[("authorization", "Bearer a"); 2],
        ] {
            assert_eq!(bearer(&headers(bad)).expect_err("refused").code.name, "UNAUTHENTICATED");
        }
    }

    #[test]
    fn the_cookie_that_only_this_host_can_set_comes_first() {
        let both = headers(&[("cookie", "a=b; vitagraph=plain"), ("cookie", "__Host-vitagraph=safe")]);
        assert_eq!(session_secrets(&both).collect::<Vec<_>>(), ["safe", "plain"]);
        assert_eq!(session_secrets(&headers(&[("cookie", "vitagraph")])).count(), 0);
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        let plain = session_cookie("s".into(), false, cookie::time::Duration::seconds(5)).to_string();
        assert_eq!(plain, "vitagraph=s; HttpOnly; SameSite=Lax; Path=/; Max-Age=5");
        let secure = session_cookie("s".into(), true, cookie::time::Duration::seconds(5)).to_string();
        assert_eq!(
            secure,
            "__Host-vitagraph=s; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=5"
        );
    }
}
