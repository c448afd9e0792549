//! `GET|HEAD /p/clips/rendition/{key}.mp4` and `{key}.m3u8`, a playlist of its ranges: the signature is the permission; what
//! is named after its bytes never changes.

use std::{ops::Range, time::Duration};

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
    sql,
};
use schema::kit::{
    range::{asked, part},
    refusal::refusal,
};

use crate::{code, layout::Layout};

/// Kept by the browser for a year and never asked about; by nobody in between, for the URL is a permission.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";
/// One read.
const PIECE: u64 = 512 * 1024;

#[derive(Clone)]
struct App {
    kernel: Kernel,
    objects: Objects,
    valid: Duration,
}

/// The routes below `/p/clips`; URLs in playlists are valid for so long.
pub fn router(kernel: Kernel, objects: Objects, valid: Duration) -> Router {
    Router::new()
        .route("/rendition/{name}", get(serve))
        .with_state(App { kernel, objects, valid })
}

/// The URL of a rendition's playlist.
pub fn playlist_url(signer: &Signer, key: ObjectKey, valid: Duration) -> String {
    signer.sign(&format!("/p/clips/rendition/{key}.m3u8"), valid)
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
        match name.strip_suffix(".m3u8") {
            Some(key) => playlist(&app, key).await,
            None => respond(&app.objects, &name, &method, &headers).await,
        }
    };
    answer.await.unwrap_or_else(|failure| refusal(&failure, &headers))
}

/// Names every part of the file; the same bytes always, but for the signature of their URL.
async fn playlist(app: &App, key: &str) -> Result<Response, Failure> {
    let gone = || Failure::new(&code::GONE, format!("there is no rendition `{key}` any more"));
    let key: ObjectKey = key.parse().map_err(|_| gone())?;
    let text = "select layout from clip_rendition where object_key = $1 and layout is not null limit 1";
    let rows = sql::rows(app.kernel.store.reader(), text, [key.as_bytes().to_vec().into()]).await?;
    let layout: String = rows.first().ok_or_else(gone)?.try_get_by_index(0)?;
    let url = url(&app.kernel.signer, key, app.valid);
    // Beside the playlist, so that a server in front may have a folder of its own.
    let url = url.rsplit_once('/').map_or(url.as_str(), |(_, name)| name);
    let mut response = Response::new(Body::from(Layout::of_text(&layout)?.playlist(url)));
    let own = response.headers_mut();
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    own.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/vnd.apple.mpegurl"),
    );
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
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
    // A range holds only for the bytes that the client knows.
    let range = asked(method, headers).filter(|_| text(header::IF_RANGE).is_none_or(|tag| tag == etag));
    let bytes = match part(&mut response, range, size) {
        Ok(bytes) => bytes,
        Err(beyond) => {
            let message = format!("no asked byte is in the rendition, which has {size}");
            let failure = Failure::new(&code::RANGE_UNSATISFIABLE, message);
            return Ok(beyond.answer(refusal(&failure, headers)));
        }
    };
    if method != Method::HEAD {
        *response.body_mut() = body(objects.clone(), key, bytes);
    }
    Ok(response)
}

/// The bytes, read no faster than the client takes them.
fn body(objects: Objects, key: ObjectKey, bytes: Range<u64>) -> Body {
    let end = bytes.end;
    let read = move |first: u64| {
        let objects = objects.clone();
        async move {
            let read = objects.get_range(key, first..(first + PIECE).min(end)).await;
            let read = read.map_err(std::io::Error::other)?;
            read.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
        }
    };
    Body::from_stream(stream::iter(bytes.step_by(PIECE as usize)).map(read).buffered(2))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}
