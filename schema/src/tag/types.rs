//! A tag, as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{id::TagId, tag};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    kit::{
        connection::{Connection, Total},
        error::ToGraphql,
        id,
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::DateTime,
    },
    limits,
    media::{nested::Parent, types::Media},
};

/// A tag. Tags form a graph: a tag may be below several others.
#[derive(Clone)]
pub struct Tag {
    /// The row.
    pub row: Arc<tag::Model>,
}

/// A tag. Tags form a graph: a tag may be below several others.
#[Object]
impl Tag {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// Its name, unique without regard to case.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Its other names.
    async fn aliases(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<String>> {
        Ok(Loaders::of(cx)
            .tag_aliases
            .get(self.row.id)
            .await
            .graphql()?
            .map(|names| names.to_vec())
            .unwrap_or_default())
    }

    /// Its color as `#rrggbb`.
    async fn color(&self) -> Option<&str> {
        self.row.color.as_deref()
    }

    /// What it means.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// The tags right above it.
    async fn parents(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        let kin = Loaders::of(cx).kin.get(self.row.id).await.graphql()?;
        tags(cx, kin.map(|kin| kin.parents.clone()).unwrap_or_default()).await
    }

    /// The tags right below it.
    async fn children(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        let kin = Loaders::of(cx).kin.get(self.row.id).await.graphql()?;
        tags(cx, kin.map(|kin| kin.children.clone()).unwrap_or_default()).await
    }

    /// All tags below it, at any depth, by name.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn descendants(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Tag>> {
        descendants(cx, self.row.id, &PageArgs::new(first, after, last, before))
            .await
            .graphql()
    }

    /// How many items have it.
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

    /// The items that have it, what was added last first. For other orders use `media` with a filter.
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
        let (parent, n_media) = (Parent::Tag(self.row.id), self.row.n_media);
        Loaders::of(cx).media_below(cx, parent, &args, n_media).await
    }
}

async fn descendants(cx: &Context<'_>, id: TagId, args: &PageArgs) -> Result<Connection<Tag>, Failure> {
    let loaders = Loaders::of(cx);
    let ids = loaders.below.get(id).await?;
    let ids = ids
        .iter()
        .flat_map(|ids| ids.iter().copied())
        .filter(|below| *below != id)
        .collect();
    let rows = loaders.tag.get_many(ids).await?;
    page_by_name(cx, rows, args, "descendants")
}

/// A page of tags that are at hand, by name; `signature` tells their list from others.
///
/// # Errors
/// The page's arguments contradict each other.
pub fn page_by_name(
    cx: &Context<'_>,
    mut rows: Vec<Arc<tag::Model>>,
    args: &PageArgs,
    signature: &str,
) -> Result<Connection<Tag>, Failure> {
    rows.sort_by(|one, other| (&one.sort_name, one.id).cmp(&(&other.sort_name, other.id)));
    let ids: Vec<i64> = rows.iter().map(|row| row.id.into()).collect();
    let page = args.slice(&ids, &Keyset::in_memory(signature), page::cap(cx))?;
    let find = |id: i64| {
        rows.iter()
            .find(|row| i64::from(row.id) == id)
            .map(|row| Tag { row: Arc::clone(row) })
    };
    Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
}

async fn tags(cx: &Context<'_>, ids: Vec<entities::id::TagId>) -> async_graphql::Result<Vec<Tag>> {
    Ok(Loaders::of(cx)
        .tag
        .get_many(ids)
        .await
        .graphql()?
        .into_iter()
        .map(|row| Tag { row })
        .collect())
}
