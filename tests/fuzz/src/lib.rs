//! What reads bytes of strangers: each parser takes anything, panics on nothing, and keeps what its callers rely on.
//!
//! A function here is the body of the fuzz target of the same name.

#[path = "../../../media/worker/src/exif.rs"]
#[allow(
    dead_code,
    reason = "the worker is a program: what it parses by itself is taken as a file"
)]
mod exif_block;
#[path = "../../../media/worker/src/clip/parameters.rs"]
#[allow(dead_code, reason = "as above")]
mod h264;
#[path = "../../../media/worker/src/subtitles/vtt.rs"]
#[allow(dead_code, reason = "as above")]
mod vtt;

use std::sync::LazyLock;

use async_graphql::{InputType, Variables};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use entities::id::{GlobalId, UserId};
use kernel::{config::Config, cron, egress::target::Target, work::TraceId};
use media_proto::{
    message::{FromWorker, ToWorker},
    wire,
};
use plugin_capture::publish::StreamKey;
use plugin_organize::pattern::Pattern;
use plugin_pictures::urls::{Formats, Layout};
use plugin_scan::{nfo as sidecar, package::PackageParts};
use plugin_upload::{
    naming::{Subject, Template},
    protocol,
};
use schema::{
    kit::{
        cursor::Cursor,
        keyset::{Key, KeyKind, Keyset},
        libraries::Libraries,
        range::{Wanted, wanted},
    },
    media::{filter, inputs::MediaFilter, page},
    search::{
        self,
        subtitles::lines::{Lines, unpack},
    },
};
use sea_orm::{DbBackend, sea_query::Expr};
use serde_json::Value as Json;
use server::http::graphql::{call, cost::Costs, document::Document};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ids are written as they were read.
pub fn ids(bytes: &[u8]) {
    if let Ok(id) = text(bytes).parse::<GlobalId>() {
        let written = id.to_string();
        assert_eq!(written.parse::<GlobalId>().map(|id| id.to_string()), Ok(written));
    }
}

/// Ranges of HTTP stay within the file.
pub fn ranges(bytes: &[u8]) {
    for size in [0, 1, 1000, u64::MAX] {
        if let Wanted::Parts(spans) = wanted(Some(&text(bytes)), size) {
            assert!(!spans.is_empty());
            assert!(spans.iter().all(|span| span.first <= span.last && span.last < size));
        }
    }
}

/// Cursors are written as they were read.
pub fn cursors(bytes: &[u8]) {
    let key = |kind, is_nullable| Key {
        expr: Expr::col(("media", "title")),
        kind,
        is_nullable,
        is_descending: false,
    };
    let keyset = Keyset {
        keys: vec![key(KeyKind::Text, false), key(KeyKind::Int, true)],
        id: Expr::col(("media", "id")),
        is_descending: false,
        signature: "+Title-Rating".to_owned(),
    };
    if let Ok(cursor) = Cursor::decode(&text(bytes), &keyset, "after") {
        let again = Cursor::decode(&cursor.encode(&keyset), &keyset, "after");
        assert!(again.is_ok_and(|again| again == cursor));
    }
}

/// Filters become SQL for both databases, or an error.
pub fn filters(bytes: &[u8]) {
    let value = serde_json::from_slice::<Json>(bytes).map_err(drop);
    let value = value.and_then(|json| async_graphql::Value::from_json(json).map_err(drop));
    let Ok(filter) = value.and_then(|value| MediaFilter::parse(Some(value)).map_err(drop)) else {
        return;
    };
    if filter::roots(&filter).is_err() {
        return;
    }
    assert!((0.0..=1.0).contains(&filter::share(&filter)));
    for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
        let none = filter::Descendants::new();
        let _ = page::condition(UserId(1), &Libraries::All, backend, &none, Some(&filter), &[]);
    }
}

/// The words of a search.
pub fn searches(bytes: &[u8]) {
    if let Ok(terms) = search::parse(&text(bytes)) {
        let words = terms.iter().flat_map(|term| &term.words);
        assert!(words.clone().all(|word| word.chars().all(char::is_alphanumeric)));
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let none = filter::Descendants::new();
            let _ = page::condition(UserId(1), &Libraries::All, backend, &none, None, &terms);
        }
    }
}

/// GraphQL requests in a body and in a URL.
pub fn requests(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Json>(bytes) {
        let _ = call::from_json(value);
    }
    let from_script = HeaderMap::from_iter([(
        HeaderName::from_static("sec-fetch-mode"),
        HeaderValue::from_static("cors"),
    )]);
    let query: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    if let Ok(uri) = format!("/graphql?query={query}&variables={query}").parse::<Uri>() {
        let _ = call::from_get(&uri, &from_script);
    }
}

/// GraphQL documents, and what they cost.
pub fn documents(bytes: &[u8]) {
    static COSTS: LazyLock<Costs> = LazyLock::new(|| Costs::new(&server::compose::sdl()));
    let Ok(document) = Document::parse(text(bytes)) else {
        return;
    };
    if let Ok(operation) = document.operation(None) {
        let _ = COSTS.check(&document.parsed, operation, &Variables::default());
        let _ = document.is_meta(operation);
        let _ = document.alone(None);
    }
}

/// Values of settings from the environment.
pub fn settings(bytes: &[u8]) {
    let variables = [("VITAGRAPH_SCAN_PROBES".to_owned(), text(bytes))];
    if let Ok(config) = Config::load(None, variables, &["server", "log", "scan", "stream"]) {
        let _ = server::plugins::Plugins::check(&config);
    }
}

/// The `traceparent` header.
pub fn traces(bytes: &[u8]) {
    if let Some(trace) = TraceId::of_traceparent(&text(bytes)) {
        assert_eq!(trace.to_string().parse::<TraceId>().ok(), Some(trace));
    }
}

/// Times of schedules.
pub fn schedules(bytes: &[u8]) {
    if let Ok(pattern) = cron::Pattern::parse(&text(bytes)) {
        let now = 1_700_000_000_000;
        assert!(pattern.next_after(now).is_none_or(|next| next > now));
        assert!(pattern.last_until(now).is_none_or(|last| last <= now));
    }
}

/// URLs that the server connects to, and where they lead from a playlist.
pub fn urls(bytes: &[u8]) {
    let text = text(bytes);
    let base = Target::parse("https://camera.example/live/index.m3u8").expect("a URL");
    for target in [Target::parse(&text), base.join(&text)].into_iter().flatten() {
        assert!(!target.host().is_empty() && target.path_and_query().starts_with('/'));
        assert!(!target.host().chars().any(char::is_control));
    }
    let _ = text.parse::<Formats>();
    let _ = text.parse::<Layout>();
}

/// The headers of tus.
pub fn tus_headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let names = ["upload-concat", "upload-checksum", "upload-length"].map(HeaderName::from_static);
    let headers = HeaderMap::from_iter(names.map(|name| (name, value.clone())));
    let _ = protocol::concat(&headers);
    let _ = protocol::Check::parse(&headers).map(|check| {
        check.map(|mut check| {
            check.update(b"bytes");
            check.holds()
        })
    });
    if let Ok(Some(n)) = protocol::number(&headers, "upload-length") {
        assert!(i64::try_from(n).is_ok());
    }
    let _ = protocol::Metadata::parse(&text(bytes));
}

/// The template of names, and the names that clients give: nothing leaves the library.
pub fn upload_names(bytes: &[u8]) {
    let text = text(bytes);
    let (template, name) = text.split_once('\n').unwrap_or(("{user}/{name}", &text));
    let Ok(template) = Template::parse(template) else {
        return;
    };
    let subject = Subject {
        name,
        user: name,
        kind: "video",
        at: 1_700_000_000_000,
        hash: "0123456789abcdef",
        extension: "mp4",
    };
    for attempt in [1, 2] {
        let place = template.place(&subject, attempt);
        for part in place.as_bytes().split(|byte| *byte == b'/') {
            assert!(!part.is_empty() && part.len() <= 255 && part[0] != b'.', "{place:?}");
            assert!(!part.iter().any(u8::is_ascii_control), "{place:?}");
        }
    }
}

/// Rules that read titles, days and people out of paths.
pub fn path_rules(bytes: &[u8]) {
    let text = text(bytes);
    let (pattern, path) = text.split_once('\n').unwrap_or((&text, "Films/2024-02-30 A Title.mkv"));
    if let Ok(pattern) = Pattern::parse(pattern, "pattern") {
        let _ = pattern.read(path);
    }
}

/// Keys of streams that are published here.
pub fn stream_keys(bytes: &[u8]) {
    let _ = StreamKey::parse(&text(bytes));
}

/// Sidecars of Kodi.
pub fn nfo(bytes: &[u8]) {
    let _ = sidecar::parse(bytes);
}

/// Playlists of HLS and manifests of DASH that a scan finds.
pub fn playlists(bytes: &[u8]) {
    let mut parts = PackageParts::default();
    for name in [&b"index.m3u8"[..], b"manifest.mpd"] {
        parts.read(name, bytes);
    }
    let _ = parts.contains(b"segment-1.m4s");
    let _ = parts.contains(bytes);
}

/// Events of subtitles: whatever they say, the file is one of cues, and no cue can end it.
pub fn subtitles(bytes: &[u8]) {
    let mut track = vtt::Track::default();
    for (line, at) in text(bytes).lines().zip(0..) {
        track.add(at * 1_000_000, (at % 2 == 0).then_some(at * 1_000_000 + 500_000), line);
    }
    let n_cues = track.n_cues() as usize;
    let file = track.finish();
    assert!(file.starts_with("WEBVTT\n"));
    assert_eq!(file.lines().filter(|line| line.contains("-->")).count(), n_cues);
    // The search has all of them, and of what is no WebVTT nothing worse than nonsense.
    for file in [&*file, &*text(bytes)] {
        let mut lines = Lines::default();
        lines.add(file);
        assert_eq!(unpack(&lines.pack()).len(), lines.len());
    }
    let _ = unpack(bytes);
}

/// What a worker says to the server; the worker is not trusted.
pub fn worker_frames(bytes: &[u8]) {
    if let Ok(message) = wire::decode::<FromWorker>(bytes) {
        // Written shortest, the same bytes come out or fewer: nothing that was read is lost.
        let again = wire::encode(&message).expect("what was read can be written");
        assert!(again.len() - 4 <= bytes.len(), "{message:?}");
    }
}

/// What the server says to a worker.
pub fn server_frames(bytes: &[u8]) {
    if let Ok(message) = wire::decode::<ToWorker>(bytes) {
        let again = wire::encode(&message).expect("what was read can be written");
        assert!(again.len() - 4 <= bytes.len());
    }
}

/// The orientation of photographs.
pub fn exif(bytes: &[u8]) {
    let read = |offset: u64, buffer: &mut [u8]| {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| bytes.get(at..))
            .unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        n
    };
    let number = exif_block::orientation_in(bytes, read);
    assert!(number.is_none_or(|number| (1..=8).contains(&number)));
    let _ = exif_block::rotation(bytes);
}

/// H.264's parameter sets and packets.
pub fn parameter_sets(bytes: &[u8]) {
    let _ = h264::Sps::read(bytes);
    if let Some((parameters, framing)) = h264::Parameters::read(bytes) {
        let _ = h264::reframed(bytes, framing, &parameters);
        let _ = h264::is_closed(bytes, framing);
        if let Some(joined) = parameters.joined(&parameters) {
            assert!(h264::Parameters::read(&joined).is_some());
        }
    }
}
