//! Making, changing, merging and deleting people.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::id::PersonId;
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    edit::session::Done,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        maybe::{named, opened},
        text,
    },
    person::{
        rules::{self, NewPerson, PersonEdit},
        types::Person,
    },
};

/// A new person.
#[derive(Debug, Clone, InputObject)]
pub struct CreatePersonInput {
    /// The name, unique without regard to case.
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
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a person: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdatePersonInput {
    /// The person.
    pub id: ID,
    /// Its name, unique without regard to case. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// All its other names.
    pub aliases: MaybeUndefined<Vec<String>>,
    /// Who it is.
    pub description: MaybeUndefined<String>,
}

/// What `updatePerson` changed.
#[derive(SimpleObject)]
pub struct UpdatePersonPayload {
    /// The person as it is now; null when it was removed meanwhile.
    pub person: Option<Person>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which people become one.
#[derive(Debug, Clone, InputObject)]
pub struct MergePeopleInput {
    /// Those that go, at most 100.
    pub source_ids: Vec<ID>,
    /// The one that stays.
    pub target_id: ID,
}

/// What `mergePeople` made.
#[derive(SimpleObject)]
pub struct MergePeoplePayload {
    /// The person that stays; null when it was removed meanwhile.
    pub person: Option<Person>,
    /// Takes the merge back, by `undo`.
    pub undo_token: Option<ID>,
}

/// Which person to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeletePersonInput {
    /// The person.
    pub id: ID,
}

/// What `deletePerson` did.
#[derive(SimpleObject)]
pub struct DeletePersonPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back with everything that it had, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about people.
#[derive(Default)]
pub struct PersonMutation;

/// What can be changed about people.
#[Object]
impl PersonMutation {
    /// Makes a person.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_person(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new person.")] input: CreatePersonInput,
    ) -> async_graphql::Result<CreatePersonPayload> {
        let new = new(input).graphql()?;
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let (person, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(CreatePersonPayload { person, undo_token })
    }

    /// Changes a person: what is left out stays, what is null is cleared.
    #[graphql(guard = "Needs::Edit")]
    async fn update_person(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The person and what to change about it.")] input: UpdatePersonInput,
    ) -> async_graphql::Result<UpdatePersonPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = change(input).graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id, change)
            .await
            .graphql()?;
        let (person, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(UpdatePersonPayload { person, undo_token })
    }

    /// Makes one person of several: items that had one of the sources have the target, and the names of the sources become other names of it.
    #[graphql(guard = "Needs::Edit")]
    async fn merge_people(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which go and which stays.")] input: MergePeopleInput,
    ) -> async_graphql::Result<MergePeoplePayload> {
        let sources: Vec<PersonId> = id::parse_many(&input.source_ids, "input.sourceIds").graphql()?;
        let target = id::parse(&input.target_id, "input.targetId").graphql()?;
        let viewer = require(cx).graphql()?;
        let done = rules::merge(cx.data_unchecked::<Kernel>(), viewer, &sources, target)
            .await
            .graphql()?;
        let (person, undo_token) = told(cx, target, done).await.graphql()?;
        Ok(MergePeoplePayload { person, undo_token })
    }

    /// Deletes a person. Files and items stay; items that had it have it no more.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_person(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which person.")] input: DeletePersonInput,
    ) -> async_graphql::Result<DeletePersonPayload> {
        let id: PersonId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeletePersonPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}

async fn told(cx: &Context<'_>, id: PersonId, done: Done) -> Result<(Option<Person>, Option<ID>), Failure> {
    let row = Loaders::of(cx).person.get(id).await?;
    Ok((row.map(|row| Person { row }), done.token.map(id::id)))
}

fn new(input: CreatePersonInput) -> Result<NewPerson, Failure> {
    Ok(NewPerson {
        name: text::name(&input.name, "input.name")?,
        aliases: text::names(&input.aliases, "input.aliases")?,
        description: match input.description {
            Some(text) => text::long(&text, "input.description")?,
            None => None,
        },
    })
}

fn change(input: UpdatePersonInput) -> Result<PersonEdit, Failure> {
    Ok(PersonEdit {
        name: named(input.name, "input.name")?,
        aliases: opened(input.aliases)
            .map(|names| text::names(&names.unwrap_or_default(), "input.aliases"))
            .transpose()?,
        description: opened(input.description)
            .map(|text| text.map_or(Ok(None), |text| text::long(&text, "input.description")))
            .transpose()?,
    })
}
