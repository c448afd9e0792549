//! A file that grows: the row first, then fragment behind fragment, on the disk every second; sealed at its end.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use entities::id::{CaptureId, CapturePartId, LibraryId};
use kernel::{
    blob::RelativePath,
    error::Failure,
    events::FilesAdded,
    jobs::{JobCx, JobError, Step},
    store::Durability,
};
use media_proto::capture::Fragment;

use crate::{
    code, place,
    row::{self, Part, Sealed, Source},
};

/// How often what was written is made durable.
const SYNC: Duration = Duration::from_secs(1);
/// How often the row tells how far the file is. Nothing depends on it: a file's own bytes say what it holds.
const TELL: Duration = Duration::from_secs(5);
/// How long the database may be away before a recording ends for it, and how often it is tried: what comes meanwhile waits
/// in pipes and at the source.
const PATIENCE: Duration = Duration::from_secs(10);
const TRY: Duration = Duration::from_millis(200);
/// A file that is kept for its motion is a minute long, or as long as its source takes to its next keyframe.
const MAX_SECONDS: usize = 3600 - 1;

/// A file at work.
pub struct Writer {
    part: Part,
    file: Arc<File>,
    number: u32,
    hasher: blake3::Hasher,
    n_bytes: u64,
    n_frames: u64,
    duration_us: i64,
    /// How much moved in each second, in percent.
    motion: Vec<u8>,
    synced: Instant,
    told: Instant,
}

/// What becomes of a file at its end.
pub enum Fate<'a> {
    /// It is whole, and goes to its library.
    Kept(&'a Sealed),
    /// There is nothing in it.
    Empty,
    /// Nothing moved in it that its source is recorded for.
    Skipped,
}

impl Writer {
    /// Begins the file that the worker numbers so.
    ///
    /// # Errors
    /// The lease is lost, the database or the disk fails.
    pub async fn begin<S: Step>(
        cx: &JobCx<S>,
        source: &Source,
        capture: CaptureId,
        number: u32,
    ) -> anyhow::Result<Self> {
        let kernel = cx.kernel();
        let (id, now) = (CapturePartId::new(), kernel.clock.now_ms());
        let part = Part {
            id,
            capture,
            file_name: place::file_name(&source.name, now, &id.to_string()),
            started_at: now,
        };
        patiently(|| insert(cx, &part)).await?;
        let work = place::work(&part.file_name);
        let file = place::below(kernel, move |root| {
            let file = root.work_file(&work)?;
            // The name must be there after a power cut, too.
            file.sync_all()?;
            Ok(file)
        });
        Ok(Self {
            file: Arc::new(file.await?),
            part,
            number,
            hasher: blake3::Hasher::new(),
            n_bytes: 0,
            n_frames: 0,
            duration_us: 0,
            motion: Vec::new(),
            synced: Instant::now(),
            told: Instant::now(),
        })
    }

    /// Which of the worker's files it is.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Appends a fragment.
    ///
    /// # Errors
    /// The worker lies, the lease is lost, or the disk fails.
    pub async fn append<S: Step>(&mut self, cx: &JobCx<S>, fragment: Fragment, bytes: Bytes) -> anyhow::Result<()> {
        anyhow::ensure!(
            fragment.offset == self.n_bytes && fragment.n_frames >= self.n_frames,
            "the worker sent a fragment for byte {} after {}",
            fragment.offset,
            self.n_bytes
        );
        self.hasher.update(&bytes);
        let (file, at, n) = (Arc::clone(&self.file), self.n_bytes, bytes.len() as u64);
        let is_due = self.synced.elapsed() >= SYNC;
        let write = move || {
            file.write_all_at(&bytes, at)?;
            if is_due { file.sync_data() } else { Ok(()) }
        };
        blocking(write).await?;
        if is_due {
            self.synced = Instant::now();
        }
        self.n_bytes += n;
        self.n_frames = fragment.n_frames;
        self.duration_us = fragment.end_us.clamp(self.duration_us, i64::MAX / 4);
        if let Some(percent) = fragment.motion {
            // It holds for all the seconds since it was told last.
            let second = usize::try_from(self.duration_us / 1_000_000)
                .unwrap_or(0)
                .min(MAX_SECONDS);
            match self.motion.get_mut(second) {
                Some(known) => *known = percent.max(*known),
                None => self.motion.resize(second + 1, percent),
            }
        }
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            if let Err(error) = self.tell(cx).await {
                tracing::debug!("it is told later how long the file is: {error:#}");
            }
        }
        Ok(())
    }

    async fn tell<S: Step>(&self, cx: &JobCx<S>) -> anyhow::Result<()> {
        let tx = cx.begin(Durability::Normal).await?;
        row::set_progress(&*tx, self.part.id, &self.sealed(false)).await?;
        Ok(tx.commit().await?)
    }

    fn sealed(&self, is_interrupted: bool) -> Sealed {
        Sealed {
            n_bytes: i64::try_from(self.n_bytes).unwrap_or(i64::MAX),
            n_frames: i64::try_from(self.n_frames).unwrap_or(i64::MAX),
            duration_us: self.duration_us,
            hash: self.hasher.finalize().as_bytes().to_vec(),
            is_interrupted,
            motion: self.motion.clone(),
        }
    }

    /// Puts the file, which is whole now, into its library, unless too little moved in it.
    ///
    /// # Errors
    /// The lease is lost, the database or the disk fails; the next attempt repairs what is left.
    pub async fn seal<S: Step>(self, cx: &JobCx<S>, source: &Source) -> anyhow::Result<()> {
        let file = Arc::clone(&self.file);
        blocking(move || file.sync_all()).await?;
        let sealed = self.sealed(false);
        let most = self.motion.iter().max().copied().map(i32::from);
        let fate = match (source.motion_threshold, most) {
            _ if self.n_frames == 0 && self.duration_us == 0 => Fate::Empty,
            (Some(threshold), Some(most)) if most < threshold => Fate::Skipped,
            // Where nothing could be compared, nobody knows that nothing moved.
            _ => Fate::Kept(&sealed),
        };
        publish(cx, source, &self.part, fate).await
    }
}

async fn insert<S: Step>(cx: &JobCx<S>, part: &Part) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Full).await?;
    row::insert_part(&*tx, part).await?;
    row::close_gap(&*tx, part.capture, part.started_at).await?;
    Ok(tx.commit().await?)
}

/// Writes rows, again if the database is away for a moment. What is written twice must be the same as once.
async fn patiently<W: Future<Output = anyhow::Result<()>>>(write: impl Fn() -> W) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let Err(error) = write().await else { return Ok(()) };
        let is_lost = matches!(error.downcast_ref(), Some(JobError::LeaseLost { .. }));
        if is_lost || begun.elapsed() >= PATIENCE {
            return Err(error);
        }
        tracing::warn!("a recording waits for the database: {error:#}");
        tokio::time::sleep(TRY).await;
    }
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), Failure> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Failure::internal)?;
    done.map_err(|error| Failure::new(&code::NO_ROOM, format!("writing the recording: {error}")))
}

/// Moves a whole and durable file to its place, then says so; one that is not kept is removed.
///
/// # Errors
/// The lease is lost, the database or the disk fails.
pub async fn publish<S: Step>(cx: &JobCx<S>, source: &Source, part: &Part, fate: Fate<'_>) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let library = source.library;
    let work = place::work(&part.file_name);
    let Fate::Kept(sealed) = fate else {
        place::below(kernel, move |root| root.remove_file(&work)).await?;
        return patiently(|| remove(cx, part, matches!(fate, Fate::Skipped))).await;
    };
    let target = place::placed(library, &part.file_name);
    let moved = place::below(kernel, move |root| {
        root.ensure_folder(&RelativePath::root().join(library.to_string().as_bytes()))?;
        // An attempt that was killed right after its move left it there under this name, which is this file's alone.
        match root.facts(&work)? {
            Some(_) => root.move_file(&work, &target),
            None => Ok(()),
        }
    });
    moved.await?;
    patiently(|| seal(cx, library, part, sealed)).await
}

async fn seal<S: Step>(cx: &JobCx<S>, library: LibraryId, part: &Part, sealed: &Sealed) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let tx = cx.begin(Durability::Full).await?;
    place::ensure_path(kernel, &tx, library).await?;
    row::seal(&*tx, part.id, sealed, kernel.clock.now_ms()).await?;
    tx.publish(FilesAdded {
        library,
        folder: place::folder(kernel, library),
    });
    Ok(tx.commit().await?)
}

async fn remove<S: Step>(cx: &JobCx<S>, part: &Part, is_skipped: bool) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Full).await?;
    if row::remove_part(&*tx, part.id).await? && is_skipped {
        row::count_skipped(&*tx, part.capture).await?;
    }
    Ok(tx.commit().await?)
}
