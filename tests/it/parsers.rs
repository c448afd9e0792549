//! Parsers of what comes from outside take anything: texts of the corpus beside this file, changed at random from a seed
//! that a failure names. None panics, and what one accepts it writes and reads again as the same.

use std::{panic::AssertUnwindSafe, path::Path};

use anyhow::{Context, ensure};
use entities::id::GlobalId;
use kernel::{config::Config, work::TraceId};
use media_proto::{
    message::{Event, FromWorker, Reply, ToWorker},
    wire,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schema::kit::range::{Wanted, wanted};
use serde_json::{Value, json};
use server::http::graphql::{call, cost::Costs, document::Document};
use tests::{on_both, server::TestServer};

use crate::kill::random::Random;

/// Changed texts for each parser; `make torture` takes more.
fn n_rounds() -> u64 {
    let asked = std::env::var("VITAGRAPH_FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    asked.unwrap_or(3_000)
}

fn corpus(name: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/parsers").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    paths.sort();
    paths.into_iter().map(|path| Ok(std::fs::read(path)?)).collect()
}

/// What breaks parsers: ends of ranges, brackets, quotes, escapes, and bytes that are no text.
const TROUBLE: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"1e309",
    b"\"",
    b"\"\"\"",
    b"\\u",
    b"\\",
    b"{",
    b"}",
    b"[[",
    b"]]",
    b"(",
    b"#",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"\xf0\x9f\x92\xa9",
    b"...",
    b"$",
    b"@",
    b"!",
    b",,",
    b"=",
    b"null",
    b"bytes=",
    b"-",
];

/// One text of the corpus with some of it cut, doubled, swapped or replaced.
fn changed(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let pick = |random: &mut Random, end: usize| random.below(end.max(1) as u64) as usize;
    let mut text = corpus[pick(random, corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let (at, other) = (pick(random, text.len() + 1), pick(random, text.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        match random.below(6) {
            0 => text.truncate(at),
            1 => drop(text.drain(from..to)),
            2 => {
                let piece = text[from..to].to_vec();
                text.splice(at..at, piece);
            }
            3 => drop(text.splice(at..at, TROUBLE[pick(random, TROUBLE.len())].iter().copied())),
            4 if at < text.len() => text[at] ^= 1 << random.below(8),
            _ => {
                let from_other = &corpus[pick(random, corpus.len())];
                let piece = &from_other[pick(random, from_other.len())..];
                text.splice(at..at, piece.iter().copied());
            }
        }
        text.truncate(20_000);
    }
    text
}

/// Gives a parser each text of its corpus and many changed ones.
fn fuzz(name: &str, corpus: &[Vec<u8>], check: impl Fn(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    ensure!(!corpus.is_empty(), "there is no corpus for {name}");
    let try_one = |text: &[u8]| {
        let shown = String::from_utf8_lossy(text).chars().take(500).collect::<String>();
        match std::panic::catch_unwind(AssertUnwindSafe(|| check(text))) {
            Ok(checked) => checked.with_context(|| format!("{name}: {shown:?}")),
            Err(_) => anyhow::bail!("{name} panicked on {shown:?}"),
        }
    };
    corpus.iter().try_for_each(|text| try_one(text))?;
    for seed in 0..n_rounds() {
        let text = changed(corpus, &mut Random::new(seed));
        try_one(&text).with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn ids_are_read_back_as_they_were_written_or_refused() -> anyhow::Result<()> {
    fuzz("id", &corpus("id")?, |bytes| {
        let Ok(id) = text(bytes).parse::<GlobalId>() else {
            return Ok(());
        };
        ensure!(id.to_string().parse::<GlobalId>()?.to_string() == id.to_string());
        Ok(())
    })
}

#[test]
fn ranges_stay_within_the_file() -> anyhow::Result<()> {
    fuzz("range", &corpus("range")?, |bytes| {
        for size in [0, 1, 1000, u64::MAX] {
            if let Wanted::Parts(spans) = wanted(Some(&text(bytes)), size) {
                let is_within = |span: &schema::kit::range::Span| span.first <= span.last && span.last < size;
                ensure!(!spans.is_empty() && spans.iter().all(is_within), "{size}: {spans:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn graphql_requests_and_documents_are_read_or_refused() -> anyhow::Result<()> {
    let from_script = HeaderMap::from_iter([(
        HeaderName::from_static("sec-fetch-mode"),
        HeaderValue::from_static("cors"),
    )]);
    fuzz("request", &corpus("request")?, |bytes| {
        if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
            let _ = call::from_json(value);
        }
        let query: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
        if let Ok(uri) = format!("/graphql?query={query}&variables={query}").parse() {
            let _ = call::from_get(&uri, &from_script);
        }
        Ok(())
    })?;
    let costs = Costs::new(&server::compose::sdl());
    fuzz("document", &corpus("document")?, |bytes| {
        let Ok(document) = Document::parse(text(bytes)) else {
            return Ok(());
        };
        if let Ok(operation) = document.operation(None) {
            let _ = costs.check(&document.parsed, operation, &async_graphql::Variables::default());
            let _ = document.is_meta(operation);
            let _ = document.alone(None);
        }
        Ok(())
    })
}

#[test]
fn settings_and_traces_are_read_or_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("settings.toml");
    fuzz("config", &corpus("config")?, |bytes| {
        std::fs::write(&path, bytes)?;
        let variables = [("VITAGRAPH_SCAN_PROBES".to_owned(), text(bytes))];
        if let Ok(config) = Config::load(Some(&path), variables, &["server", "log", "scan", "stream"]) {
            let _ = server::plugins::Plugins::check(&config);
        }
        Ok(())
    })?;
    fuzz("trace", &corpus("trace")?, |bytes| {
        let Some(trace) = TraceId::of_traceparent(&text(bytes)) else {
            return Ok(());
        };
        ensure!(trace.to_string().parse::<TraceId>()? == trace);
        Ok(())
    })
}

#[test]
fn both_sides_of_the_worker_protocol_take_any_bytes() -> anyhow::Result<()> {
    let body = |message: &FromWorker| -> anyhow::Result<Vec<u8>> { Ok(wire::encode(message)?[4..].to_vec()) };
    let hello = FromWorker::Hello {
        protocol: 1,
        layers: Vec::new(),
        warnings: vec!["no Landlock".to_owned()],
    };
    let escaped = Reply::Escaped(vec![("connect".to_owned(), Some(13)), ("open".to_owned(), None)]);
    let frames = [
        body(&hello)?,
        body(&FromWorker::Event {
            id: 7,
            event: Event::Piece { offset: u64::MAX },
            len: 12,
        })?,
        body(&FromWorker::Done {
            id: 7,
            reply: Reply::Pong,
        })?,
        body(&FromWorker::Done {
            id: u64::MAX,
            reply: escaped,
        })?,
        body(&FromWorker::Done {
            id: 1,
            reply: Reply::Synthesized { len: 5 },
        })?,
        wire::encode(&ToWorker::Allow { id: 9, until: u32::MAX })?[4..].to_vec(),
    ];
    fuzz("frames of a worker", &frames, |bytes| {
        if let Ok(message) = wire::decode::<FromWorker>(bytes) {
            // Written shortest, the same bytes come out or fewer: nothing that was read is lost.
            let again = wire::encode(&message)?;
            ensure!(again.len() - 4 <= bytes.len(), "{message:?}");
        }
        if let Ok(message) = wire::decode::<ToWorker>(bytes) {
            wire::encode(&message)?;
        }
        Ok(())
    })
}

on_both! {
    async fn cursors_and_filters_of_strangers_never_are_our_failure(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.png 16x16\nb.png 16x16 seed:2\nc.png 16x16 seed:3").await?;
        server.scan(&library).await?;
        let viewer = server.viewer();
        let page = "query($after: String, $search: String, $path: String) { media(first: 1, after: $after, search: $search,
            filter: { path: { contains: $path } }, sort: [{ field: TITLE, direction: ASC }]) { pageInfo { endCursor } } }";
        let first = viewer.query(page, json!({})).await?;
        let cursor = first["media"]["pageInfo"]["endCursor"].as_str().context("a cursor")?;
        let seeds = [cursor.as_bytes().to_vec(), b"WzEsInRpdGxlIiwyLCJhIl0".to_vec(), b"\"a b\" -c %_\\ 'd".to_vec()];
        for seed in 0..200 {
            let text = text(&changed(&seeds, &mut Random::new(seed)));
            for variables in [json!({ "after": text }), json!({ "search": text }), json!({ "path": text })] {
                let answer = viewer.send(page, variables).await?;
                let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none");
                ensure!(["none", "BAD_INPUT"].contains(&code), "seed {seed}: {text:?}: {answer:#}");
            }
        }
    }
}
