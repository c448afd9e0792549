//! Subtitles of text: those that lie in a film, read in one pass over it when the first of them is asked for, and files
//! beside it. All are kept as WebVTT. Workers read them, as they read any bytes that are not ours.

mod languages;
mod naming;

use std::{
    collections::HashMap,
    fmt,
    io::Read,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use entities::{
    file,
    stream::{self, StreamKind},
};
use kernel::{
    library_file::LibraryFile,
    plugin::Kernel,
    shelf::{Shelf, ShelfKey},
    subtitle_file::{self, SubtitleFile},
};
use media_engine::{engine::Engine, source::Source};
use media_proto::{error::MediaError, subtitle::Subtitles};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    desk::run::open,
    rendition::{FileState, Malformed},
};

/// Raised when what was kept is not what would be read now.
const VERSION: u32 = 1;

/// Subtitles of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where they are.
    pub place: Place,
    /// What a menu shows, different for each of a film.
    pub label: String,
    /// The language as the file says.
    pub language: Option<String>,
    /// Whether players show them by default.
    pub is_default: bool,
    /// Whether they show even when subtitles are off.
    pub is_forced: bool,
    /// Whether they tell of sounds too, for those who do not hear them.
    pub tells_sounds: bool,
}

impl Text {
    /// The subtitles among the streams of a film, and those beside it.
    pub fn all(file: &file::Model, streams: &[stream::Model]) -> Vec<Self> {
        let is_text = |stream: &&stream::Model| stream.kind == StreamKind::Subtitle && stream.is_text;
        let inside = streams.iter().filter(is_text).map(Self::inside);
        let beside = subtitle_file::parse(&file.subtitles);
        let mut texts: Vec<Self> = inside.chain(beside.into_iter().map(Self::beside)).collect();
        let mut taken: Vec<String> = Vec::new();
        for (index, text) in texts.iter_mut().enumerate() {
            if text.label.is_empty() {
                text.label = format!("Subtitles {}", index + 1);
            }
            let others = (2..).map(|n| format!("{} ({n})", text.label));
            let mut wanted = std::iter::once(text.label.clone()).chain(others);
            text.label = wanted.find(|label| !taken.contains(label)).unwrap_or_default();
            taken.push(text.label.clone());
        }
        // At most one of a group may be the default.
        let default = texts.iter().position(|text| text.is_default);
        for (index, text) in texts.iter_mut().enumerate() {
            text.is_default = Some(index) == default;
        }
        texts
    }

    fn inside(stream: &stream::Model) -> Self {
        let language = stream.language.clone().filter(|language| language != "und");
        Self {
            place: Place::Stream(stream.index.unsigned_abs()),
            label: stream.title.clone().or_else(|| language.clone()).unwrap_or_default(),
            language,
            is_default: stream.is_default,
            is_forced: stream.is_forced,
            tells_sounds: false,
        }
    }

    fn beside(file: SubtitleFile) -> Self {
        let named = naming::read(&file.suffix);
        let mut label = named.title.or_else(|| named.language.clone()).unwrap_or_default();
        for (is_so, mark) in [(named.is_forced, " (forced)"), (named.tells_sounds, " (SDH)")] {
            if is_so && !label.is_empty() {
                label.push_str(mark);
            }
        }
        Self {
            place: Place::Beside(file),
            label,
            language: named.language,
            is_default: named.is_default,
            is_forced: named.is_forced,
            tells_sounds: named.tells_sounds,
        }
    }

    /// What names them among those of their film.
    pub fn id(&self) -> TextId {
        match &self.place {
            Place::Stream(stream) => TextId::Stream(*stream),
            Place::Beside(file) => {
                let hash = blake3::hash(file.suffix.as_bytes());
                TextId::Beside(u64::from_be_bytes(
                    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes"),
                ))
            }
        }
    }
}

/// Where subtitles are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the film's own file: the stream's position.
    Stream(u32),
    /// In a file beside it.
    Beside(SubtitleFile),
}

/// Names subtitles among those of their film, also as the folder of their playlist and their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextId {
    /// A stream, by its position.
    Stream(u32),
    /// A file beside the film, by the hash of what its name has after the film's.
    Beside(u64),
}

impl fmt::Display for TextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(stream) => write!(f, "text-{stream}"),
            Self::Beside(hash) => write!(f, "text-x{hash:016x}"),
        }
    }
}

impl FromStr for TextId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let name = text.strip_prefix("text-").ok_or(Malformed)?;
        let id = match name.strip_prefix('x') {
            Some(hash) => u64::from_str_radix(hash, 16).ok().map(Self::Beside),
            None => name.parse().ok().map(Self::Stream),
        };
        // One text for each.
        id.filter(|id| id.to_string() == text).ok_or(Malformed)
    }
}

type Read1 = Arc<OnceCell<HashMap<u32, Bytes>>>;

/// Reads subtitles; who asks for those of a film that is being read waits for them.
#[derive(Default)]
pub struct Texts {
    under_way: Mutex<HashMap<u128, Read1>>,
}

impl Texts {
    /// Subtitles of a film as WebVTT, if there are any. `subtitles` says how those inside its file are read.
    pub async fn get(
        &self,
        kernel: &Kernel,
        shelf: &Shelf,
        film: FileState,
        subtitles: Subtitles,
        text: &Text,
    ) -> Result<Option<Bytes>, MediaError> {
        let (group, item) = match &text.place {
            Place::Stream(stream) => (group_of_film(film, subtitles.start_us), *stream),
            Place::Beside(file) => (group_of_file(film, file), 0),
        };
        if let Some(text) = shelf.get(ShelfKey { group, item }).await {
            return Ok(Some(text));
        }
        let reading = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody waits for any more lies on the shelf.
            under_way.retain(|_, reading| Arc::strong_count(reading) > 1);
            Arc::clone(under_way.entry(group).or_default())
        };
        let read = || async {
            let texts = match &text.place {
                Place::Stream(_) => read(kernel, open(kernel, film).await?, &subtitles).await?,
                Place::Beside(file) => read_beside(kernel, film, file).await?,
            };
            for (&item, text) in &texts {
                let key = ShelfKey { group, item };
                shelf.keep(key, text.clone());
                shelf.store(key, text.clone()).await;
            }
            Ok::<_, MediaError>(texts)
        };
        Ok(reading.get_or_try_init(read).await?.get(&item).cloned())
    }
}

/// The first track of a file of subtitles, whose times count from the film's beginning.
async fn read_beside(kernel: &Kernel, film: FileState, file: &SubtitleFile) -> Result<HashMap<u32, Bytes>, MediaError> {
    let gone = |reason: String| MediaError::Io { reason };
    let located = LibraryFile::find(&kernel.store, film.id).await;
    let located = located
        .map_err(|error| gone(error.to_string()))?
        .ok_or_else(|| gone("the server does not know the film any more".to_owned()))?;
    let opened = located.open_beside(file).await;
    let (opened, facts) = opened.map_err(|error| gone(error.to_string()))?;
    if (facts.size, facts.mtime_ns) != (file.size, file.mtime_ns) {
        return Err(gone(format!(
            "the subtitles beside `{}` have changed; scan its library again",
            located.path
        )));
    }
    let source = Source::new(opened).map_err(|error| gone(error.to_string()))?;
    let wanted = Subtitles {
        extension: Some(file.format()),
        streams: Vec::new(),
        start_us: 0,
    };
    let texts = read(kernel, source, &wanted).await?;
    let first = texts.into_iter().min_by_key(|(stream, _)| *stream);
    Ok(first.into_iter().map(|(_, text)| (0, text)).collect())
}

async fn read(kernel: &Kernel, source: Source, wanted: &Subtitles) -> Result<HashMap<u32, Bytes>, MediaError> {
    let Some(engine) = kernel.parts.get::<Engine>() else {
        let reason = "the media engine is not running".to_owned();
        return Err(MediaError::Unavailable { reason });
    };
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

fn group_of_film(film: FileState, start_us: i64) -> u128 {
    group("subtitles", &[film.id.0, film.size, film.mtime_ns, start_us], "")
}

fn group_of_file(film: FileState, file: &SubtitleFile) -> u128 {
    group("subtitles beside", &[film.id.0, file.size, file.mtime_ns], &file.suffix)
}

fn group(of: &str, numbers: &[i64], name: &str) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(of.as_bytes());
    hasher.update(&VERSION.to_le_bytes());
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(name.as_bytes());
    let mut group = [0; 16];
    hasher.finalize_xof().fill(&mut group);
    u128::from_be_bytes(group)
}
