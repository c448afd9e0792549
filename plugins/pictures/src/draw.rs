//! Draws one item: opens its file below its root, asks a sandboxed worker, and keeps the bytes. Rows come after.

use std::{fs::File, io, os::unix::fs::FileExt, time::Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kernel::{
    blob::Facts,
    error::Code,
    library_file::{LibraryFile, OpenError},
    objects::{ObjectError, ObjectKey, Objects},
    store::Store,
};
use media_engine::{engine::Engine, progress::Progress, source::Source};
use media_proto::{
    error::MediaError,
    survey::{Artifact, ArtifactKind, Survey, Surveyed},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    code,
    tables::{picture_object::Role, picture_part::Format},
};

/// Objects on their way into the store at a time: each waits for the disk.
const PUTS: usize = 4;

/// Bytes that the store holds.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What they are for.
    pub role: Role,
    /// How they are written.
    pub format: Format,
    /// Pixels; 0 for peaks.
    pub width: i32,
    /// Pixels; 0 for peaks.
    pub height: i32,
    /// Their key.
    pub key: ObjectKey,
    /// How many.
    pub bytes: i64,
}

/// What a worker drew and measured; its bytes are in the store.
#[derive(Debug)]
pub struct Drawn {
    /// What was measured.
    pub surveyed: Surveyed,
    /// What is in the store.
    pub kept: Vec<Kept>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}

/// Why an item could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable name.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether trying again may help although nothing changed.
    pub is_passing: bool,
}

impl Fault {
    /// A fault of our own table.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            code: code.name.to_owned(),
            message: message.into(),
            is_passing: true,
        }
    }

    fn media(error: &MediaError) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            is_passing: !error.blames_file(),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Missing { .. } => &code::FILE_MISSING,
            OpenError::Unreadable { .. } => &code::FILE_UNREADABLE,
        };
        let message = match std::error::Error::source(&error) {
            Some(source) => format!("{error} ({source})"),
            None => error.to_string(),
        };
        Self::new(code, message)
    }
}

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The item is at fault, or its disk.
    #[error("{}", .0.message)]
    Fault(Fault),
    /// The engine cannot draw anything.
    #[error("the media engine cannot draw: {0}")]
    Down(MediaError),
    /// Whoever asked gave up.
    #[error("drawing was canceled")]
    Canceled,
    /// The store does not take the bytes.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// The database does not say where the file is.
    #[error(transparent)]
    Db(#[from] sea_orm::DbErr),
}

impl From<MediaError> for DrawError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Canceled => Self::Canceled,
            MediaError::Busy { .. } | MediaError::Unavailable { .. } | MediaError::Version { .. } => Self::Down(error),
            other => Self::Fault(Fault::media(&other)),
        }
    }
}

impl From<Fault> for DrawError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A file to draw from, as the rows know it.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The file.
    pub file: entities::id::FileId,
    /// Its size.
    pub size: i64,
    /// Its modification time.
    pub mtime_ns: i64,
}

impl Subject {
    fn is(&self, facts: &Facts) -> bool {
        (facts.size, facts.mtime_ns) == (self.size, self.mtime_ns)
    }
}

/// Draws a file and keeps what comes of it. How far it is goes to `progress`.
pub async fn draw(
    store: &Store,
    objects: &Objects,
    engine: &Engine,
    subject: Subject,
    survey: &Survey,
    cancel: &CancellationToken,
    progress: Option<&watch::Sender<Progress>>,
) -> Result<Drawn, DrawError> {
    let begun = Instant::now();
    let Some(place) = LibraryFile::find(store, subject.file).await? else {
        return Err(Fault::new(&code::FILE_MISSING, format!("no file `{}`", subject.file)).into());
    };
    let (file, facts) = place.open().await.map_err(Fault::from)?;
    if !subject.is(&facts) {
        let message = format!(
            "`{}` has changed since the last scan; scan its library again",
            place.path
        );
        return Err(Fault::new(&code::FILE_CHANGED, message).into());
    }
    let source = Source::new(file).map_err(|source| {
        Fault::from(OpenError::Unreadable {
            path: place.path.clone(),
            source,
        })
    })?;
    let (surveyed, made) = engine.survey(&source, survey, cancel, progress).await?;
    let artifacts = surveyed.artifacts.clone();
    let pieces = match made {
        Some(made) => read(made, artifacts).await.map_err(|error| {
            Fault::media(&MediaError::Io {
                reason: error.to_string(),
            })
        })?,
        None => Vec::new(),
    };
    let keep = |(artifact, bytes): (Artifact, Bytes)| async move {
        let n_bytes = bytes.len() as i64;
        let key = objects.put(bytes).await?;
        Ok::<_, ObjectError>(Kept {
            role: role(artifact.kind),
            format: artifact.format.into(),
            width: artifact.width as i32,
            height: artifact.height as i32,
            key,
            bytes: n_bytes,
        })
    };
    let kept = stream::iter(pieces).map(keep).buffered(PUTS).try_collect().await?;
    Ok(Drawn {
        surveyed,
        kept,
        took_ms: begun.elapsed().as_millis() as i64,
    })
}

fn role(kind: ArtifactKind) -> Role {
    match kind {
        ArtifactKind::Poster => Role::Poster,
        ArtifactKind::Sprite => Role::Sprite,
        ArtifactKind::Preview => Role::Preview,
        ArtifactKind::Still(_) => Role::Still,
        ArtifactKind::Peaks => Role::Peaks,
    }
}

/// The pieces of a memory file. The engine has checked that all lie in it; what is empty is nothing.
async fn read(made: File, artifacts: Vec<Artifact>) -> io::Result<Vec<(Artifact, Bytes)>> {
    let read = move || {
        let mut pieces = Vec::with_capacity(artifacts.len());
        for artifact in artifacts.into_iter().filter(|artifact| artifact.len > 0) {
            let mut bytes = vec![0; artifact.len as usize];
            made.read_exact_at(&mut bytes, artifact.offset)?;
            pieces.push((artifact, Bytes::from(bytes)));
        }
        Ok(pieces)
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
