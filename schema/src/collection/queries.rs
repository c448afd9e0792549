//! The lists of collections and of galleries, and one by its id.

use async_graphql::{Context, ID, Object};
use entities::{collection::CollectionKind, id::CollectionId};

use crate::{
    caches::Loaders,
    collection::types::{Collection, Gallery},
    kit::{
        access::Needs,
        connection::Connection,
        error::ToGraphql,
        id,
        listing::{self, NamedListing, NamedSort},
        page::PageArgs,
    },
    limits,
};

/// What can be read about collections.
#[derive(Default)]
pub struct CollectionQuery;

/// What can be read about collections.
#[Object]
impl CollectionQuery {
    /// All collections, by default by name. By count, smart ones stand with those that hold nothing.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn collections(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200; 1000 when only ids are selected.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "A part of the name.")] search: Option<String>,
        #[graphql(desc = "In which order; by name without it.")] sort: Option<Vec<NamedSort>>,
    ) -> async_graphql::Result<Connection<Collection>> {
        let page = PageArgs::new(first, after, last, before);
        let listing = listing(CollectionKind::Collection, page, search, sort);
        listing::connection(cx, &listing, &Loaders::of(cx).collection, |row| Collection { row }).await
    }

    /// A collection by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The collection's id.")] id: ID,
    ) -> async_graphql::Result<Option<Collection>> {
        let id: CollectionId = id::parse(&id, "id").graphql()?;
        let row = Loaders::of(cx).collection.get(id).await.graphql()?;
        Ok(row
            .filter(|row| row.kind == CollectionKind::Collection)
            .map(|row| Collection { row }))
    }

    /// All galleries, by default by name.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn galleries(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200; 1000 when only ids are selected.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "A part of the name.")] search: Option<String>,
        #[graphql(desc = "In which order; by name without it.")] sort: Option<Vec<NamedSort>>,
    ) -> async_graphql::Result<Connection<Gallery>> {
        let page = PageArgs::new(first, after, last, before);
        let listing = listing(CollectionKind::Gallery, page, search, sort);
        listing::connection(cx, &listing, &Loaders::of(cx).collection, |row| Gallery { row }).await
    }

    /// A gallery by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn gallery(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The gallery's id.")] id: ID,
    ) -> async_graphql::Result<Option<Gallery>> {
        let id: CollectionId = id::parse(&id, "id").graphql()?;
        let row = Loaders::of(cx).collection.get(id).await.graphql()?;
        Ok(row
            .filter(|row| row.kind == CollectionKind::Gallery)
            .map(|row| Gallery { row }))
    }
}

fn listing(kind: CollectionKind, page: PageArgs, search: Option<String>, sort: Option<Vec<NamedSort>>) -> NamedListing {
    NamedListing {
        table: "collection",
        aliases: None,
        only: Some(("kind", kind as i32)),
        page,
        search,
        sort: sort.unwrap_or_default(),
    }
}
