//! The bytes of a response: read in large pieces off the async threads, and no faster than the client takes them.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use schema::{kit::range::Span, system::traffic::Underway};

/// One read. Large enough that the hop to another thread does not count.
const PIECE: u64 = 512 * 1024;
/// Pieces in memory for one client: one on its way out, one being read.
const AHEAD: usize = 2;

/// A body of one part of a file.
pub fn single(file: Arc<File>, span: Span, underway: Underway) -> Body {
    Body::from_stream(counted(pieces(file, span), underway))
}

/// A body of bytes that are in memory.
pub fn whole(bytes: Bytes, underway: Underway) -> Body {
    Body::from_stream(counted(stream::iter([Ok(bytes)]), underway))
}

/// A body whose bytes come while they are made.
pub fn growing<S: Stream<Item = io::Result<Bytes>> + Send + 'static>(pieces: S, underway: Underway) -> Body {
    Body::from_stream(counted(pieces, underway))
}

/// A body of several parts, each behind its own head, and its length in bytes.
pub struct Multipart {
    parts: Vec<(Bytes, Span)>,
    end: Bytes,
}

impl Multipart {
    /// The parts of a file of this type and size.
    pub fn new(spans: &[Span], boundary: &str, mime: &str, size: u64) -> Self {
        let head = |span: &Span| {
            let Span { first, last } = span;
            let text = format!(
                "\r\n--{boundary}\r\ncontent-type: {mime}\r\ncontent-range: bytes {first}-{last}/{size}\r\n\r\n"
            );
            (Bytes::from(text), *span)
        };
        Self {
            parts: spans.iter().map(head).collect(),
            end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
        }
    }

    /// How long the body is.
    pub fn len(&self) -> u64 {
        self.parts
            .iter()
            .map(|(head, span)| head.len() as u64 + span.n_bytes())
            .sum::<u64>()
            + self.end.len() as u64
    }

    /// The body.
    pub fn into_body(self, file: Arc<File>, underway: Underway) -> Body {
        let parts = stream::iter(self.parts)
            .flat_map(move |(head, span)| stream::iter([Ok(head)]).chain(pieces(Arc::clone(&file), span)));
        let end = self.end;
        Body::from_stream(counted(parts.chain(stream::iter([Ok(end)])), underway))
    }
}

fn pieces(file: Arc<File>, span: Span) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let n_pieces = span.n_bytes().div_ceil(PIECE);
    let read = move |index: u64| {
        let file = Arc::clone(&file);
        async move {
            let at = span.first + index * PIECE;
            let length = PIECE.min(span.last + 1 - at) as usize;
            let reading = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; length];
                // A file that has shrunk ends the response early, which the client sees by its length.
                file.read_exact_at(&mut piece, at).map(|()| Bytes::from(piece))
            });
            reading.await.map_err(io::Error::other)?
        }
    };
    stream::iter(0..n_pieces).map(read).buffered(AHEAD)
}

fn counted<S: Stream<Item = io::Result<Bytes>> + Send>(
    pieces: S,
    underway: Underway,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    pieces.inspect(move |_| {
        // The count lives in the closure, and the closure as long as the body.
        let _ = &underway;
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::body::to_bytes;
    use schema::system::traffic::Traffic;

    use super::*;

    fn file(size: usize) -> (Arc<File>, Vec<u8>) {
        let mut file = tempfile::tempfile().expect("a file");
        let bytes: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
        file.write_all(&bytes).expect("room");
        (Arc::new(file), bytes)
    }

    #[tokio::test]
    async fn a_part_is_exactly_its_bytes_whatever_the_pieces() {
        let (file, bytes) = file(3 * PIECE as usize + 17);
        let last = bytes.len() as u64 - 1;
        let traffic = Traffic::default();
        for (first, last) in [
            (0, 0),
            (0, last),
            (PIECE - 1, PIECE),
            (PIECE, 2 * PIECE - 1),
            (5, last),
            (last, last),
        ] {
            let body = single(Arc::clone(&file), Span { first, last }, traffic.stream());
            assert_eq!(traffic.n_streams(), 1);
            let read = to_bytes(body, usize::MAX).await.expect("a body");
            assert_eq!(read, bytes[first as usize..=last as usize], "{first}-{last}");
            assert_eq!(traffic.n_streams(), 0);
        }
    }

    #[tokio::test]
    async fn a_multipart_body_is_as_long_as_it_says() {
        let (file, bytes) = file(1000);
        let spans = [Span { first: 0, last: 9 }, Span { first: 990, last: 999 }];
        let parts = Multipart::new(&spans, "edge", "video/mp4", 1000);
        let length = parts.len();
        let read = to_bytes(parts.into_body(file, Traffic::default().stream()), usize::MAX)
            .await
            .expect("a body");
        assert_eq!(read.len() as u64, length);
        let head =
            |range: &str| format!("\r\n--edge\r\ncontent-type: video/mp4\r\ncontent-range: bytes {range}/1000\r\n\r\n");
        let mut expected = head("0-9").into_bytes();
        expected.extend_from_slice(&bytes[..10]);
        expected.extend_from_slice(head("990-999").as_bytes());
        expected.extend_from_slice(&bytes[990..]);
        expected.extend_from_slice(b"\r\n--edge--\r\n");
        assert_eq!(read, expected);
    }

    #[tokio::test]
    async fn a_file_that_shrank_breaks_the_response_off() {
        let (file, _) = file(100);
        let body = single(file, Span { first: 0, last: 199 }, Traffic::default().stream());
        assert!(to_bytes(body, usize::MAX).await.is_err());
    }
}
