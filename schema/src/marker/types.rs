//! A marker, as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{
    id::{MarkerId, MediaId},
    marker,
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::EntityTrait;

use crate::{
    caches::Loaders,
    kit::{
        connection::{Connection, Total},
        error::ToGraphql,
        id,
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::{DateTime, Seconds},
    },
    limits,
    media::types::Media,
    tag::types::{Tag, page_by_name},
};

/// A place or a stretch in a video or a sound.
#[derive(Clone)]
pub struct Marker {
    /// The row.
    pub row: Arc<marker::Model>,
}

/// A place or a stretch in a video or a sound.
#[Object]
impl Marker {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// What is there.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// Where it is, or begins.
    async fn start(&self) -> Seconds {
        Seconds::from_us(self.row.start_us)
    }

    /// Where it ends; null for a place.
    async fn end(&self) -> Option<Seconds> {
        self.row.end_us.map(Seconds::from_us)
    }

    /// The item that it is in.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        Ok(Loaders::of(cx)
            .card
            .get(self.row.media_id)
            .await
            .graphql()?
            .map(Media::new))
    }

    /// Its tags, by name.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn tags(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Tag>> {
        tags(cx, self.row.id, &PageArgs::new(first, after, last, before))
            .await
            .graphql()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.updated_at)
    }
}

async fn tags(cx: &Context<'_>, marker: MarkerId, args: &PageArgs) -> Result<Connection<Tag>, Failure> {
    let loaders = Loaders::of(cx);
    let ids = loaders
        .marker_tags
        .get(marker)
        .await?
        .map(|ids| ids.to_vec())
        .unwrap_or_default();
    let rows = loaders.tag.get_many(ids).await?;
    page_by_name(cx, rows, args, "marker.tags")
}

/// A page of the markers of an item, from its beginning to its end.
///
/// # Errors
/// When the arguments are wrong or the database fails.
pub async fn of_media(cx: &Context<'_>, media: MediaId, args: &PageArgs) -> Result<Connection<Marker>, Failure> {
    let rows = Loaders::of(cx).markers.get(media).await?;
    let rows = rows.as_ref().map_or(&[][..], |rows| rows.as_slice());
    let ids: Vec<i64> = rows.iter().map(|row| row.id.into()).collect();
    let page = args.slice(&ids, &Keyset::in_memory("markers"), page::cap(cx))?;
    let find = |id: i64| {
        let row = rows.iter().find(|row| i64::from(row.id) == id)?;
        Some(Marker {
            row: Arc::new(row.clone()),
        })
    };
    Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
}

/// A marker by its id.
///
/// # Errors
/// When the database fails.
pub async fn node(cx: &Context<'_>, id: MarkerId) -> Result<Option<Marker>, Failure> {
    let row = marker::Entity::find_by_id(id)
        .one(cx.data_unchecked::<Kernel>().store.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let is_shown = Loaders::of(cx).shows(row.media_id).await?;
    Ok(is_shown.then(|| Marker { row: Arc::new(row) }))
}
