//! `GET|HEAD /p/backup/{name}`: a backup's bytes. The signature is the permission, and only administrators are given one.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::get,
};
use futures_util::stream;
use kernel::{backups::OpenBackup, error::Failure, plugin::Kernel};
use schema::kit::{
    range::{Span, Wanted, wanted},
    refusal::{refusal, refusal_with},
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
    // A range is defined for GET alone, and holds only for the bytes that the client knows.
    let asks = method == Method::GET && text(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let span = match wanted(text(header::RANGE).filter(|_| asks), size) {
        Wanted::Unsatisfiable => {
            let failure = Failure::new(
                &code::RANGE_UNSATISFIABLE,
                format!("no asked byte is in the backup, which has {size}"),
            );
            let mut refused = refusal_with(StatusCode::RANGE_NOT_SATISFIABLE, &failure, headers);
            let range = value(&format!("bytes */{size}"))?;
            refused.headers_mut().insert(header::CONTENT_RANGE, range);
            return Ok(refused);
        }
        Wanted::Parts(spans) if spans.len() == 1 => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = value(&format!("bytes {}-{}/{size}", spans[0].first, spans[0].last))?;
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            spans[0]
        }
        // Several parts are of use to nobody here; RFC 9110 allows to send the whole.
        _ => Span {
            first: 0,
            last: size.saturating_sub(1),
        },
    };
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(span.n_bytes().min(size)));
    if method != Method::HEAD {
        *response.body_mut() = Body::from_stream(bytes(backup, span));
    }
    Ok(response)
}

/// A span piece by piece: a piece is read when the one before is on its way.
fn bytes(backup: OpenBackup, span: Span) -> impl futures_util::Stream<Item = std::io::Result<axum::body::Bytes>> {
    stream::try_unfold(span.first, move |at| {
        let backup = backup.clone();
        async move {
            if at > span.last {
                return Ok(None);
            }
            let n = PIECE.min(span.last + 1 - at) as usize;
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
