//! Reads a GraphQL request out of an HTTP one, strictly: what is not exactly a request is refused before it is parsed.

use async_graphql::{Variables, parser::types::OperationType};
use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
};
use kernel::error::Failure;
use schema::limits;
use serde_json::{Map, Value};

use crate::codes;

/// A GraphQL request as it was sent.
#[derive(Debug, Default)]
pub struct Call {
    /// The document's text; absent when it is named by its hash alone.
    pub query: Option<String>,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// The variables.
    pub variables: Variables,
    /// The SHA-256 of a persisted document.
    pub persisted: Option<[u8; 32]>,
    /// The only kind of operation that this way of asking allows; `None` allows all.
    pub only: Option<OperationType>,
}

/// A request that could not be read: what is wrong, and the status that says so.
#[derive(Debug)]
pub struct Refused {
    /// The response's status.
    pub status: StatusCode,
    /// What is wrong.
    pub failure: Failure,
}

impl Refused {
    fn malformed(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            failure: Failure::new(&codes::MALFORMED_REQUEST, message),
        }
    }
}

/// Reads the body of a POST.
pub async fn from_post(headers: &HeaderMap, body: Body) -> Result<Call, Refused> {
    check_content_type(headers)?;
    let too_large = || Refused {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        failure: Failure::new(
            &codes::BODY_TOO_LARGE,
            format!("a request may have {} bytes", limits::BODY_BYTES),
        ),
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits::BODY_BYTES as u64) {
        return Err(too_large());
    }
    let bytes = match axum::body::to_bytes(body, limits::BODY_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) if is_length_limit(&error) => return Err(too_large()),
        Err(_) => return Err(Refused::malformed("the request's body could not be read")),
    };
    if bytes.is_empty() {
        return Err(Refused::malformed(
            "the request's body is empty; send a JSON object with `query`",
        ));
    }
    let value = serde_json::from_slice(&bytes)
        .map_err(|error| Refused::malformed(format!("the request's body is not JSON: {error}")))?;
    from_json(value)
}

/// Reads the parameters of a GET, which may only query. The document's text is taken from programs that say by
/// `Sec-Fetch-Mode` (W3C Fetch Metadata) that the answer goes to a script; everybody else names a document that was sent
/// before by its hash, for any page can have a browser follow an address.
pub fn from_get(uri: &Uri, headers: &HeaderMap) -> Result<Call, Refused> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Refused::malformed(format!("the query string is not well formed: {error}")))?;
    let mut object = Map::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "query" | "operationName" => Value::String(text),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text)
                .map_err(|error| Refused::malformed(format!("the parameter `{name}` is not JSON: {error}")))?,
            _ => continue,
        };
        if object.insert(name.clone(), value).is_some() {
            return Err(Refused::malformed(format!("the parameter `{name}` is there twice")));
        }
    }
    let mut call = from_json(Value::Object(object))?;
    let mode = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes);
    let is_for_script = matches!(mode, Some(b"cors" | b"same-origin"));
    if call.query.is_some() && !is_for_script {
        let message = "send the document's text by POST; a GET names one that is known, by `extensions.persistedQuery`";
        return Err(Refused {
            status: StatusCode::METHOD_NOT_ALLOWED,
            failure: Failure::new(&codes::METHOD_NOT_ALLOWED, message),
        });
    }
    call.only = Some(OperationType::Query);
    Ok(call)
}

/// Reads the JSON form of a request, as bodies and socket messages have it.
pub fn from_json(value: Value) -> Result<Call, Refused> {
    let mut object = match value {
        Value::Object(object) => object,
        Value::Array(_) => {
            return Err(Refused::malformed(
                "batches are not supported; send one request at a time",
            ));
        }
        _ => return Err(Refused::malformed("the request is not a JSON object")),
    };
    let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
    let text = |name: &str, value: Option<Value>| match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::malformed(format!("`{name}` must be a string"))),
    };
    let map = |name: &str, value: Option<Value>| match value {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(Refused::malformed(format!("`{name}` must be an object"))),
    };
    let query = text("query", take("query"))?;
    let operation_name = text("operationName", take("operationName"))?;
    let variables = map("variables", take("variables"))?;
    let extensions = map("extensions", take("extensions"))?;
    let persisted = extensions.get("persistedQuery").map(persisted).transpose()?;
    if query.is_none() && persisted.is_none() {
        return Err(Refused::malformed("`query` is missing"));
    }
    Ok(Call {
        query,
        operation_name,
        variables: Variables::from_json(Value::Object(variables)),
        persisted,
        only: None,
    })
}

fn persisted(value: &Value) -> Result<[u8; 32], Refused> {
    let wrong = || Refused::malformed("`persistedQuery` needs `version: 1` and `sha256Hash`, 64 lowercase hex digits");
    if value.get("version").and_then(Value::as_u64) != Some(1) {
        return Err(wrong());
    }
    let digits = value.get("sha256Hash").and_then(Value::as_str).ok_or_else(wrong)?;
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong());
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(hash)
}

/// JSON and nothing else: any other type could be sent by a form of another site without asking first.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let mut pieces = sent.split(';').map(str::trim);
    let is_json = pieces
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf8 = pieces.all(|piece| {
        let Some((name, value)) = piece.split_once('=') else {
            return piece.is_empty();
        };
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let message = "a POST needs `Content-Type: application/json`, in UTF-8";
    Err(Refused {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        failure: Failure::new(&codes::UNSUPPORTED_MEDIA_TYPE, message),
    })
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
