//! Changes of the libraries, as they happen.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use entities::id::MediaId;
use futures_util::{Stream, StreamExt, stream};
use kernel::{
    error::Failure,
    events::{self, Events, Heard},
    plugin::Kernel,
};

use crate::{
    caches::SharedCaches,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        libraries::Libraries,
    },
    media::{card::Card, types::Media},
};

/// Changes are gathered for this long: a scan records hundreds of items a second.
const PAUSE: Duration = Duration::from_millis(250);
/// More changes of one kind than this in one pause are told as a [`LibraryReset`].
const MAX_CHANGES: usize = 500;

/// An item is new.
#[derive(SimpleObject)]
pub struct MediaAdded {
    /// The item.
    media: Media,
}

/// An item, its files or its edges changed.
#[derive(SimpleObject)]
pub struct MediaUpdated {
    /// The item as it is now.
    media: Media,
}

/// An item is gone: it was removed, or none of its files is present any more.
#[derive(SimpleObject)]
pub struct MediaRemoved {
    /// The item's id.
    media_id: ID,
}

/// More changed than can be told one by one, or changes were missed: read the lists again.
#[derive(SimpleObject)]
pub struct LibraryReset {
    /// Why, for people.
    reason: String,
}

/// A change of the libraries.
#[derive(Union)]
pub enum LibraryChange {
    /// An item is new.
    Added(MediaAdded),
    /// An item changed.
    Updated(MediaUpdated),
    /// An item is gone.
    Removed(MediaRemoved),
    /// Read the lists again.
    Reset(LibraryReset),
}

/// What can be followed about libraries.
#[derive(Default)]
pub struct LibrarySubscription;

/// What can be followed about libraries.
#[Subscription]
impl LibrarySubscription {
    /// Items that are added, changed or removed, from now on. Changes are gathered for a quarter of a second. A
    /// `LibraryReset` says that lists must be read again: a client that was away, or too slow, has missed changes.
    #[graphql(guard = "Needs::ViewSome")]
    async fn library_changes(
        &self,
        cx: &Context<'_>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<LibraryChange>> + use<>> {
        let shared = cx.data_unchecked::<SharedCaches>().clone();
        let sees = require(cx).graphql()?.sees.clone();
        let batches = batches(&cx.data_unchecked::<Kernel>().events);
        Ok(batches
            .then(move |batch| changes(shared.clone(), sees.clone(), batch))
            .flat_map(stream::iter))
    }
}

/// What happened within one pause.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    added: BTreeSet<MediaId>,
    updated: BTreeSet<MediaId>,
    removed: BTreeSet<MediaId>,
    has_gap: bool,
}

enum Change {
    Added(Arc<events::MediaAdded>),
    Updated(Arc<events::MediaChanged>),
    Removed(Arc<events::MediaRemoved>),
    Gap,
}

impl Batch {
    fn add(&mut self, change: Change) {
        match change {
            Change::Added(fact) => {
                for id in &fact.media {
                    self.removed.remove(id);
                    self.added.insert(*id);
                }
            }
            Change::Updated(fact) => self
                .updated
                .extend(fact.media.iter().filter(|id| !self.added.contains(id))),
            Change::Removed(fact) => {
                for id in &fact.media {
                    self.added.remove(id);
                    self.updated.remove(id);
                    self.removed.insert(*id);
                }
            }
            Change::Gap => self.has_gap = true,
        }
    }

    /// Leaves out what is in other libraries. Of an item whose row is gone nobody can say where it was, so nobody is told
    /// of it who does not see them all.
    async fn keep_seen(&mut self, shared: &SharedCaches, sees: &Libraries) -> Result<(), Failure> {
        let all = self.added.iter().chain(&self.updated).chain(&self.removed);
        let cards = shared.card.get_many(all.copied()).await?;
        let is_seen = |id: &MediaId| cards.get(id).is_some_and(|card| sees.has(card.library_id));
        for ids in [&mut self.added, &mut self.updated, &mut self.removed] {
            ids.retain(is_seen);
        }
        Ok(())
    }

    fn reason(&self) -> Option<&'static str> {
        if self.has_gap {
            return Some("changes came faster than they could be sent");
        }
        let sizes = [self.added.len(), self.updated.len(), self.removed.len()];
        (sizes.into_iter().max() > Some(MAX_CHANGES)).then_some("many items changed at once")
    }
}

/// Facts in batches. Each of the three topics keeps at most a thousand facts for a slow reader, then tells a gap.
fn batches(events: &Events) -> impl Stream<Item = Batch> + use<> {
    let added = events.subscribe::<events::MediaAdded>().map(|heard| match heard {
        Heard::Fact(fact) => Change::Added(fact),
        Heard::Gap => Change::Gap,
    });
    let updated = events.subscribe::<events::MediaChanged>().map(|heard| match heard {
        Heard::Fact(fact) => Change::Updated(fact),
        Heard::Gap => Change::Gap,
    });
    let removed = events.subscribe::<events::MediaRemoved>().map(|heard| match heard {
        Heard::Fact(fact) => Change::Removed(fact),
        Heard::Gap => Change::Gap,
    });
    let all = stream::select(added, stream::select(updated, removed));
    stream::unfold(all, async |mut all| {
        let mut batch = Batch::default();
        batch.add(all.next().await?);
        let pause = tokio::time::sleep(PAUSE);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                change = all.next() => match change {
                    Some(change) => batch.add(change),
                    None => break,
                },
            }
        }
        Some((batch, all))
    })
}

async fn changes(shared: SharedCaches, sees: Libraries, mut batch: Batch) -> Vec<async_graphql::Result<LibraryChange>> {
    if !sees.is_all()
        && let Err(error) = batch.keep_seen(&shared, &sees).await.graphql()
    {
        return vec![Err(error)];
    }
    if let Some(reason) = batch.reason() {
        return vec![Ok(LibraryChange::Reset(LibraryReset {
            reason: reason.to_owned(),
        }))];
    }
    let cards = match shared
        .card
        .get_many(batch.added.iter().chain(&batch.updated).copied())
        .await
        .graphql()
    {
        Ok(cards) => cards,
        Err(error) => return vec![Err(error)],
    };
    let media = |id: &MediaId| cards.get(id).map(|card: &Arc<Card>| Media::new(Arc::clone(card)));
    let added = batch
        .added
        .iter()
        .filter_map(media)
        .map(|media| LibraryChange::Added(MediaAdded { media }));
    let updated = batch
        .updated
        .iter()
        .filter_map(media)
        .map(|media| LibraryChange::Updated(MediaUpdated { media }));
    let removed = batch
        .removed
        .iter()
        .map(|id| LibraryChange::Removed(MediaRemoved { media_id: id::id(*id) }));
    added.chain(updated).chain(removed).map(Ok).collect()
}
