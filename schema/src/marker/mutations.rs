//! Making, changing and deleting markers.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::id::MarkerId;
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        maybe::{named, opened},
        scalar::Seconds,
        text,
    },
    marker::{
        rules::{self, MarkerEdit, NewMarker},
        types::{self, Marker},
    },
};

/// A new marker.
#[derive(Debug, Clone, InputObject)]
pub struct CreateMarkerInput {
    /// The video or sound.
    pub media_id: ID,
    /// What is there.
    pub title: String,
    /// Where it is, or begins.
    pub start: Seconds,
    /// Where it ends; left out for a place.
    pub end: Option<Seconds>,
    /// Its tags.
    #[graphql(default)]
    pub tag_ids: Vec<ID>,
}

/// What `createMarker` made.
#[derive(SimpleObject)]
pub struct CreateMarkerPayload {
    /// The marker; null when it was deleted meanwhile.
    pub marker: Option<Marker>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a marker: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateMarkerInput {
    /// The marker.
    pub id: ID,
    /// What is there. It cannot be cleared.
    pub title: MaybeUndefined<String>,
    /// Where it is, or begins.
    pub start: Option<Seconds>,
    /// Where it ends.
    pub end: MaybeUndefined<Seconds>,
    /// All its tags.
    pub tag_ids: MaybeUndefined<Vec<ID>>,
}

/// What `updateMarker` changed.
#[derive(SimpleObject)]
pub struct UpdateMarkerPayload {
    /// The marker as it is now; null when it was deleted meanwhile.
    pub marker: Option<Marker>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which marker to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteMarkerInput {
    /// The marker.
    pub id: ID,
}

/// What `deleteMarker` did.
#[derive(SimpleObject)]
pub struct DeleteMarkerPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about markers.
#[derive(Default)]
pub struct MarkerMutation;

/// What can be changed about markers.
#[Object]
impl MarkerMutation {
    /// Marks a place or a stretch in a video or a sound.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_marker(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new marker.")] input: CreateMarkerInput,
    ) -> async_graphql::Result<CreateMarkerPayload> {
        let new = NewMarker {
            media: id::parse(&input.media_id, "input.mediaId").graphql()?,
            title: text::name(&input.title, "input.title").graphql()?,
            start_us: input.start.as_us(),
            end_us: input.end.map(Seconds::as_us),
            tags: id::parse_many(&input.tag_ids, "input.tagIds").graphql()?,
        };
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let marker = types::node(cx, id).await.graphql()?;
        Ok(CreateMarkerPayload {
            marker,
            undo_token: done.token.map(id::id),
        })
    }

    /// Changes a marker.
    #[graphql(guard = "Needs::EditSome")]
    async fn update_marker(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The marker and what to change about it.")] input: UpdateMarkerInput,
    ) -> async_graphql::Result<UpdateMarkerPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = change(input).graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id, change)
            .await
            .graphql()?;
        let marker = types::node(cx, id).await.graphql()?;
        Ok(UpdateMarkerPayload {
            marker,
            undo_token: done.token.map(id::id),
        })
    }

    /// Deletes a marker.
    #[graphql(guard = "Needs::EditSome")]
    async fn delete_marker(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which marker.")] input: DeleteMarkerInput,
    ) -> async_graphql::Result<DeleteMarkerPayload> {
        let id: MarkerId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeleteMarkerPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}

fn change(input: UpdateMarkerInput) -> Result<MarkerEdit, Failure> {
    Ok(MarkerEdit {
        title: named(input.title, "input.title")?,
        start_us: input.start.map(Seconds::as_us),
        end_us: opened(input.end).map(|end| end.map(Seconds::as_us)),
        tags: opened(input.tag_ids)
            .map(|ids| id::parse_many(&ids.unwrap_or_default(), "input.tagIds"))
            .transpose()?,
    })
}
