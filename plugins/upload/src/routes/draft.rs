//! The same uploads in the IETF's draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), which Apple's
//! clients speak by themselves. Interim answers (104) are not sent: a client that lost its connection asks by HEAD.
//!
//! A file's name comes by `Content-Disposition`, its library by `?library=`, and what is wrong is told as RFC 9457 has it.

use axum::{
    body::HttpBody,
    extract::Request,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use kernel::error::Failure;
use schema::kit::access::Access;
use serde_json::{Value, json};

use super::{
    create::{Asked, receive_first, start},
    editor, find, insert, lengthen, not_allowed, receive, set_offset, told, url,
};
use crate::{
    Upload, code,
    end::abort,
    protocol::{Metadata, bad, number, text},
    row::{self, Concat, Row, State},
    writer::How,
};

/// The versions for trials whose headers are those of here.
const VERSIONS: std::ops::RangeInclusive<u64> = 6..=8;
const VERSION: HeaderName = HeaderName::from_static("upload-draft-interop-version");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
/// The type of bodies that go on with an upload.
const BODY_TYPE: &str = "application/partial-upload";
/// Where the draft has its types of problems.
const PROBLEMS: &str = "https://iana.org/assignments/http-problem-types";

/// Whether a request is of the draft, and it is spoken here.
pub fn is_spoken(upload: &Upload, headers: &HeaderMap) -> bool {
    let is_draft = headers.contains_key(VERSION) || headers.contains_key(COMPLETE);
    upload.config.ietf_draft && is_draft && !headers.contains_key("tus-resumable")
}

/// What is answered at `/uploads`.
pub async fn all(upload: &Upload, access: Option<&Access>, request: Request) -> Response {
    let headers = request.headers().clone();
    let answer = match *request.method() {
        Method::OPTIONS => Ok(StatusCode::NO_CONTENT.into_response()),
        Method::POST => create(upload, access, request).await,
        _ => Err(not_allowed(request.method().as_str())),
    };
    finish(
        upload,
        answer.unwrap_or_else(|failure| refuse(&failure, &Value::Null)),
        &headers,
    )
}

/// What is answered at `/uploads/{id}`.
pub async fn one(upload: &Upload, access: Option<&Access>, id: &str, request: Request) -> Response {
    let headers = request.headers().clone();
    let method = request.method().clone();
    let answer = async {
        if method == Method::OPTIONS {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let viewer = editor(access)?;
        check_version(&headers)?;
        let row = find(upload, viewer, id).await?;
        match method {
            Method::HEAD => {
                upload.desk.settle(row.id).await?;
                head(&find(upload, viewer, id).await?)
            }
            Method::PATCH => append(upload, row, request).await,
            Method::DELETE => {
                abort(upload, &row).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(not_allowed(method.as_str())),
        }
    };
    finish(
        upload,
        answer.await.unwrap_or_else(|failure| refuse(&failure, &Value::Null)),
        &headers,
    )
}

async fn create(upload: &Upload, access: Option<&Access>, request: Request) -> Result<Response, Failure> {
    let viewer = editor(access)?;
    let headers = request.headers().clone();
    check_version(&headers)?;
    let is_last = is_complete(&headers)?.ok_or_else(|| bad("send `Upload-Complete`"))?;
    let n_coming = coming(&request)?;
    let n_bytes = match (number(&headers, "upload-length")?, n_coming.filter(|_| is_last)) {
        (Some(said), Some(coming)) if said != coming => return Ok(inconsistent(said, coming)),
        (said, coming) => said.or(coming),
    };
    let query = request.uri().query().unwrap_or_default();
    let told_by_url = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let name = disposition(&headers)?.map(|name| ("filename".to_owned(), name));
    let asked = Asked {
        concat: Concat::Whole,
        parts: Vec::new(),
        n_bytes,
        raw: "",
        metadata: Metadata::of(name.into_iter().chain(told_by_url)),
    };
    let row = start(upload, viewer, asked).await?;
    let mut offset = 0;
    if n_coming != Some(0) {
        let outcome = receive_first(upload, &row, None, n_coming, request.into_body()).await?;
        offset = outcome.offset;
        if matches!(outcome.how, How::Whole) && is_last {
            end(upload, row.clone(), offset).await?;
        }
    } else if is_last && row.n_bytes != Some(0) {
        end(upload, row.clone(), 0).await?;
    }
    let mut response = StatusCode::CREATED.into_response();
    insert(&mut response, header::LOCATION, &url(row.id));
    say(&mut response, &current(upload, &row).await?, offset);
    Ok(response)
}

async fn append(upload: &Upload, mut row: Row, request: Request) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    if !text(&headers, "content-type")?.is_some_and(|sent| sent.eq_ignore_ascii_case(BODY_TYPE)) {
        let message = format!("send the bytes as `content-type: {BODY_TYPE}`");
        return Err(Failure::new(&code::BAD_TYPE, message));
    }
    let offset = number(&headers, "upload-offset")?.ok_or_else(|| bad("send `Upload-Offset`"))?;
    let is_last = is_complete(&headers)?.ok_or_else(|| bad("send `Upload-Complete`"))?;
    if row.state != State::Receiving || row.concat != Concat::Whole {
        let failure = Failure::new(&code::ENDED, format!("`{}` takes no more bytes", row.id));
        return Ok(refuse(
            &failure,
            &json!({ "type": format!("{PROBLEMS}#completed-upload"), "status": 400 }),
        ));
    }
    // What an older request has counts, and lengths that this one says hold only from there on.
    upload.desk.settle(row.id).await?;
    let n_received = current(upload, &row).await?.n_received;
    if n_received != offset {
        return Ok(mismatch(&row, n_received, offset));
    }
    let n_coming = coming(&request)?;
    let ends_at = n_coming.filter(|_| is_last).map(|n| offset.saturating_add(n));
    let said = number(&headers, "upload-length")?.or(row.n_bytes);
    match (said, ends_at) {
        (Some(said), Some(end)) if said != end => return Ok(inconsistent(said, end)),
        (Some(said), _) | (None, Some(said)) => match row.n_bytes {
            Some(known) if known != said => return Ok(inconsistent(known, said)),
            Some(_) => {}
            None => row = lengthen(upload, row, said).await?,
        },
        (None, None) => {}
    }
    let received = receive(upload, &row, offset, None, n_coming, request.into_body()).await;
    let (outcome, fed) = match received {
        Err(failure) if failure.code.name == code::WRONG_OFFSET.name => {
            return Ok(mismatch(&row, current(upload, &row).await?.n_received, offset));
        }
        other => other?,
    };
    told(upload, &row, &outcome, fed)?;
    if is_last {
        end(upload, row.clone(), outcome.offset).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    say(&mut response, &current(upload, &row).await?, outcome.offset);
    Ok(response)
}

fn head(row: &Row) -> Result<Response, Failure> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    say(&mut response, row, row.n_received);
    if let Some(n) = row.n_bytes {
        insert(&mut response, HeaderName::from_static("upload-length"), &n.to_string());
    }
    Ok(response)
}

/// Ends an upload whose last byte has come, and whose length nobody knew before.
async fn end(upload: &Upload, row: Row, offset: u64) -> Result<(), Failure> {
    if row.n_bytes.is_some() {
        return Ok(());
    }
    let row = lengthen(upload, row, offset).await?;
    let (outcome, fed) = receive(upload, &row, offset, None, Some(0), axum::body::Body::empty()).await?;
    told(upload, &row, &outcome, fed)
}

async fn current(upload: &Upload, row: &Row) -> Result<Row, Failure> {
    let found = row::find(upload.kernel.store.reader(), row.id).await?;
    found.ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no upload `{}`", row.id)))
}

/// Whether this request brings the last bytes, by `Upload-Complete`.
fn is_complete(headers: &HeaderMap) -> Result<Option<bool>, Failure> {
    match text(headers, COMPLETE.as_str())? {
        None => Ok(None),
        Some("?1") => Ok(Some(true)),
        Some("?0") => Ok(Some(false)),
        Some(other) => Err(bad(format!("`Upload-Complete` is ?0 or ?1, not `{other}`"))),
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), Failure> {
    match number(headers, VERSION.as_str())? {
        Some(version) if !VERSIONS.contains(&version) => {
            let (first, last) = (VERSIONS.start(), VERSIONS.end());
            Err(bad(format!(
                "`Upload-Draft-Interop-Version` is {first} to {last}, not {version}"
            )))
        }
        _ => Ok(()),
    }
}

/// How many bytes a request brings, if it says.
fn coming(request: &Request) -> Result<Option<u64>, Failure> {
    if request.body().is_end_stream() {
        return Ok(Some(0));
    }
    number(request.headers(), "content-length")
}

/// The name of the file, as `Content-Disposition` has it (RFC 6266).
fn disposition(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(said) = text(headers, "content-disposition")? else {
        return Ok(None);
    };
    let (mut plain, mut extended) = (None, None);
    for part in said.split(';') {
        let Some((key, value)) = part.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value.trim_matches('"').to_owned()),
            "filename*" => {
                let coded = value
                    .split_once("''")
                    .filter(|(set, _)| set.eq_ignore_ascii_case("utf-8"));
                // In a form `+` stands for a blank; here it stands for itself.
                extended = coded.and_then(|(_, coded)| {
                    let coded = format!("name={}", coded.replace('+', "%2B"));
                    let (_, name) = url::form_urlencoded::parse(coded.as_bytes()).next()?;
                    Some(name.into_owned())
                });
            }
            _ => {}
        }
    }
    Ok(extended.or(plain).filter(|name| !name.is_empty()))
}

/// Says how far an upload is.
fn say(response: &mut Response, row: &Row, offset: u64) {
    set_offset(response, offset);
    let is_whole = row.state != State::Receiving;
    insert(response, COMPLETE, if is_whole { "?1" } else { "?0" });
}

fn mismatch(row: &Row, expected: u64, provided: u64) -> Response {
    let message = format!("`{}` goes on at {expected}, not at {provided}", row.id);
    let more = json!({
        "type": format!("{PROBLEMS}#mismatching-upload-offset"),
        "expected-offset": expected, "provided-offset": provided,
    });
    let mut response = refuse(&Failure::new(&code::WRONG_OFFSET, message), &more);
    set_offset(&mut response, expected);
    response
}

fn inconsistent(said: u64, other: u64) -> Response {
    let failure = bad(format!("the file cannot have both {said} and {other} bytes"));
    refuse(
        &failure,
        &json!({ "type": format!("{PROBLEMS}#inconsistent-upload-length") }),
    )
}

/// What is wrong, with what the draft wants to know of it besides.
fn refuse(failure: &Failure, more: &Value) -> Response {
    if failure.code.category.is_servers_own() {
        tracing::error!(error = %failure, "an upload failed");
    }
    let status = more["status"]
        .as_u64()
        .and_then(|status| StatusCode::from_u16(status as u16).ok());
    let status = status.unwrap_or_else(|| code::status(failure));
    let mut problem = json!({
        "type": "about:blank", "title": failure.code.name, "status": status.as_u16(), "detail": failure.message,
    });
    if let (Some(problem), Some(more)) = (problem.as_object_mut(), more.as_object()) {
        problem.extend(more.clone());
    }
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, problem.to_string()).into_response()
}

/// Says that the draft is spoken here, and how much may come, where that is so.
pub fn announce(upload: &Upload, response: &mut Response) {
    if upload.config.ietf_draft {
        let seconds = upload.keep_ms() / 1000;
        let limit = format!("max-size={}, max-age={seconds}", upload.config.max_bytes);
        insert(response, HeaderName::from_static("upload-limit"), &limit);
        insert(response, HeaderName::from_static("accept-patch"), BODY_TYPE);
    }
}

fn finish(upload: &Upload, mut response: Response, headers: &HeaderMap) -> Response {
    announce(upload, &mut response);
    insert(&mut response, header::CACHE_CONTROL, "no-store");
    if let Ok(Some(version)) = number(headers, VERSION.as_str()) {
        insert(&mut response, VERSION, &version.to_string());
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::disposition;

    #[test]
    fn a_name_is_read_as_browsers_write_it() {
        for (said, name) in [
            ("attachment; filename=\"a film.mp4\"", Some("a film.mp4")),
            ("attachment; filename=film.mp4", Some("film.mp4")),
            (
                "attachment; filename=\"x.mp4\"; filename*=UTF-8''%C3%BC%20+1.mp4",
                Some("ü +1.mp4"),
            ),
            ("attachment; filename*=latin1''%FC.mp4; filename=u.mp4", Some("u.mp4")),
            ("attachment", None),
            ("attachment; filename=\"\"", None),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, HeaderValue::from_static(said))]);
            assert_eq!(disposition(&headers).expect("read").as_deref(), name, "{said}");
        }
    }
}
