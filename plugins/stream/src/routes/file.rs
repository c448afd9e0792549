//! `GET|HEAD /p/stream/file/{file_id}/{filename}`: the signature is the permission, the name is for people.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use entities::id::FileId;
use kernel::{
    error::Failure,
    library_file::{LibraryFile, OpenError},
    plugin::Kernel,
};
use schema::{
    kit::{
        conditional::{Outcome, Validators},
        range::{Beyond, Span, Wanted, asked, wanted},
    },
    system::traffic::Traffic,
};

use super::answer::refuse;
use crate::{
    body::{Multipart, single},
    code,
    kind::{disposition, kind},
};

/// Nothing in the answer may run, load or frame anything; a browser that shows a medium by itself may load that.
const CONTENT_SECURITY_POLICY: &str =
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub async fn serve(
    State(kernel): State<Kernel>,
    OriginalUri(uri): OriginalUri,
    Path((id, _)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        kernel.signer.verify(uri.path(), uri.query().unwrap_or_default())?;
        respond(&kernel, &id, &method, &headers).await
    };
    answer.await.unwrap_or_else(|failure| refuse(&failure, &headers))
}

async fn respond(kernel: &Kernel, id: &str, method: &Method, headers: &HeaderMap) -> Result<Response, Failure> {
    let unknown = || Failure::new(&code::FILE_UNKNOWN, format!("the server knows no file `{id}` any more"));
    let id: FileId = id.parse().map_err(|_| unknown())?;
    let located = LibraryFile::find(&kernel.store, id).await?.ok_or_else(unknown)?;
    let (file, facts) = located.open().await.map_err(not_opened)?;
    let size = facts.size.max(0).unsigned_abs();
    let validators = Validators::of_file(facts.size, facts.mtime_ns);
    let kind = kind(&located.name, located.container.as_deref());

    let mut response = Response::new(Body::empty());
    let own = response.headers_mut();
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(header::ETAG, value(&validators.etag)?);
    if let Some(date) = &validators.last_modified {
        own.insert(header::LAST_MODIFIED, value(date)?);
    }
    // Kept by the browser, and asked about before it is used: the file may have been replaced.
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    own.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );

    let honors_range = match validators.evaluate(headers) {
        Outcome::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        Outcome::Failed => {
            let message = format!("`{}` is not the file the client expects; load it anew", located.path);
            return Err(Failure::new(&code::PRECONDITION_FAILED, message));
        }
        Outcome::Go { honors_range } => honors_range,
    };
    let range = asked(method, headers).filter(|_| honors_range);

    let own = response.headers_mut();
    own.insert(header::CONTENT_DISPOSITION, value(&disposition(&kind, &located.name))?);
    own.insert(header::CONTENT_TYPE, value(&kind.mime)?);
    let file = Arc::new(file);
    let underway = || Traffic::of(kernel).stream();
    let (length, body) = match wanted(range, size) {
        Wanted::Unsatisfiable => {
            let message = format!("no asked byte is in `{}`, which has {size}", located.path);
            let refused = refuse(&Failure::new(&code::RANGE_UNSATISFIABLE, message), headers);
            return Ok(Beyond::of(size).answer(refused));
        }
        Wanted::Whole if size == 0 || method == Method::HEAD => (size, Body::empty()),
        Wanted::Whole => (
            size,
            single(
                file,
                Span {
                    first: 0,
                    last: size - 1,
                },
                underway(),
            ),
        ),
        Wanted::Parts(spans) => {
            if let [span] = spans[..] {
                span.mark(&mut response, size);
                (span.n_bytes(), single(file, span, underway()))
            } else {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let boundary = format!("vitagraph-{:016x}", rand::random::<u64>());
                let parts = Multipart::new(&spans, &boundary, &kind.mime, size);
                let kind = value(&format!("multipart/byteranges; boundary={boundary}"))?;
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                (parts.len(), parts.into_body(file, underway()))
            }
        }
    };
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    *response.body_mut() = body;
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(Failure::internal)
}

fn not_opened(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::Missing { .. } => &code::FILE_MISSING,
        OpenError::Unreadable { path, source } => {
            tracing::warn!(path, error = %source, "a file could not be opened");
            &code::FILE_UNREADABLE
        }
    };
    Failure::new(code, error.to_string())
}
