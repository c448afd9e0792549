//! Who writes to which upload now: one at a time. In this process a newer request sends the older one away; another
//! process is asked by the row, and kept out by a lock on the file.

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entities::id::UploadId;
use kernel::{blob, error::Failure, plugin::Kernel, store::Durability};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    code,
    place::{Place, refused},
    row::{self, Row, Taken},
};

/// How long a request waits for another one to make way.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks whether another process has.
const LOOK: Duration = Duration::from_millis(100);

/// The uploads that are being written to.
#[derive(Clone, Default)]
pub struct Desk {
    writers: Arc<Mutex<HashMap<UploadId, Signals>>>,
    /// Owns the tasks that write.
    pub tracker: TaskTracker,
    stop: CancellationToken,
}

#[derive(Clone)]
struct Signals {
    leave: CancellationToken,
    left: CancellationToken,
}

/// The right to write to an upload, until it is dropped.
pub struct Turn {
    id: UploadId,
    signals: Signals,
    desk: Desk,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut writers = self.desk.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.remove(&self.id);
        self.signals.left.cancel();
    }
}

impl Turn {
    /// Ends when another request wants the upload, or the server stops.
    pub fn leave(&self) -> &CancellationToken {
        &self.signals.leave
    }
}

/// An upload that is this request's alone.
pub struct Held {
    /// The right within this process.
    pub turn: Turn,
    /// The open file, which is locked against other processes.
    pub file: Arc<File>,
    /// What is on the disk.
    pub taken: Taken,
}

impl Desk {
    /// Takes an upload. Whoever writes to it now is asked to make way.
    ///
    /// # Errors
    /// `UPLOAD_LOCKED` when it is not given, `UPLOAD_ENDED` when it takes no more bytes, or disk or database refuse.
    pub async fn take(&self, kernel: &Kernel, row: &Row) -> Result<Held, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let turn = self.turn(row.id, deadline).await?;
        let place = Place::of(kernel, row);
        let file = Arc::new(place.open(row.id).await?);
        let mut has_asked = false;
        while !blob::lock(&file).map_err(|error| refused(&place.root, &error))? {
            if Instant::now() >= deadline {
                return Err(locked(row.id));
            }
            if !has_asked {
                let tx = kernel.store.begin(Durability::Normal).await?;
                row::want(&tx, row.id, kernel.clock.now_ms()).await?;
                tx.commit().await?;
                has_asked = true;
            }
            sleep(LOOK).await;
        }
        let tx = kernel.store.begin(Durability::Normal).await?;
        let taken = row::take(&tx, row.id).await?;
        tx.commit().await?;
        match taken {
            Some(taken) => Ok(Held { turn, file, taken }),
            None => Err(Failure::new(&code::ENDED, format!("`{}` takes no more bytes", row.id))),
        }
    }

    /// Takes the turn of an upload within this process.
    ///
    /// # Errors
    /// `UPLOAD_LOCKED` when whoever has it does not leave.
    pub async fn turn(&self, id: UploadId, deadline: Instant) -> Result<Turn, Failure> {
        if self.stop.is_cancelled() {
            return Err(Failure::new(
                &code::STOPPING,
                "the server is stopping; go on when it is back",
            ));
        }
        loop {
            let before = {
                let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
                match writers.get(&id) {
                    Some(before) => before.clone(),
                    None => {
                        let signals = Signals {
                            leave: self.stop.child_token(),
                            left: CancellationToken::new(),
                        };
                        writers.insert(id, signals.clone());
                        return Ok(Turn {
                            id,
                            signals,
                            desk: self.clone(),
                        });
                    }
                }
            };
            before.leave.cancel();
            let left = deadline.saturating_duration_since(Instant::now());
            if timeout(left, before.left.cancelled()).await.is_err() {
                return Err(locked(id));
            }
        }
    }

    /// Has whoever writes to an upload in this process leave, and waits until what it has is on the disk.
    ///
    /// # Errors
    /// `UPLOAD_LOCKED` when it does not leave.
    pub async fn settle(&self, id: UploadId) -> Result<(), Failure> {
        let is_written = {
            let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            writers.contains_key(&id)
        };
        if is_written {
            drop(self.turn(id, Instant::now() + PATIENCE).await?);
        }
        Ok(())
    }

    /// Whether the server is stopping.
    pub fn is_closing(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Sends all writers away, and waits until what they have is on the disk.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn locked(id: UploadId) -> Failure {
    Failure::new(
        &code::LOCKED,
        format!("another request is writing to `{id}`; try again in a moment"),
    )
}
