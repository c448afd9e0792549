//! Changing an item.

use async_graphql::{Context, ID, Object, SimpleObject};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
    },
    media::{changes::UpdateMediaInput, rules, types::Media},
};

/// What can be changed about media.
#[derive(Default)]
pub struct MediaMutation;

/// What `updateMedia` changed.
#[derive(SimpleObject)]
pub struct UpdateMediaPayload {
    /// The item as it is now; null when it was removed meanwhile.
    pub media: Option<Media>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// What can be changed about media.
#[Object]
impl MediaMutation {
    /// Changes an item: what is left out stays, what is null is cleared. Rating and favorite are the viewer's own;
    /// everything else needs an editor.
    #[graphql(guard = "Needs::ViewSome")]
    async fn update_media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The item and what to change about it.")] input: UpdateMediaInput,
    ) -> async_graphql::Result<UpdateMediaPayload> {
        let viewer = require(cx).graphql()?;
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = input.change.parsed().graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), viewer, id, &change)
            .await
            .graphql()?;
        let card = Loaders::of(cx).card.get(id).await.graphql()?;
        Ok(UpdateMediaPayload {
            media: card.map(Media::new),
            undo_token: done.token.map(id::id),
        })
    }
}
