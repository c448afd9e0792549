//! Starts `similar.index` when files were measured: at the start for what was measured while nobody looked, and after
//! each fact. Facts that come together are one job.

use std::{collections::BTreeSet, time::Duration};

use entities::id::MediaId;
use futures_util::{FutureExt, StreamExt};
use kernel::{
    events::{Heard, MediaAnalyzed},
    jobs::Enqueue,
    plugin::Kernel,
};
use tokio_util::sync::CancellationToken;

use crate::{
    enter::{self, Scope},
    jobs::index::IndexSimilar,
};

/// Facts of so long are gathered.
const GATHER: Duration = Duration::from_millis(500);
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
        if has_work {
            start(&kernel, Scope::All).await;
        }
        while let Some(first) = facts.next().await {
            tokio::time::sleep(GATHER).await;
            let mut gathered = Gathered::default();
            gathered.take(first);
            while let Some(Some(heard)) = facts.next().now_or_never() {
                gathered.take(heard);
            }
            start(&kernel, gathered.scope()).await;
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

/// Enqueues the job. One that is live already may have passed by what is new: then another follows it.
async fn start(kernel: &Kernel, scope: Scope) {
    let job = IndexSimilar {
        scope,
        is_forced: false,
    };
    loop {
        match kernel.jobs.start_one(&job, Enqueue::default()).await {
            Ok(enqueued) if enqueued.is_new => return,
            Ok(_) => tokio::time::sleep(GATHER).await,
            Err(error) => {
                tracing::warn!(%error, "the comparison of new media could not be enqueued");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
