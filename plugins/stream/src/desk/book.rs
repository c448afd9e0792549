//! Who waits for what, and which heads there are: all decisions, and nothing that takes time.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kernel::shelf::ShelfKey;
use media_proto::error::MediaError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Answer, NotMade, Wanted};
use crate::rendition::{Part, RenditionId};

/// How far a head goes beyond what was asked for, at most.
const AHEAD_SECONDS: f64 = 30.0;
/// A part is waited for rather than made by another head if this one comes by within so many seconds.
const SOON_SECONDS: f64 = 6.0;
/// Or within so many segments.
const SOON_SEGMENTS: u32 = 2;
/// How long a head without leave to go on waits for a follower.
pub const IDLE: Duration = Duration::from_secs(20);
/// Heads that may try a part in vain before it is given up.
const MAX_TRIES: u32 = 3;

/// Who waits for what, and which heads there are.
#[derive(Default)]
pub struct Book {
    /// In the order in which they were first asked for.
    waits: Vec<Wait>,
    heads: HashMap<u64, Head>,
    n_waits_ever: u64,
    n_heads_ever: u64,
}

struct Wait {
    number: u64,
    key: ShelfKey,
    wanted: Wanted,
    n_waiting: usize,
    /// Goes on although nobody waits.
    is_kept: bool,
    head: Option<u64>,
    n_tries: u32,
    answer: watch::Sender<Answer>,
    /// What is made of it so far. Another head begins anew.
    chunks: watch::Sender<Vec<Bytes>>,
}

struct Head {
    wanted: Wanted,
    /// The next segment that it makes.
    next: u32,
    has_header: bool,
    /// The chunks so far of the segment at hand, for who joins in the middle of it.
    chunks: Vec<Bytes>,
    until: watch::Sender<u32>,
    cancel: CancellationToken,
    is_ending: bool,
    /// The segment that a follower asked for last, and how many steps it was followed.
    asked: u32,
    n_followed: u32,
    touched: Instant,
    /// Segments that it is trusted to make soon.
    window: u32,
}

/// What is to be done.
pub enum Step {
    /// Start a head for this, if there is room for its demand.
    Start {
        /// What it makes first.
        wanted: Wanted,
    },
    /// A head was told to end, so that there will be room.
    MadeWay,
}

/// A head that is to be run.
pub struct Started {
    /// Its number.
    pub number: u64,
    /// The first segment.
    pub first: u32,
    /// How far it may go.
    pub until: watch::Receiver<u32>,
    /// Ends it.
    pub cancel: CancellationToken,
}

impl Book {
    /// Heads, and parts that somebody waits for.
    pub fn counts(&self) -> (usize, usize) {
        let awaited = self.waits.iter().filter(|wait| wait.n_waiting > 0);
        (self.heads.len(), awaited.count())
    }

    /// Joins those who wait for a part: the number of the wait, and where its answer comes.
    pub fn join(&mut self, wanted: &Wanted) -> (u64, watch::Receiver<Answer>) {
        let key = wanted.rendition.key(wanted.part);
        if let Some(wait) = self.waits.iter_mut().find(|wait| wait.key == key) {
            wait.n_waiting += 1;
            return (wait.number, wait.answer.subscribe());
        }
        let (answer, waiting) = watch::channel(None);
        self.n_waits_ever += 1;
        let number = self.n_waits_ever;
        self.waits.push(Wait {
            number,
            key,
            wanted: wanted.clone(),
            n_waiting: 1,
            is_kept: false,
            head: None,
            n_tries: 0,
            answer,
            chunks: watch::Sender::default(),
        });
        (number, waiting)
    }

    /// What is made so far of the part that is waited for; none once it is answered.
    pub fn chunks(&self, number: u64) -> Option<watch::Receiver<Vec<Bytes>>> {
        let wait = self.waits.iter().find(|wait| wait.number == number)?;
        Some(wait.chunks.subscribe())
    }

    /// Whether a head makes this part.
    pub fn is_assigned(&self, key: ShelfKey) -> bool {
        self.waits.iter().any(|wait| wait.key == key && wait.head.is_some())
    }

    /// Sends those who wait for a part back to the shelf.
    pub fn reread(&mut self, key: ShelfKey) {
        self.waits.retain(|wait| wait.key != key);
    }

    /// One of those who wait goes. Says whether a head was told to end because it was the last one.
    pub fn leave(&mut self, number: u64, leaves_work: bool) -> bool {
        let Some(at) = self.waits.iter().position(|wait| wait.number == number) else {
            return false;
        };
        let wait = &mut self.waits[at];
        wait.n_waiting = wait.n_waiting.saturating_sub(1);
        wait.is_kept |= leaves_work;
        if wait.n_waiting > 0 || wait.is_kept {
            return false;
        }
        let head = self.waits.remove(at).head;
        let is_needed = self.waits.iter().any(|wait| wait.head == head);
        match head.and_then(|head| self.heads.get_mut(&head)) {
            Some(head) if !is_needed && !head.is_ending => {
                head.end();
                true
            }
            _ => false,
        }
    }

    /// A follower of a rendition asked for a segment: the head that made it goes on.
    pub fn touch(&mut self, rendition: RenditionId, n: u32) {
        let is_short = self.waits.iter().any(|wait| wait.head.is_none());
        let follows = |head: &&mut Head| {
            head.wanted.rendition.id == rendition && !head.is_ending && head.next.saturating_add(head.window) > n
        };
        let ahead_of = |head: &Head| (head.next <= n, head.next.abs_diff(n));
        let nearest = self
            .heads
            .values_mut()
            .filter(follows)
            .min_by_key(|head| ahead_of(head));
        if let Some(head) = nearest {
            head.follow(n, is_short);
        }
    }

    /// What is to be done next; none if nothing can be done now.
    pub fn next_step(&mut self, width: usize) -> Option<Step> {
        for at in 0..self.waits.len() {
            if self.waits[at].head.is_none() {
                self.waits[at].head = self.passer_by(at);
            }
        }
        let n_open = self.waits.iter().filter(|wait| wait.head.is_none()).count();
        let open = self.waits.iter().find(|wait| wait.head.is_none())?;
        if self.heads.len() < width {
            return Some(Step::Start {
                wanted: open.wanted.clone(),
            });
        }
        let n_ending = self.heads.values().filter(|head| head.is_ending).count();
        (n_ending < n_open && self.make_way()).then_some(Step::MadeWay)
    }

    /// The head that comes by a part soon, told to go that far.
    fn passer_by(&mut self, at: usize) -> Option<u64> {
        let wanted = &self.waits[at].wanted;
        let is_of_it = |head: &Head| head.wanted.rendition.id == wanted.rendition.id && !head.is_ending;
        let distance = |head: &Head| match wanted.part {
            Part::Header => (!head.has_header).then_some(0),
            Part::Segment(n) => n.checked_sub(head.next).filter(|far| *far <= head.window),
        };
        let (_, number) = self
            .heads
            .iter()
            .filter(|(_, head)| is_of_it(head))
            .filter_map(|(number, head)| Some((distance(head)?, *number)))
            .min()?;
        let part = wanted.part;
        if let (Part::Segment(n), Some(head)) = (part, self.heads.get_mut(&number)) {
            head.follow(n, false);
        }
        Some(number)
    }

    /// Tells the head to end that was followed longest ago, of those that nobody waits for.
    pub fn make_way(&mut self) -> bool {
        let awaited: Vec<u64> = self.waits.iter().filter_map(|wait| wait.head).collect();
        let is_free = |(number, head): &(&u64, &mut Head)| !head.is_ending && !awaited.contains(number);
        let oldest = self
            .heads
            .iter_mut()
            .filter(is_free)
            .min_by_key(|(_, head)| head.touched);
        match oldest {
            Some((_, head)) => {
                head.end();
                true
            }
            None => false,
        }
    }

    /// Whether this head was told to end.
    pub fn is_ending(&self, number: u64) -> bool {
        self.heads.get(&number).is_none_or(|head| head.is_ending)
    }

    /// Whether a head was told to end and is not gone yet.
    pub fn is_any_ending(&self) -> bool {
        self.heads.values().any(|head| head.is_ending)
    }

    /// Whether no head makes pictures.
    pub fn has_no_other_film(&self) -> bool {
        !self
            .heads
            .values()
            .any(|head| head.wanted.rendition.as_video().is_some())
    }

    /// Notes a new head for a part.
    pub fn start(&mut self, wanted: &Wanted, cancel: CancellationToken) -> Started {
        self.n_heads_ever += 1;
        let number = self.n_heads_ever;
        let (first, allowed) = match wanted.part {
            Part::Header => (0, 0),
            // The one after it is made on suspicion, so that the follower finds it.
            Part::Segment(n) => (n, n.saturating_add(2)),
        };
        let (until, receiver) = watch::channel(allowed);
        let head = Head {
            wanted: wanted.clone(),
            next: first,
            has_header: false,
            chunks: Vec::new(),
            until,
            cancel: cancel.clone(),
            is_ending: false,
            asked: first,
            n_followed: 0,
            touched: Instant::now(),
            window: SOON_SEGMENTS,
        };
        self.heads.insert(number, head);
        let key = wanted.rendition.key(wanted.part);
        if let Some(wait) = self.waits.iter_mut().find(|wait| wait.key == key) {
            wait.head = Some(number);
        }
        Started {
            number,
            first,
            until: receiver,
            cancel,
        }
    }

    /// A head gave the header of its rendition. One that was started for it alone ends.
    pub fn header_made(&mut self, number: u64, header: &Bytes) {
        let Some(head) = self.heads.get_mut(&number) else {
            return;
        };
        head.has_header = true;
        head.chunks.clear();
        // A head that was replaced makes the segment at hand anew.
        for wait in self.waits.iter().filter(|wait| wait.head == Some(number)) {
            wait.begin_anew();
        }
        let key = head.wanted.rendition.key(Part::Header);
        let was_for_it = head.wanted.part == Part::Header;
        self.answer(key, Ok(header.clone()));
        let is_needed = self.waits.iter().any(|wait| wait.head == Some(number));
        if was_for_it
            && !is_needed
            && let Some(head) = self.heads.get_mut(&number)
        {
            head.end();
        }
    }

    /// A head made the next part of a segment.
    pub fn chunk_made(&mut self, number: u64, n: u32, bytes: &Bytes) {
        let Some(head) = self.heads.get_mut(&number) else {
            return;
        };
        head.chunks.push(bytes.clone());
        let key = head.wanted.rendition.key(Part::Segment(n));
        if let Some(wait) = self
            .waits
            .iter()
            .find(|wait| wait.key == key && wait.head == Some(number))
        {
            wait.chunks.send_replace(head.chunks.clone());
        }
    }

    /// A head made a segment, in so long if that was measured. `is_known` says whether those after it are held already: then it ends.
    pub fn segment_made(&mut self, number: u64, n: u32, bytes: &Bytes, took: Option<Duration>, is_known: bool) {
        let Some(head) = self.heads.get_mut(&number) else {
            return;
        };
        head.next = n.saturating_add(1);
        head.chunks.clear();
        if let Some(took) = took {
            let soon = (SOON_SECONDS / took.as_secs_f64().max(0.001)) as u32;
            head.window = soon.clamp(SOON_SEGMENTS, 64);
        }
        let key = head.wanted.rendition.key(Part::Segment(n));
        // Nobody can take back what another head gave away of it: that one finishes what it began.
        let is_begun_by_another =
            |wait: &Wait| wait.key == key && wait.head != Some(number) && !wait.chunks.borrow().is_empty();
        if !self.waits.iter().any(is_begun_by_another) {
            self.answer(key, Ok(bytes.clone()));
        }
        let is_needed = self.waits.iter().any(|wait| wait.head == Some(number));
        if is_known
            && !is_needed
            && let Some(head) = self.heads.get_mut(&number)
        {
            head.end();
        }
    }

    /// When a head that may not go on is to end, unless it is followed before; none while it may go on.
    pub fn idle_at(&self, number: u64) -> Option<Instant> {
        let head = self.heads.get(&number)?;
        (head.next >= *head.until.borrow()).then_some(head.touched + IDLE)
    }

    /// Tells a head to end that nobody waits for.
    pub fn end_idle(&mut self, number: u64) -> bool {
        let is_needed = self.waits.iter().any(|wait| wait.head == Some(number));
        match self.heads.get_mut(&number) {
            Some(head) if !is_needed && !head.is_ending => {
                head.end();
                true
            }
            _ => false,
        }
    }

    /// A head is gone. Those who wait for what it owed get its error, or another head.
    pub fn ended(&mut self, number: u64, error: Option<&MediaError>) {
        let gone = self.heads.remove(&number);
        let was_told = gone.is_some_and(|head| head.is_ending);
        let mut given_up = Vec::new();
        for wait in self.waits.iter_mut().filter(|wait| wait.head == Some(number)) {
            wait.head = None;
            wait.begin_anew();
            wait.n_tries += u32::from(!was_told);
            match error {
                Some(error) if !was_told => given_up.push((wait.key, NotMade::Failed(error.clone()))),
                _ if wait.n_tries >= MAX_TRIES => given_up.push((wait.key, NotMade::NotYet)),
                _ => {}
            }
        }
        for (key, why) in given_up {
            self.answer(key, Err(why));
        }
    }

    /// Nothing can be made: everybody is told so.
    pub fn refuse_all(&mut self, error: &MediaError) {
        for wait in self.waits.drain(..) {
            wait.answer.send_replace(Some(Err(NotMade::Failed(error.clone()))));
        }
    }

    fn answer(&mut self, key: ShelfKey, answer: Result<Bytes, NotMade>) {
        if let Some(at) = self.waits.iter().position(|wait| wait.key == key) {
            self.waits.remove(at).answer.send_replace(Some(answer));
        }
    }
}

impl Wait {
    fn begin_anew(&self) {
        self.chunks.send_if_modified(|chunks| {
            let had_some = !chunks.is_empty();
            chunks.clear();
            had_some
        });
    }
}

impl Head {
    /// Somebody asked for a segment of it: it goes there, and further the longer it was followed.
    fn follow(&mut self, n: u32, is_short: bool) {
        self.touched = Instant::now();
        if n > self.asked {
            self.n_followed += 1;
            self.asked = n;
        }
        let most = (AHEAD_SECONDS / self.wanted.rendition.segment_seconds()) as u32;
        let ahead = match is_short {
            // Others wait for a head at all.
            true => 0,
            false => (self.n_followed + 1).min(most.max(1)),
        };
        let until = n.saturating_add(1).saturating_add(ahead);
        self.until.send_if_modified(|held| {
            let grows = until > *held;
            *held = until.max(*held);
            grows
        });
    }

    fn end(&mut self) {
        self.is_ending = true;
        self.cancel.cancel();
    }
}

#[cfg(test)]
mod tests;
