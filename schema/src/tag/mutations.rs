//! Making, changing, merging and deleting tags.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::id::TagId;
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    edit::session::Done,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        maybe::{named, opened},
        text,
    },
    tag::{
        fresh,
        rules::{self, NewTag, TagEdit},
        types::Tag,
    },
};

/// A new tag.
#[derive(Debug, Clone, InputObject)]
pub struct CreateTagInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// Its other names.
    #[graphql(default)]
    pub aliases: Vec<String>,
    /// Its color as `#rrggbb`.
    pub color: Option<String>,
    /// The tags right above it.
    #[graphql(default)]
    pub parent_ids: Vec<ID>,
    /// What it means.
    pub description: Option<String>,
}

/// What `createTag` made.
#[derive(SimpleObject)]
pub struct CreateTagPayload {
    /// The tag; null when it was removed meanwhile.
    pub tag: Option<Tag>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a tag: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateTagInput {
    /// The tag.
    pub id: ID,
    /// Its name, unique without regard to case. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// All its other names.
    pub aliases: MaybeUndefined<Vec<String>>,
    /// Its color as `#rrggbb`.
    pub color: MaybeUndefined<String>,
    /// All tags right above it.
    pub parent_ids: MaybeUndefined<Vec<ID>>,
    /// What it means.
    pub description: MaybeUndefined<String>,
}

/// What `updateTag` changed.
#[derive(SimpleObject)]
pub struct UpdateTagPayload {
    /// The tag as it is now; null when it was removed meanwhile.
    pub tag: Option<Tag>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which tags become one.
#[derive(Debug, Clone, InputObject)]
pub struct MergeTagsInput {
    /// Those that go, at most 100.
    pub source_ids: Vec<ID>,
    /// The one that stays.
    pub target_id: ID,
}

/// What `mergeTags` made.
#[derive(SimpleObject)]
pub struct MergeTagsPayload {
    /// The tag that stays; null when it was removed meanwhile.
    pub tag: Option<Tag>,
    /// Takes the merge back, by `undo`.
    pub undo_token: Option<ID>,
}

/// Which tag to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteTagInput {
    /// The tag.
    pub id: ID,
}

/// What `deleteTag` did.
#[derive(SimpleObject)]
pub struct DeleteTagPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back with everything that it had, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about tags.
#[derive(Default)]
pub struct TagMutation;

/// What can be changed about tags.
#[Object]
impl TagMutation {
    /// Makes a tag.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new tag.")] input: CreateTagInput,
    ) -> async_graphql::Result<CreateTagPayload> {
        let new = new(input).graphql()?;
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let (tag, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(CreateTagPayload { tag, undo_token })
    }

    /// Changes a tag: what is left out stays, what is null is cleared.
    #[graphql(guard = "Needs::Edit")]
    async fn update_tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The tag and what to change about it.")] input: UpdateTagInput,
    ) -> async_graphql::Result<UpdateTagPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = change(input).graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id, change)
            .await
            .graphql()?;
        let (tag, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(UpdateTagPayload { tag, undo_token })
    }

    /// Makes one tag of several: items that had one of the sources have the target, and the names of the sources become other names of it.
    #[graphql(guard = "Needs::Edit")]
    async fn merge_tags(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which go and which stays.")] input: MergeTagsInput,
    ) -> async_graphql::Result<MergeTagsPayload> {
        let sources: Vec<TagId> = id::parse_many(&input.source_ids, "input.sourceIds").graphql()?;
        let target = id::parse(&input.target_id, "input.targetId").graphql()?;
        let viewer = require(cx).graphql()?;
        let done = rules::merge(cx.data_unchecked::<Kernel>(), viewer, &sources, target)
            .await
            .graphql()?;
        let (tag, undo_token) = told(cx, target, done).await.graphql()?;
        Ok(MergeTagsPayload { tag, undo_token })
    }

    /// Deletes a tag. Files and items stay; items that had it have it no more.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which tag.")] input: DeleteTagInput,
    ) -> async_graphql::Result<DeleteTagPayload> {
        let id: TagId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, &[id])
            .await
            .graphql()?;
        Ok(DeleteTagPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}

async fn told(cx: &Context<'_>, id: TagId, done: Done) -> Result<(Option<Tag>, Option<ID>), Failure> {
    let row = fresh::read(Loaders::of(cx), id).await?;
    Ok((row.map(|row| Tag { row }), done.token.map(id::id)))
}

fn new(input: CreateTagInput) -> Result<NewTag, Failure> {
    Ok(NewTag {
        name: text::name(&input.name, "input.name")?,
        aliases: text::names(&input.aliases, "input.aliases")?,
        color: input
            .color
            .as_deref()
            .map(|color| rules::color(color, "input.color"))
            .transpose()?,
        parents: id::parse_many(&input.parent_ids, "input.parentIds")?,
        description: match input.description {
            Some(text) => text::long(&text, "input.description")?,
            None => None,
        },
    })
}

fn change(input: UpdateTagInput) -> Result<TagEdit, Failure> {
    Ok(TagEdit {
        name: named(input.name, "input.name")?,
        aliases: opened(input.aliases)
            .map(|names| text::names(&names.unwrap_or_default(), "input.aliases"))
            .transpose()?,
        color: opened(input.color)
            .map(|color| color.map(|color| rules::color(&color, "input.color")).transpose())
            .transpose()?,
        parents: opened(input.parent_ids)
            .map(|ids| id::parse_many(&ids.unwrap_or_default(), "input.parentIds"))
            .transpose()?,
        description: opened(input.description)
            .map(|text| text.map_or(Ok(None), |text| text::long(&text, "input.description")))
            .transpose()?,
    })
}
