//! A person, as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::person;

use crate::{
    caches::Loaders,
    kit::{connection::Connection, error::ToGraphql, id, page::PageArgs, scalar::DateTime},
    limits,
    media::{nested::Parent, types::Media},
};

/// A person: an actor, an artist, a director, someone on a photo.
#[derive(Clone)]
pub struct Person {
    /// The row.
    pub row: Arc<person::Model>,
}

/// A person: an actor, an artist, a director, someone on a photo.
#[Object]
impl Person {
    /// The person's id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// The person's name, unique without regard to case.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Other names.
    async fn aliases(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<String>> {
        Ok(Loaders::of(cx)
            .person_aliases
            .get(self.row.id)
            .await
            .graphql()?
            .map(|names| names.to_vec())
            .unwrap_or_default())
    }

    /// Who it is.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// How many items the person is credited in.
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

    /// The items the person is credited in, what was added last first. For other orders use `media` with a filter.
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
        let (parent, n_media) = (Parent::Person(self.row.id), self.row.n_media);
        Loaders::of(cx).media_below(cx, parent, &args, n_media).await
    }
}
