//! The list of people, and one by its id.

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
    person::types::Person,
};

/// What can be read about people.
#[derive(Default)]
pub struct PersonQuery;

/// What can be read about people.
#[Object]
impl PersonQuery {
    /// All people, by default by name.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn people(
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
    ) -> async_graphql::Result<Connection<Person>> {
        let listing = NamedListing {
            table: "person",
            aliases: Some(("person_alias", "person_id")),
            only: None,
            page: PageArgs::new(first, after, last, before),
            search,
            sort: sort.unwrap_or_default(),
        };
        listing::connection(cx, &listing, &Loaders::of(cx).person, |row| Person { row }).await
    }

    /// A person by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn person(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The person's id.")] id: ID,
    ) -> async_graphql::Result<Option<Person>> {
        let id = id::parse(&id, "id").graphql()?;
        Ok(Loaders::of(cx)
            .person
            .get(id)
            .await
            .graphql()?
            .map(|row| Person { row }))
    }
}
