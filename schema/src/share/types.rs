//! Links as those who made them see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{collection::CollectionKind, share_link, user};

use crate::{
    caches::Loaders,
    collection::types::{Collection, Gallery},
    kit::{error::ToGraphql, id::id, scalar::DateTime},
    media::types::Media,
    user::types::User,
};

/// A link that shows one item or collection to whoever has it. Its address is told once, when it is made.
#[derive(Clone)]
pub struct ShareLink {
    pub(super) row: Arc<share_link::Model>,
    pub(super) owner: Arc<user::Model>,
}

/// A link that shows one item or collection to whoever has it. Its address is told once, when it is made.
#[Object]
impl ShareLink {
    /// Its global id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Who made it.
    async fn user(&self) -> User {
        User(Arc::clone(&self.owner))
    }

    /// The item that it shows; null when it shows a collection.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let Some(id) = self.row.media_id else { return Ok(None) };
        Ok(Loaders::of(cx).card.get(id).await.graphql()?.map(Media::new))
    }

    /// The collection that it shows, if it shows one.
    async fn collection(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Collection>> {
        let Some(id) = self.row.collection_id else {
            return Ok(None);
        };
        let row = Loaders::of(cx).collection.get(id).await.graphql()?;
        let row = row.filter(|row| row.kind == CollectionKind::Collection);
        Ok(row.map(|row| Collection { row }))
    }

    /// The gallery that it shows, if it shows one.
    async fn gallery(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Gallery>> {
        let Some(id) = self.row.collection_id else {
            return Ok(None);
        };
        let row = Loaders::of(cx).collection.get(id).await.graphql()?;
        let row = row.filter(|row| row.kind == CollectionKind::Gallery);
        Ok(row.map(|row| Gallery { row }))
    }

    /// Whether a password must be known to open it.
    async fn has_password(&self) -> bool {
        self.row.password_hash.is_some()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it stops working; null when it does not by itself.
    async fn expires_at(&self) -> Option<DateTime> {
        self.row.expires_at.map(DateTime)
    }

    /// When it was last opened, to the minute; null while it was not.
    async fn last_opened_at(&self) -> Option<DateTime> {
        self.row.seen_at.map(DateTime)
    }
}
