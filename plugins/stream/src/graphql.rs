//! What clients tell of what they watched.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::MediaId;
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
};
use schema::{
    caches::Loaders,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::parse,
        scalar::Seconds,
    },
    media::types::Media,
};

use crate::{Stream, progress};

/// Where somebody stopped.
#[derive(InputObject)]
pub struct SaveProgressInput {
    /// The video or sound.
    id: ID,
    /// Where the viewer is now. Near the end, and at 0, nothing is left to resume.
    position: Seconds,
}

/// What `saveProgress` changed.
#[derive(SimpleObject)]
pub struct SaveProgressPayload {
    /// The item as it is now; null when it was removed meanwhile.
    media: Option<Media>,
}

/// What somebody saw.
#[derive(InputObject)]
pub struct RecordViewInput {
    /// The item.
    id: ID,
    /// How long it was watched in one sitting. A view counts from the server's share of the whole on; without this, always.
    watched: Option<Seconds>,
}

/// What `recordView` changed.
#[derive(SimpleObject)]
pub struct RecordViewPayload {
    /// The item as it is now; null when it was removed meanwhile.
    media: Option<Media>,
}

/// What clients tell of what they watched.
#[derive(Default)]
pub struct StreamMutation;

/// What clients tell of what they watched.
#[Object]
impl StreamMutation {
    /// Remembers where the viewer stopped in a video or sound, so that it can be resumed anywhere.
    #[graphql(guard = "Needs::ViewSome")]
    async fn save_progress(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which item, and where.")] input: SaveProgressInput,
    ) -> async_graphql::Result<SaveProgressPayload> {
        let saved = async {
            let (kernel, stream, viewer) = parts(cx)?;
            let id: MediaId = parse(&input.id, "input.id")?;
            must_see(cx, id).await?;
            progress::save(kernel, stream.rules, viewer, id, input.position.as_us()).await?;
            item(cx, id).await
        };
        Ok(SaveProgressPayload {
            media: saved.await.graphql()?,
        })
    }

    /// Counts a view of an item by the viewer, if enough of it was watched.
    #[graphql(guard = "Needs::ViewSome")]
    async fn record_view(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which item, and how much of it.")] input: RecordViewInput,
    ) -> async_graphql::Result<RecordViewPayload> {
        let recorded = async {
            let (kernel, stream, viewer) = parts(cx)?;
            let id: MediaId = parse(&input.id, "input.id")?;
            must_see(cx, id).await?;
            progress::record(kernel, stream.rules, viewer, id, input.watched.map(Seconds::as_us)).await?;
            item(cx, id).await
        };
        Ok(RecordViewPayload {
            media: recorded.await.graphql()?,
        })
    }
}

fn parts<'a>(cx: &Context<'a>) -> Result<(&'a Kernel, &'a Stream, entities::id::UserId), Failure> {
    let viewer = require(cx)?;
    Ok((
        cx.data_unchecked::<Kernel>(),
        cx.data_unchecked::<Arc<Stream>>(),
        viewer.user,
    ))
}

/// Refuses an item that is not there for who asks.
async fn must_see(cx: &Context<'_>, id: MediaId) -> Result<(), Failure> {
    match Loaders::of(cx).shows(id).await? {
        true => Ok(()),
        false => Err(Failure::new(&code::NOT_FOUND, format!("no media item `{id}`"))),
    }
}

async fn item(cx: &Context<'_>, id: MediaId) -> Result<Option<Media>, Failure> {
    Ok(Loaders::of(cx).card.get(id).await?.map(Media::new))
}
