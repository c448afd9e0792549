//! Which answers are compressed: long texts that hold nothing worth guessing.
//!
//! Who can put text into an answer, have it sent again and again and see its length can guess a secret in it letter by
//! letter (BREACH). So only this is compressed: answers to queries, which no page of another site can ask for in an account's
//! name (`origin.rs`), and texts of players. What gives away a secret for the first time is not: answers to mutations, whose
//! tokens and codes are shown once, and all of `/auth` and of shared links. Streams of events are never held up, and what is
//! compressed already, or a part of something, stays as it is.

use axum::{
    body::HttpBody,
    http::{self, header},
    response::Response,
};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, Predicate},
};

/// Shorter answers fit into a packet or two as they are.
const SHORTEST: u64 = 1_400;
/// Some tens of megabytes a second in each of the three forms.
const LEVEL: CompressionLevel = CompressionLevel::Precise(3);

/// Texts of players: playlists, subtitles and places of stills.
const OF_PLAYERS: [&str; 3] = ["application/vnd.apple.mpegurl", "application/dash+xml", "text/vtt"];

/// Says that an answer may be compressed.
#[derive(Debug, Clone, Copy)]
struct MayCompress;

/// Marks an answer that may be compressed.
pub fn may(mut response: Response) -> Response {
    response.extensions_mut().insert(MayCompress);
    response
}

/// Compresses what may be, by what the client takes: zstd, brotli or gzip.
pub fn layer() -> CompressionLayer<Texts> {
    CompressionLayer::new().quality(LEVEL).compress_when(Texts)
}

/// Picks the answers that are compressed.
#[derive(Debug, Clone, Copy)]
pub struct Texts;

impl Predicate for Texts {
    fn should_compress<B: HttpBody>(&self, response: &http::Response<B>) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let is_text = response.extensions().get::<MayCompress>().is_some() || OF_PLAYERS.contains(&essence);
        // What has no length yet comes piece by piece.
        is_text && response.body().size_hint().lower() >= SHORTEST
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn answer(kind: &'static str, n_bytes: usize) -> Response {
        let mut response = Response::new(Body::from(vec![b'a'; n_bytes]));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        response
    }

    #[test]
    fn only_long_texts_that_may_be_guessed_at_are_compressed() {
        let picks = |response: &Response| Texts.should_compress(response);
        assert!(picks(&may(answer("application/json", 2_000))));
        assert!(!picks(&may(answer("application/json", 200))));
        assert!(
            !picks(&answer("application/json", 2_000)),
            "nobody said that it holds no secret"
        );
        assert!(picks(&answer("text/vtt; charset=utf-8", 2_000)));
        assert!(!picks(&answer("video/mp4", 2_000)));
        assert!(!picks(&answer("text/event-stream", 2_000)));
    }
}
