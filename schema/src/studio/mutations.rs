//! Making, changing, merging and deleting studios.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::id::StudioId;
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
    studio::{
        rules::{self, NewStudio, StudioEdit},
        types::Studio,
    },
};

/// A new studio.
#[derive(Debug, Clone, InputObject)]
pub struct CreateStudioInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// The studio it belongs to.
    pub parent_id: Option<ID>,
}

/// What `createStudio` made.
#[derive(SimpleObject)]
pub struct CreateStudioPayload {
    /// The studio; null when it was removed meanwhile.
    pub studio: Option<Studio>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a studio: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateStudioInput {
    /// The studio.
    pub id: ID,
    /// Its name, unique without regard to case. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// The studio it belongs to.
    pub parent_id: MaybeUndefined<ID>,
}

/// What `updateStudio` changed.
#[derive(SimpleObject)]
pub struct UpdateStudioPayload {
    /// The studio as it is now; null when it was removed meanwhile.
    pub studio: Option<Studio>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which studios become one.
#[derive(Debug, Clone, InputObject)]
pub struct MergeStudiosInput {
    /// Those that go, at most 100.
    pub source_ids: Vec<ID>,
    /// The one that stays.
    pub target_id: ID,
}

/// What `mergeStudios` made.
#[derive(SimpleObject)]
pub struct MergeStudiosPayload {
    /// The studio that stays; null when it was removed meanwhile.
    pub studio: Option<Studio>,
    /// Takes the merge back, by `undo`.
    pub undo_token: Option<ID>,
}

/// Which studio to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteStudioInput {
    /// The studio.
    pub id: ID,
}

/// What `deleteStudio` did.
#[derive(SimpleObject)]
pub struct DeleteStudioPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back with everything that it had, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about studios.
#[derive(Default)]
pub struct StudioMutation;

/// What can be changed about studios.
#[Object]
impl StudioMutation {
    /// Makes a studio.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_studio(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new studio.")] input: CreateStudioInput,
    ) -> async_graphql::Result<CreateStudioPayload> {
        let new = new(input).graphql()?;
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let (studio, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(CreateStudioPayload { studio, undo_token })
    }

    /// Changes a studio: what is left out stays, what is null is cleared.
    #[graphql(guard = "Needs::Edit")]
    async fn update_studio(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The studio and what to change about it.")] input: UpdateStudioInput,
    ) -> async_graphql::Result<UpdateStudioPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = change(input).graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id, change)
            .await
            .graphql()?;
        let (studio, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(UpdateStudioPayload { studio, undo_token })
    }

    /// Makes one studio of several: items that had one of the sources have the target.
    #[graphql(guard = "Needs::Edit")]
    async fn merge_studios(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which go and which stays.")] input: MergeStudiosInput,
    ) -> async_graphql::Result<MergeStudiosPayload> {
        let sources: Vec<StudioId> = id::parse_many(&input.source_ids, "input.sourceIds").graphql()?;
        let target = id::parse(&input.target_id, "input.targetId").graphql()?;
        let viewer = require(cx).graphql()?;
        let done = rules::merge(cx.data_unchecked::<Kernel>(), viewer, &sources, target)
            .await
            .graphql()?;
        let (studio, undo_token) = told(cx, target, done).await.graphql()?;
        Ok(MergeStudiosPayload { studio, undo_token })
    }

    /// Deletes a studio. Files and items stay; items that had it have it no more.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_studio(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which studio.")] input: DeleteStudioInput,
    ) -> async_graphql::Result<DeleteStudioPayload> {
        let id: StudioId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeleteStudioPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}

async fn told(cx: &Context<'_>, id: StudioId, done: Done) -> Result<(Option<Studio>, Option<ID>), Failure> {
    let row = Loaders::of(cx).studio.get(id).await?;
    Ok((row.map(|row| Studio { row }), done.token.map(id::id)))
}

fn new(input: CreateStudioInput) -> Result<NewStudio, Failure> {
    Ok(NewStudio {
        name: text::name(&input.name, "input.name")?,
        parent: input.parent_id.map(|id| id::parse(&id, "input.parentId")).transpose()?,
    })
}

fn change(input: UpdateStudioInput) -> Result<StudioEdit, Failure> {
    Ok(StudioEdit {
        name: named(input.name, "input.name")?,
        parent: opened(input.parent_id)
            .map(|id| id.map(|id| id::parse(&id, "input.parentId")).transpose())
            .transpose()?,
    })
}
