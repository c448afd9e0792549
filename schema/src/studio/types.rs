//! A studio, as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::studio;

use crate::{
    caches::Loaders,
    kit::{connection::Connection, error::ToGraphql, id, page::PageArgs, scalar::DateTime},
    limits,
    media::{nested::Parent, types::Media},
};

/// A studio, label or publisher.
#[derive(Clone)]
pub struct Studio {
    /// The row.
    pub row: Arc<studio::Model>,
}

/// A studio, label or publisher.
#[Object]
impl Studio {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// Its name, unique without regard to case.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The studio it belongs to.
    async fn parent(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Studio>> {
        let Some(id) = self.row.parent_id else { return Ok(None) };
        Ok(Loaders::of(cx)
            .studio
            .get(id)
            .await
            .graphql()?
            .map(|row| Studio { row }))
    }

    /// How many items it has made.
    async fn media_count(&self, cx: &Context<'_>) -> async_graphql::Result<i64> {
        Loaders::of(cx).n_media(self.row.id, self.row.n_media).await.graphql()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.updated_at)
    }

    /// Its items, what was added last first. For other orders use `media` with a filter.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Media>> {
        let args = PageArgs::new(first, after, last, before);
        let (parent, n_media) = (Parent::Studio(self.row.id), self.row.n_media);
        Loaders::of(cx).media_below(cx, parent, &args, n_media).await
    }
}
