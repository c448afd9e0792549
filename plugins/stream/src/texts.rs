//! Subtitles that lie in a film as text: read in one pass over it when the first of them is asked for, and kept as WebVTT.

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use entities::stream::{self, StreamKind};
use kernel::{
    plugin::Kernel,
    shelf::{Shelf, ShelfKey},
};
use media_engine::engine::Engine;
use media_proto::{error::MediaError, subtitle::Subtitles};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{desk::run::open, rendition::FileState};

/// Raised when what was kept is not what would be read now.
const VERSION: u32 = 1;

/// Subtitles of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The stream's position in the file.
    pub stream: u32,
    /// What a menu shows, different for each of a film.
    pub label: String,
    /// The language as the file says.
    pub language: Option<String>,
    /// Whether players show them by default.
    pub is_default: bool,
    /// Whether they show even when subtitles are off.
    pub is_forced: bool,
}

impl Text {
    /// The subtitles among the streams of a film.
    pub fn all(streams: &[stream::Model]) -> Vec<Self> {
        let mut texts: Vec<Self> = Vec::new();
        for stream in streams {
            if stream.kind != StreamKind::Subtitle || !stream.is_text {
                continue;
            }
            let language = stream.language.clone().filter(|language| language != "und");
            let wanted = stream.title.clone().or_else(|| language.clone());
            let wanted = wanted.unwrap_or_else(|| format!("Subtitles {}", texts.len() + 1));
            let is_taken = |label: &String| texts.iter().any(|text| text.label == *label);
            let others = (2..).map(|n| format!("{wanted} ({n})"));
            let label = std::iter::once(wanted.clone())
                .chain(others)
                .find(|label| !is_taken(label));
            texts.push(Self {
                stream: stream.index.unsigned_abs(),
                label: label.unwrap_or(wanted),
                language,
                is_default: stream.is_default,
                is_forced: stream.is_forced,
            });
        }
        // At most one of a group may be the default.
        let default = texts.iter().position(|text| text.is_default);
        for (index, text) in texts.iter_mut().enumerate() {
            text.is_default = Some(index) == default;
        }
        texts
    }

    /// The folder of its playlist and its text, below that of the film.
    pub fn folder(&self) -> String {
        folder(self.stream)
    }
}

/// The folder of a stream of subtitles.
pub fn folder(stream: u32) -> String {
    format!("text-{stream}")
}

/// The stream that a folder is of.
pub fn stream_of(folder: &str) -> Option<u32> {
    let number = folder.strip_prefix("text-")?;
    let stream: u32 = number.parse().ok()?;
    (stream.to_string() == number).then_some(stream)
}

type Read1 = Arc<OnceCell<HashMap<u32, Bytes>>>;

/// Reads subtitles; who asks for those of a film that is being read waits for them.
#[derive(Default)]
pub struct Texts {
    under_way: Mutex<HashMap<u128, Read1>>,
}

impl Texts {
    /// The subtitles of a stream as WebVTT, if it has any.
    pub async fn get(
        &self,
        kernel: &Kernel,
        shelf: &Shelf,
        file: FileState,
        subtitles: Subtitles,
        stream: u32,
    ) -> Result<Option<Bytes>, MediaError> {
        let group = group(file, subtitles.start_us);
        if let Some(text) = shelf.get(ShelfKey { group, item: stream }).await {
            return Ok(Some(text));
        }
        let reading = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody waits for any more lies on the shelf.
            under_way.retain(|_, reading| Arc::strong_count(reading) > 1);
            Arc::clone(under_way.entry(group).or_default())
        };
        let read = || async {
            let texts = read(kernel, file, &subtitles).await?;
            for (&item, text) in &texts {
                let key = ShelfKey { group, item };
                shelf.keep(key, text.clone());
                shelf.store(key, text.clone()).await;
            }
            Ok::<_, MediaError>(texts)
        };
        Ok(reading.get_or_try_init(read).await?.get(&stream).cloned())
    }
}

async fn read(kernel: &Kernel, file: FileState, wanted: &Subtitles) -> Result<HashMap<u32, Bytes>, MediaError> {
    let Some(engine) = kernel.parts.get::<Engine>() else {
        let reason = "the media engine is not running".to_owned();
        return Err(MediaError::Unavailable { reason });
    };
    let source = open(kernel, file).await?;
    let cancel = CancellationToken::new();
    let _canceled_with_this = cancel.clone().drop_guard();
    let (subtitled, mut memory) = engine.subtitles(&source, wanted, &cancel, None).await?;
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        std::io::Seek::rewind(&mut memory)
            .and_then(|()| memory.read_to_end(&mut all))
            .map(|_| Bytes::from(all))
    });
    let io = |error: std::io::Error| MediaError::Io {
        reason: error.to_string(),
    };
    let all = read
        .await
        .map_err(|panicked| io(std::io::Error::other(panicked)))?
        .map_err(io)?;
    let text = |track: &media_proto::subtitle::SubtitleTrack| {
        let (from, to) = (track.offset as usize, (track.offset + track.len) as usize);
        // The engine has checked that it lies within.
        (to <= all.len()).then(|| (track.stream, all.slice(from..to)))
    };
    Ok(subtitled.tracks.iter().filter_map(text).collect())
}

fn group(file: FileState, start_us: i64) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"subtitles");
    hasher.update(&VERSION.to_le_bytes());
    for number in [file.id.0, file.size, file.mtime_ns, start_us] {
        hasher.update(&number.to_le_bytes());
    }
    let mut group = [0; 16];
    hasher.finalize_xof().fill(&mut group);
    u128::from_be_bytes(group)
}
