//! `GET|HEAD /p/capture/..`: a running recording as HLS (RFC 8216) and its latest picture. The signature is the permission.
//!
//! Both are read off the file as it grows, by whatever process is asked: nothing of them is kept by the one that records.

use std::{
    collections::HashMap,
    fs::File,
    hash::Hash,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex as Shelf, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use entities::id::{CaptureId, CapturePartId};
use kernel::{error::Failure, plugin::Kernel, signing::LONGEST};
use media_engine::source::Source;
use media_proto::survey::{PictureFormat, Poster, Survey};
use schema::kit::refusal::refusal;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::{
    code,
    grown::{Grown, Segment, Span},
    place, repair,
    row::{self, Shown},
};

/// How much of a recording is offered behind its end, in milliseconds.
const WINDOW_MS: u64 = 30_000;
/// What a segment is promised not to exceed, in seconds; see `grown`.
const TARGET_S: u64 = 4;
/// Numbers of segments in a second: more than there are, so that those of a later file are higher.
const NUMBERS_A_SECOND: i64 = 2;
/// How wide a snapshot is.
const WIDTH: u32 = 640;
/// The largest segment that is given away.
const MAX_SEGMENT: u64 = 256 << 20;

/// How long is remembered of a recording what nobody asks for.
const REMEMBERED: Duration = Duration::from_secs(60);

type Picture = Arc<OnceCell<Bytes>>;

/// What was asked for of late.
struct Recent<K, V>(Arc<Shelf<HashMap<K, (Instant, V)>>>);

impl<K, V> Clone for Recent<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq, V: Clone + Default> Recent<K, V> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn get(&self, key: K) -> V {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|_, (asked, _)| asked.elapsed() < REMEMBERED);
        let (asked, value) = shelf.entry(key).or_insert_with(|| (Instant::now(), V::default()));
        *asked = Instant::now();
        value.clone()
    }
}

/// What is known of recordings that somebody watches. All of it can be read again.
#[derive(Clone)]
pub struct Watched {
    kernel: Kernel,
    grown: Recent<CapturePartId, Arc<Mutex<Grown>>>,
    pictures: Recent<(CapturePartId, u64), Picture>,
}

/// The routes below `/p/capture`.
pub fn router(kernel: &Kernel) -> Router {
    let watched = Watched {
        kernel: kernel.clone(),
        grown: Recent::new(),
        pictures: Recent::new(),
    };
    Router::new()
        .route("/live/{capture}/index.m3u8", get(playlist))
        .route("/live/{capture}/{part}/{span}", get(segment))
        .route("/snapshot/{capture}/{tick}", get(snapshot))
        .with_state(watched)
}

/// Where a running recording can be watched.
pub fn live_url(kernel: &Kernel, id: CaptureId) -> String {
    kernel.signer.sign(&format!("/p/capture/live/{id}/index.m3u8"), LONGEST)
}

/// Where its latest picture is, which is another one with each tick.
pub fn snapshot_url(kernel: &Kernel, id: CaptureId, every_s: u32) -> String {
    let tick = kernel.clock.now_ms() / (i64::from(every_s.max(1)) * 1000);
    kernel
        .signer
        .sign(&format!("/p/capture/snapshot/{id}/{tick}.jpg"), LONGEST)
}

fn gone(what: impl std::fmt::Display) -> Failure {
    Failure::new(
        &code::NOT_RECORDED,
        format!("{what} is not there; ask the API how the capture fares"),
    )
}

impl Watched {
    /// Checks the signature, and lets `answer` answer.
    async fn answer(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        answer: impl AsyncFnOnce() -> Result<Response, Failure>,
    ) -> Response {
        let verified = self.kernel.signer.verify(uri.path(), uri.query().unwrap_or_default());
        let answered = match verified {
            Ok(()) => answer().await,
            Err(error) => Err(error.into()),
        };
        let mut response: Response = answered.unwrap_or_else(|failure| refusal(&failure, headers));
        // Players of other sites may play what they have a URL of.
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
        response
    }

    /// The latest file of a capture, or one of its files.
    async fn part(&self, capture: &str, part: Option<&str>) -> Result<Shown, Failure> {
        let id: CaptureId = capture.parse().map_err(|_| gone(capture))?;
        let part = part.map(|part| part.parse::<CapturePartId>().map_err(|_| gone(part)));
        let found = row::shown_part(self.kernel.store.reader(), id, part.transpose()?).await?;
        found.ok_or_else(|| gone(capture))
    }

    /// Does something with an open file, off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        shown: &Shown,
        work: impl FnOnce(&File) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let name = shown.file_name.clone();
        let (work_path, placed) = (place::work(&name), place::placed(shown.library, &name));
        let done = place::below(&self.kernel, move |root| {
            // It is moved when it is whole.
            let opened = root.open_file(&work_path).or_else(|_| root.open_file(&placed));
            match opened {
                Ok((file, _)) => work(&file).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        });
        done.await?.ok_or_else(|| gone(name))
    }

    /// What there is of a file by now.
    async fn read<T: Send + 'static>(
        &self,
        shown: &Shown,
        look: impl FnOnce(&Grown) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let grown = self.grown.get(shown.id).lock_owned().await;
        self.with(shown, move |file| {
            let mut grown = grown;
            grown.read_on(file)?;
            Ok(look(&grown))
        })
        .await
    }

    async fn bytes(&self, shown: &Shown, spans: Vec<Span>) -> Result<Vec<u8>, Failure> {
        let n: u64 = spans.iter().map(|span| span.n).sum();
        if n > MAX_SEGMENT {
            return Err(gone(format!("a segment of {n} bytes")));
        }
        self.with(shown, move |file| {
            let mut bytes = vec![0; n as usize];
            let mut rest = &mut bytes[..];
            for span in spans {
                let (own, others) = rest.split_at_mut(span.n as usize);
                file.read_exact_at(own, span.at)?;
                rest = others;
            }
            Ok(bytes)
        })
        .await
    }
}

async fn playlist(
    State(watched): State<Watched>,
    OriginalUri(uri): OriginalUri,
    Path(capture): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async || {
        let shown = watched.part(&capture, None).await?;
        let is_over = shown.is_sealed && shown.is_over;
        let is_sealed = shown.is_sealed;
        let (header, segments) = watched
            .read(&shown, move |grown| (grown.header(), grown.segments(is_sealed)))
            .await?;
        // Players give up on a list of nothing, and ask again where there is none.
        let header = header.filter(|_| is_over || !segments.is_empty());
        let header = header.ok_or_else(|| gone("the beginning of the recording"))?;
        let url = |span: Span| {
            let path = format!("/p/capture/live/{capture}/{}/{}-{}.mp4", shown.id, span.at, span.n);
            watched.kernel.signer.sign(&path, LONGEST)
        };
        let base = shown.started_at / (1000 / NUMBERS_A_SECOND);
        let text = written(&segments, base.unsigned_abs(), &url(header), &url, is_over);
        let kind = [
            (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        Ok((kind, text).into_response())
    };
    watched.answer(&uri, &headers, answer).await
}

/// The playlist of the last segments. It begins where decoding can.
fn written(segments: &[Segment], base: u64, map: &str, url: &dyn Fn(Span) -> String, is_over: bool) -> String {
    let mut from = segments.len();
    let mut ms = 0;
    while from > 0 && ms < WINDOW_MS {
        from -= 1;
        ms += segments[from].lasts_ms;
    }
    while from > 0 && !segments[from].is_key {
        from -= 1;
    }
    let window = &segments[from..];
    let longest = window
        .iter()
        .map(|segment| segment.lasts_ms.div_ceil(1000))
        .max()
        .unwrap_or(0);
    let target = longest.max(TARGET_S);
    let first = base + window.first().map_or(0, |segment| segment.number);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-MAP:URI=\"{map}\"\n"
    );
    for segment in window {
        text.push_str(&format!(
            "#EXTINF:{:.3},\n{}\n",
            segment.lasts_ms as f64 / 1000.0,
            url(segment.span)
        ));
    }
    if is_over {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

async fn segment(
    State(watched): State<Watched>,
    OriginalUri(uri): OriginalUri,
    Path((capture, part, span)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = async || {
        let read = || {
            let (at, n) = span.strip_suffix(".mp4")?.split_once('-')?;
            Some(Span {
                at: at.parse().ok()?,
                n: n.parse().ok()?,
            })
        };
        let wanted = read().ok_or_else(|| gone(&span))?;
        let shown = watched.part(&capture, Some(&part)).await?;
        let bytes = watched.bytes(&shown, vec![wanted]).await?;
        // What is written of a recording never changes.
        let kind = [
            (header::CONTENT_TYPE, "video/mp4"),
            (header::CACHE_CONTROL, "private, max-age=3600, immutable"),
        ];
        Ok((kind, bytes).into_response())
    };
    watched.answer(&uri, &headers, answer).await
}

async fn snapshot(
    State(watched): State<Watched>,
    OriginalUri(uri): OriginalUri,
    Path((capture, _tick)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = async || {
        let shown = watched.part(&capture, None).await?;
        let found = watched
            .read(&shown, |grown| Some((grown.header()?, grown.latest_key()?)))
            .await?;
        let (header, key) = found.ok_or_else(|| gone("a picture of the recording"))?;
        let picture = watched.pictures.get((shown.id, key.at));
        let drawn = picture.get_or_try_init(async || {
            let bytes = watched.bytes(&shown, vec![header, key]).await?;
            draw(&watched.kernel, &bytes).await
        });
        let bytes = drawn.await?.clone();
        let kind = [
            (header::CONTENT_TYPE, "image/jpeg"),
            (header::CACHE_CONTROL, "private, max-age=3600, immutable"),
        ];
        Ok((kind, bytes).into_response())
    };
    watched.answer(&uri, &headers, answer).await
}

/// Draws the first picture of some bytes in the sandbox.
async fn draw(kernel: &Kernel, bytes: &[u8]) -> Result<Bytes, Failure> {
    let refused = |why: String| Failure::new(&code::UNSUPPORTED, format!("the recording cannot be drawn: {why}"));
    let engine = repair::engine(kernel)?;
    let source = Source::of_bytes(bytes).map_err(Failure::internal)?;
    let survey = Survey {
        extension: Some("mp4".to_owned()),
        poster: Some(Poster {
            at_us: Some(0),
            widths: vec![WIDTH],
            formats: vec![PictureFormat::Jpeg],
        }),
        ..Survey::default()
    };
    let drawn = engine.survey(&source, &survey, &CancellationToken::new(), None).await;
    let (surveyed, sheet) = drawn.map_err(|error| refused(error.to_string()))?;
    let why = surveyed
        .failures
        .first()
        .map_or("no picture came", |(_, why)| why)
        .to_owned();
    let (Some(artifact), Some(sheet)) = (surveyed.artifacts.first(), sheet) else {
        return Err(refused(why));
    };
    let mut picture = vec![0; artifact.len as usize];
    sheet
        .read_exact_at(&mut picture, artifact.offset)
        .map_err(Failure::internal)?;
    Ok(picture.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_begins_at_a_keyframe_and_counts_on() {
        let segment = |number: u64| Segment {
            number,
            span: Span { at: number, n: 1 },
            lasts_ms: 2000,
            is_key: number.is_multiple_of(6),
        };
        let all: Vec<Segment> = (0..40).map(segment).collect();
        let text = written(&all, 1000, "map", &|span| span.at.to_string(), false);
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:1024\n"), "{text}");
        assert!(
            text.contains("#EXT-X-TARGETDURATION:4\n#") && text.ends_with("#EXTINF:2.000,\n39\n"),
            "{text}"
        );
        let text = written(&all[..3], 1000, "map", &|span| span.at.to_string(), true);
        assert!(
            text.contains("#EXT-X-MEDIA-SEQUENCE:1000\n") && text.ends_with("2\n#EXT-X-ENDLIST\n"),
            "{text}"
        );
    }
}
