//! The log of changes, followed: one reader for all subscribers of a process, woken by what this process writes and, for
//! what others write, every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use entities::id::MediaId;
use futures_util::{Stream, stream};
use kernel::{
    changes::{self, ChangeKind, Entry},
    events::{MediaAdded, MediaChanged, MediaRemoved},
    plugin::Kernel,
};
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::{Mutex, Notify, broadcast};

/// Changes are gathered for this long: a scan records hundreds of items a second.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the log is looked at when nothing is heard of in this process.
const FLOOR: Duration = Duration::from_secs(2);
/// A subscriber that lags by more batches than this reads the log itself.
const CAPACITY: usize = 64;

/// What happened between two places of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The place before it.
    pub from: i64,
    /// Its last place.
    pub to: i64,
    /// Items that are new.
    pub added: BTreeSet<MediaId>,
    /// Items that changed.
    pub updated: BTreeSet<MediaId>,
    /// Items that are gone.
    pub removed: BTreeSet<MediaId>,
    /// Entries are missing, or name no items.
    pub has_gap: bool,
}

impl Batch {
    fn of(from: i64, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut batch = Self {
            from,
            to: from,
            ..Self::default()
        };
        for entry in entries {
            batch.has_gap |= entry.sequence != batch.to + 1;
            batch.to = entry.sequence;
            match entry.media {
                Some(media) => batch.add(entry.kind, media),
                None => batch.has_gap = true,
            }
        }
        batch
    }

    fn add(&mut self, kind: ChangeKind, media: Vec<MediaId>) {
        for id in media {
            match kind {
                ChangeKind::Added => {
                    self.removed.remove(&id);
                    self.added.insert(id);
                }
                ChangeKind::Changed => {
                    if !self.added.contains(&id) {
                        self.updated.insert(id);
                    }
                }
                ChangeKind::Removed => {
                    self.added.remove(&id);
                    self.updated.remove(&id);
                    self.removed.insert(id);
                }
            }
        }
    }
}

/// The followed log of a process.
pub struct Feed {
    db: DatabaseConnection,
    sender: broadcast::Sender<Arc<Batch>>,
    /// Where it has read to; absent while nobody follows.
    last: Mutex<Option<i64>>,
    wake: Notify,
}

impl Feed {
    /// The one of this process.
    pub fn of(kernel: &Kernel) -> Arc<Self> {
        kernel.parts.get_or_make(|| {
            let feed = Arc::new(Self {
                db: kernel.store.reader().clone(),
                sender: broadcast::channel(CAPACITY).0,
                last: Mutex::new(None),
                wake: Notify::new(),
            });
            let weak = || Arc::downgrade(&feed);
            let (added, changed, removed) = (weak(), weak(), weak());
            kernel.events.on::<MediaAdded>(move |_| wake(&added));
            kernel.events.on::<MediaChanged>(move |_| wake(&changed));
            kernel.events.on::<MediaRemoved>(move |_| wake(&removed));
            feed
        })
    }

    /// Follows the log from now on, or from behind a place in it. The first batch of what was missed has a gap where the
    /// log does not reach back so far.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow(
        self: Arc<Self>,
        since: Option<i64>,
    ) -> Result<impl Stream<Item = Result<Arc<Batch>, DbErr>> + Send + use<>, DbErr> {
        let (receiver, now) = self.join().await?;
        let missed = match since {
            None => None,
            Some(since) => Some(self.missed(since).await?),
        };
        let told = missed.as_ref().map_or(now, |batch| batch.to);
        let live = stream::unfold((self, receiver, told), async |(feed, mut receiver, told)| {
            let batch = loop {
                match receiver.recv().await {
                    Ok(batch) if batch.to <= told => {}
                    Ok(batch) if batch.from == told => break Ok(batch),
                    // What comes between was read before the reader began, or was too much for this subscriber.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => match feed.read(told).await {
                        Ok(batch) if batch.to == told => {}
                        read => break read.map(Arc::new),
                    },
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            };
            let told = batch.as_ref().map_or(told, |batch| batch.to);
            Some((batch, (feed, receiver, told)))
        });
        let missed = missed.filter(|batch| batch.has_gap || batch.to > batch.from);
        let missed = missed.map(|batch| Ok(Arc::new(batch)));
        Ok(stream::StreamExt::chain(stream::iter(missed), live))
    }

    /// What happened behind a place, up to now; a gap if the log does not reach it.
    async fn missed(&self, since: i64) -> Result<Batch, DbErr> {
        let extent = changes::extent(&self.db).await?;
        if extent.reaches(since) {
            return self.read(since).await;
        }
        Ok(Batch {
            from: extent.newest,
            to: extent.newest,
            has_gap: true,
            ..Batch::default()
        })
    }

    async fn read(&self, last: i64) -> Result<Batch, DbErr> {
        let entries = changes::since(&self.db, last).await?;
        Ok(Batch::of(last, entries))
    }

    async fn join(self: &Arc<Self>) -> Result<(broadcast::Receiver<Arc<Batch>>, i64), DbErr> {
        let mut read = self.last.lock().await;
        let last = match *read {
            Some(last) => last,
            None => {
                let last = changes::extent(&self.db).await?.newest;
                tokio::spawn(Arc::clone(self).run());
                *read.insert(last)
            }
        };
        Ok((self.sender.subscribe(), last))
    }

    /// Reads the log until nobody follows any more.
    async fn run(self: Arc<Self>) {
        loop {
            let woken = tokio::time::timeout(FLOOR, self.wake.notified()).await;
            if woken.is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
            let mut read = self.last.lock().await;
            let Some(last) = read.filter(|_| self.sender.receiver_count() > 0) else {
                *read = None;
                return;
            };
            match self.read(last).await {
                Ok(batch) if batch.to > last => {
                    *read = Some(batch.to);
                    // An error only says that nobody follows now.
                    let _ = self.sender.send(Arc::new(batch));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the log of changes could not be read; it is tried again"),
            }
        }
    }
}

fn wake(feed: &Weak<Feed>) {
    if let Some(feed) = feed.upgrade() {
        feed.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: i64, kind: ChangeKind, media: &[i64]) -> Entry {
        Entry {
            sequence,
            kind,
            media: Some(media.iter().copied().map(MediaId).collect()),
        }
    }

    #[test]
    fn a_batch_is_what_all_its_entries_came_to() {
        let entries = [
            entry(8, ChangeKind::Added, &[1, 2]),
            entry(9, ChangeKind::Changed, &[1, 3, 4]),
            entry(10, ChangeKind::Removed, &[2, 3]),
        ];
        let ids = |ids: &[i64]| ids.iter().copied().map(MediaId).collect::<BTreeSet<_>>();
        let batch = Batch::of(7, entries);
        assert_eq!((batch.from, batch.to, batch.has_gap), (7, 10, false));
        assert_eq!(batch.added, ids(&[1]));
        assert_eq!(batch.updated, ids(&[4]));
        assert_eq!(batch.removed, ids(&[2, 3]));
    }

    #[test]
    fn what_is_missing_or_unnamed_is_a_gap() {
        assert!(Batch::of(7, [entry(9, ChangeKind::Added, &[1])]).has_gap);
        let unnamed = Entry {
            media: None,
            ..entry(8, ChangeKind::Changed, &[])
        };
        assert!(Batch::of(7, [unnamed]).has_gap);
    }
}
