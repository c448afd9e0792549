//! Starts reading by itself: when items appear or change, once at the start for what happened while nobody watched, and every
//! hour for what no fact told and for failures whose wait is over.

use std::{collections::BTreeSet, error::Error, time::Duration};

use entities::id::MediaId;
use futures_util::StreamExt;
use kernel::{
    error::Failure,
    events::{Heard, MediaAdded, MediaChanged},
    jobs::Enqueue,
    plugin::Kernel,
};
use media_engine::engine::Engine;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    jobs::read::ReadSubtitles,
    queue::{Need, START},
};

/// Facts are gathered for so long: a scan writes four batches a second.
const GATHER: Duration = Duration::from_secs(1);
/// While a job goes on that may be past them, items are looked at again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// How often everything is looked at.
const ALL: Duration = Duration::from_secs(3600);
/// More items than this are looked at as everything.
const MOST: usize = 2_000;

/// What is to be looked at.
#[derive(Default)]
struct Open {
    media: BTreeSet<MediaId>,
    is_all: bool,
    due: Option<Instant>,
}

impl Open {
    fn add(&mut self, media: &[MediaId]) {
        self.media.extend(media);
        self.is_all |= self.media.len() > MOST;
        self.within(GATHER);
    }

    fn add_all(&mut self) {
        self.is_all = true;
        self.within(GATHER);
    }

    fn within(&mut self, wait: Duration) {
        let due = Instant::now() + wait;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        if self.is_all {
            self.media.clear();
        }
    }
}

/// Watches until the server stops.
pub async fn watch(kernel: Kernel, embedded: bool, stop: CancellationToken) {
    let mut added = kernel.events.subscribe::<MediaAdded>();
    let mut changed = kernel.events.subscribe::<MediaChanged>();
    let mut open = Open::default();
    let mut hourly = tokio::time::interval(ALL);
    loop {
        let due = open.due.unwrap_or_else(|| Instant::now() + ALL);
        tokio::select! {
            () = stop.cancelled() => return,
            Some(heard) = added.next() => match heard {
                Heard::Fact(fact) => open.add(&fact.media),
                Heard::Gap => open.add_all(),
            },
            Some(heard) = changed.next() => match heard {
                Heard::Fact(fact) => open.add(&fact.media),
                Heard::Gap => open.add_all(),
            },
            _ = hourly.tick() => open.add_all(),
            () = sleep_until(due), if open.due.is_some() => {
                let mut looked = std::mem::take(&mut open);
                looked.due = None;
                match start(&kernel, embedded, &looked).await {
                    Ok(Started::NothingToDo | Started::New) => {}
                    // The job under way may be past these already.
                    Ok(Started::UnderWay) => open = later(looked),
                    Err(error) => {
                        tracing::warn!(%error, cause = ?error.source(), "reading subtitles could not be started; it is tried again");
                        open = later(looked);
                    }
                }
            }
        }
    }
}

fn later(mut looked: Open) -> Open {
    looked.within(AGAIN);
    looked
}

enum Started {
    NothingToDo,
    New,
    UnderWay,
}

async fn start(kernel: &Kernel, embedded: bool, open: &Open) -> Result<Started, Failure> {
    if kernel.parts.get::<Engine>().is_none() {
        return Ok(Started::NothingToDo);
    }
    let need = Need {
        only: (!open.is_all).then_some(&open.media),
        embedded,
        now: kernel.clock.now_ms(),
    };
    let db = kernel.store.reader();
    if need.after(db, START, 1).await?.is_empty() && need.gone(db).await?.is_empty() {
        return Ok(Started::NothingToDo);
    }
    let enqueued = kernel.jobs.start_one(&ReadSubtitles {}, Enqueue::default()).await?;
    Ok(match enqueued.is_new {
        true => Started::New,
        false => Started::UnderWay,
    })
}
