//! Defining, changing and deleting custom fields.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::id::CustomFieldId;
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    edit::session::Done,
    field::{
        rules::{self, FieldEdit, NewField},
        types::{CustomField, CustomFieldKind},
    },
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        maybe::{named, opened},
        text,
    },
};

/// A new field.
#[derive(Debug, Clone, InputObject)]
pub struct CreateCustomFieldInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// What its values are. It cannot be changed later.
    pub kind: CustomFieldKind,
    /// For a choice: between what.
    #[graphql(default)]
    pub choices: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What `createCustomField` made.
#[derive(SimpleObject)]
pub struct CreateCustomFieldPayload {
    /// The field; null when it was deleted meanwhile.
    pub custom_field: Option<CustomField>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a field: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateCustomFieldInput {
    /// The field.
    pub id: ID,
    /// Its name. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// For a choice: between what. Items keep values that are no choice any more.
    pub choices: Option<Vec<String>>,
    /// What it is for.
    pub description: MaybeUndefined<String>,
}

/// What `updateCustomField` changed.
#[derive(SimpleObject)]
pub struct UpdateCustomFieldPayload {
    /// The field as it is now; null when it was deleted meanwhile.
    pub custom_field: Option<CustomField>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which field to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteCustomFieldInput {
    /// The field.
    pub id: ID,
}

/// What `deleteCustomField` did.
#[derive(SimpleObject)]
pub struct DeleteCustomFieldPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back with all values, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about custom fields.
#[derive(Default)]
pub struct FieldMutation;

/// What can be changed about custom fields.
#[Object]
impl FieldMutation {
    /// Defines a field that items can have values of.
    #[graphql(guard = "Needs::Edit")]
    async fn create_custom_field(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new field.")] input: CreateCustomFieldInput,
    ) -> async_graphql::Result<CreateCustomFieldPayload> {
        let new = new(input).graphql()?;
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let (custom_field, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(CreateCustomFieldPayload {
            custom_field,
            undo_token,
        })
    }

    /// Changes a field.
    #[graphql(guard = "Needs::Edit")]
    async fn update_custom_field(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The field and what to change about it.")] input: UpdateCustomFieldInput,
    ) -> async_graphql::Result<UpdateCustomFieldPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let change = change(input).graphql()?;
        let done = rules::update(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id, change)
            .await
            .graphql()?;
        let (custom_field, undo_token) = told(cx, id, done).await.graphql()?;
        Ok(UpdateCustomFieldPayload {
            custom_field,
            undo_token,
        })
    }

    /// Deletes a field with all its values.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_custom_field(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which field.")] input: DeleteCustomFieldInput,
    ) -> async_graphql::Result<DeleteCustomFieldPayload> {
        let id: CustomFieldId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeleteCustomFieldPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}

async fn told(cx: &Context<'_>, id: CustomFieldId, done: Done) -> Result<(Option<CustomField>, Option<ID>), Failure> {
    let row = Loaders::of(cx).field.get(id).await?;
    Ok((row.map(|row| CustomField { row }), done.token.map(id::id)))
}

fn new(input: CreateCustomFieldInput) -> Result<NewField, Failure> {
    Ok(NewField {
        name: text::name(&input.name, "input.name")?,
        kind: input.kind.into(),
        choices: text::names(&input.choices, "input.choices")?,
        description: match input.description {
            Some(text) => text::long(&text, "input.description")?,
            None => None,
        },
    })
}

fn change(input: UpdateCustomFieldInput) -> Result<FieldEdit, Failure> {
    Ok(FieldEdit {
        name: named(input.name, "input.name")?,
        choices: input
            .choices
            .map(|choices| text::names(&choices, "input.choices"))
            .transpose()?,
        description: opened(input.description)
            .map(|text| text.map_or(Ok(None), |text| text::long(&text, "input.description")))
            .transpose()?,
    })
}
