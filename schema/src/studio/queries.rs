//! The list of studios, and one by its id.

use async_graphql::{Context, ID, Object};

use crate::{
    caches::Loaders,
    kit::{
        access::Needs,
        connection::Connection,
        error::ToGraphql,
        id,
        listing::{self, NamedListing, NamedSort},
        page::PageArgs,
    },
    limits,
    studio::types::Studio,
};

/// What can be read about studios.
#[derive(Default)]
pub struct StudioQuery;

/// What can be read about studios.
#[Object]
impl StudioQuery {
    /// All studios, by default by name.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn studios(
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
    ) -> async_graphql::Result<Connection<Studio>> {
        let listing = NamedListing {
            table: "studio",
            aliases: None,
            only: None,
            page: PageArgs::new(first, after, last, before),
            search,
            sort: sort.unwrap_or_default(),
        };
        listing::connection(cx, &listing, &Loaders::of(cx).studio, |row| Studio { row }).await
    }

    /// A studio by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn studio(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The studio's id.")] id: ID,
    ) -> async_graphql::Result<Option<Studio>> {
        let id = id::parse(&id, "id").graphql()?;
        Ok(Loaders::of(cx)
            .studio
            .get(id)
            .await
            .graphql()?
            .map(|row| Studio { row }))
    }
}
