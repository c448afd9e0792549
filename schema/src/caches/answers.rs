//! Answers about the list of media that all requests share: pages of ids, totals and facets. Each is kept under the
//! epochs of what it was read from, so that no answer outlives a write, and the next read after it is fresh.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use entities::id::UserId;
use kernel::{
    cache::AnswerCache,
    events::{LibraryChanged, MediaAdded, MediaChanged, MediaRemoved, PersonChanged, StudioChanged, TagChanged},
    plugin::Kernel,
};

use super::MIB;
use crate::{
    media::{
        census::{Census, Found},
        facets::Counts,
        page::Answer,
        rules::MediaUserChanged,
    },
    search::{index::MediaIndexed, kept::Searches},
};

/// The answers of the process. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Answers {
    /// Pages of ids.
    pub pages: AnswerCache<Answer>,
    /// How many items a filter and a search find.
    pub totals: AnswerCache<i64>,
    /// How many of those have which value.
    pub facets: AnswerCache<Counts>,
    /// What the census finds of lists.
    pub found: AnswerCache<Option<Found>>,
    /// What searches find, whatever the filter.
    pub searches: Searches,
    /// All items in memory, where that is worth it.
    pub census: Census,
    epochs: Arc<Epochs>,
}

impl Answers {
    /// Makes the caches, once per process, and lets facts raise the epochs.
    pub(super) fn new(kernel: &Kernel) -> Self {
        let epochs = Arc::new(Epochs::default());
        let events = &kernel.events;
        macro_rules! raise_on {
            ($($fact:ty),+ $(,)?) => {
                $({
                    let epochs = Arc::clone(&epochs);
                    events.on::<$fact>(move |_| epochs.raise());
                })+
            };
        }
        raise_on!(
            MediaAdded,
            MediaChanged,
            MediaRemoved,
            LibraryChanged,
            TagChanged,
            PersonChanged,
            StudioChanged,
            MediaIndexed,
        );
        let census = Census::new(kernel.store.reader().clone());
        let (own, heard) = (Arc::clone(&epochs), census.clone());
        events.on::<MediaUserChanged>(move |fact| {
            // Before the epoch moves: whoever asks under the new one finds it known.
            heard.hear_own(fact.user, &fact.media);
            own.of(fact.user).fetch_add(1, Ordering::SeqCst);
        });
        let caches = &kernel.caches;
        Self {
            pages: caches.answers("media.pages", 32 * MIB, Answer::weigh),
            totals: caches.answers("media.totals", 4 * MIB, |_| 8),
            facets: caches.answers("media.facets", 8 * MIB, Counts::weigh),
            found: caches.answers("media.found", 32 * MIB, |found| found.as_ref().map_or(8, Found::weigh)),
            searches: Searches::new(kernel),
            census,
            epochs,
        }
    }

    /// The beginning of a question about media and what they are linked to.
    pub fn epoch(&self) -> String {
        self.epochs.library.load(Ordering::SeqCst).to_string()
    }

    /// The same for a question that is about what a viewer did with them, too.
    pub fn epoch_of(&self, viewer: UserId) -> String {
        let own = self.epochs.of(viewer).load(Ordering::SeqCst);
        format!("{}.{own}.{viewer}", self.epoch())
    }
}

/// How many accounts share an epoch does not matter for what is right, only for how much is kept.
const SLOTS: usize = 64;

struct Epochs {
    library: AtomicU64,
    own: [AtomicU64; SLOTS],
}

impl Default for Epochs {
    fn default() -> Self {
        Self {
            library: AtomicU64::new(0),
            own: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Epochs {
    fn raise(&self) {
        self.library.fetch_add(1, Ordering::SeqCst);
    }

    fn of(&self, viewer: UserId) -> &AtomicU64 {
        &self.own[viewer.0.unsigned_abs() as usize % SLOTS]
    }
}
