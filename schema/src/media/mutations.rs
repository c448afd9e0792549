//! Changing an item.

use async_graphql::{Context, MaybeUndefined, Object, SimpleObject};
use entities::id::MediaId;
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id, text,
    },
    media::{
        inputs::UpdateMediaInput,
        rules::{self, MediaEdit},
        types::Media,
    },
};

/// What can be changed about media.
#[derive(Default)]
pub struct MediaMutation;

/// What `updateMedia` changed.
#[derive(SimpleObject)]
pub struct UpdateMediaPayload {
    /// The item as it is now; null when it was removed meanwhile.
    pub media: Option<Media>,
}

/// What can be changed about media.
#[Object]
impl MediaMutation {
    /// Changes an item: what is left out stays, what is null is cleared. Rating and favorite are the viewer's own;
    /// everything else needs an editor.
    #[graphql(guard = "Needs::View")]
    async fn update_media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The item and what to change about it.")] input: UpdateMediaInput,
    ) -> async_graphql::Result<UpdateMediaPayload> {
        let viewer = require(cx).graphql()?;
        let (id, edit) = edit(input).graphql()?;
        rules::update(cx.data_unchecked::<Kernel>(), viewer, id, edit)
            .await
            .graphql()?;
        let card = Loaders::of(cx).card.get(id).await.graphql()?;
        Ok(UpdateMediaPayload {
            media: card.map(Media::new),
        })
    }
}

fn edit(input: UpdateMediaInput) -> Result<(MediaId, MediaEdit), Failure> {
    let id = id::parse(&input.id, "input.id")?;
    let edit = MediaEdit {
        title: match input.title {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => return Err(Failure::field("input.title", "a title cannot be cleared")),
            MaybeUndefined::Value(title) => Some(text::name(&title, "input.title")?),
        },
        description: match input.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(description) => Some(text::long(&description, "input.description")?),
        },
        date: opened(input.date).map(|date| date.map(|date| date.0)),
        rating: opened(input.rating),
        is_favorite: opened(input.is_favorite).map(|is_favorite| is_favorite.unwrap_or(false)),
        tags: opened(input.tag_ids)
            .map(|ids| id::parse_many(&ids.unwrap_or_default(), "input.tagIds"))
            .transpose()?,
        people: opened(input.person_ids)
            .map(|ids| id::parse_many(&ids.unwrap_or_default(), "input.personIds"))
            .transpose()?,
        studio: opened(input.studio_id)
            .map(|id| id.map(|id| id::parse(&id, "input.studioId")).transpose())
            .transpose()?,
    };
    Ok((id, edit))
}

/// `None` for what was left out, `Some(None)` for null.
fn opened<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
