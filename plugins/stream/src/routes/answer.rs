//! What all answers of byte routes have in common.

use std::io::Write;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use kernel::error::Failure;
use schema::{
    kit::{
        conditional::{Outcome, Validators},
        refusal::{refusal, refusal_with},
    },
    system::traffic::Underway,
};

use crate::{body, code, desk::growing::Growing};

/// Seconds after which a client that was told to wait asks again.
const RETRY_AFTER: &str = "2";

/// A URL is its own permission and no cookie counts here, so pages and players of any origin may read the answer: that of a
/// site which embeds it, of a cast receiver, or of a server in front of this one.
pub async fn for_any_origin(mut response: Response) -> Response {
    let own = response.headers_mut();
    own.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    own.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("content-length, content-range, etag, retry-after"),
    );
    own.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

/// The answer to a page that asks whether it may send a request that is not simple.
pub async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let own = response.headers_mut();
    own.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, OPTIONS"),
    );
    own.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("range, if-range, if-none-match, if-modified-since"),
    );
    own.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// What is sent.
pub struct Content {
    /// Its type.
    pub mime: &'static str,
    /// What tells it from other content of the same URL: letters, digits and `/`.
    pub tag: String,
    /// How long it may be kept, and by whom.
    pub cache: &'static str,
}

/// The answer to a client that has the content already, if it does.
pub fn not_modified(headers: &HeaderMap, content: &Content) -> Result<Option<Response>, Failure> {
    if Validators::of_content(&content.tag).evaluate(headers) != Outcome::NotModified {
        return Ok(None);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    describe(&mut response, content)?;
    Ok(Some(response))
}

/// An answer of bytes that are in memory.
pub fn bytes(content: &Content, bytes: Bytes, underway: Underway) -> Result<Response, Failure> {
    let length = bytes.len();
    let mut response = Response::new(body::whole(bytes, underway));
    describe(&mut response, content)?;
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime));
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// An answer of a segment that is being made. Its length is not known yet.
pub fn growing(content: &Content, growing: Growing, underway: Underway) -> Result<Response, Failure> {
    let mut response = Response::new(body::growing(growing.into_stream(), underway));
    describe(&mut response, content)?;
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime));
    Ok(response)
}

/// An answer of a text, packed if the client unpacks it: playlists shrink to a tenth.
pub fn text(headers: &HeaderMap, content: &Content, text: String, method: &Method) -> Result<Response, Failure> {
    let packs = accepts_gzip(headers);
    let bytes = if packs {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).map_err(Failure::internal)?;
        packer.finish().map_err(Failure::internal)?
    } else {
        text.into_bytes()
    };
    let mut response = Response::new(Body::empty());
    describe(&mut response, content)?;
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.mime));
    own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if packs {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if method != Method::HEAD {
        *response.body_mut() = Body::from(bytes);
    }
    Ok(response)
}

/// The answer for a failure.
pub fn refuse(failure: &Failure, headers: &HeaderMap) -> Response {
    match failure.code {
        code if code == &code::PRECONDITION_FAILED => refusal_with(StatusCode::PRECONDITION_FAILED, failure, headers),
        code if code == &code::NOT_READY => {
            let mut response = refusal_with(StatusCode::SERVICE_UNAVAILABLE, failure, headers);
            let after = HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, after);
            response
        }
        _ => refusal(failure, headers),
    }
}

fn describe(response: &mut Response, content: &Content) -> Result<(), Failure> {
    // Weak: another head, or another way of packing, gives other bytes that serve as well.
    let tag = HeaderValue::from_str(&format!("W/\"{}\"", content.tag)).map_err(Failure::internal)?;
    let own = response.headers_mut();
    own.insert(header::ETAG, tag);
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static(content.cache));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    own.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
    );
    Ok(())
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = quality
            .trim()
            .strip_prefix("q=")
            .is_some_and(|quality| quality.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_packed_for_who_unpacks_it() {
        for (accept, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().expect("a header"));
            assert_eq!(accepts_gzip(&headers), expected, "{accept}");
        }
    }
}
