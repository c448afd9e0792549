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

/// When a watched job's row was last read for those who begin to watch it. Whoever holds it reads for all of them.
pub(super) type FirstLook = Arc<tokio::sync::Mutex<Option<Instant>>>;

#[derive(Debug)]
struct Place {
    sender: watch::Sender<Seen>,
    first_look: FirstLook,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            sender: watch::channel(Seen::Unknown).0,
            first_look: FirstLook::default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Hub {
    changes: broadcast::Sender<Arc<JobView>>,
    watched: Mutex<HashMap<JobId, Place>>,
    /// By job, the `updated_at` that those who watch all were told last.
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
    /// Tells both kinds of readers about a row, unless they know it already or better: of two transactions, the later
    /// may be told first.
    pub fn tell(&self, view: JobView) {
        let view = Arc::new(view);
        self.offer(&view);
        self.tell_all_after(&view, view.updated_at - 1);
    }

    /// Tells those who watch all of progress since the row was written.
    pub fn tell_progress(&self, view: &Arc<JobView>) {
        self.tell_all_after(view, view.updated_at);
    }

    /// Tells those who watch all, unless they were told of something after this time.
    fn tell_all_after(&self, view: &Arc<JobView>, time: i64) {
        if self.changes.receiver_count() == 0 {
            return;
        }
        let mut told = lock(&self.told);
        if told.get(&view.id).is_some_and(|told_at| *told_at > time) {
            return;
        }
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(view.id, view.updated_at);
        // Under the lock, so that what comes later is sent later. An error only says that the last reader has gone.
        let _ = self.changes.send(Arc::clone(view));
    }

    /// Tells those who watch this job, unless they know something newer.
    pub fn offer(&self, view: &Arc<JobView>) {
        let mut watched = lock(&self.watched);
        let Some(Place { sender, .. }) = watched.get(&view.id) else {
            return;
        };
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
        if let Some(place) = lock(&self.watched).remove(&id) {
            place.sender.send_replace(Seen::Gone);
        }
    }

    /// Watches a job; unknown until somebody offers a view.
    pub fn watch(&self, id: JobId) -> (watch::Receiver<Seen>, FirstLook) {
        let mut watched = lock(&self.watched);
        let place = watched.entry(id).or_default();
        (place.sender.subscribe(), Arc::clone(&place.first_look))
    }

    /// Forgets a job when this was its last watcher.
    pub fn unwatch(&self, id: JobId, receiver: &watch::Receiver<Seen>) {
        let mut watched = lock(&self.watched);
        let ours = watched
            .get(&id)
            .filter(|place| receiver.same_channel(&place.sender.subscribe()));
        if ours.is_some_and(|place| place.sender.receiver_count() <= 1) {
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

/// Each change of a row has a later `updated_at`. Of one, only the progress grows, and nothing follows a terminal state.
fn is_newer(offered: &JobView, present: &JobView) -> bool {
    if offered.updated_at != present.updated_at {
        return offered.updated_at > present.updated_at;
    }
    offered != present && (offered.status.is_terminal() || !present.status.is_terminal())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
