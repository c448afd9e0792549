//! Making people.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{access::Needs, error::ToGraphql, text},
    person::{
        rules::{self, NewPerson},
        types::Person,
    },
};

/// A new person.
#[derive(Debug, Clone, InputObject)]
pub struct CreatePersonInput {
    /// The person's name, unique without regard to case.
    pub name: String,
    /// Other names.
    #[graphql(default)]
    pub aliases: Vec<String>,
    /// Who it is.
    pub description: Option<String>,
}

/// What `createPerson` made.
#[derive(SimpleObject)]
pub struct CreatePersonPayload {
    /// The person; null when it was removed meanwhile.
    pub person: Option<Person>,
}

/// What can be changed about people.
#[derive(Default)]
pub struct PersonMutation;

/// What can be changed about people.
#[Object]
impl PersonMutation {
    /// Makes a person.
    #[graphql(guard = "Needs::Edit")]
    async fn create_person(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new person.")] input: CreatePersonInput,
    ) -> async_graphql::Result<CreatePersonPayload> {
        let new = NewPerson {
            name: text::name(&input.name, "input.name").graphql()?,
            aliases: text::names(&input.aliases, "input.aliases").graphql()?,
            description: match input.description {
                Some(text) => text::long(&text, "input.description").graphql()?,
                None => None,
            },
        };
        let id = rules::create(cx.data_unchecked::<Kernel>(), new).await.graphql()?;
        let row = Loaders::of(cx).person.get(id).await.graphql()?;
        Ok(CreatePersonPayload {
            person: row.map(|row| Person { row }),
        })
    }
}
