//! What clients see: groups of duplicates, what is near an item, and what can be done about it.

pub mod groups;

use std::sync::Arc;

use async_graphql::{Context, Data, ID, InputObject, Object, SimpleObject};
use entities::id::{LibraryId, MediaId, SimilarMergeId, UserId};
use kernel::{error::Failure, plugin::Kernel};
use schema::{
    caches::Loaders,
    job::types::Job,
    kit::{
        access::{Needs, require},
        connection::Connection,
        error::ToGraphql,
        id::{id, parse, parse_many},
        page::PageArgs,
        surface::{NoSubscription, Surface},
    },
    limits,
    media::{
        contracts,
        inputs::{MediaFilter, MediaKind},
        types::Media,
    },
};

use self::groups::DuplicateGroup;
use crate::{
    Similar, dismiss,
    merge::{self, undo},
    neighbors::Neighbors,
    request::{self, Selection},
};

impl Surface for Similar {
    type Query = SimilarQuery;
    type Mutation = SimilarMutation;
    type Subscription = NoSubscription;

    fn loaders(&self, _: &Kernel, data: &mut Data) {
        let similar: Arc<dyn contracts::Similar> = Arc::new(Neighbors::default());
        data.insert(similar);
        let merges: Arc<dyn contracts::Merges> = Arc::new(Merges);
        data.insert(merges);
    }
}

/// Merges, for `undo`.
struct Merges;

#[async_trait::async_trait]
impl contracts::Merges for Merges {
    async fn undo(&self, kernel: &Kernel, merge: SimilarMergeId) -> Result<i64, Failure> {
        let (_, back) = undo::undo(kernel, merge).await?;
        Ok(back.len() as i64 + 1)
    }
}

/// What can be read of duplicates.
#[derive(Default)]
pub struct SimilarQuery;

/// What can be read of duplicates.
#[Object]
impl SimilarQuery {
    /// Groups of media that look or sound alike, and media with several files; those found last come first. What is missing
    /// or was dismissed is in no group.
    #[graphql(
        guard = "Needs::View",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn duplicates(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(
            default = 6,
            desc = "How many of 64 bits may differ between neighbors in a group: 0 for equal pictures, 10 at most."
        )]
        max_distance: i32,
        #[graphql(desc = "Only media of these kinds.")] kinds: Option<Vec<MediaKind>>,
    ) -> async_graphql::Result<Connection<DuplicateGroup>> {
        let args = PageArgs::new(first, after, last, before);
        groups::page(cx, args, max_distance, kinds.unwrap_or_default())
            .await
            .graphql()
    }
}

/// What can be done about duplicates.
#[derive(Default)]
pub struct SimilarMutation;

/// What can be done about duplicates.
#[Object]
impl SimilarMutation {
    /// Compares media with all others: by default everything that was measured and not compared yet, which also happens by
    /// itself. An equal comparison that is live already is returned.
    #[graphql(guard = "Needs::Edit")]
    async fn index_similar(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "What to compare.")] input: IndexSimilarInput,
    ) -> async_graphql::Result<IndexSimilarPayload> {
        let selection = input.selection(require(cx).graphql()?.user).graphql()?;
        let view = request::start(cx.data::<Kernel>()?, selection).await.graphql()?;
        Ok(IndexSimilarPayload { job: Job::from(view) })
    }

    /// Makes one item of several: it gets the files, tags, people, ratings and history of all and shows the best file. No
    /// file on the disk is touched. It can be undone for thirty days.
    #[graphql(guard = "Needs::Edit")]
    async fn merge_media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items, and which of them stays.")] input: MergeMediaInput,
    ) -> async_graphql::Result<MergeMediaPayload> {
        let ids = ids_of(&input.ids).graphql()?;
        let keep = input
            .keep_id
            .as_ref()
            .map(|id| parse::<MediaId>(id, "input.keepId"))
            .transpose()
            .graphql()?;
        let merged = merge::merge(cx.data::<Kernel>()?, &ids, keep).await.graphql()?;
        Ok(MergeMediaPayload {
            media: item(cx, merged.kept).await.graphql()?,
            undo_token: id(merged.merge),
        })
    }

    /// Takes a merge back: the merged items are there again with their files, tags, people, ratings and history.
    #[graphql(guard = "Needs::Edit")]
    async fn undo_merge_media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which merge.")] input: UndoMergeMediaInput,
    ) -> async_graphql::Result<UndoMergeMediaPayload> {
        let merge = parse::<SimilarMergeId>(&input.undo_token, "input.undoToken").graphql()?;
        let (kept, back) = undo::undo(cx.data::<Kernel>()?, merge).await.graphql()?;
        let loaders = Loaders::of(cx);
        let cards = loaders.card.get_many([vec![kept], back].concat()).await.graphql()?;
        Ok(UndoMergeMediaPayload {
            media: cards.into_iter().map(Media::new).collect(),
        })
    }

    /// Remembers that items are no duplicates of each other, however alike they are. All pairs among them leave the groups.
    #[graphql(guard = "Needs::Edit")]
    async fn dismiss_duplicate(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items.")] input: DismissDuplicateInput,
    ) -> async_graphql::Result<DismissDuplicatePayload> {
        let ids = ids_of(&input.ids).graphql()?;
        let pairs = dismiss::dismiss(cx.data::<Kernel>()?, &ids).await.graphql()?;
        Ok(DismissDuplicatePayload { pairs })
    }

    /// Forgets that items are no duplicates of each other.
    #[graphql(guard = "Needs::Edit")]
    async fn undismiss_duplicate(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items.")] input: UndismissDuplicateInput,
    ) -> async_graphql::Result<UndismissDuplicatePayload> {
        let ids = ids_of(&input.ids).graphql()?;
        let pairs = dismiss::undismiss(cx.data::<Kernel>()?, &ids).await.graphql()?;
        Ok(UndismissDuplicatePayload { pairs })
    }
}

/// What to compare. All that is given holds together; without any it is everything.
#[derive(InputObject)]
pub struct IndexSimilarInput {
    /// These items, at most a thousand.
    ids: Option<Vec<ID>>,
    /// Items that fulfill this.
    filter: Option<MediaFilter>,
    /// Items of this library.
    library_id: Option<ID>,
    /// Compares also what was compared before. False when omitted.
    force: Option<bool>,
}

impl IndexSimilarInput {
    fn selection(self, viewer: UserId) -> Result<Selection, Failure> {
        if self.ids.as_ref().is_some_and(|ids| ids.len() > limits::PAGE_OF_IDS) {
            let message = format!("at most {} at a time", limits::PAGE_OF_IDS);
            return Err(Failure::field("input.ids", message));
        }
        let media = self.ids.map(|ids| parse_many(&ids, "input.ids")).transpose()?;
        let media = media.map(|mut media: Vec<MediaId>| {
            // Equal work is one job, in whatever order it is asked for.
            media.sort_unstable();
            media.dedup();
            media
        });
        let library = self.library_id.map(|id| parse::<LibraryId>(&id, "input.libraryId"));
        Ok(Selection {
            viewer,
            media,
            library: library.transpose()?,
            filter: self.filter,
            is_forced: self.force.unwrap_or(false),
        })
    }
}

/// The outcome of `indexSimilar`.
#[derive(SimpleObject)]
pub struct IndexSimilarPayload {
    /// The comparison: the new one, or the one that is live already.
    job: Job,
}

/// Which items become one.
#[derive(InputObject)]
pub struct MergeMediaInput {
    /// The items, of one kind and one library, at most 100.
    ids: Vec<ID>,
    /// The item that stays; when omitted the one with the best file: the most pixels, then the highest bit rate.
    keep_id: Option<ID>,
}

/// The outcome of `mergeMedia`.
#[derive(SimpleObject)]
pub struct MergeMediaPayload {
    /// The item that stays; null when it was removed meanwhile.
    media: Option<Media>,
    /// Takes the merge back, by `undo` or `undoMergeMedia`, for thirty days.
    undo_token: ID,
}

/// Which merge to take back.
#[derive(InputObject)]
pub struct UndoMergeMediaInput {
    /// What `mergeMedia` answered.
    undo_token: ID,
}

/// The outcome of `undoMergeMedia`.
#[derive(SimpleObject)]
pub struct UndoMergeMediaPayload {
    /// The item that had stayed, and those that are back.
    media: Vec<Media>,
}

/// Which items are no duplicates of each other.
#[derive(InputObject)]
pub struct DismissDuplicateInput {
    /// The items, two at least and 100 at most.
    ids: Vec<ID>,
}

/// The outcome of `dismissDuplicate`.
#[derive(SimpleObject)]
pub struct DismissDuplicatePayload {
    /// How many pairs were not dismissed before.
    pairs: u64,
}

/// Which items may be duplicates of each other again.
#[derive(InputObject)]
pub struct UndismissDuplicateInput {
    /// The items, two at least and 100 at most.
    ids: Vec<ID>,
}

/// The outcome of `undismissDuplicate`.
#[derive(SimpleObject)]
pub struct UndismissDuplicatePayload {
    /// How many pairs were dismissed.
    pairs: u64,
}

fn ids_of(ids: &[ID]) -> Result<Vec<MediaId>, Failure> {
    if !(1..=merge::MAX_ITEMS).contains(&ids.len()) {
        return Err(Failure::field(
            "input.ids",
            format!("between 2 and {} items", merge::MAX_ITEMS),
        ));
    }
    let mut media: Vec<MediaId> = parse_many(ids, "input.ids")?;
    media.sort_unstable();
    media.dedup();
    Ok(media)
}

async fn item(cx: &Context<'_>, id: MediaId) -> Result<Option<Media>, Failure> {
    Ok(Loaders::of(cx).card.get(id).await?.map(Media::new))
}
