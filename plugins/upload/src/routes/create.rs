//! `POST /uploads`: begins an upload, with its first bytes if the client sends them, or makes a whole of parts.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use entities::{
    id::{LibraryId, LibraryPathId, UploadId},
    user::Role,
};
use kernel::{
    error::Failure,
    kind::{Role as FileRole, extension, role},
    store::{Durability, Tx},
};
use schema::kit::access::Viewer;

use super::{check_type, insert, receive, set_expires, set_offset, told, too_large, url};
use crate::{
    Upload, code,
    end::remove,
    known,
    place::{Place, library},
    protocol::{self, Check, Metadata, bad, number, text},
    row::{self, Concat, Row, State},
    writer::{How, Outcome, complete},
};

/// The longest name that is kept of a client's file, in characters.
const MAX_NAME: usize = 300;

/// What a client wants to begin, in whatever protocol it said so.
pub struct Asked<'a> {
    /// What it is in a concatenation.
    pub concat: Concat,
    /// The parts of a final one.
    pub parts: Vec<UploadId>,
    /// Its length, if that is known.
    pub n_bytes: Option<u64>,
    /// What is told of the file, as it came.
    pub raw: &'a str,
    /// The same, read.
    pub metadata: Metadata,
}

/// Begins an upload over tus.
pub async fn create(upload: &Upload, viewer: &Viewer, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    let (concat, parts) = protocol::concat(headers)?;
    let raw = text(headers, "upload-metadata")?.unwrap_or_default();
    let asked = Asked {
        n_bytes: length(headers, concat)?,
        metadata: Metadata::parse(raw)?,
        concat,
        parts,
        raw,
    };
    let has_body = text(headers, "content-type")?.is_some_and(|sent| sent.eq_ignore_ascii_case(protocol::BODY_TYPE));
    let check = if has_body { Check::parse(headers)? } else { None };
    let row = start(upload, viewer, asked).await?;
    let mut offset = 0;
    if has_body && concat != Concat::Final && row.n_bytes != Some(0) {
        check_type(headers)?;
        let n_coming = number(headers, "content-length")?;
        offset = receive_first(upload, &row, check, n_coming, body).await?.offset;
    }
    let mut response = StatusCode::CREATED.into_response();
    insert(&mut response, header::LOCATION, &url(row.id));
    if has_body {
        set_offset(&mut response, offset);
    }
    if concat != Concat::Final {
        set_expires(&mut response, row.expires_at)?;
    }
    Ok(response)
}

/// Makes the upload that is asked for, without its bytes.
pub async fn start(upload: &Upload, viewer: &Viewer, asked: Asked<'_>) -> Result<Row, Failure> {
    let Asked {
        concat,
        parts,
        n_bytes,
        raw,
        metadata,
    } = asked;
    if let Some(n) = n_bytes.filter(|n| *n > upload.config.max_bytes) {
        return Err(too_large(n, upload.config.max_bytes));
    }
    let filename = metadata
        .get(&["filename", "name"])
        .map(|name| name.chars().take(MAX_NAME).collect::<String>());
    if concat != Concat::Partial {
        check_name(filename.as_deref())?;
        // Whether bytes are in a library says something of it.
        if viewer.sees.is_all() {
            refuse_known(upload, &metadata).await?;
        }
    }
    let now = upload.kernel.clock.now_ms();
    let place = placed(upload, viewer, concat, &metadata).await?;
    let row = Row {
        id: UploadId::new(),
        user: viewer.user,
        library: place.as_ref().map(|(library, ..)| *library),
        library_path: place.as_ref().map(|(_, path, _)| *path),
        root: place.map(|(.., root)| root),
        filename,
        metadata: raw.to_owned(),
        concat,
        parts,
        n_bytes,
        n_received: 0,
        state: State::Receiving,
        modified_at: modified(&metadata, now),
        content_hash: None,
        target: None,
        inode: None,
        expires_at: now + upload.keep_ms(),
        created_at: now,
    };
    begin(upload, viewer, row).await
}

/// Takes the first bytes in of an upload that was made for them. It is there whatever comes of them, and the outcome says how
/// many are, unless they are refused: then it goes again.
pub async fn receive_first(
    upload: &Upload,
    row: &Row,
    check: Option<Check>,
    n_coming: Option<u64>,
    body: Body,
) -> Result<Outcome, Failure> {
    let refused = match receive(upload, row, 0, check, n_coming, body).await {
        Ok((outcome, fed)) if matches!(outcome.how, How::Mismatch | How::TooLong) => {
            told(upload, row, &outcome, fed).map(|()| outcome)
        }
        Ok((outcome, _)) => return Ok(outcome),
        Err(failure) => Err(failure),
    };
    remove(upload, row).await?;
    refused
}

fn length(headers: &HeaderMap, concat: Concat) -> Result<Option<u64>, Failure> {
    let length = number(headers, "upload-length")?;
    let defers = text(headers, "upload-defer-length")?;
    if concat == Concat::Final {
        return match length {
            Some(_) => Err(bad("a whole is as long as its parts: send no `Upload-Length`")),
            None => Ok(None),
        };
    }
    match (length, defers) {
        (Some(n), None) => Ok(Some(n)),
        (None, Some("1")) => Ok(None),
        (None, Some(_)) => Err(bad("`Upload-Defer-Length` is 1")),
        _ => Err(bad("send either `Upload-Length` or `Upload-Defer-Length: 1`")),
    }
}

/// A name that says by itself that the file is none of ours is refused before any byte comes.
fn check_name(filename: Option<&str>) -> Result<(), Failure> {
    let Some(name) = filename.filter(|name| extension(name.as_bytes()).is_some()) else {
        return Ok(());
    };
    match role(name.as_bytes()) {
        FileRole::Media => Ok(()),
        _ => Err(Failure::new(
            &code::NOT_MEDIA,
            format!("`{name}` is no video, sound or image by its name"),
        )),
    }
}

/// A client that has hashed its file learns at once that it is there.
async fn refuse_known(upload: &Upload, metadata: &Metadata) -> Result<(), Failure> {
    let Some(hash) = metadata.get(&["hash", "blake3"]) else {
        return Ok(());
    };
    let hash =
        known::parse(hash).ok_or_else(|| bad("the metadata `hash` is BLAKE3 of all bytes in 64 hexadecimal digits"))?;
    match known::by_content_hash(upload.kernel.store.reader(), &hash).await? {
        Some(media) => Err(Failure::new(
            &code::DUPLICATE,
            format!("these bytes are the item `{media}`"),
        )),
        None => Ok(()),
    }
}

type InLibrary = (LibraryId, LibraryPathId, std::path::PathBuf);

async fn placed(
    upload: &Upload,
    viewer: &Viewer,
    concat: Concat,
    metadata: &Metadata,
) -> Result<Option<InLibrary>, Failure> {
    if concat == Concat::Partial {
        return Ok(None);
    }
    let wanted = metadata.get(&["library", "libraryId"]);
    let place = library(&upload.kernel, &viewer.sees, wanted).await?;
    viewer.must_edit(place.0)?;
    Ok(Some(place))
}

/// When the file was last modified, if the client says something that can be.
fn modified(metadata: &Metadata, now: i64) -> Option<i64> {
    let at: i64 = metadata.get(&["modifiedAt", "lastModified", "mtime"])?.parse().ok()?;
    (0..=now).contains(&at).then_some(at)
}

/// Makes file and row, in this order: a file without a row is swept, a row without a file would be a promise. A commit that fails
/// may have happened, so the file stays then.
async fn begin(upload: &Upload, viewer: &Viewer, mut row: Row) -> Result<Row, Failure> {
    let kernel = &upload.kernel;
    if row.concat == Concat::Final {
        row.n_bytes = Some(whole(upload, viewer, &row.parts).await?);
    }
    let place = Place::of(kernel, &row);
    place.make(row.id, row.n_bytes.unwrap_or(0)).await?;
    let begun = async {
        let tx = kernel.store.begin(Durability::Full).await?;
        check_quota(upload, &tx, &row, &place).await?;
        row::insert(&tx, &row).await?;
        if row.n_bytes == Some(0) && row.concat == Concat::Whole || row.concat == Concat::Final {
            let name = row.filename.clone().unwrap_or_else(|| row.id.to_string());
            complete(kernel, &tx, row.id, name).await?;
        }
        Ok(tx)
    };
    match begun.await {
        Ok(tx) => {
            tx.commit().await?;
            Ok(row)
        }
        Err(failure) => {
            place.remove(row.id).await?;
            Err(failure)
        }
    }
}

/// How long a whole of these parts is.
async fn whole(upload: &Upload, viewer: &Viewer, parts: &[UploadId]) -> Result<u64, Failure> {
    let mut n_bytes: u64 = 0;
    for id in parts {
        let part = row::find(upload.kernel.store.reader(), *id).await?;
        let part = part.filter(|part| part.user == viewer.user || viewer.role == Role::Admin);
        let Some(part) = part.filter(|part| part.concat == Concat::Partial) else {
            return Err(Failure::new(&code::NOT_FOUND, format!("no part `{id}`")));
        };
        if part.n_bytes != Some(part.n_received) {
            return Err(Failure::new(
                &code::UNFINISHED,
                format!("the part `{id}` has not come completely"),
            ));
        }
        n_bytes = n_bytes.saturating_add(part.n_received);
    }
    if n_bytes > upload.config.max_bytes {
        return Err(too_large(n_bytes, upload.config.max_bytes));
    }
    Ok(n_bytes)
}

/// Whether another upload may begin. Until the transaction ends, nobody else begins one.
///
/// # Errors
/// There are too many already, or no room.
pub async fn check_quota(upload: &Upload, tx: &Tx, row: &Row, place: &Place) -> Result<(), Failure> {
    let config = &upload.config;
    let open = row::open(tx, &upload.kernel.store, row.user).await?;
    if row.concat != Concat::Final && open.n_own >= config.max_open {
        let message = format!(
            "{} uploads are not finished; finish or end one of them first",
            open.n_own
        );
        return Err(Failure::new(&code::TOO_MANY, message));
    }
    let n_bytes = row.n_bytes.unwrap_or(0);
    if config.max_total_bytes > 0 && open.n_bytes.saturating_add(n_bytes) > config.max_total_bytes {
        let message = format!("unfinished uploads may have {} bytes in all", config.max_total_bytes);
        return Err(Failure::new(&code::NO_ROOM, message));
    }
    // What is kept for files is taken already, where the file system can do so.
    let room = place.room().await?;
    let least = config.min_free_bytes.max(room.total / 50);
    if room.free < least {
        let message = format!("{} bytes are free and {least} must stay so", room.free);
        return Err(Failure::new(&code::NO_ROOM, message));
    }
    Ok(())
}
