//! Where parts of renditions are asked for: from the shelf, from a head that comes by soon, or from a new one.
//!
//! Nothing belongs to a viewer. Whoever asks for a part that is being made waits for it with the others. A head goes as
//! far as it was asked to, a little further the longer it was followed, and ends when nobody follows it. Where there is no
//! room for another head, one that nobody waits for makes way; so no viewer ends what another one waits for.

mod book;
pub mod growing;
pub mod run;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kernel::{
    plugin::Kernel,
    shelf::{Shelf, ShelfStats},
    stored::{Stored, StoredTrack},
};
use media_engine::{budget::Demand, engine::Engine};
use media_proto::{error::MediaError, job::Class};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    book::{Book, Step},
    growing::{Growing, Opened},
};
use crate::rendition::{Part, Rendition};

/// How long somebody waits before being told to come again; the work goes on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no part.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotMade {
    /// The rendition has no such part.
    #[error("the rendition has no such segment")]
    Unknown,
    /// Everything is in use, or it takes long.
    #[error("the segment is not ready yet; ask again")]
    NotYet,
    /// It cannot be made.
    #[error("the segment could not be made: {0}")]
    Failed(#[from] MediaError),
}

type Answer = Option<Result<Bytes, NotMade>>;

/// What the desk has done, and does now.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeskStats {
    /// Heads at work or waiting for leave to go on.
    pub n_heads: usize,
    /// Parts that somebody waits for.
    pub n_awaited: usize,
    /// Heads that were started.
    pub n_started: u64,
    /// Heads that were ended because nobody followed them any more.
    pub n_left: u64,
    /// Heads that made way for others.
    pub n_gave_way: u64,
    /// Heads that failed.
    pub n_failed: u64,
    /// Segments that were made.
    pub n_made: u64,
    /// How long their making took together, in microseconds.
    pub made_us: u64,
    /// How long they play together, in microseconds.
    pub played_us: u64,
    /// What is kept.
    pub shelf: ShelfStats,
}

#[derive(Debug, Default)]
struct Counters {
    n_started: AtomicU64,
    n_left: AtomicU64,
    n_gave_way: AtomicU64,
    n_failed: AtomicU64,
    n_made: AtomicU64,
    made_us: AtomicU64,
    played_us: AtomicU64,
}

/// The desk. Clones are handles to the same one.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

struct Inner {
    kernel: Kernel,
    shelf: Shelf,
    book: Mutex<Book>,
    counters: Counters,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What is wanted: a part of a rendition, and what decoding its source takes.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The rendition.
    pub rendition: Arc<Rendition>,
    /// The part.
    pub part: Part,
    /// The size of the pictures that are decoded for it.
    pub source: (u32, u32),
}

impl Wanted {
    fn demand(&self) -> Demand {
        self.rendition.demand(self.source)
    }
}

impl Desk {
    /// A desk that keeps what was made on this shelf.
    pub fn new(kernel: Kernel, shelf: Shelf) -> Self {
        Self {
            inner: Arc::new(Inner {
                kernel,
                shelf,
                book: Mutex::default(),
                counters: Counters::default(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        }
    }

    /// A segment as soon as there is anything of it: the whole, or what is made of it so far and then the rest. Dropping the
    /// future or the growing segment gives it up as with [`get`](Self::get).
    pub async fn open(&self, wanted: &Wanted) -> Result<Opened, NotMade> {
        if let Some(bytes) = self.held(wanted).await? {
            return Ok(Opened::Whole(bytes));
        }
        Growing::begin(Ticket::take(&self.inner, wanted), PATIENCE).await
    }

    /// A part, made now if nobody has made it. Dropping the future before it is ready gives up the wait, and ends the work
    /// if nobody else waits for it.
    pub async fn get(&self, wanted: &Wanted) -> Result<Bytes, NotMade> {
        if let Some(bytes) = self.held(wanted).await? {
            return Ok(bytes);
        }
        let mut ticket = Ticket::take(&self.inner, wanted);
        let answer = tokio::time::timeout(PATIENCE, ticket.answer()).await;
        answer.unwrap_or_else(|_| {
            ticket.leaves_work = true;
            Err(NotMade::NotYet)
        })
    }

    /// A part that is there already, with the head told that made it.
    async fn held(&self, wanted: &Wanted) -> Result<Option<Bytes>, NotMade> {
        if let Part::Segment(n) = wanted.part
            && n >= wanted.rendition.n_segments()
        {
            return Err(NotMade::Unknown);
        }
        if let Some(track) = wanted.rendition.as_stored() {
            return self.inner.stored(track, wanted.part).await.map(Some);
        }
        if wanted.part == Part::Header
            && let Some(header) = wanted.rendition.header()
        {
            return Ok(Some(header));
        }
        let key = wanted.rendition.key(wanted.part);
        let Some(bytes) = self.inner.shelf.get(key).await else {
            return Ok(None);
        };
        Ok(Some(match wanted.part {
            Part::Header => self.inner.adopt(wanted, bytes),
            Part::Segment(n) => {
                self.inner.touch(&wanted.rendition, n);
                bytes
            }
        }))
    }

    /// What it has done, and does now.
    pub fn stats(&self) -> DeskStats {
        let (n_heads, n_awaited) = self.inner.lock().counts();
        let counters = &self.inner.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DeskStats {
            n_heads,
            n_awaited,
            n_started: count(&counters.n_started),
            n_left: count(&counters.n_left),
            n_gave_way: count(&counters.n_gave_way),
            n_failed: count(&counters.n_failed),
            n_made: count(&counters.n_made),
            made_us: count(&counters.made_us),
            played_us: count(&counters.played_us),
            shelf: self.inner.shelf.stats(),
        }
    }

    /// Ends all heads and waits until they are gone. Whoever asks later is told that nothing can be made.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A header from the shelf, or the one that is known, which all segments of this process fit.
    fn adopt(&self, wanted: &Wanted, header: Bytes) -> Bytes {
        if wanted.rendition.agrees(&header) {
            return header;
        }
        wanted.rendition.header().unwrap_or(header)
    }

    /// A part of what is made already. It goes to no shelf, for it lies on the disk.
    async fn stored(&self, track: &StoredTrack, part: Part) -> Result<Bytes, NotMade> {
        let n = match part {
            Part::Header => return Ok(track.header.clone()),
            Part::Segment(n) => n,
        };
        let stored = self.kernel.parts.get::<Stored>().ok_or(NotMade::Unknown)?;
        match stored.0.segment(track, n).await {
            // It was removed since the playlist was written.
            Ok(found) => found.ok_or(NotMade::Unknown),
            Err(error) => {
                tracing::warn!(object = %track.key, %error, "a stored segment could not be read");
                Err(NotMade::NotYet)
            }
        }
    }

    /// Tells a head that somebody follows it, so that it goes on.
    fn touch(self: &Arc<Self>, rendition: &Rendition, n: u32) {
        self.lock().touch(rendition.id, n);
    }

    /// Does what the book says: starts and ends heads until nothing is left to do.
    fn arrange(self: &Arc<Self>, book: &mut Book) {
        let Some(engine) = self.kernel.parts.get::<Engine>().filter(|_| !self.stop.is_cancelled()) else {
            let reason = "the media engine is not running".to_owned();
            book.refuse_all(&MediaError::Unavailable { reason });
            return;
        };
        let width = engine.width(Class::Stream);
        while let Some(step) = book.next_step(width) {
            match step {
                Step::Start { wanted } => {
                    // A machine that is too slow for it still shows it to one viewer, if with pauses.
                    let share = match engine.budget().acquire(wanted.demand()) {
                        Ok(share) => Some(share),
                        Err(_) if book.has_no_other_film() => None,
                        Err(_) => {
                            // One at a time: what it leaves may be enough.
                            if !book.is_any_ending() && book.make_way() {
                                self.counters.n_gave_way.fetch_add(1, Ordering::Relaxed);
                            }
                            break;
                        }
                    };
                    let head = book.start(&wanted, self.stop.child_token());
                    self.counters.n_started.fetch_add(1, Ordering::Relaxed);
                    self.tasks
                        .spawn(run::run(Arc::clone(self), Arc::clone(&engine), wanted, head, share));
                }
                Step::MadeWay => {
                    self.counters.n_gave_way.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// A place among those who wait for a part.
struct Ticket {
    inner: Arc<Inner>,
    wanted: Wanted,
    number: u64,
    answer: watch::Receiver<Answer>,
    /// What is made so far; none of what was answered at once.
    chunks: Option<watch::Receiver<Vec<Bytes>>>,
    /// Whether the work goes on without this waiter.
    leaves_work: bool,
}

impl Ticket {
    fn take(inner: &Arc<Inner>, wanted: &Wanted) -> Self {
        let mut book = inner.lock();
        let (number, answer) = book.join(wanted);
        // It may have been finished since the shelf was asked.
        let key = wanted.rendition.key(wanted.part);
        if inner.shelf.holds(key) && !book.is_assigned(key) {
            book.reread(key);
        } else {
            inner.arrange(&mut book);
        }
        let chunks = book.chunks(number);
        drop(book);
        Self {
            inner: Arc::clone(inner),
            wanted: wanted.clone(),
            number,
            answer,
            chunks,
            leaves_work: false,
        }
    }

    async fn answer(&mut self) -> Result<Bytes, NotMade> {
        let answered = self.answer.wait_for(Option::is_some).await;
        match answered.map(|answer| answer.clone()) {
            Ok(Some(answer)) => answer,
            // Told to look again, as it lies on the shelf by now.
            _ => {
                let key = self.wanted.rendition.key(self.wanted.part);
                self.inner.shelf.get(key).await.ok_or(NotMade::NotYet)
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut book = self.inner.lock();
        if book.leave(self.number, self.leaves_work) {
            self.inner.counters.n_left.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.arrange(&mut book);
    }
}
