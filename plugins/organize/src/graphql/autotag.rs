//! What tagging by paths would do, before it is done.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::{LibraryId, MediaId};
use kernel::{error::Failure, plugin::Kernel};
use schema::{
    caches::Loaders,
    edit::session::Edit,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
    },
    limits,
    media::{
        rules::{self, Additions},
        types::Media,
    },
    person::types::Person,
    studio::types::Studio,
    tag::types::Tag,
};

use crate::names::{self, Kinds, Names};

/// The most items that one preview looks at.
const MOST_LOOKED_AT: u64 = 5_000;
/// The most items that one preview shows.
const MOST_SHOWN: i32 = 200;

/// Which items to tag by their paths, and whose names to look for.
#[derive(InputObject)]
pub struct StartAutoTagInput {
    /// Only the items of this library.
    library_id: Option<ID>,
    /// Whether to look for the names of tags.
    #[graphql(default = true)]
    tags: bool,
    /// Whether to look for the names of people.
    #[graphql(default = true)]
    people: bool,
    /// Whether to look for the names of studios, for items that have none.
    #[graphql(default = true)]
    studios: bool,
}

/// What tagging by paths would do to some items.
#[derive(SimpleObject)]
pub struct AutoTagPreview {
    /// The items that would change, at most 200.
    matches: Vec<AutoTagMatch>,
    /// How many items were looked at, at most 5000.
    looked_at_count: i64,
    /// Where to go on, as `after`; null at the end.
    next: Option<ID>,
}

/// What would come to an item.
#[derive(SimpleObject)]
pub struct AutoTagMatch {
    /// The item.
    media: Media,
    /// Tags that it lacks.
    tags: Vec<Tag>,
    /// People that it lacks.
    people: Vec<Person>,
    /// The studio, if it has none.
    studio: Option<Studio>,
}

/// What can be read about tagging by paths.
#[derive(Default)]
pub struct AutoTagQuery;

/// What can be read about tagging by paths.
#[Object]
impl AutoTagQuery {
    /// What `startAutoTag` would do, some thousand items at a time. Nothing changes.
    #[graphql(
        guard = "Needs::Edit",
        complexity = "limits::page_cost(Some(200), None, child_complexity)"
    )]
    async fn auto_tag_preview(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items, and whose names.")] input: StartAutoTagInput,
        #[graphql(desc = "How many matches at most, 1 to 200; 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Where the last preview ended: its `next`.")] after: Option<ID>,
    ) -> async_graphql::Result<AutoTagPreview> {
        preview(cx, &input, first.unwrap_or(50), after).await.graphql()
    }
}

/// What an input asks for.
pub(super) fn scope(input: &StartAutoTagInput) -> Result<(Option<LibraryId>, Kinds), Failure> {
    let library = input
        .library_id
        .as_ref()
        .map(|id| id::parse(id, "input.libraryId"))
        .transpose()?;
    let kinds = Kinds {
        tags: input.tags,
        people: input.people,
        studios: input.studios,
    };
    if !(kinds.tags || kinds.people || kinds.studios) {
        return Err(Failure::field(
            "input.tags",
            "look for names of tags, people or studios",
        ));
    }
    Ok((library, kinds))
}

async fn preview(
    cx: &Context<'_>,
    input: &StartAutoTagInput,
    first: i32,
    after: Option<ID>,
) -> Result<AutoTagPreview, Failure> {
    if !(1..=MOST_SHOWN).contains(&first) {
        return Err(Failure::field("first", format!("between 1 and {MOST_SHOWN}")));
    }
    let (library, kinds) = scope(input)?;
    let after = after.map_or(Ok(MediaId(i64::MIN)), |after| id::parse(&after, "after"))?;
    let kernel = cx.data_unchecked::<Kernel>();
    let reader = kernel.store.reader();
    let known = Names::read(reader, kinds).await?;
    let items = names::items(reader, library.map(|id| id.0), after, MOST_LOOKED_AT).await?;
    let said = known.of_items(&items);
    // What items have already is read as the job reads it; the edit is dropped without a change.
    let edit = Edit::begin(kernel, require(cx)?, "autoTagPreview").await?;
    let lacking = rules::lacking(&edit, said).await?;
    drop(edit);
    let is_cut = lacking.len() > first as usize;
    let shown: BTreeMap<MediaId, Additions> = lacking.into_iter().take(first as usize).collect();
    let last = match is_cut {
        true => shown.keys().next_back().copied(),
        false => items
            .last()
            .map(|(media, _)| *media)
            .filter(|_| items.len() as u64 == MOST_LOOKED_AT),
    };
    let looked_at = items
        .iter()
        .take_while(|(media, _)| !is_cut || Some(*media) <= last)
        .count();
    let loaders = Loaders::of(cx);
    let cards = loaders.card.get_many(shown.keys().copied().collect()).await?;
    let all = |ids: fn(&Additions) -> Vec<i64>| shown.values().flat_map(ids).collect::<Vec<i64>>();
    // Loaded together; the single ones then come from memory.
    loaders
        .tag
        .get_many(
            all(|of| of.tags.iter().map(|id| id.0).collect())
                .into_iter()
                .map(Into::into)
                .collect(),
        )
        .await?;
    loaders
        .person
        .get_many(
            all(|of| of.people.iter().map(|id| id.0).collect())
                .into_iter()
                .map(Into::into)
                .collect(),
        )
        .await?;
    loaders
        .studio
        .get_many(
            all(|of| of.studio.iter().map(|id| id.0).collect())
                .into_iter()
                .map(Into::into)
                .collect(),
        )
        .await?;
    let mut matches = Vec::with_capacity(cards.len());
    for card in cards {
        let Some(additions) = shown.get(&card.id) else { continue };
        let tags = loaders.tag.get_many(additions.tags.iter().copied().collect()).await?;
        let people = loaders
            .person
            .get_many(additions.people.iter().copied().collect())
            .await?;
        let studio = match additions.studio {
            Some(id) => loaders.studio.get(id).await?,
            None => None,
        };
        matches.push(AutoTagMatch {
            media: Media::new(card),
            tags: tags.into_iter().map(|row| Tag { row }).collect(),
            people: people.into_iter().map(|row| Person { row }).collect(),
            studio: studio.map(|row| Studio { row }),
        });
    }
    Ok(AutoTagPreview {
        matches,
        looked_at_count: looked_at as i64,
        next: last.map(id::id),
    })
}
