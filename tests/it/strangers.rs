//! What strangers put where a cursor, a search or a path is wanted is answered or refused by both databases, and never is our
//! failure. The parsers themselves are fuzzed: `tests/fuzz/run`.

use anyhow::{Context, ensure};
use serde_json::json;
use tests::{on_both, server::TestServer};

use crate::kill::random::Random;

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

on_both! {
    async fn what_strangers_send_is_answered_or_refused(backend: Backend) {
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
            let text = String::from_utf8_lossy(&changed(&seeds, &mut Random::new(seed))).into_owned();
            for variables in [json!({ "after": text }), json!({ "search": text }), json!({ "path": text })] {
                let answer = viewer.send(page, variables).await?;
                let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none");
                ensure!(["none", "BAD_INPUT"].contains(&code), "seed {seed}: {text:?}: {answer:#}");
            }
        }
    }
}
