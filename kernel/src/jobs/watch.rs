//! Streams for those who watch: the present state first, the newest state after, the terminal state last.
//!
//! A reader never holds anybody up: it sees the newest state when it is ready for it. Jobs that run in another process
//! are read from their rows, by one of the waiting readers for all of them.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use entities::{
    id::JobId,
    job::{self, JobStatus},
};
use futures_util::{Stream, stream};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter};
use tokio::sync::{broadcast, watch};

use super::{
    JobError, Jobs,
    hub::{Polled, Seen},
    sql::statement,
    view::JobView,
};

/// Ten updates a second at most, to each reader of one job.
const MIN_GAP: Duration = Duration::from_millis(100);
/// Rows are read again from so long before the newest one seen: a transaction commits later than its rows say.
const OVERLAP_MS: i64 = 10_000;

impl Jobs {
    /// The job's present state, then its newest state up to ten times a second, and its terminal state last. An error
    /// ends the stream: the job does not exist, or its first state could not be read.
    pub fn watch(&self, id: JobId) -> impl Stream<Item = Result<JobView, JobError>> + Send + use<> {
        let watching = Watching::Begin(self.clone(), id);
        Box::pin(stream::unfold(watching, |watching| async move {
            match watching {
                Watching::Begin(jobs, id) => Some(match Watch::begin(jobs, id).await {
                    Ok((watch, view)) => (Ok(view.clone()), Watching::after(watch, &view)),
                    Err(error) => (Err(error), Watching::Ended),
                }),
                Watching::Going(mut watch) => Some(match watch.next().await {
                    Ok(view) => (Ok(view.clone()), Watching::after(watch, &view)),
                    Err(error) => (Err(error), Watching::Ended),
                }),
                Watching::Ended => None,
            }
        }))
    }

    /// Changes of all jobs from now on: changes of state, in their order for each job, and progress up to four times a
    /// second and job. A state that a newer one has overtaken on its way is left out, and a reader that was too slow
    /// sees the present state of what changed meanwhile.
    pub fn watch_all(&self) -> impl Stream<Item = JobView> + Send + use<> {
        let changes = self.inner.hub.changes();
        let seen_at = self.inner.store.clock().now_ms();
        let all = WatchAll {
            jobs: self.clone(),
            changes,
            pending: Vec::new(),
            seen_at,
        };
        Box::pin(stream::unfold(
            all,
            |mut all| async move { Some((all.next().await, all)) },
        ))
    }

    /// Reads the watched rows, unless another reader has just done so.
    async fn poll_watched(&self) {
        let Ok(mut polled) = self.inner.hub.polled.try_lock() else {
            return;
        };
        if polled
            .at
            .is_some_and(|at| at.elapsed() < self.inner.settings.watch_poll / 2)
        {
            return;
        }
        // A failure is not the readers' business: the next poll is soon.
        if let Err(error) = self.read_watched(&mut polled).await {
            tracing::warn!(%error, "watched jobs could not be read and will be read again");
        }
        polled.at = Some(Instant::now());
    }

    async fn read_watched(&self, polled: &mut Polled) -> Result<(), DbErr> {
        let hub = &self.inner.hub;
        // What runs here tells its own progress, newer than the row's.
        let elsewhere: Vec<JobId> = hub
            .watched()
            .into_iter()
            .filter(|id| self.running(*id).is_none())
            .collect();
        if !elsewhere.is_empty() {
            let rows = job::Entity::find().filter(job::Column::Id.is_in(elsewhere.clone()));
            let rows = rows.all(self.inner.store.reader()).await?;
            for id in elsewhere.iter().filter(|id| !rows.iter().any(|row| row.id == **id)) {
                hub.gone(*id);
            }
            rows.into_iter().for_each(|row| hub.offer(&Arc::new(self.view(row))));
        }
        if hub.is_all_watched() {
            let since = match polled.cursor {
                Some(cursor) => cursor,
                None => self.newest_change().await?,
            };
            let rows = self.changed_since(since - OVERLAP_MS).await?;
            polled.cursor = Some(rows.iter().map(|row| row.updated_at).max().unwrap_or(since).max(since));
            for row in rows.into_iter().filter(|row| self.running(row.id).is_none()) {
                hub.tell(self.view(row));
            }
        }
        Ok(())
    }

    async fn newest_change(&self) -> Result<i64, DbErr> {
        let store = &self.inner.store;
        let row = store
            .reader()
            .query_one_raw(statement(store, "select max(updated_at) as newest from job", []))
            .await?;
        Ok(row
            .map(|row| row.try_get::<Option<i64>>("", "newest"))
            .transpose()?
            .flatten()
            .unwrap_or_default())
    }

    async fn changed_since(&self, since: i64) -> Result<Vec<job::Model>, DbErr> {
        let store = &self.inner.store;
        let sql = "select * from job where updated_at > $1 order by updated_at desc limit 1000";
        let rows = store
            .reader()
            .query_all_raw(statement(store, sql, [since.into()]))
            .await?;
        rows.iter()
            .rev()
            .map(|row| job::Model::from_query_result(row, ""))
            .collect()
    }
}

enum Watching {
    Begin(Jobs, JobId),
    Going(Box<Watch>),
    Ended,
}

impl Watching {
    fn after(watch: Box<Watch>, view: &JobView) -> Self {
        if view.status.is_terminal() {
            Self::Ended
        } else {
            Self::Going(watch)
        }
    }
}

struct Watch {
    jobs: Jobs,
    id: JobId,
    receiver: watch::Receiver<Seen>,
    sent_at: Instant,
}

impl Watch {
    async fn begin(jobs: Jobs, id: JobId) -> Result<(Box<Self>, JobView), JobError> {
        // First the place, then the row: a change between the two is not missed.
        let (receiver, first_look) = jobs.inner.hub.watch(id);
        let mut watch = Box::new(Self {
            jobs,
            id,
            receiver,
            sent_at: Instant::now(),
        });
        let fresh = watch.jobs.inner.settings.watch_poll;
        // A crowd that comes for one job reads its row once.
        let mut looked_at = first_look.lock().await;
        if looked_at.is_none_or(|at| at.elapsed() >= fresh) || watch.present().is_none() {
            let view = watch.jobs.get(id).await?.ok_or(JobError::NotFound { id })?;
            watch.jobs.inner.hub.offer(&Arc::new(view));
            *looked_at = Some(Instant::now());
        }
        drop(looked_at);
        let view = watch.present().ok_or(JobError::NotFound { id })?;
        Ok((watch, view))
    }

    /// The newest view that was offered.
    fn present(&mut self) -> Option<JobView> {
        match &*self.receiver.borrow_and_update() {
            Seen::View(view) => Some((**view).clone()),
            Seen::Unknown | Seen::Gone => None,
        }
    }

    async fn next(&mut self) -> Result<JobView, JobError> {
        loop {
            let changed = tokio::time::timeout(self.jobs.inner.settings.watch_poll, self.receiver.changed()).await;
            match changed {
                Ok(Ok(())) => {}
                // The place was given up, which the last view precedes; look for the row itself.
                Ok(Err(_)) => return self.renew().await,
                Err(_) => {
                    self.jobs.poll_watched().await;
                    continue;
                }
            }
            if let Some(rest) = MIN_GAP.checked_sub(self.sent_at.elapsed()) {
                // The terminal state does not wait.
                let _ = tokio::time::timeout(rest, self.receiver.wait_for(Seen::is_last)).await;
            }
            self.sent_at = Instant::now();
            match &*self.receiver.borrow_and_update() {
                Seen::Unknown => {}
                Seen::Gone => return Err(JobError::NotFound { id: self.id }),
                Seen::View(view) => return Ok((**view).clone()),
            }
        }
    }

    async fn renew(&mut self) -> Result<JobView, JobError> {
        self.receiver = self.jobs.inner.hub.watch(self.id).0;
        let view = self
            .jobs
            .get(self.id)
            .await?
            .ok_or(JobError::NotFound { id: self.id })?;
        self.jobs.inner.hub.offer(&Arc::new(view.clone()));
        self.receiver.mark_unchanged();
        Ok(view)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.jobs.inner.hub.unwatch(self.id, &self.receiver);
    }
}

struct WatchAll {
    jobs: Jobs,
    changes: broadcast::Receiver<Arc<JobView>>,
    pending: Vec<JobView>,
    /// The newest change this reader has seen.
    seen_at: i64,
}

impl WatchAll {
    async fn next(&mut self) -> JobView {
        loop {
            if let Some(view) = self.pending.pop() {
                return view;
            }
            match tokio::time::timeout(self.jobs.inner.settings.watch_poll, self.changes.recv()).await {
                Ok(Ok(view)) => {
                    self.seen_at = self.seen_at.max(view.updated_at);
                    return (*view).clone();
                }
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => self.catch_up().await,
                // The sender lives in `jobs`, so the channel is open; wait as if nothing had changed.
                Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => self.jobs.poll_watched().await,
            }
        }
    }

    /// The present state of what changed since the last message, in the order of the changes.
    async fn catch_up(&mut self) {
        self.changes = self.changes.resubscribe();
        let mut pause = Duration::from_millis(100);
        let rows = loop {
            match self.jobs.changed_since(self.seen_at - OVERLAP_MS).await {
                Ok(rows) => break rows,
                Err(error) => tracing::warn!(%error, "changed jobs could not be read and will be read again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        };
        let mut newest: HashMap<JobId, JobView> = HashMap::with_capacity(rows.len());
        newest.extend(rows.into_iter().map(|row| (row.id, self.jobs.view(row))));
        let running: Vec<_> = self.jobs.local().values().cloned().collect();
        for running in running {
            if let Some(view) = running
                .view(running.meter.progress())
                .filter(|view| view.status == JobStatus::Running)
            {
                newest.insert(view.id, view);
            }
        }
        self.pending = newest.into_values().collect();
        self.pending.sort_by_key(|view| std::cmp::Reverse(view.updated_at));
        self.seen_at = self.pending.first().map_or(self.seen_at, |view| view.updated_at);
    }
}
