//! The list of tags, and one by its id.

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
    tag::types::Tag,
};

/// What can be read about tags.
#[derive(Default)]
pub struct TagQuery;

/// What can be read about tags.
#[Object]
impl TagQuery {
    /// All tags, by default by name.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn tags(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200; 1000 when only ids are selected.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "A part of the name or of another name.")] search: Option<String>,
        #[graphql(desc = "In which order; by name without it.")] sort: Option<Vec<NamedSort>>,
    ) -> async_graphql::Result<Connection<Tag>> {
        let listing = NamedListing {
            table: "tag",
            aliases: Some(("tag_alias", "tag_id")),
            only: None,
            page: PageArgs::new(first, after, last, before),
            search,
            sort: sort.unwrap_or_default(),
        };
        listing::connection(cx, &listing, &Loaders::of(cx).tag, |row| Tag { row }).await
    }

    /// A tag by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The tag's id.")] id: ID,
    ) -> async_graphql::Result<Option<Tag>> {
        let id = id::parse(&id, "id").graphql()?;
        Ok(Loaders::of(cx).tag.get(id).await.graphql()?.map(|row| Tag { row }))
    }
}
