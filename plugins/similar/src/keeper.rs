//! Starts `similar.index` when files were measured: at the start for what was measured while nobody looked, and after
//! facts. While facts keep coming, as after a scan of many files, comparisons get rarer; there is never more than one.

use std::{collections::BTreeSet, time::Duration};

use entities::id::{JobId, MediaId};
use futures_util::StreamExt;
use kernel::{
    error::Failure,
    events::{Heard, MediaAnalyzed},
    jobs::Enqueue,
    plugin::Kernel,
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    enter::{self, Scope},
    jobs::index::IndexSimilar,
};

/// When no fact came for so long, what came before is compared.
const QUIET: Duration = Duration::from_millis(500);
/// It is compared after so long at most, and each time that it came to this after twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// More items are not listed one by one.
const MAX_LISTED: usize = 500;
/// Until the next try when the database fails.
const PAUSE: Duration = Duration::from_secs(5);

/// Listens until it is stopped.
pub async fn keep(kernel: Kernel, stop: CancellationToken) {
    // Subscribed before the first look, so that nothing is missed in between.
    let mut facts = kernel.events.subscribe::<MediaAnalyzed>();
    let work = async {
        let has_work = loop {
            match enter::has_work(kernel.store.reader()).await {
                Ok(has_work) => break has_work,
                Err(error) => tracing::warn!(%error, "what is to be compared could not be read"),
            }
            tokio::time::sleep(PAUSE).await;
        };
        let mut previous = None;
        if has_work {
            previous = start(&kernel, Scope::All, previous).await;
        }
        let mut longest = FIRST_WAIT;
        while let Some(first) = facts.next().await {
            let mut gathered = Gathered::default();
            gathered.take(first);
            let due = Instant::now() + longest;
            let mut is_quiet = false;
            while !is_quiet && Instant::now() < due {
                match timeout(QUIET, facts.next()).await {
                    Ok(Some(heard)) => gathered.take(heard),
                    Ok(None) => return,
                    Err(_) => is_quiet = true,
                }
            }
            longest = if is_quiet {
                FIRST_WAIT
            } else {
                (longest * 2).min(LONGEST_WAIT)
            };
            previous = start(&kernel, gathered.scope(), previous).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

#[derive(Default)]
struct Gathered {
    media: BTreeSet<MediaId>,
    is_gap: bool,
}

impl Gathered {
    fn take(&mut self, heard: Heard<MediaAnalyzed>) {
        match heard {
            Heard::Fact(fact) => self.media.extend(&fact.media),
            Heard::Gap => self.is_gap = true,
        }
    }

    fn scope(self) -> Scope {
        if self.is_gap || self.media.len() > MAX_LISTED {
            return Scope::All;
        }
        Scope::Media(self.media.into_iter().collect())
    }
}

/// Enqueues the job once the previous one has ended, and gives it. One of somebody else's that is live already may have
/// passed by what is new: then another follows it.
async fn start(kernel: &Kernel, scope: Scope, previous: Option<JobId>) -> Option<JobId> {
    let job = IndexSimilar {
        scope,
        is_forced: false,
    };
    loop {
        match try_start(kernel, &job, previous).await {
            Ok(Some(started)) => return Some(started),
            Ok(None) => tokio::time::sleep(QUIET).await,
            Err(error) => {
                tracing::warn!(%error, "the comparison of new media could not be enqueued");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn try_start(kernel: &Kernel, job: &IndexSimilar, previous: Option<JobId>) -> Result<Option<JobId>, Failure> {
    if let Some(previous) = previous
        && let Some(view) = kernel.jobs.get(previous).await?
        && !view.status.is_terminal()
    {
        return Ok(None);
    }
    let enqueued = kernel.jobs.start_one(job, Enqueue::default()).await?;
    Ok(enqueued.is_new.then_some(enqueued.job))
}
