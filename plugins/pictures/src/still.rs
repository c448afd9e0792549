//! A picture at a time, or a page of an archive, made when it is first asked for and kept as long as there is room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use kernel::{
    error::{Failure, code as kernel_code},
    library_file::LibraryFile,
    objects::ObjectKey,
    plugin::Kernel,
    store::Durability,
};
use media_engine::engine::Engine;
use media_proto::survey::{PictureFormat, Poster, Stills, Survey};
use sea_orm::EntityTrait;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    Pictures, code,
    draw::{DrawError, Kept, Subject, draw},
    record,
    tables::{picture_object::Role, picture_part::Format, picture_still},
    urls::StillPath,
};

type Flight = Arc<OnceCell<ObjectKey>>;

/// What is being made now: who asks for the same waits for it.
#[derive(Default)]
pub struct Flights {
    under_way: Mutex<HashMap<(StillPath, i32), Flight>>,
}

impl Flights {
    fn board(&self, key: (StillPath, i32)) -> Flight {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever made one and went away has left it to nobody.
        under_way.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(under_way.entry(key).or_default())
    }
}

/// Of what a picture is asked for. A file has either times or pages, so that rows need not tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Of a film at a time.
    Time,
    /// Of a page of an archive.
    Page,
}

/// The key of a picture of a file at a time, or of a page, after making it if there is none.
pub async fn find_or_make(
    kernel: &Kernel,
    pictures: &Pictures,
    (path, of): (StillPath, Of),
    format: Format,
) -> Result<ObjectKey, Failure> {
    if let Some(key) = find(kernel, path, format).await? {
        return Ok(key);
    }
    let flight = pictures.flights.board((path, format as i32));
    let key = flight
        .get_or_try_init(|| make(kernel, pictures, (path, of), format))
        .await?;
    Ok(*key)
}

async fn find(kernel: &Kernel, path: StillPath, format: Format) -> Result<Option<ObjectKey>, Failure> {
    let id = (path.file, path.at_us, format, path.width as i32);
    let row = picture_still::Entity::find_by_id(id).one(kernel.store.reader()).await?;
    let row = row.filter(|row| path.is_of(row.size, row.mtime_ns));
    Ok(row.and_then(|row| ObjectKey::from_bytes(&row.key)))
}

async fn make(
    kernel: &Kernel,
    pictures: &Pictures,
    (path, of): (StillPath, Of),
    format: Format,
) -> Result<ObjectKey, Failure> {
    let Some(engine) = kernel.parts.get::<Engine>() else {
        return Err(Failure::new(
            &code::NO_ENGINE,
            "the media engine is not running, so nothing can be drawn",
        ));
    };
    let place = LibraryFile::find(&kernel.store, path.file).await?;
    let Some(place) = place.filter(|place| path.is_of(place.size, place.mtime_ns)) else {
        let message = "the file has changed since this URL was made; ask the API for a new one";
        return Err(Failure::new(&code::GONE, message));
    };
    let extension = place
        .path
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    let is_archive = matches!(extension.as_deref(), Some("cbz" | "zip"));
    if is_archive != (of == Of::Page) {
        let message = format!("`{}` has no such picture", place.path);
        return Err(Failure::new(&code::NO_PICTURE, message));
    }
    let written = match format {
        Format::Webp => PictureFormat::Webp,
        _ => PictureFormat::Jpeg,
    };
    let survey = Survey {
        extension: extension.filter(|extension| extension.len() <= 8),
        ..wanted(path, of, written)
    };
    let subject = Subject {
        file: path.file,
        size: place.size,
        mtime_ns: place.mtime_ns,
    };
    let cancel = CancellationToken::new();
    let drawn = draw(
        &kernel.store,
        &pictures.objects,
        &engine,
        subject,
        &survey,
        &cancel,
        None,
    )
    .await;
    let drawn = drawn.map_err(|error| refusal(&place.path, error))?;
    let Some(kept) = drawn
        .kept
        .iter()
        .find(|kept| matches!(kept.role, Role::Still | Role::Poster))
    else {
        let why = drawn
            .surveyed
            .failures
            .first()
            .map(|(_, why)| format!(": {why}"))
            .unwrap_or_default();
        let message = match of {
            Of::Time => format!("`{}` has no picture at {} microseconds{why}", place.path, path.at_us),
            Of::Page => format!("the page {} of `{}` cannot be drawn{why}", path.at_us, place.path),
        };
        return Err(Failure::new(&code::NO_PICTURE, message));
    };
    // Whatever it was drawn as, it is one that is kept while there is room.
    let kept = &Kept {
        role: Role::Still,
        ..kept.clone()
    };
    let row = picture_still::Model {
        file_id: path.file,
        at_us: path.at_us,
        format,
        width: path.width as i32,
        size: place.size,
        mtime_ns: place.mtime_ns,
        key: kept.key.as_bytes().to_vec(),
    };
    let tx = kernel.store.begin(Durability::Normal).await?;
    record::still(&tx, row, kept, kernel.clock.now_ms()).await?;
    tx.commit().await?;
    Ok(kept.key)
}

/// What to ask the worker for: little, so that nobody waits behind long work.
fn wanted(path: StillPath, of: Of, format: PictureFormat) -> Survey {
    match of {
        Of::Time => Survey {
            stills: Some(Stills {
                at_us: vec![path.at_us],
                width: path.width,
                format,
                is_exact: true,
            }),
            ..Survey::default()
        },
        Of::Page => Survey {
            page: Some(u32::try_from(path.at_us).unwrap_or(u32::MAX)),
            poster: Some(Poster {
                at_us: Some(0),
                widths: vec![path.width],
                formats: vec![format],
            }),
            ..Survey::default()
        },
    }
}

fn refusal(path: &str, error: DrawError) -> Failure {
    match error {
        DrawError::Fault(fault) if fault.code == code::FILE_MISSING.name => {
            Failure::new(&code::FILE_MISSING, fault.message)
        }
        DrawError::Fault(fault) if fault.code == code::FILE_UNREADABLE.name => {
            Failure::new(&code::FILE_UNREADABLE, fault.message)
        }
        DrawError::Fault(fault) => {
            let message = format!("`{path}` gives no picture ({}): {}", fault.code, fault.message);
            Failure::new(&code::NO_PICTURE, message)
        }
        DrawError::Down(_) | DrawError::Canceled => Failure::new(&kernel_code::UNAVAILABLE, error.to_string()),
        DrawError::Store(error) => error.into(),
        DrawError::Db(error) => error.into(),
    }
}
