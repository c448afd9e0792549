//! `GET|HEAD /p/backup/{name}`: a backup's bytes. The signature is the permission, and only administrators are given one.

use std::{ops::Range, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::Response,
    routing::get,
};
use futures_util::stream;
use kernel::{backups::OpenBackup, error::Failure, plugin::Kernel};
use schema::kit::{
    range::{asked, part},
    refusal::refusal,
};

use crate::{Backup, code};

/// One read.
const PIECE: u64 = 512 * 1024;

#[derive(Clone)]
struct App {
    kernel: Kernel,
    plugin: Arc<Backup>,
}

/// The routes below `/p/backup`.
pub fn router(kernel: Kernel, plugin: Arc<Backup>) -> Router {
    Router::new()
        .route("/{name}", get(serve))
        .with_state(App { kernel, plugin })
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
        let backups = app.plugin.backups()?.clone();
        let asked = name.clone();
        let opened = tokio::task::spawn_blocking(move || backups.open(&asked)).await;
        let opened = opened.map_err(Failure::internal)?.map_err(Failure::internal)?;
        let gone = || Failure::new(&code::NOT_FOUND, format!("there is no backup `{name}` any more"));
        respond(opened.ok_or_else(gone)?, &method, &headers)
    };
    answer.await.unwrap_or_else(|failure| refusal(&failure, &headers))
}

fn respond(backup: OpenBackup, method: &Method, headers: &HeaderMap) -> Result<Response, Failure> {
    let size = backup.facts.size;
    let etag = format!("\"{}-{size}\"", backup.facts.name);
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut response = Response::new(Body::empty());
    let own = response.headers_mut();
    own.insert(header::ETAG, value(&etag)?);
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    own.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/vnd.sqlite3"),
    );
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The name is one of ours: letters, digits and dashes.
    let attachment = format!("attachment; filename=\"{}\"", backup.facts.name);
    own.insert(header::CONTENT_DISPOSITION, value(&attachment)?);
    // A range holds only for the bytes that the client knows.
    let range = asked(method, headers).filter(|_| text(header::IF_RANGE).is_none_or(|tag| tag == etag));
    let bytes = match part(&mut response, range, size) {
        Ok(bytes) => bytes,
        Err(beyond) => {
            let message = format!("no asked byte is in the backup, which has {size}");
            let failure = Failure::new(&code::RANGE_UNSATISFIABLE, message);
            return Ok(beyond.answer(refusal(&failure, headers)));
        }
    };
    if method != Method::HEAD {
        *response.body_mut() = Body::from_stream(pieces(backup, bytes));
    }
    Ok(response)
}

/// Bytes piece by piece: a piece is read when the one before is on its way.
fn pieces(
    backup: OpenBackup,
    bytes: Range<u64>,
) -> impl futures_util::Stream<Item = std::io::Result<axum::body::Bytes>> {
    stream::try_unfold(bytes.start, move |at| {
        let backup = backup.clone();
        async move {
            if at >= bytes.end {
                return Ok(None);
            }
            let n = PIECE.min(bytes.end - at) as usize;
            let piece = backup.read(at, n).await?;
            if piece.is_empty() {
                return Ok(None);
            }
            let next = at + piece.len() as u64;
            Ok(Some((piece, next)))
        }
    })
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}
