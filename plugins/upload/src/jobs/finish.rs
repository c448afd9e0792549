//! `upload.finish`: looks at a file that has come completely, and puts it into its library whole.
//!
//! The order is what makes it safe: bytes on the disk, then the chosen name in the row, then the file under that name,
//! then the row that says so. Killed anywhere, the next attempt finds where it was by row and disk.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use entities::{
    id::{MediaId, UploadId},
    user,
};
use kernel::{
    blob::{self, RelativePath},
    error::Failure,
    events::FilesAdded,
    jobs::{Interrupted, Job, JobCx, Lane},
    kind,
    store::Durability,
};
use media_engine::{engine::Engine, source::Source};
use media_proto::{
    job::ProbeHints,
    probe::{MediaKind, Probe},
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::{
    Upload, code, known, link,
    naming::Subject,
    place::{Place, refused},
    row::{self, Concat, Row, State},
};

kernel::steps! {
    /// What taking a file in does, in this order.
    pub enum FinishStep {
        Join = "join",
        Hash = "hash": 4.0,
        Check = "check",
        Place = "place",
    }
}

/// Takes one upload in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FinishUpload {
    /// Which.
    pub upload: UploadId,
    /// Its name, for people.
    #[serde(skip)]
    pub name: String,
}

/// What is read or copied at once.
const PIECE: usize = 4 << 20;
/// How often another process may hold the file before this attempt ends.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// More files of one name are a mistake.
const NAMES: u32 = 1000;

#[async_trait::async_trait]
impl Job for FinishUpload {
    const KIND: &'static str = "upload.finish";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    // A library that is away for a while, or a twin that takes long, is waited for.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = FinishStep;
    type Plugin = Upload;

    fn title(&self) -> String {
        format!("Take in `{}`", self.name)
    }

    async fn run(&self, cx: &JobCx<FinishStep>, upload: &Upload) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let Some(row) = row::find(kernel.store.reader(), self.upload).await? else {
            // Its account or its library was removed meanwhile.
            return Ok(());
        };
        if !matches!(row.state, State::Checking | State::Placing) {
            return Ok(());
        }
        let mut hash = None;
        let ended = take_in(cx, upload, &row, &mut hash).await;
        let Err(error) = ended else { return Ok(()) };
        let is_final = error
            .downcast_ref::<Failure>()
            .is_some_and(|failure| !failure.code.category.is_servers_own());
        if is_final && error.downcast_ref::<Interrupted>().is_none() {
            let failure = error.downcast_ref::<Failure>().context("it is one")?;
            let now = kernel.clock.now_ms();
            let tx = cx.begin(Durability::Full).await?;
            let told = (failure.code.name, failure.message.as_str());
            row::set_failed(
                &tx,
                row.id,
                hash.as_ref().map(|hash| &hash[..]),
                told,
                (now, now + upload.keep_ms()),
            )
            .await?;
            tx.commit().await?;
        }
        Err(error)
    }
}

async fn take_in(
    cx: &JobCx<FinishStep>,
    upload: &Upload,
    row: &Row,
    hash: &mut Option<[u8; 32]>,
) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let place = Place::of(kernel, row);
    let n_bytes = row.n_bytes.context("a complete upload has a length")?;
    if row.state == State::Placing && is_placed(&place, row).await? {
        return placed(cx, upload, row).await;
    }
    let file = locked(cx, &place, row).await?;
    cx.unit("bytes");
    if row.concat == Concat::Final && row.n_received != n_bytes {
        join(cx, row, &file).await?;
    }
    check_size(&file, row, n_bytes)?;

    cx.step(FinishStep::Hash, Some(n_bytes));
    let found = hash_all(cx, &file).await?;
    *hash = Some(found);

    cx.step(FinishStep::Check, None);
    let media = known::find(kernel, file.try_clone()?, n_bytes as i64, &found).await?;
    if let Some(media) = media.filter(|_| row.state == State::Checking) {
        return duplicate(cx, upload, row, &found, (Some(media), None)).await;
    }
    let probe = probe(cx, row, &file).await?;

    cx.step(FinishStep::Place, None);
    put(cx, upload, row, (&place, file), &found, &probe).await
}

/// The file, which no writer has any more.
async fn locked(cx: &JobCx<FinishStep>, place: &Place, row: &Row) -> anyhow::Result<Arc<File>> {
    let file = place.open(row.id).await?;
    for _ in 0..LOCK_TRIES {
        if blob::lock(&file).map_err(|error| refused(&place.root, &error))? {
            return Ok(Arc::new(file));
        }
        cx.checkpoint().await?;
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    anyhow::bail!("another process still has the file of `{}`", row.id)
}

fn check_size(file: &File, row: &Row, n_bytes: u64) -> anyhow::Result<()> {
    let size = file.metadata()?.len();
    if size < n_bytes {
        let message = format!(
            "{size} of {n_bytes} bytes of `{}` are left on the disk; send it again",
            row.id
        );
        return Err(Failure::new(&code::LOST, message).into());
    }
    if size > n_bytes {
        // What a late writer put behind the end.
        file.set_len(n_bytes)?;
    }
    Ok(())
}

/// Makes a whole of its parts.
async fn join(cx: &JobCx<FinishStep>, row: &Row, into: &Arc<File>) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    cx.step(FinishStep::Join, row.n_bytes);
    let mut at = 0;
    for id in &row.parts {
        let part = row::find(kernel.store.reader(), *id).await?;
        let Some(part) = part.filter(|part| part.n_bytes == Some(part.n_received)) else {
            return Err(Failure::new(&code::LOST, format!("the part `{id}` is gone; send the file again")).into());
        };
        let from = Arc::new(Place::of(kernel, &part).open(*id).await?);
        let mut done = 0;
        while done < part.n_received {
            let (from, into) = (Arc::clone(&from), Arc::clone(into));
            let n = (part.n_received - done).min(PIECE as u64) as usize;
            let copied = spawn_blocking(move || {
                let mut piece = vec![0; n];
                from.read_exact_at(&mut piece, done)?;
                into.write_all_at(&piece, at + done)
            });
            match copied.await? {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    let message = format!("bytes of the part `{id}` are not on the disk any more; send the file again");
                    return Err(Failure::new(&code::LOST, message).into());
                }
                copied => copied?,
            }
            done += n as u64;
            cx.advance(n as u64);
            cx.checkpoint().await?;
        }
        at += done;
    }
    let synced = Arc::clone(into);
    spawn_blocking(move || synced.sync_data()).await??;
    let tx = cx.begin(Durability::Full).await?;
    let text = "update upload set n_received = n_bytes where id = $1";
    kernel::sql::execute(&*tx, text, [row.id.0.into()]).await?;
    tx.commit().await?;
    Ok(())
}

async fn hash_all(cx: &JobCx<FinishStep>, file: &Arc<File>) -> anyhow::Result<[u8; 32]> {
    let (mut hasher, mut piece, mut at) = (Box::<blake3::Hasher>::default(), vec![0; PIECE], 0);
    loop {
        let file = Arc::clone(file);
        let read = spawn_blocking(move || {
            let n = file.read_at(&mut piece, at)?;
            hasher.update(&piece[..n]);
            io::Result::Ok((hasher, piece, n))
        });
        let n;
        (hasher, piece, n) = read.await??;
        if n == 0 {
            return Ok(*hasher.finalize().as_bytes());
        }
        at += n as u64;
        cx.advance(n as u64);
        cx.checkpoint().await?;
    }
}

async fn probe(cx: &JobCx<FinishStep>, row: &Row, file: &Arc<File>) -> anyhow::Result<Probe> {
    let none = |why: String| {
        let name = row.filename.clone().unwrap_or_else(|| row.id.to_string());
        Failure::new(&code::NOT_MEDIA, format!("`{name}` cannot be taken in: {why}"))
    };
    if row.n_bytes == Some(0) {
        return Err(none("it is empty".to_owned()).into());
    }
    let engine = cx.kernel().parts.get::<Engine>();
    let engine = engine.ok_or_else(|| Failure::new(&code::NO_ENGINE, "the media engine is not running"))?;
    let hints = ProbeHints {
        extension: extension(row),
    };
    let source = Source::new(file.try_clone()?)?;
    let probing = engine.probe(&source, hints, cx.canceled());
    let mut probing = std::pin::pin!(probing);
    let probed = loop {
        tokio::select! {
            biased;
            probed = &mut probing => break probed,
            () = tokio::time::sleep(LOCK_PAUSE) => cx.checkpoint().await?,
        }
    };
    match probed {
        Ok(probe) if !matches!(probe.kind, MediaKind::Subtitle | MediaKind::None) => Ok(probe),
        Ok(_) => Err(none("it holds neither pictures nor sound".to_owned()).into()),
        Err(error) if error.blames_file() => Err(none(error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

fn extension(row: &Row) -> Option<String> {
    kind::extension(row.filename.as_deref()?.as_bytes())
}

/// What a file without a fitting name is called, by what it holds.
fn extension_of(container: &str) -> &str {
    match container {
        "matroska" => "mkv",
        "mpegts" => "ts",
        "jpeg" => "jpg",
        "quicktime" => "mov",
        other if kind::role(format!("a.{other}").as_bytes()) == kind::Role::Media => other,
        _ => "mkv",
    }
}

/// Says that the same bytes were there before. The second copy goes.
async fn duplicate(
    cx: &JobCx<FinishStep>,
    upload: &Upload,
    row: &Row,
    hash: &[u8],
    of: (Option<MediaId>, Option<UploadId>),
) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let now = kernel.clock.now_ms();
    let tx = cx.begin(Durability::Full).await?;
    row::set_duplicate(&tx, row.id, hash, of, (now, now + upload.remember_ms())).await?;
    tx.commit().await?;
    Place::of(kernel, row).remove(row.id).await?;
    forget_parts(upload, row).await?;
    // The twin may have become an item before this row named it.
    Ok(link::twins(kernel, of.1).await?)
}

/// Puts the file under the first free name.
async fn put(
    cx: &JobCx<FinishStep>,
    upload: &Upload,
    row: &Row,
    (place, file): (&Place, Arc<File>),
    hash: &[u8; 32],
    probe: &Probe,
) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let owner = user::Entity::find_by_id(row.user).one(kernel.store.reader()).await?;
    let filename = row.filename.clone().unwrap_or_default();
    let extension = extension(row).filter(|found| kind::role(format!("a.{found}").as_bytes()) == kind::Role::Media);
    let name = match &extension {
        Some(found) => &filename[..filename.len() - found.len() - 1],
        None => &filename,
    };
    let subject = Subject {
        name,
        user: owner.as_ref().map_or("", |owner| &owner.name),
        kind: match probe.kind {
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
            MediaKind::Image => "image",
            MediaKind::Subtitle | MediaKind::None => "other",
        },
        at: row.modified_at.unwrap_or(row.created_at),
        hash: &data_encoding::HEXLOWER.encode(hash),
        extension: extension.as_deref().unwrap_or_else(|| extension_of(&probe.container)),
    };
    let inode = settle(row, &file).await?;
    for attempt in 1..=NAMES {
        cx.checkpoint().await?;
        let target = upload.template.place(&subject, attempt);
        let looked = target.clone();
        if place.run(move |root| root.facts(&looked)).await?.is_some() {
            continue;
        }
        let tx = cx.begin(Durability::Full).await?;
        match row::twin(&tx, row.id, hash).await? {
            Some((twin, State::Placed | State::Ready)) => {
                drop(tx);
                return duplicate(cx, upload, row, hash, (None, Some(twin))).await;
            }
            Some((twin, _)) => {
                let message = format!("`{twin}` has the same bytes and is being put in its place");
                return Err(Failure::new(&code::TWIN, message).into());
            }
            None => {}
        }
        row::set_target(&tx, row, hash, &target, inode).await?;
        tx.commit().await?;
        if rename(place, row.id, target).await? {
            return placed(cx, upload, row).await;
        }
    }
    Err(Failure::new(
        &code::NOT_NAMED,
        format!("{NAMES} files are named like `{filename}` already"),
    )
    .into())
}

/// Has the whole file on the disk, with the time that the client gave; says its inode.
async fn settle(row: &Row, file: &Arc<File>) -> anyhow::Result<i64> {
    let (file, modified_at) = (Arc::clone(file), row.modified_at);
    let settled = spawn_blocking(move || {
        if let Some(at) = modified_at.and_then(|ms| u64::try_from(ms).ok()) {
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(at))?;
        }
        file.sync_all()?;
        io::Result::Ok(std::os::unix::fs::MetadataExt::ino(&file.metadata()?) as i64)
    });
    Ok(settled.await??)
}

/// Gives the file its name; false if it was taken.
async fn rename(place: &Place, id: UploadId, target: RelativePath) -> Result<bool, Failure> {
    let from = place.file(id);
    let renamed = place.run(move |root| {
        if let Some((folder, _)) = target.split() {
            root.ensure_folder(&folder)?;
        }
        match root.move_file(&from, &target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    });
    renamed.await
}

/// Whether an earlier attempt was killed right after the file got its name.
async fn is_placed(place: &Place, row: &Row) -> Result<bool, Failure> {
    let (part, target) = (place.file(row.id), row.target.clone());
    let (size, inode) = (row.n_bytes.map(|n| n as i64), row.inode);
    let look = place.run(move |root| {
        let Some(target) = target else { return Ok(false) };
        if root.facts(&part)?.is_some() {
            return Ok(false);
        }
        let is_it = root
            .facts(&target)?
            .is_some_and(|facts| Some(facts.size) == size && Some(facts.inode) == inode);
        if is_it {
            // The rename may not have reached the disk.
            let folder = target.split().map(|(folder, _)| folder).unwrap_or_default();
            root.sync_folder(&folder)?;
        }
        Ok(is_it)
    });
    look.await
}

/// Says that the file is in its place, and has it scanned.
async fn placed(cx: &JobCx<FinishStep>, upload: &Upload, row: &Row) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let tx = cx.begin(Durability::Full).await?;
    row::go(&tx, row.id, (State::Placing, State::Placed), kernel.clock.now_ms()).await?;
    tx.commit().await?;
    forget_parts(upload, row).await?;
    link::ask(kernel, row.id).await?;
    // A scan that ran anyway may have found the file before its row said so.
    Ok(link::link(kernel, upload.remember_ms()).await?)
}

/// The parts of a whole are of no use any more.
async fn forget_parts(upload: &Upload, row: &Row) -> anyhow::Result<()> {
    for id in &row.parts {
        if let Some(part) = row::find(upload.kernel.store.reader(), *id).await? {
            crate::end::remove(upload, &part).await?;
        }
    }
    Ok(())
}

/// The fact that a scan waits for.
pub fn added(row: &Row) -> Option<FilesAdded> {
    let (folder, _) = row.target.as_ref()?.split()?;
    Some(FilesAdded {
        library: row.library?,
        folder: folder.below(row.root.as_ref()?),
    })
}
