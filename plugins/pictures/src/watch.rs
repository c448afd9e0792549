//! Starts drawing by itself: when items appear or change, when a failure's wait is over, and once at the start for what
//! happened while nobody watched.

use std::{collections::BTreeSet, error::Error, time::Duration};

use entities::id::MediaId;
use futures_util::StreamExt;
use kernel::{
    error::Failure,
    events::{Heard, MediaAdded, MediaChanged},
    jobs::Enqueue,
    plugin::Kernel,
    sql,
};
use media_engine::engine::Engine;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    jobs::generate::{GeneratePictures, Scope},
    queue::{Need, Range, START},
};

/// A scan writes four batches a second: after this pause it has probably ended, or is slow.
const QUIET: Duration = Duration::from_millis(500);
/// But pictures do not wait for the end of a long one.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// While drawing goes on, what came meanwhile is looked at again after this.
const AGAIN: Duration = Duration::from_secs(2);
/// The same for everything, which is not cheap: the job itself looks again before it ends.
const ALL_AGAIN: Duration = Duration::from_secs(60);
/// How often failures are looked at.
const RETRY: Duration = Duration::from_secs(300);
/// How often everything is looked at, for what no fact told.
const ALL: Duration = Duration::from_secs(3600);
/// More items than this are looked at as everything.
const MOST: usize = 20_000;

/// What is to be looked at.
#[derive(Default)]
struct Open {
    media: BTreeSet<MediaId>,
    is_all: bool,
    /// When to look.
    due: Option<Instant>,
    /// When the first of them came.
    since: Option<Instant>,
}

impl Open {
    fn add(&mut self, media: &[MediaId]) {
        self.media.extend(media);
        if self.media.len() > MOST {
            self.add_all();
        }
        self.wait();
    }

    fn add_all(&mut self) {
        self.media.clear();
        self.is_all = true;
        self.wait();
    }

    fn wait(&mut self) {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.due = Some((now + QUIET).min(since + LONGEST_WAIT));
    }
}

/// Watches until the server stops.
pub async fn watch(kernel: Kernel, stop: CancellationToken) {
    let mut added = kernel.events.subscribe::<MediaAdded>();
    let mut changed = kernel.events.subscribe::<MediaChanged>();
    let mut open = Open::default();
    open.add_all();
    let mut retry = tokio::time::interval(RETRY);
    let mut all_at = Instant::now() + ALL;
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
            _ = retry.tick() => {
                if Instant::now() >= all_at {
                    all_at = Instant::now() + ALL;
                    open.add_all();
                } else if let Err(error) = add_due(&kernel, &mut open).await {
                    tracing::warn!(%error, cause = ?error.source(), "failed pictures could not be looked at; they are later");
                }
            }
            () = sleep_until(due), if open.due.is_some() => {
                let looked = std::mem::take(&mut open);
                match start(&kernel, &looked).await {
                    Ok(Started::NothingToDo | Started::New) => {}
                    // The job under way may be past these already.
                    Ok(Started::UnderWay) => open = later(looked),
                    Err(error) => {
                        tracing::warn!(%error, cause = ?error.source(), "drawing pictures could not be started; it is tried again");
                        open = later(looked);
                    }
                }
            }
        }
    }
}

fn later(looked: Open) -> Open {
    let wait = if looked.is_all { ALL_AGAIN } else { AGAIN };
    Open {
        due: Some(Instant::now() + wait),
        since: None,
        ..looked
    }
}

enum Started {
    NothingToDo,
    New,
    UnderWay,
}

async fn start(kernel: &Kernel, open: &Open) -> Result<Started, Failure> {
    let Some(engine) = kernel.parts.get::<Engine>() else {
        return Ok(Started::NothingToDo);
    };
    let media: Vec<MediaId> = open.media.iter().copied().collect();
    let chunks: Vec<Range<'_>> = match open.is_all {
        true => vec![Range::All],
        false => media.chunks(sql::CHUNK).map(Range::These).collect(),
    };
    for range in chunks {
        let need = Need {
            range,
            remakes: false,
            retries: false,
            ffmpeg: &engine.ffmpeg().ffmpeg_hash,
            now: kernel.clock.now_ms(),
        };
        if !need.after(kernel.store.reader(), START, 1).await?.is_empty() {
            let job = GeneratePictures { scope: Scope::Missing };
            let enqueued = kernel.jobs.start_one(&job, Enqueue::default()).await?;
            return Ok(match enqueued.is_new {
                true => Started::New,
                false => Started::UnderWay,
            });
        }
    }
    Ok(Started::NothingToDo)
}

/// Failures whose wait is over.
async fn add_due(kernel: &Kernel, open: &mut Open) -> Result<(), Failure> {
    let text = format!(
        "select media_id from picture_failure where retry_at is not null and retry_at <= $1 order by failed_at, media_id \
         limit {MOST}"
    );
    let mut due = Vec::new();
    for row in sql::rows(kernel.store.reader(), text, [kernel.clock.now_ms().into()]).await? {
        due.push(MediaId(row.try_get_by_index(0)?));
    }
    if !due.is_empty() {
        open.add(&due);
    }
    Ok(())
}
