//! Reads the subtitles of one file: opens it and what lies beside it below their root, and asks a sandboxed worker.

use std::{fs::File, io, os::unix::fs::FileExt};

use kernel::{
    blob::Facts,
    library_file::{LibraryFile, OpenError},
    store::Store,
    subtitle_file::{self, SubtitleFile},
};
use media_engine::{engine::Engine, source::Source};
use media_proto::{error::MediaError, subtitle::Subtitles};
use schema::search::subtitles::lines::Lines;
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

use crate::queue::Task;

/// What the subtitles of a file say.
#[derive(Debug, Default)]
pub struct Read {
    /// As much of it as could be read.
    pub lines: Lines,
    /// Why the rest could not.
    pub fault: Option<Fault>,
}

/// Why some subtitles could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For people.
    pub message: String,
    /// Whether trying again may help although nothing changed.
    pub is_passing: bool,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine cannot read anything.
    #[error("the media engine cannot read subtitles: {0}")]
    Down(MediaError),
    /// Whoever asked gave up.
    #[error("reading was canceled")]
    Canceled,
    /// The database does not say where the file is.
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Why one source of lines gave none.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("`{path}` has changed since the last scan; scan its library again")]
    Changed { path: String },
    #[error("`{path}`: {error}")]
    Media { path: String, error: MediaError },
}

/// Reads what lies beside a file, and with `embedded` the streams of text inside it.
///
/// # Errors
/// The engine is down, it was canceled, or the database fails. What is wrong with files is told beside the lines.
pub async fn read(
    store: &Store,
    engine: &Engine,
    task: &Task,
    embedded: bool,
    cancel: &CancellationToken,
) -> Result<Read, ReadError> {
    let mut read = Read::default();
    let Some(place) = LibraryFile::find(store, task.file).await? else {
        return Ok(read);
    };
    let desk = Desk { engine, place, cancel };
    for file in subtitle_file::parse(&task.beside) {
        let outcome = desk.beside(&file).await;
        read.take(outcome)?;
    }
    if embedded && task.has_streams {
        let outcome = desk.inside(task).await;
        read.take(outcome)?;
    }
    Ok(read)
}

impl Read {
    fn take(&mut self, outcome: Result<Vec<String>, Refusal>) -> Result<(), ReadError> {
        let refusal = match outcome {
            Ok(tracks) => {
                tracks.iter().for_each(|track| self.lines.add(track));
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        let is_passing = match &refusal {
            Refusal::Open(_) | Refusal::Changed { .. } => true,
            Refusal::Media { error, .. } => match error {
                MediaError::Canceled => return Err(ReadError::Canceled),
                MediaError::Busy { .. } | MediaError::Unavailable { .. } | MediaError::Version { .. } => {
                    return Err(ReadError::Down(error.clone()));
                }
                error => !error.blames_file(),
            },
        };
        let message = refusal.to_string();
        // The first reason is told; one that passes has all of it tried again.
        let before = self.fault.take();
        self.fault = Some(Fault {
            is_passing: is_passing || before.as_ref().is_some_and(|before| before.is_passing),
            message: before.map_or(message, |before| before.message),
        });
        Ok(())
    }
}

/// One file, and who reads it.
struct Desk<'a> {
    engine: &'a Engine,
    place: LibraryFile,
    cancel: &'a CancellationToken,
}

impl Desk<'_> {
    async fn beside(&self, file: &SubtitleFile) -> Result<Vec<String>, Refusal> {
        let name = file.name(&self.place.name);
        let path = String::from_utf8_lossy(&name).into_owned();
        let opened = self.place.open_beside(file).await?;
        let wanted = Subtitles {
            extension: Some(file.format()),
            streams: Vec::new(),
            start_us: 0,
        };
        let tracks = self.tracks(path, opened, (file.size, file.mtime_ns), &wanted).await?;
        Ok(tracks.into_iter().take(1).collect())
    }

    async fn inside(&self, task: &Task) -> Result<Vec<String>, Refusal> {
        let opened = self.place.open().await?;
        let name = task.path.rsplit('/').next().unwrap_or_default();
        let extension = name
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        let wanted = Subtitles {
            extension: extension.filter(|extension| (1..=8).contains(&extension.len())),
            streams: Vec::new(),
            start_us: task.start_us,
        };
        self.tracks(task.path.clone(), opened, (task.size, task.mtime_ns), &wanted)
            .await
    }

    /// The tracks as WebVTT.
    async fn tracks(
        &self,
        path: String,
        (file, facts): (File, Facts),
        expected: (i64, i64),
        wanted: &Subtitles,
    ) -> Result<Vec<String>, Refusal> {
        if (facts.size, facts.mtime_ns) != expected {
            return Err(Refusal::Changed { path });
        }
        let refused = |error: MediaError| Refusal::Media {
            path: path.clone(),
            error,
        };
        let io = |error: io::Error| {
            refused(MediaError::Io {
                reason: error.to_string(),
            })
        };
        let source = Source::new(file).map_err(io)?;
        let subtitled = self.engine.subtitles(&source, wanted, self.cancel, None).await;
        let (subtitled, texts) = subtitled.map_err(refused)?;
        let track = move || {
            let read = subtitled.tracks.iter().map(|track| {
                let mut text = vec![0; track.len as usize];
                texts.read_exact_at(&mut text, track.offset)?;
                Ok(String::from_utf8_lossy(&text).into_owned())
            });
            read.collect::<io::Result<Vec<String>>>()
        };
        let read = tokio::task::spawn_blocking(track).await;
        read.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
            .map_err(io)
    }
}
