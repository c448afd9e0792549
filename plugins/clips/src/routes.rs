//! `GET|HEAD /p/clips/rendition/{key}.mp4`: the signature is the permission; what is named after its bytes never changes.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::get,
};
use futures_util::{StreamExt, stream};
use kernel::{
    error::Failure,
    objects::{ObjectKey, Objects},
    plugin::Kernel,
    signing::Signer,
};
use schema::kit::{
    range::{Span, Wanted, wanted},
    refusal::{refusal, refusal_with},
};

use crate::code;

/// Kept by the browser for a year and never asked about; by nobody in between, for the URL is a permission.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";
/// One read.
const PIECE: u64 = 512 * 1024;

#[derive(Clone)]
struct App {
    kernel: Kernel,
    objects: Objects,
}

/// The routes below `/p/clips`.
pub fn router(kernel: Kernel, objects: Objects) -> Router {
    Router::new()
        .route("/rendition/{name}", get(serve))
        .with_state(App { kernel, objects })
}

/// The URL of a rendition.
pub fn url(signer: &Signer, key: ObjectKey, valid: Duration) -> String {
    signer.sign(&format!("/p/clips/rendition/{key}.mp4"), valid)
}

async fn serve(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        app.kernel.signer.verify(uri.path(), uri.query().unwrap_or_default())?;
        respond(&app.objects, &name, &method, &headers).await
    };
    answer.await.unwrap_or_else(|failure| refusal(&failure, &headers))
}

async fn respond(objects: &Objects, name: &str, method: &Method, headers: &HeaderMap) -> Result<Response, Failure> {
    let gone = || Failure::new(&code::GONE, format!("there is no rendition `{name}` any more"));
    let key: ObjectKey = name
        .strip_suffix(".mp4")
        .and_then(|key| key.parse().ok())
        .ok_or_else(gone)?;
    let size = objects.size(key).await?.ok_or_else(gone)?;
    let mut response = Response::new(Body::empty());
    let own = response.headers_mut();
    let etag = format!("\"{key}\"");
    own.insert(header::ETAG, value(&etag)?);
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|tags| tags == "*" || tags.split(',').any(|tag| tag.trim() == etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    // A range is defined for GET alone, and holds only for the bytes that the client knows.
    let asks = method == Method::GET && text(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let span = match wanted(text(header::RANGE).filter(|_| asks), size) {
        Wanted::Unsatisfiable => {
            let message = format!("no asked byte is in the rendition, which has {size}");
            let failure = Failure::new(&code::RANGE_UNSATISFIABLE, message);
            let mut refused = refusal_with(StatusCode::RANGE_NOT_SATISFIABLE, &failure, headers);
            refused
                .headers_mut()
                .insert(header::CONTENT_RANGE, value(&format!("bytes */{size}"))?);
            return Ok(refused);
        }
        Wanted::Parts(spans) if spans.len() == 1 => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let Span { first, last } = spans[0];
            let range = value(&format!("bytes {first}-{last}/{size}"))?;
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            spans[0]
        }
        // RFC 9110 allows to send the whole for several parts, which no player asks for.
        _ => Span {
            first: 0,
            last: size.saturating_sub(1),
        },
    };
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(span.n_bytes()));
    if method != Method::HEAD {
        *response.body_mut() = body(objects.clone(), key, span);
    }
    Ok(response)
}

/// The bytes, read no faster than the client takes them.
fn body(objects: Objects, key: ObjectKey, span: Span) -> Body {
    let pieces = (span.first..=span.last).step_by(PIECE as usize);
    let read = move |first: u64| {
        let objects = objects.clone();
        async move {
            let last = (first + PIECE - 1).min(span.last);
            let read = objects.get_range(key, first..last + 1).await;
            let read = read.map_err(std::io::Error::other)?;
            read.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
        }
    };
    Body::from_stream(stream::iter(pieces).map(read).buffered(2))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}
