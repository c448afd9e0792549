//! The web app and the playground, embedded in the program, compressed beforehand.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::problem_with;
use crate::codes;

/// The built web app. A debug build reads the folder while it runs; a release build carries it.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Web;

/// A year: what has a hash in its name never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Ask each time whether it changed.
const REVALIDATE: &str = "no-cache";

/// What `/` says in a program that was built without the web app.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Vitagraph</title>\
    <h1>Vitagraph is running</h1><p>This program was built without the web app. Build it with <code>make build</code>, \
    or run <code>npm ci</code> and <code>npm run build</code> in <code>web/</code> and build the server again.</p>\
    <p>The GraphQL endpoint is <code>/graphql</code>.</p></html>";

/// Everything that no other route serves.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if method != Method::GET && method != Method::HEAD {
        let message = "this path can only be read";
        return problem_with(
            StatusCode::METHOD_NOT_ALLOWED,
            codes::METHOD_NOT_ALLOWED.name,
            message,
            &headers,
        );
    }
    if path == "playground" {
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "/playground/")]).into_response();
    }
    let Some(name) = resolve(path) else {
        let message = format!("nothing is served at `/{}`", path.chars().take(200).collect::<String>());
        return problem_with(StatusCode::NOT_FOUND, codes::NO_SUCH_ROUTE.name, &message, &headers);
    };
    match Web::get(&name) {
        Some(_) => file(&name, &headers),
        None => (
            StatusCode::OK,
            [(header::CACHE_CONTROL, REVALIDATE)],
            axum::response::Html(NOT_BUILT),
        )
            .into_response(),
    }
}

/// Which embedded file a path means: itself, or the page of the app that owns the path.
fn resolve(path: &str) -> Option<String> {
    if path.starts_with("playground/") {
        let is_page = path == "playground/";
        let name = if is_page { "playground/index.html" } else { path };
        return Web::get(name).is_some().then(|| name.to_owned());
    }
    // The prefixes of machines never answer with a page, and neither does a missing file.
    let is_machine = ["graphql", "auth", "p", "healthz", "readyz", "metrics"]
        .iter()
        .any(|prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    if is_machine {
        return None;
    }
    if !path.is_empty() && !is_compressed_copy(path) && Web::get(path).is_some() {
        return Some(path.to_owned());
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    (!last.contains('.')).then(|| "index.html".to_owned())
}

fn is_compressed_copy(path: &str) -> bool {
    path.ends_with(".br") || path.ends_with(".gz")
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some((content, encoding)) = best(name, headers) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = etag(&content, encoding);
    let is_hashed = name.starts_with("assets/") || name.starts_with("playground/assets/");
    let mut response = if is_known(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(content.data.into_owned()));
        let kind = content_type(name);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let cache = if is_hashed { IMMUTABLE } else { REVALIDATE };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The smallest form that the client takes.
fn best(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    for (encoding, extension) in [("br", "br"), ("gzip", "gz")] {
        if accepts(headers, encoding)
            && let Some(content) = Web::get(&format!("{name}.{extension}"))
        {
            return Some((content, Some(encoding)));
        }
    }
    Some((Web::get(name)?, None))
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let sent = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    sent.flat_map(|list| list.split(',')).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let is_named = pieces.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = pieces.any(|piece| piece.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)));
        is_named && !refused
    })
}

fn etag(content: &EmbeddedFile, encoding: Option<&str>) -> String {
    let hash = content.metadata.sha256_hash();
    let digits: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!(
        "\"{digits}{}\"",
        encoding.map_or(String::new(), |encoding| format!("-{encoding}"))
    )
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let sent = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    sent.flat_map(|list| list.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == etag)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_with_quality_zero_is_not_sent() {
        let headers = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            headers
        };
        assert!(accepts(&headers("gzip, deflate, br"), "br"));
        assert!(accepts(&headers("BR;q=0.5"), "br"));
        assert!(!accepts(&headers("gzip, br;q=0"), "br"));
        assert!(!accepts(&headers("brotli"), "br"));
    }

    #[test]
    fn paths_of_machines_and_missing_files_are_no_pages() {
        assert_eq!(resolve("media/med_1").as_deref(), Some("index.html"));
        assert_eq!(resolve("").as_deref(), Some("index.html"));
        assert_eq!(resolve("assets/gone-1a2b.js"), None);
        assert_eq!(resolve("graphql/x"), None);
        assert_eq!(resolve("p/nothing"), None);
        assert_eq!(resolve("people").as_deref(), Some("index.html"));
    }
}
