//! HTTP to other machines, over `kernel::egress`: every connection is one that its rules allow, redirects are followed here
//! and not by a library, and answers are bounded in time and bytes.

mod connect;
pub mod proxy;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Incoming,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RANGE, USER_AGENT},
};
use hyper_util::{client::legacy, rt::TokioExecutor};
use kernel::egress::{
    Egress, EgressError,
    target::{Target, TargetError},
};
use tokio::time::timeout;

use crate::connect::Connector;

/// How many times an answer may send us elsewhere.
const MAX_REDIRECTS: usize = 3;

/// The bounds of one answer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may take until the headers are there, and between two pieces of the body.
    pub idle: Duration,
    /// How many bytes the body may have.
    pub max_bytes: u64,
}

/// Why there is no answer, or no more of it. The texts hold no path and no query.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// It was sent to a place that is none.
    #[error("the answer redirects to where nothing can be fetched: {0}")]
    Redirect(#[from] TargetError),
    /// It was sent from place to place.
    #[error("the answer redirects more than {MAX_REDIRECTS} times")]
    Redirects,
    /// The server refuses.
    #[error("{target} answers with status {status}")]
    Status {
        /// Who.
        target: Target,
        /// How.
        status: u16,
    },
    /// Nothing came for too long.
    #[error("{target} sends nothing for {} s", .after.as_secs())]
    Idle {
        /// Who.
        target: Target,
        /// How long.
        after: Duration,
    },
    /// There was more than allowed.
    #[error("{target} sends more than {max} bytes")]
    TooLong {
        /// Who.
        target: Target,
        /// How much is allowed.
        max: u64,
    },
    /// The connection broke, or what it said is not HTTP.
    #[error("the connection to {target} broke: {reason}")]
    Broken {
        /// Who.
        target: Target,
        /// What happened.
        reason: String,
    },
}

impl FetchError {
    /// Whether trying again may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Egress(error) => error.may_pass(),
            Self::Redirect(_) | Self::Redirects | Self::TooLong { .. } => false,
            Self::Status { status, .. } => *status == 404 || *status == 429 || *status >= 500,
            Self::Idle { .. } | Self::Broken { .. } => true,
        }
    }
}

/// Fetches. Clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
}

/// An answer whose body comes piece by piece.
pub struct Answer {
    /// Where it came from in the end: what its body names is relative to this.
    pub target: Target,
    /// Its media type, in lowercase and without parameters.
    pub content_type: String,
    body: Incoming,
    limits: Limits,
    n_bytes: u64,
}

impl Client {
    /// Over these rules.
    pub fn new(egress: Arc<Egress>) -> Self {
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(15))
            .pool_max_idle_per_host(2)
            .build(Connector::new(egress));
        Self { inner }
    }

    /// Asks for a target, or for a range of its bytes (from, length), and follows where it is sent. The account of the target
    /// goes to no other host.
    ///
    /// # Errors
    /// See [`FetchError`]; any status but success is one.
    pub async fn get(&self, target: &Target, range: Option<(u64, u64)>, limits: Limits) -> Result<Answer, FetchError> {
        let mut place = target.clone();
        for _ in 0..=MAX_REDIRECTS {
            let account = target.account().filter(|_| place.is_same_origin(target));
            let answer = self
                .ask(&place, account.or_else(|| place.account()), range, limits)
                .await?;
            let status = answer.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                place = place.join(location.ok_or(TargetError::Malformed)?)?;
                continue;
            }
            if !status.is_success() {
                let status = status.as_u16();
                return Err(FetchError::Status { target: place, status });
            }
            return Ok(Answer::of(place, answer, limits));
        }
        Err(FetchError::Redirects)
    }

    async fn ask(
        &self,
        place: &Target,
        account: Option<(String, String)>,
        range: Option<(u64, u64)>,
        limits: Limits,
    ) -> Result<hyper::Response<Incoming>, FetchError> {
        let broken = |reason: String| FetchError::Broken {
            target: place.clone(),
            reason,
        };
        let text = format!("{place}{}", place.path_and_query());
        let uri: Uri = text.parse().map_err(|_| TargetError::Malformed)?;
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .header(USER_AGENT, concat!("vitagraph/", env!("CARGO_PKG_VERSION")));
        if let Some(account) = account {
            request = request.header(AUTHORIZATION, basic(&account).map_err(broken)?);
        }
        if let Some((from, length)) = range {
            let last = from.saturating_add(length.max(1) - 1);
            request = request.header(RANGE, format!("bytes={from}-{last}"));
        }
        let request = request
            .body(Full::default())
            .map_err(|error| broken(error.to_string()))?;
        self.send(place, request, limits).await
    }

    /// Sends a form, with an account if there is one, and takes any answer; it is sent nowhere else.
    ///
    /// # Errors
    /// See [`FetchError`]; a status is none.
    pub async fn post_form(
        &self,
        target: &Target,
        account: Option<(String, String)>,
        form: String,
        limits: Limits,
    ) -> Result<(u16, Answer), FetchError> {
        let broken = |reason: String| FetchError::Broken {
            target: target.clone(),
            reason,
        };
        let text = format!("{target}{}", target.path_and_query());
        let uri: Uri = text.parse().map_err(|_| TargetError::Malformed)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(USER_AGENT, concat!("vitagraph/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(account) = account {
            request = request.header(AUTHORIZATION, basic(&account).map_err(broken)?);
        }
        let request = request
            .body(Full::from(form))
            .map_err(|error| broken(error.to_string()))?;
        let answer = self.send(target, request, limits).await?;
        let status = answer.status().as_u16();
        Ok((status, Answer::of(target.clone(), answer, limits)))
    }

    async fn send(
        &self,
        place: &Target,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<hyper::Response<Incoming>, FetchError> {
        let broken = |reason: String| FetchError::Broken {
            target: place.clone(),
            reason,
        };
        match timeout(limits.idle, self.inner.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(explain(error, broken)),
            Err(_) => Err(FetchError::Idle {
                target: place.clone(),
                after: limits.idle,
            }),
        }
    }
}

/// An account as a header, which no log shows.
fn basic((name, password): &(String, String)) -> Result<HeaderValue, String> {
    let text = format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()));
    let mut value = HeaderValue::from_str(&text).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

impl Answer {
    fn of(target: Target, answer: hyper::Response<Incoming>, limits: Limits) -> Self {
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        Self {
            content_type: content_type.trim().to_ascii_lowercase(),
            target,
            body: answer.into_body(),
            limits,
            n_bytes: 0,
        }
    }

    /// The next piece of the body; nothing at its end.
    ///
    /// # Errors
    /// When it breaks, pauses for too long, or is too long. Dropping the future loses nothing.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let target = || self.target.clone();
            let frame = match timeout(self.limits.idle, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    let reason = error.to_string();
                    return Err(FetchError::Broken {
                        target: target(),
                        reason,
                    });
                }
                Err(_) => {
                    let after = self.limits.idle;
                    return Err(FetchError::Idle {
                        target: target(),
                        after,
                    });
                }
            };
            // Trailers say nothing to us.
            let Ok(piece) = frame.into_data() else { continue };
            self.n_bytes += piece.len() as u64;
            if self.n_bytes > self.limits.max_bytes {
                let max = self.limits.max_bytes;
                return Err(FetchError::TooLong { target: target(), max });
            }
            return Ok(Some(piece));
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`piece`](Self::piece).
    pub async fn whole(mut self) -> Result<Vec<u8>, FetchError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// Our own error, where it is one, from below the client's.
fn explain(error: legacy::Error, broken: impl Fn(String) -> FetchError) -> FetchError {
    let mut reason = error.to_string();
    if let Some(source) = connect::take(&error) {
        return source.into();
    }
    let mut source = error.source();
    while let Some(deeper) = source {
        reason = deeper.to_string();
        source = deeper.source();
    }
    broken(reason)
}
