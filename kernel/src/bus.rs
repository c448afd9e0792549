//! Hints between nodes. A hint may be lost, repeated or reordered: the row is the truth, polling is the floor.

mod postgres;

use entities::id::JobId;
use futures_util::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

pub use self::postgres::PostgresBus;

/// Carries hints between nodes, or between the parts of one.
pub trait Bus: Send + Sync + 'static {
    /// Queues a hint and returns at once. Called after commit, never inside a transaction.
    fn publish(&self, hint: Hint);

    /// Every hint of every node, this one's too; a gap after a reconnect or when this listener was slow.
    fn listen(&self) -> BoxStream<'static, Heard>;

    /// The hints of other processes alone; none where there is no way to any.
    fn others(&self) -> Option<BoxStream<'static, Heard>> {
        None
    }
}

/// Ids and numbers, never content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Hint {
    /// Jobs of a queue became ready; they are due at this time in UTC milliseconds.
    JobsReady {
        /// The queue.
        queue: String,
        /// When the earliest of them is due.
        run_at: i64,
    },
    /// A running job should be canceled or paused: its row says which.
    JobFlagged(JobId),
    /// A fact, for caches and whoever else listens: see [`relay`](crate::relay).
    Told {
        /// Its name.
        fact: String,
        /// Its fields.
        body: Value,
    },
    /// A process has written something that kept answers may be of.
    Written,
}

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A hint.
    Hint(Hint),
    /// Hints were lost: look at the rows.
    Gap,
}

/// A listener that lags by more hints than this hears a gap.
const CAPACITY: usize = 256;

/// The bus of a single process.
#[derive(Debug, Clone)]
pub struct LocalBus {
    sender: broadcast::Sender<Hint>,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(CAPACITY).0,
        }
    }
}

impl Bus for LocalBus {
    fn publish(&self, hint: Hint) {
        // An error only says that nobody is listening now.
        let _ = self.sender.send(hint);
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        BroadcastStream::new(self.sender.subscribe())
            .map(|heard| heard.map_or(Heard::Gap, Heard::Hint))
            .boxed()
    }
}
