//! The life of one head: it is given a file, and what it makes goes to the shelf and to those who wait.

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::MetadataExt},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kernel::{library_file::LibraryFile, plugin::Kernel};
use media_engine::{
    budget::Share,
    engine::Engine,
    head::{HeadJob, Made},
    source::Source,
};
use media_proto::error::MediaError;
use tokio::sync::mpsc;

use super::{
    Inner, Wanted,
    book::{IDLE, Started},
};
use crate::rendition::{FileState, Part};

/// How many segments after one are looked for on the shelf before the head goes on to them.
const LOOK_AHEAD: u32 = 3;

/// Runs a head to its end. The share is held as long.
pub(super) async fn run(inner: Arc<Inner>, engine: Arc<Engine>, wanted: Wanted, head: Started, share: Option<Share>) {
    let number = head.number;
    let ended = work(&inner, &engine, &wanted, head).await;
    drop(share);
    let error = match ended {
        Ok(()) | Err(MediaError::Canceled) => None,
        Err(error) => {
            inner.counters.n_failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(file = %wanted.rendition.file.id, rendition = wanted.rendition.name, %error, "a stream broke off");
            Some(error)
        }
    };
    let mut book = inner.lock();
    book.ended(number, error.as_ref());
    inner.arrange(&mut book);
}

async fn work(inner: &Arc<Inner>, engine: &Engine, wanted: &Wanted, head: Started) -> Result<(), MediaError> {
    let Started {
        number,
        first,
        until,
        cancel,
    } = head;
    let source = open(&inner.kernel, wanted.rendition.file).await?;
    let mut job = wanted.rendition.head(first);
    if let HeadJob::Video(head) = &mut job
        && wanted.rendition.fits_devices()
    {
        head.encoder = engine.devices().choose();
    }
    let (send, mut made) = mpsc::channel(1);
    let mut running = pin!(engine.head(&source, &job, send, until, &cancel));
    let mut desk = Hands {
        inner,
        wanted,
        number,
        file: File::from(source.as_fd().try_clone_to_owned().map_err(io)?),
        begun: Some(Instant::now()),
    };
    loop {
        let idle_at = inner.lock().idle_at(number).unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            // What was made comes before the end of the making.
            biased;
            Some(made) = made.recv() => desk.take(made).await?,
            ended = &mut running => {
                while let Ok(made) = made.try_recv() {
                    desk.take(made).await?;
                }
                return ended;
            }
            () = tokio::time::sleep_until(idle_at.into()) => desk.end_if_idle(),
        }
    }
}

struct Hands<'a> {
    inner: &'a Arc<Inner>,
    wanted: &'a Wanted,
    number: u64,
    /// What is read, to see whether it is still the same.
    file: File,
    /// When the segment at hand was begun; none if the head had to wait for leave to begin it.
    begun: Option<Instant>,
}

impl Hands<'_> {
    async fn take(&mut self, made: Made) -> Result<(), MediaError> {
        let (inner, wanted, number) = (self.inner, self.wanted, self.number);
        // Somebody may write to the very file that is being read.
        let facts = self.file.metadata().map_err(io)?;
        let mtime_ns = facts
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(facts.mtime_nsec());
        let held = wanted.rendition.file;
        if (facts.size(), mtime_ns) != (held.size.unsigned_abs(), held.mtime_ns) {
            return Err(changed(held.id.to_string()));
        }
        match made {
            Made::Header(header) => {
                self.check(&header).await?;
                let mut book = inner.lock();
                book.header_made(number, &header);
                inner.arrange(&mut book);
            }
            Made::Chunk(n, bytes) => inner.lock().chunk_made(number, n, &bytes),
            // Asked for its header alone, and faster than it could be stopped.
            Made::Segment(..) if wanted.part == Part::Header && inner.lock().is_ending(number) => {}
            Made::Segment(segment, bytes) => {
                let took = self.begun.map(|begun| begun.elapsed());
                let key = wanted.rendition.key(Part::Segment(segment.index));
                inner.shelf.keep(key, bytes.clone());
                let after = (1..=LOOK_AHEAD).map(|far| segment.index.saturating_add(far));
                let is_known = after
                    .filter(|n| *n < wanted.rendition.n_segments())
                    .all(|n| inner.shelf.holds(wanted.rendition.key(Part::Segment(n))));
                let is_last = segment.index + 1 >= wanted.rendition.n_segments();
                {
                    let mut book = inner.lock();
                    book.segment_made(number, segment.index, &bytes, took, is_known && !is_last);
                    inner.arrange(&mut book);
                }
                self.count(took);
                // Waiting for leave to go on is no time that a segment takes.
                let goes_on = inner.lock().idle_at(number).is_none();
                self.begun = goes_on.then(Instant::now);
                inner.shelf.store(key, bytes).await;
            }
        }
        Ok(())
    }

    /// Segments of any head fit the one header that players have, or none may be given away.
    async fn check(&self, header: &Bytes) -> Result<(), MediaError> {
        let rendition = &self.wanted.rendition;
        let key = rendition.key(Part::Header);
        if rendition.header().is_none()
            && let Some(held) = self.inner.shelf.get(key).await
        {
            rendition.agrees(&held);
        }
        if !rendition.agrees(header) {
            return Err(MediaError::Protocol {
                reason: "a header that is not the one of the segments before".to_owned(),
            });
        }
        if !self.inner.shelf.holds(key) {
            self.inner.shelf.keep(key, header.clone());
            self.inner.shelf.store(key, header.clone()).await;
        }
        Ok(())
    }

    fn count(&self, took: Option<Duration>) {
        let counters = &self.inner.counters;
        let us = |seconds: f64| (seconds * 1e6) as u64;
        counters.n_made.fetch_add(1, Ordering::Relaxed);
        let Some(took) = took else { return };
        counters.made_us.fetch_add(us(took.as_secs_f64()), Ordering::Relaxed);
        counters
            .played_us
            .fetch_add(us(self.wanted.rendition.segment_seconds()), Ordering::Relaxed);
    }

    fn end_if_idle(&self) {
        let mut book = self.inner.lock();
        let is_idle = book.idle_at(self.number).is_some_and(|at| at <= Instant::now());
        if is_idle && book.end_idle(self.number) {
            self.inner.counters.n_left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn changed(file: String) -> MediaError {
    MediaError::Io {
        reason: format!("`{file}` has changed; scan its library again"),
    }
}

fn io(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}

/// Opens a file that must be in this state.
pub async fn open(kernel: &Kernel, file: FileState) -> Result<Source, MediaError> {
    let gone = |reason: String| MediaError::Io { reason };
    let located = LibraryFile::find(&kernel.store, file.id).await;
    let located = located
        .map_err(|error| gone(error.to_string()))?
        .ok_or_else(|| gone("the server does not know the file any more".to_owned()))?;
    let (opened, facts) = located.open().await.map_err(|error| gone(error.to_string()))?;
    if (facts.size, facts.mtime_ns) != (file.size, file.mtime_ns) {
        return Err(changed(located.path));
    }
    Source::new(opened).map_err(|error| gone(error.to_string()))
}
