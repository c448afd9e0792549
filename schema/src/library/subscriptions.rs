//! Changes of the libraries, as they happen.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use entities::id::MediaId;
use futures_util::{Stream, StreamExt, stream};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::DbErr;

use crate::{
    caches::SharedCaches,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        libraries::Libraries,
    },
    library::feed::{Batch, Feed},
    media::{card::Card, types::Media},
};

/// More changes of one kind than this in one pause are told as a [`LibraryReset`].
const MAX_CHANGES: usize = 500;

/// An item is new.
#[derive(SimpleObject)]
pub struct MediaAdded {
    /// The item.
    media: Media,
    /// Where the change is in the log: `libraryChanges(since:)` goes on behind it. Nothing is missed so; some of what was
    /// told may be told again.
    sequence: i64,
}

/// An item, its files or its edges changed.
#[derive(SimpleObject)]
pub struct MediaUpdated {
    /// The item as it is now.
    media: Media,
    /// Where the change is in the log: `libraryChanges(since:)` goes on behind it. Nothing is missed so; some of what was
    /// told may be told again.
    sequence: i64,
}

/// An item is gone: it was removed, or none of its files is present any more.
#[derive(SimpleObject)]
pub struct MediaRemoved {
    /// The item's id.
    media_id: ID,
    /// Where the change is in the log: `libraryChanges(since:)` goes on behind it. Nothing is missed so; some of what was
    /// told may be told again.
    sequence: i64,
}

/// More changed than can be told one by one, or changes were missed: read the lists again.
#[derive(SimpleObject)]
pub struct LibraryReset {
    /// Why, for people.
    reason: String,
    /// Where the change is in the log: `libraryChanges(since:)` goes on behind it. Nothing is missed so; some of what was
    /// told may be told again.
    sequence: i64,
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
    /// Items that are added, changed or removed: from now on, or with `since` from behind a change that was told before,
    /// by whatever process. Changes are gathered for a quarter of a second. A `LibraryReset` says that lists must be read
    /// again: more happened than can be told, or the log does not reach back to `since`.
    #[graphql(guard = "Needs::ViewSome")]
    async fn library_changes(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The `sequence` of the last change that was heard.")] since: Option<i64>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<LibraryChange>> + use<>> {
        let shared = cx.data_unchecked::<SharedCaches>().clone();
        let sees = require(cx).graphql()?.sees.clone();
        let feed = Feed::of(cx.data_unchecked::<Kernel>());
        let batches = feed.follow(since).await.graphql()?;
        Ok(batches
            .then(move |batch| changes(shared.clone(), sees.clone(), batch))
            .flat_map(stream::iter))
    }
}

/// A batch as one subscriber is told it.
async fn changes(
    shared: SharedCaches,
    sees: Libraries,
    batch: Result<Arc<Batch>, DbErr>,
) -> Vec<async_graphql::Result<LibraryChange>> {
    let told = async { told(&shared, &sees, Batch::clone(&*batch?)).await };
    match told.await.graphql() {
        Ok(told) => told.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

async fn told(shared: &SharedCaches, sees: &Libraries, mut batch: Batch) -> Result<Vec<LibraryChange>, Failure> {
    let all = [&batch.added, &batch.updated, &batch.removed].map(BTreeSet::len);
    let reason = match all.into_iter().max() {
        _ if batch.has_gap => Some("changes were missed"),
        Some(most) if most > MAX_CHANGES => Some("many items changed at once"),
        _ => None,
    };
    if let Some(reason) = reason {
        return Ok(vec![LibraryChange::Reset(LibraryReset {
            reason: reason.to_owned(),
            sequence: batch.to,
        })]);
    }
    let all = batch.added.iter().chain(&batch.updated).chain(&batch.removed);
    let cards = shared.card.get_many(all.copied()).await?;
    if !sees.is_all() {
        // Of an item whose row is gone nobody can say where it was, so nobody is told of it who does not see them all.
        let is_seen = |id: &MediaId| cards.get(id).is_some_and(|card| sees.has(card.library_id));
        for ids in [&mut batch.added, &mut batch.updated, &mut batch.removed] {
            ids.retain(is_seen);
        }
    }
    // Whoever was told a part of a batch goes on at its beginning.
    let sequence = batch.from;
    let media = |id: &MediaId| cards.get(id).map(|card: &Arc<Card>| Media::new(Arc::clone(card)));
    let added = batch.added.iter().filter_map(media);
    let added = added.map(|media| LibraryChange::Added(MediaAdded { media, sequence }));
    let updated = batch.updated.iter().filter_map(media);
    let updated = updated.map(|media| LibraryChange::Updated(MediaUpdated { media, sequence }));
    let removed = batch.removed.iter().map(|id| {
        LibraryChange::Removed(MediaRemoved {
            media_id: id::id(*id),
            sequence,
        })
    });
    let mut told: Vec<LibraryChange> = added.chain(updated).chain(removed).collect();
    match told.last_mut() {
        Some(LibraryChange::Added(change)) => change.sequence = batch.to,
        Some(LibraryChange::Updated(change)) => change.sequence = batch.to,
        Some(LibraryChange::Removed(change)) => change.sequence = batch.to,
        Some(LibraryChange::Reset(_)) | None => {}
    }
    Ok(told)
}
