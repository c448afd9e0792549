//! The response for bytes that never change: validators without opening anything, ranges, HEAD.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use kernel::{
    error::Failure,
    objects::{ObjectKey, Objects},
};
use schema::kit::{
    conditional::{Outcome, Validators},
    range,
    refusal::{refusal, refusal_with},
};

use crate::code;

/// Kept by the browser for a year and never asked about; by nobody in between, for the URL is a permission.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";
/// Nothing in the answer may run, load or frame anything.
const CONTENT_SECURITY_POLICY: &str =
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// What a client asks.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// GET or HEAD.
    pub method: &'a Method,
    /// The request's headers.
    pub headers: &'a HeaderMap,
}

/// What is sent besides the bytes.
pub struct Content {
    /// What the bytes are named after.
    pub name: String,
    /// Their type.
    pub mime: &'static str,
    /// Whether other clients get another format under the same URL.
    pub varies: bool,
}

/// The response for an object; none when the store does not have it.
pub async fn respond(
    objects: &Objects,
    asked: Asked<'_>,
    key: ObjectKey,
    content: &Content,
) -> Result<Option<Response>, Failure> {
    let honors_range = match begin(asked, &content.name)? {
        Begun::Answered(mut response) => {
            describe(&mut response, content, IMMUTABLE)?;
            return Ok(Some(response));
        }
        Begun::Go { honors_range } => honors_range,
    };
    let Some(size) = objects.size(key).await? else {
        return Ok(None);
    };
    let mut response = Response::new(Body::empty());
    describe(&mut response, content, IMMUTABLE)?;
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime));
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let range = range::asked(asked.method, asked.headers).filter(|_| honors_range);
    let bytes = match range::part(&mut response, range, size) {
        Ok(bytes) => bytes,
        Err(beyond) => {
            let message = format!("no asked byte is in the picture, which has {size}");
            let failure = Failure::new(&code::RANGE_UNSATISFIABLE, message);
            return Ok(Some(beyond.answer(refusal(&failure, asked.headers))));
        }
    };
    if asked.method == Method::HEAD {
        return Ok(Some(response));
    }
    let read = match bytes == (0..size) {
        true => objects.get(key).await?,
        false => objects.get_range(key, bytes).await?,
    };
    Ok(read.map(|bytes| {
        *response.body_mut() = Body::from(bytes);
        response
    }))
}

/// The response for bytes that were made just now.
pub fn text(asked: Asked<'_>, mime: &'static str, bytes: Vec<u8>, cache: &'static str) -> Result<Response, Failure> {
    let content = Content {
        name: ObjectKey::of(&bytes).to_string(),
        mime,
        varies: false,
    };
    let mut response = match begin(asked, &content.name)? {
        Begun::Answered(response) => response,
        Begun::Go { .. } => {
            let mut response = Response::new(Body::empty());
            let own = response.headers_mut();
            own.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
            own.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            if asked.method != Method::HEAD {
                *response.body_mut() = Body::from(bytes);
            }
            response
        }
    };
    describe(&mut response, &content, cache)?;
    Ok(response)
}

/// The answer for a failure.
pub fn refuse(failure: &Failure, headers: &HeaderMap) -> Response {
    match failure.code {
        code if code == &code::PRECONDITION_FAILED => refusal_with(StatusCode::PRECONDITION_FAILED, failure, headers),
        _ => refusal(failure, headers),
    }
}

enum Begun {
    Answered(Response),
    Go { honors_range: bool },
}

fn begin(asked: Asked<'_>, name: &str) -> Result<Begun, Failure> {
    match Validators::of_content(name).evaluate(asked.headers) {
        Outcome::Go { honors_range } => Ok(Begun::Go { honors_range }),
        Outcome::NotModified => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            Ok(Begun::Answered(response))
        }
        Outcome::Failed => {
            let message = "the picture is not the one the client expects; load it anew";
            Err(Failure::new(&code::PRECONDITION_FAILED, message))
        }
    }
}

fn describe(response: &mut Response, content: &Content, cache: &'static str) -> Result<(), Failure> {
    let own = response.headers_mut();
    own.insert(header::ETAG, value(&Validators::of_content(&content.name).etag)?);
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if content.varies {
        own.insert(header::VARY, HeaderValue::from_static("accept"));
    }
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    own.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}
