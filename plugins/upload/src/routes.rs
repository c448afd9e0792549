//! `/uploads` and `/uploads/{id}`: tus 1.0. Every answer says the version, and how far an upload is.

mod create;
mod draft;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::{Body, HttpBody},
    extract::{Path, Request, State as Shared},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use entities::{id::UploadId, user::Role};
use kernel::error::{Failure, code as general};
use schema::kit::{
    access::{Access, Viewer},
    refusal::refusal_with,
};
use tokio::sync::mpsc;

use crate::{
    Upload, code,
    end::abort,
    protocol::{self, Check, bad, number, text},
    receive::feed,
    rest::read_off,
    row::{self, Concat, Row, State},
    writer::{How, Order, Outcome, write},
};

pub use self::create::check_quota;

/// The longest queue to a writer, in pieces.
const QUEUE: usize = 2;

/// Where uploads are.
pub const PATH: &str = "/uploads";

/// The routes. Each request carries who sends it.
pub fn router(upload: Arc<Upload>) -> Router {
    Router::new()
        .route("/uploads", any(all))
        .route("/uploads/", any(all))
        .route("/uploads/{id}", any(one))
        .with_state(upload)
}

/// The URL of an upload on this server.
pub fn url(id: UploadId) -> String {
    format!("{PATH}/{id}")
}

async fn all(Shared(upload): Shared<Arc<Upload>>, access: Option<Extension<Access>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let request = request.map(read_off);
    if draft::is_spoken(&upload, &headers) {
        return draft::all(&upload, access.as_deref(), request).await;
    }
    let answer = async {
        let method = method(&request)?;
        if method == Method::OPTIONS {
            return Ok(options(&upload));
        }
        account(access.as_deref())?;
        if method != Method::POST {
            return Err(not_allowed(method.as_str()));
        }
        check(&headers)?;
        let viewer = editor(access.as_deref())?;
        create::create(&upload, viewer, &headers, request.into_body()).await
    };
    let answer = answer.await;
    finish(answer, &headers)
}

async fn one(
    Shared(upload): Shared<Arc<Upload>>,
    Path(id): Path<String>,
    access: Option<Extension<Access>>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let request = request.map(read_off);
    if draft::is_spoken(&upload, &headers) {
        return draft::one(&upload, access.as_deref(), &id, request).await;
    }
    let answer = async {
        let method = method(&request)?;
        if method == Method::OPTIONS {
            return Ok(options(&upload));
        }
        account(access.as_deref())?;
        if ![Method::HEAD, Method::PATCH, Method::DELETE].contains(&method) {
            return Err(not_allowed(method.as_str()));
        }
        check(&headers)?;
        let viewer = editor(access.as_deref())?;
        let row = find(&upload, viewer, &id).await?;
        match method.as_str() {
            "HEAD" => {
                // Whoever asks is about to go on: what an older request has is settled first, or the answer would be
                // wrong when it arrives.
                upload.desk.settle(row.id).await?;
                head(&find(&upload, viewer, &id).await?)
            }
            "PATCH" => patch(&upload, row, &headers, request.into_body()).await,
            _ => {
                abort(&upload, &row).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
        }
    };
    let answer = answer.await;
    finish(answer, &headers)
}

/// The method, or the one that a client could not send itself.
fn method(request: &Request) -> Result<Method, Failure> {
    match text(request.headers(), "x-http-method-override")? {
        Some(name) if request.method() == Method::POST => name.parse().map_err(|_| not_allowed(name)),
        _ => Ok(request.method().clone()),
    }
}

/// The account that asks and may upload.
fn editor(access: Option<&Access>) -> Result<&Viewer, Failure> {
    let viewer = account(access)?;
    if (viewer.role as i32) < (Role::Editor as i32) {
        let message = "this needs an account or token that may act as Editor";
        return Err(Failure::new(&general::FORBIDDEN, message));
    }
    Ok(viewer)
}

/// The account that asks.
fn account(access: Option<&Access>) -> Result<&Viewer, Failure> {
    match access {
        Some(Access::Viewer(viewer)) => Ok(viewer),
        _ => Err(Failure::new(
            &general::UNAUTHENTICATED,
            "sign in, or send a valid token",
        )),
    }
}

/// Whether it speaks our version.
fn check(headers: &HeaderMap) -> Result<(), Failure> {
    if text(headers, "tus-resumable")? == Some(protocol::VERSION) {
        return Ok(());
    }
    let message = format!("send `Tus-Resumable: {}`", protocol::VERSION);
    Err(Failure::new(&code::VERSION, message))
}

fn not_allowed(method: &str) -> Failure {
    Failure::new(&code::METHOD, format!("`{method}` means nothing here"))
}

/// The upload of this name, if it is the viewer's to see.
async fn find(upload: &Upload, viewer: &Viewer, id: &str) -> Result<Row, Failure> {
    let none = || Failure::new(&code::NOT_FOUND, format!("no upload `{id}`"));
    let id: UploadId = id.parse().map_err(|_| none())?;
    let row = row::find(upload.kernel.store.reader(), id).await?;
    let is_seen = |row: &Row| row.user == viewer.user || viewer.role == Role::Admin;
    let row = row.filter(is_seen).ok_or_else(none)?;
    if row.state == State::Receiving && row.expires_at < upload.kernel.clock.now_ms() {
        return Err(Failure::new(
            &code::EXPIRED,
            format!("`{id}` was not finished in time; begin anew"),
        ));
    }
    Ok(row)
}

fn options(upload: &Upload) -> Response {
    let headers = [
        (HeaderName::from_static("tus-version"), protocol::VERSION.to_owned()),
        (
            HeaderName::from_static("tus-extension"),
            protocol::EXTENSIONS.to_owned(),
        ),
        (
            HeaderName::from_static("tus-checksum-algorithm"),
            protocol::ALGORITHMS.to_owned(),
        ),
        (
            HeaderName::from_static("tus-max-size"),
            upload.config.max_bytes.to_string(),
        ),
        (header::ALLOW, "OPTIONS, POST, HEAD, PATCH, DELETE".to_owned()),
    ];
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in headers {
        insert(&mut response, name, &value);
    }
    draft::announce(upload, &mut response);
    response
}

fn head(row: &Row) -> Result<Response, Failure> {
    let mut response = StatusCode::OK.into_response();
    // A whole has an offset when it was made of its parts.
    let is_made = row.concat != Concat::Final || Some(row.n_received) == row.n_bytes;
    if is_made {
        set_offset(&mut response, row.n_received);
    }
    match row.n_bytes {
        Some(n) => insert(&mut response, HeaderName::from_static("upload-length"), &n.to_string()),
        None => insert(&mut response, HeaderName::from_static("upload-defer-length"), "1"),
    }
    if !row.metadata.is_empty() {
        insert(&mut response, HeaderName::from_static("upload-metadata"), &row.metadata);
    }
    let concat = HeaderName::from_static("upload-concat");
    match row.concat {
        Concat::Whole => {}
        Concat::Partial => insert(&mut response, concat, "partial"),
        Concat::Final => {
            let urls: Vec<String> = row.parts.iter().map(|part| url(*part)).collect();
            insert(&mut response, concat, &format!("final;{}", urls.join(" ")));
        }
    }
    if row.state == State::Receiving {
        set_expires(&mut response, row.expires_at)?;
    }
    Ok(response)
}

async fn patch(upload: &Upload, row: Row, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    check_type(headers)?;
    let offset = number(headers, "upload-offset")?.ok_or_else(|| bad("send `Upload-Offset`"))?;
    let check = Check::parse(headers)?;
    let mut row = row;
    let n_coming = if body.is_end_stream() {
        Some(0)
    } else {
        number(headers, "content-length")?
    };
    if row.state != State::Receiving || row.concat == Concat::Final {
        // A client that did not hear that it was done may ask again.
        if row.concat != Concat::Final && row.n_bytes == Some(offset) && n_coming == Some(0) {
            let mut response = StatusCode::NO_CONTENT.into_response();
            set_offset(&mut response, offset);
            return Ok(response);
        }
        return Err(Failure::new(&code::ENDED, format!("`{}` takes no more bytes", row.id)));
    }
    if let Some(n_bytes) = number(headers, "upload-length")? {
        row = lengthen(upload, row, n_bytes).await?;
    }
    let (outcome, fed) = receive(upload, &row, offset, check, n_coming, body).await?;
    let mut response = match told(upload, &row, &outcome, fed) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => refuse(&failure, headers),
    };
    set_offset(&mut response, outcome.offset);
    set_expires(&mut response, upload.kernel.clock.now_ms() + upload.keep_ms())?;
    Ok(response)
}

fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    if text(headers, "content-type")?.is_some_and(|sent| sent.eq_ignore_ascii_case(protocol::BODY_TYPE)) {
        return Ok(());
    }
    let message = format!("send the bytes as `content-type: {}`", protocol::BODY_TYPE);
    Err(Failure::new(&code::BAD_TYPE, message))
}

/// Says how long an upload is whose length was put off.
async fn lengthen(upload: &Upload, mut row: Row, n_bytes: u64) -> Result<Row, Failure> {
    if row.n_bytes == Some(n_bytes) {
        return Ok(row);
    }
    if n_bytes > upload.config.max_bytes {
        return Err(too_large(n_bytes, upload.config.max_bytes));
    }
    let kernel = &upload.kernel;
    let tx = kernel.store.begin(kernel::store::Durability::Full).await?;
    let is_set = row::set_length(&tx, row.id, n_bytes).await?;
    tx.commit().await?;
    if !is_set {
        return Err(bad(format!("the length of `{}` is not {n_bytes}", row.id)));
    }
    row.n_bytes = Some(n_bytes);
    Ok(row)
}

fn too_large(n_bytes: u64, max: u64) -> Failure {
    Failure::new(&code::TOO_LARGE, format!("{n_bytes} bytes are more than {max}"))
}

/// Takes a body in, from this offset on.
async fn receive(
    upload: &Upload,
    row: &Row,
    offset: u64,
    check: Option<Check>,
    n_coming: Option<u64>,
    body: Body,
) -> Result<(Outcome, Result<(), Failure>), Failure> {
    let held = upload.desk.take(&upload.kernel, row).await?;
    if held.taken.n_received != offset {
        let message = format!("`{}` goes on at {}, not at {offset}", row.id, held.taken.n_received);
        return Err(Failure::new(&code::WRONG_OFFSET, message));
    }
    let end = held.taken.n_bytes.unwrap_or(upload.config.max_bytes);
    if let Some(n) = n_coming.filter(|n| *n > end.saturating_sub(offset)) {
        return Err(too_large(offset.saturating_add(n), end));
    }
    let order = Order {
        id: row.id,
        name: row.filename.clone().unwrap_or_else(|| row.id.to_string()),
        is_part: row.concat == Concat::Partial,
        max_bytes: upload.config.max_bytes,
        keep_ms: upload.keep_ms(),
        check,
    };
    let (send, pieces) = mpsc::channel(QUEUE);
    let leave = held.turn.leave().clone();
    let writing = upload
        .desk
        .tracker
        .spawn(write(upload.kernel.clone(), held, order, pieces));
    let fed = feed(body, send, &upload.limits(), &leave).await;
    let outcome = writing.await.map_err(Failure::internal)?;
    Ok((outcome, fed))
}

/// What a client is told of how its body ended.
fn told(upload: &Upload, row: &Row, outcome: &Outcome, fed: Result<(), Failure>) -> Result<(), Failure> {
    let id = row.id;
    match &outcome.how {
        How::Failed(failure) => return Err(Failure::new(failure.code, failure.message.clone())),
        How::TooLong => {
            let message = format!("more bytes came than `{id}` has; those that fit are kept");
            return Err(Failure::new(&code::TOO_LARGE, message));
        }
        How::Mismatch => {
            let message = "the bytes are not those of the checksum and were thrown away";
            return Err(Failure::new(&code::WRONG_CHECKSUM, message));
        }
        How::Whole | How::Broken | How::Left => fed?,
    }
    match outcome.how {
        How::Left if upload.desk.is_closing() => {
            let message = "the server is stopping; what came is kept";
            Err(Failure::new(&code::STOPPING, message))
        }
        How::Left => {
            let message = format!("a later request writes to `{id}`; what came is kept");
            Err(Failure::new(&code::LOCKED, message))
        }
        How::Broken => Err(bad("the body broke off; what came is kept")),
        _ => Ok(()),
    }
}

fn finish(answer: Result<Response, Failure>, headers: &HeaderMap) -> Response {
    let mut response = answer.unwrap_or_else(|failure| refuse(&failure, headers));
    insert(
        &mut response,
        HeaderName::from_static("tus-resumable"),
        protocol::VERSION,
    );
    insert(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

fn refuse(failure: &Failure, headers: &HeaderMap) -> Response {
    let mut response = refusal_with(code::status(failure), failure, headers);
    if failure.code.name == code::VERSION.name {
        insert(&mut response, HeaderName::from_static("tus-version"), protocol::VERSION);
    }
    response
}

fn set_offset(response: &mut Response, offset: u64) {
    insert(response, HeaderName::from_static("upload-offset"), &offset.to_string());
}

fn set_expires(response: &mut Response, at: i64) -> Result<(), Failure> {
    let date = protocol::http_date(at).map_err(Failure::internal)?;
    insert(response, HeaderName::from_static("upload-expires"), &date);
    Ok(())
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    // What cannot be a header was none when it came.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
