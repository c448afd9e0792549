//! Where views of jobs go when they change: one `watch` per watched job, one `broadcast` for those who watch all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use entities::id::JobId;
use tokio::sync::{broadcast, watch};

use super::view::JobView;

/// A reader of all changes that lags by more misses some, and reads the rows instead: see `watch_all`.
const CAPACITY: usize = 1024;
/// The memory of what was told is emptied at this size; the cost is a repeated message.
const TOLD_MAX: usize = 4096;

/// What is known of a watched job.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// Nothing yet.
    Unknown,
    /// There is no such row.
    Gone,
    /// Its newest view.
    View(Arc<JobView>),
}

impl Seen {
    pub fn is_last(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Gone => true,
            Self::View(view) => view.status.is_terminal(),
        }
    }
}

/// How far the rows were read for watchers.
#[derive(Debug, Default)]
pub(super) struct Polled {
    pub at: Option<Instant>,
    /// The newest `updated_at` that was seen.
    pub cursor: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Hub {
    changes: broadcast::Sender<Arc<JobView>>,
    watched: Mutex<HashMap<JobId, watch::Sender<Seen>>>,
    told: Mutex<HashMap<JobId, i64>>,
    /// Whoever holds it reads the rows for all watchers.
    pub polled: tokio::sync::Mutex<Polled>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            changes: broadcast::channel(CAPACITY).0,
            watched: Mutex::default(),
            told: Mutex::default(),
            polled: tokio::sync::Mutex::default(),
        }
    }
}

impl Hub {
    /// Tells both kinds of readers about a changed row.
    pub fn tell(&self, view: JobView) {
        let view = Arc::new(view);
        self.offer(&view);
        self.tell_all(&view);
    }

    /// Tells those who watch all, unless they know this row already or better.
    pub fn tell_row(&self, view: JobView) {
        let view = Arc::new(view);
        self.offer(&view);
        let known = lock(&self.told)
            .get(&view.id)
            .is_some_and(|updated_at| *updated_at >= view.updated_at);
        if !known {
            self.tell_all(&view);
        }
    }

    /// Tells those who watch all.
    pub fn tell_all(&self, view: &Arc<JobView>) {
        if self.changes.receiver_count() == 0 {
            return;
        }
        let mut told = lock(&self.told);
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(view.id, view.updated_at);
        drop(told);
        // An error only says that the last reader has gone.
        let _ = self.changes.send(Arc::clone(view));
    }

    /// Tells those who watch this job, unless they know something newer.
    pub fn offer(&self, view: &Arc<JobView>) {
        let mut watched = lock(&self.watched);
        let Some(sender) = watched.get(&view.id) else { return };
        sender.send_if_modified(|seen| {
            let is_newer = match seen {
                Seen::Unknown | Seen::Gone => true,
                Seen::View(present) => is_newer(view, present),
            };
            if is_newer {
                *seen = Seen::View(Arc::clone(view));
            }
            is_newer
        });
        if sender.borrow().is_last() {
            // Its receivers still see the last value; who comes later begins anew.
            watched.remove(&view.id);
        }
    }

    /// Tells those who watch this job that its row is gone.
    pub fn gone(&self, id: JobId) {
        if let Some(sender) = lock(&self.watched).remove(&id) {
            sender.send_replace(Seen::Gone);
        }
    }

    /// Watches a job; unknown until somebody offers a view.
    pub fn watch(&self, id: JobId) -> watch::Receiver<Seen> {
        lock(&self.watched)
            .entry(id)
            .or_insert_with(|| watch::channel(Seen::Unknown).0)
            .subscribe()
    }

    /// Forgets a job when this was its last watcher.
    pub fn unwatch(&self, id: JobId, receiver: &watch::Receiver<Seen>) {
        let mut watched = lock(&self.watched);
        let ours = watched
            .get(&id)
            .filter(|sender| receiver.same_channel(&sender.subscribe()));
        if ours.is_some_and(|sender| sender.receiver_count() <= 1) {
            watched.remove(&id);
        }
    }

    /// The jobs that somebody watches.
    pub fn watched(&self) -> Vec<JobId> {
        lock(&self.watched).keys().copied().collect()
    }

    /// Every change from now on.
    pub fn changes(&self) -> broadcast::Receiver<Arc<JobView>> {
        self.changes.subscribe()
    }

    pub fn is_all_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }
}

/// Rows only grow newer; within a row's life, nothing comes after its terminal state but a new `updated_at`.
fn is_newer(offered: &JobView, present: &JobView) -> bool {
    if offered.updated_at != present.updated_at {
        return offered.updated_at > present.updated_at;
    }
    offered != present && (offered.status.is_terminal() || !present.status.is_terminal())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
