//! Writes an upload's bytes, and says which of them are safe. A task of its own, so that a request that is dropped cannot
//! leave it half done: what came is kept, and the offset in the row never runs ahead of the disk.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};

use bytes::Bytes;
use entities::id::UploadId;
use kernel::{
    error::Failure,
    jobs::{Enqueue, Priority},
    plugin::Kernel,
    store::Durability,
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};

use crate::{
    code,
    desk::Held,
    jobs::finish::FinishUpload,
    protocol::Check,
    row::{self, State},
};

/// What may be lost and sent again.
const UNSAFE_BYTES: u64 = 16 << 20;
/// For how long it may be unsafe.
const UNSAFE_TIME: Duration = Duration::from_secs(2);

/// What the request hands to the writer.
pub enum Piece {
    /// The next bytes.
    Bytes(Vec<Bytes>),
    /// All of the body has come.
    End,
}

/// How a body ended.
#[derive(Debug)]
pub enum How {
    /// It came whole.
    Whole,
    /// It broke off; what came is kept.
    Broken,
    /// Another request wants the upload, or the server stops; what came is kept.
    Left,
    /// It was longer than announced; what fits is kept.
    TooLong,
    /// It is not what its checksum says; nothing is kept.
    Mismatch,
    /// Disk or database refused.
    Failed(Failure),
}

/// What came of a body.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes of the upload that are safe now.
    pub offset: u64,
    /// How the body ended.
    pub how: How,
}

/// What a writer must know besides.
pub struct Order {
    /// The upload.
    pub id: UploadId,
    /// What it is called, for the job that takes it in.
    pub name: String,
    /// Whether it is only a part, which no job takes in.
    pub is_part: bool,
    /// The most bytes it may have.
    pub max_bytes: u64,
    /// How long it is kept after its last byte, in milliseconds.
    pub keep_ms: i64,
    /// What the body must be; then none of it counts before all of it has come.
    pub check: Option<Check>,
}

/// Writes what comes until the end; the turn is given back with it.
pub async fn write(kernel: Kernel, held: Held, order: Order, pieces: mpsc::Receiver<Piece>) -> Outcome {
    let end = held.taken.n_bytes.unwrap_or(order.max_bytes);
    let mut writer = Writer {
        safe: held.taken.n_received,
        written: held.taken.n_received,
        end,
        syncing: None,
        is_done: false,
        kernel,
        held,
        order,
    };
    let how = writer.run(pieces).await.unwrap_or_else(How::Failed);
    Outcome {
        offset: writer.safe,
        how,
    }
}

struct Syncing {
    /// What is safe when it ends well.
    upto: u64,
    work: JoinHandle<io::Result<()>>,
}

struct Writer {
    kernel: Kernel,
    held: Held,
    order: Order,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes that the row says are safe.
    safe: u64,
    /// Where the upload ends, at most.
    end: u64,
    syncing: Option<Syncing>,
    /// Whether the row says that all bytes are there.
    is_done: bool,
}

impl Writer {
    async fn run(&mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<How, Failure> {
        let how = self.receive(&mut pieces).await?;
        // Whoever still sends learns that nobody listens.
        drop(pieces);
        if let Some(syncing) = self.syncing.take() {
            self.synced(syncing.upto, syncing.work.await).await?;
        }
        if let Some(check) = self.order.check.take() {
            match how {
                How::Whole if check.holds() => {}
                How::Whole => return Ok(How::Mismatch),
                // Half a body cannot be compared with its sum.
                other => return Ok(other),
            }
        }
        // One that is complete without a further byte: its length was said last, or it has none.
        let is_complete = self.held.taken.n_bytes == Some(self.written);
        if self.written > self.safe || is_complete && !self.is_done {
            let upto = self.written;
            let work = self.sync();
            self.synced(upto, work.await).await?;
        }
        Ok(how)
    }

    async fn receive(&mut self, pieces: &mut mpsc::Receiver<Piece>) -> Result<How, Failure> {
        let leave = self.held.turn.leave().clone();
        let mut due = Instant::now() + UNSAFE_TIME;
        loop {
            let is_checked = self.order.check.is_some();
            let may_sync = !is_checked && self.syncing.is_none() && self.written > self.safe;
            if may_sync && (self.written - self.safe >= UNSAFE_BYTES || Instant::now() >= due) {
                self.syncing = Some(Syncing {
                    upto: self.written,
                    work: self.sync(),
                });
                due = Instant::now() + UNSAFE_TIME;
            }
            tokio::select! {
                biased;
                synced = async { self.syncing.as_mut().map(|syncing| &mut syncing.work).expect("asked only with one").await },
                    if self.syncing.is_some() =>
                {
                    let upto = self.syncing.take().map_or(self.safe, |syncing| syncing.upto);
                    if self.synced(upto, synced).await? {
                        return Ok(How::Left);
                    }
                }
                piece = pieces.recv() => match piece {
                    // Whoever brings the bytes has handed over what it had, and leaves.
                    None if leave.is_cancelled() => return Ok(How::Left),
                    None => return Ok(How::Broken),
                    Some(Piece::End) => return Ok(How::Whole),
                    Some(Piece::Bytes(bytes)) => {
                        if !self.append(bytes).await? {
                            return Ok(How::TooLong);
                        }
                    }
                },
                () = sleep_until(due), if may_sync => {}
            }
        }
    }

    /// Writes bytes behind the last ones; false if there were more than may be.
    async fn append(&mut self, mut bytes: Vec<Bytes>) -> Result<bool, Failure> {
        let mut room = self.end - self.written;
        let mut fits = true;
        for piece in &mut bytes {
            if piece.len() as u64 > room {
                piece.truncate(room as usize);
                fits = false;
            }
            room -= piece.len() as u64;
        }
        let (file, at) = (Arc::clone(&self.held.file), self.written);
        let check = self.order.check.take();
        let work = spawn_blocking(move || write_all(&file, at, &bytes, check));
        let (n, check) = work.await.map_err(Failure::internal)?.map_err(|error| disk(&error))?;
        self.order.check = check;
        self.written += n;
        Ok(fits)
    }

    fn sync(&self) -> JoinHandle<io::Result<()>> {
        let file = Arc::clone(&self.held.file);
        spawn_blocking(move || file.sync_data())
    }

    /// Says in the row that bytes are safe, and has a complete upload taken in. True if somebody else wants it.
    async fn synced(
        &mut self,
        upto: u64,
        synced: Result<io::Result<()>, tokio::task::JoinError>,
    ) -> Result<bool, Failure> {
        synced.map_err(Failure::internal)?.map_err(|error| disk(&error))?;
        let kernel = &self.kernel;
        let (id, now) = (self.order.id, kernel.clock.now_ms());
        let tx = kernel.store.begin(Durability::Full).await?;
        let moment = (now, now + self.order.keep_ms);
        let Some(is_wanted) = row::advance(&tx, (id, self.held.taken.epoch), upto, moment).await? else {
            let message = format!("a later request has taken `{id}`");
            return Err(Failure::new(&code::LOCKED, message));
        };
        if self.held.taken.n_bytes == Some(upto) && !self.order.is_part {
            complete(kernel, &tx, id, self.order.name.clone()).await?;
        }
        tx.commit().await?;
        self.is_done = self.held.taken.n_bytes == Some(upto);
        self.safe = upto;
        Ok(is_wanted)
    }
}

/// Has a complete upload taken in.
///
/// # Errors
/// When the database fails.
pub async fn complete(kernel: &Kernel, tx: &kernel::store::Tx, id: UploadId, name: String) -> Result<(), Failure> {
    if row::go(tx, id, (State::Receiving, State::Checking), kernel.clock.now_ms()).await? {
        let options = Enqueue {
            priority: Priority::User,
            ..Enqueue::default()
        };
        let enqueued = kernel
            .jobs
            .enqueue(tx, &FinishUpload { upload: id, name }, options)
            .await?;
        row::set_job(tx, id, enqueued.job).await?;
    }
    Ok(())
}

fn write_all(file: &File, at: u64, bytes: &[Bytes], mut check: Option<Check>) -> io::Result<(u64, Option<Check>)> {
    let mut n = 0;
    for piece in bytes {
        file.write_all_at(piece, at + n)?;
        if let Some(check) = &mut check {
            check.update(piece);
        }
        n += piece.len() as u64;
    }
    Ok((n, check))
}

fn disk(error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => &code::NO_ROOM,
        _ => &code::DISK,
    };
    Failure::new(
        code,
        format!("the bytes could not be written: {error}; what was stored before is kept"),
    )
}
