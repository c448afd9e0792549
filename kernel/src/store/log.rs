//! The way of SQLite's write-ahead log to the disk: commits that wait at the same time share one sync.
//!
//! With `synchronous = full` SQLite syncs inside of each commit, while it holds the one right to write: sixteen writers wait for
//! sixteen syncs, one after the other. Here a commit writes the log and lets the next writer go on; whoever promises that it is on
//! the disk then waits for a sync that began after it. As much is promised: SQLite itself syncs the log before it copies
//! from it, the file after that, and the log's header when it begins anew (`synchronous = normal`).

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Mutex;

/// The log of one database.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Syncs that have begun.
    n_begun: AtomicU64,
    ended: Mutex<Ended>,
}

/// Syncs that have ended, one after the other.
#[derive(Debug, Default)]
struct Ended {
    n: u64,
    /// The last that failed. The system tells of bytes that it could not write once, and may forget them then.
    failed: Option<u64>,
}

impl Log {
    pub fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            path,
            n_begun: AtomicU64::new(0),
            ended: Mutex::default(),
        })
    }

    /// Returns once all that was committed before is on the disk.
    ///
    /// # Errors
    /// The disk may not have it; whether it does is not known before the power has been off.
    pub async fn sync(&self) -> io::Result<()> {
        // One that has begun by now may not see what was committed a moment ago.
        let needed = self.n_begun.load(Ordering::SeqCst) + 1;
        let mut ended = self.ended.lock().await;
        if ended.n < needed {
            let nth = self.n_begun.fetch_add(1, Ordering::SeqCst) + 1;
            let path = self.path.clone();
            let synced = tokio::task::spawn_blocking(move || File::open(path)?.sync_data()).await?;
            ended.n = nth;
            if let Err(error) = synced {
                ended.failed = Some(nth);
                return Err(error);
            }
        }
        match ended.failed {
            Some(nth) if nth >= needed => Err(io::Error::other("a sync that others waited for, too, failed")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{future::join_all, poll};

    use super::*;

    #[tokio::test]
    async fn commits_that_wait_together_share_a_sync() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let log = Log::new(path.clone());
        let during_another = async || {
            let mut running = log.ended.lock().await;
            let nth = log.n_begun.fetch_add(1, Ordering::SeqCst) + 1;
            let mut syncs: Vec<_> = (0..100).map(|_| Box::pin(log.sync())).collect();
            for sync in &mut syncs {
                assert!(poll!(sync).is_pending(), "it waits for the one that runs");
            }
            running.n = nth;
            drop(running);
            (join_all(syncs).await, log.n_begun.load(Ordering::SeqCst) - nth)
        };
        // Without its file there is nothing to be certain of, for none of those who waited.
        assert!(during_another().await.0.iter().all(Result::is_err));
        File::create(&path)?;
        let (synced, n) = during_another().await;
        assert!(synced.iter().all(Result::is_ok));
        assert_eq!(n, 1, "what ran may have been too early for all, and one is enough");
        Ok(())
    }
}
