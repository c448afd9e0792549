//! The worker's end of the control page: signs of life and progress out, the wish to cancel in.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use media_proto::control::{BEAT, CANCEL, DONE, JOB, SIZE, TOTAL};
use media_proto::error::MediaError;

/// A control page in memory.
pub type Page = [AtomicU64; SIZE / 8];

static PAGE: OnceLock<&'static Page> = OnceLock::new();

/// Takes the page into use, for the process's life.
pub fn install(page: &'static Page) {
    // A process has one page.
    let _ = PAGE.set(page);
    media_av::checkpoint::install(read);
}

/// Asked at every read. A file is read from its beginning to its end, or from one wanted place to the next, so the place is
/// how far the job is, but for moments in which an index is looked up.
fn read(place: Option<(u64, u64)>) -> bool {
    if let Some((position, length)) = place {
        note(position, length);
    }
    beat()
}

/// Says that the job gets on, and whether to go on: false once it is canceled. Cheap enough for every frame and every read.
pub fn beat() -> bool {
    cell(BEAT).is_none_or(|beat| {
        beat.fetch_add(1, Ordering::Relaxed);
        !is_canceled()
    })
}

/// To be called in every loop over packets or frames: says that the job gets on, and ends it when it is canceled.
pub fn checkpoint() -> Result<(), MediaError> {
    if beat() { Ok(()) } else { Err(MediaError::Canceled) }
}

/// Whether the job that runs is to end.
pub fn is_canceled() -> bool {
    let (Some(cancel), Some(job)) = (cell(CANCEL), cell(JOB)) else {
        return false;
    };
    let job = job.load(Ordering::Relaxed);
    job != 0 && cancel.load(Ordering::Relaxed) == job
}

/// Says how far the job is, in units of its own choice; a total of 0 is unknown.
pub fn progress(done: u64, total: u64) {
    note(done, total);
    beat();
}

fn note(done: u64, total: u64) {
    for (place, value) in [(DONE, done), (TOTAL, total)] {
        if let Some(cell) = cell(place) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

/// Begins a job.
pub fn begin(id: u64) {
    progress(0, 0);
    if let Some(job) = cell(JOB) {
        job.store(id, Ordering::Relaxed);
    }
}

fn cell(place: usize) -> Option<&'static AtomicU64> {
    PAGE.get().and_then(|page| page.get(place / 8))
}
