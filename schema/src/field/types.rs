//! Custom fields and their values, as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};
use entities::{
    custom_field::{self, FieldKind},
    id::{CustomFieldId, MediaId},
    media_field,
};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    field::rules::{self, FieldValue},
    kit::{
        error::ToGraphql,
        id,
        scalar::{Date, DateTime},
        text,
    },
};

/// What the values of a custom field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "FieldKind")]
pub enum CustomFieldKind {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// A day.
    Date,
    /// Yes or no.
    Boolean,
    /// One of some texts.
    Choice,
}

/// A field that people defined for items.
#[derive(Clone)]
pub struct CustomField {
    /// The row.
    pub row: Arc<custom_field::Model>,
}

/// A field that people defined for items.
#[Object]
impl CustomField {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// Its name, unique without regard to case.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// What its values are.
    async fn kind(&self) -> CustomFieldKind {
        self.row.kind.into()
    }

    /// For a choice: between what.
    async fn choices(&self) -> Vec<String> {
        rules::choices(&self.row)
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// When it was defined.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
}

/// The value of a custom field of an item. Which of the fields says it depends on the field's kind.
pub struct CustomFieldValue {
    field: CustomField,
    row: media_field::Model,
}

/// The value of a custom field of an item. Which of the fields says it depends on the field's kind.
#[Object]
impl CustomFieldValue {
    /// The field.
    async fn field(&self) -> &CustomField {
        &self.field
    }

    /// The text, or the choice.
    async fn text(&self) -> Option<&str> {
        let is_text = matches!(self.field.row.kind, FieldKind::Text | FieldKind::Choice);
        self.row.text_value.as_deref().filter(|_| is_text)
    }

    /// The number.
    async fn number(&self) -> Option<f64> {
        self.row
            .number_value
            .filter(|_| self.field.row.kind == FieldKind::Number)
    }

    /// The day.
    async fn date(&self) -> Option<Date> {
        self.row
            .text_value
            .clone()
            .filter(|_| self.field.row.kind == FieldKind::Date)
            .map(Date)
    }

    /// Yes or no.
    async fn boolean(&self) -> Option<bool> {
        self.row
            .number_value
            .filter(|_| self.field.row.kind == FieldKind::Boolean)
            .map(|number| number != 0.0)
    }
}

/// The values of an item, in the order in which their fields were defined.
///
/// # Errors
/// When the database fails.
pub async fn of_media(cx: &Context<'_>, media: MediaId) -> async_graphql::Result<Vec<CustomFieldValue>> {
    let loaders = Loaders::of(cx);
    let rows = loaders.fields.get(media).await.graphql()?;
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return Ok(Vec::new());
    };
    let fields = loaders
        .field
        .get_many(rows.iter().map(|row| row.field_id).collect())
        .await
        .graphql()?;
    let value = |row: Arc<custom_field::Model>| {
        let value = rows.iter().find(|value| value.field_id == row.id)?.clone();
        Some(CustomFieldValue {
            field: CustomField { row },
            row: value,
        })
    };
    Ok(fields.into_iter().filter_map(value).collect())
}

/// A value for a custom field; without any value the field is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct CustomFieldValueInput {
    /// The field.
    pub field_id: ID,
    /// The text, or one of the choices.
    pub text: Option<String>,
    /// The number.
    pub number: Option<f64>,
    /// The day.
    pub date: Option<Date>,
    /// Yes or no.
    pub boolean: Option<bool>,
}

/// The values that a client gives, checked for what is wrong whatever the fields are.
///
/// # Errors
/// An id is none or occurs twice, or a value has two kinds.
pub fn values(inputs: &[CustomFieldValueInput]) -> Result<Vec<(CustomFieldId, Option<FieldValue>)>, Failure> {
    let mut values: Vec<(CustomFieldId, Option<FieldValue>)> = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let path = format!("input.fields[{index}]");
        let field = id::parse(&input.field_id, &format!("{path}.fieldId"))?;
        if values.iter().any(|(known, _)| *known == field) {
            return Err(Failure::field(format!("{path}.fieldId"), "occurs twice"));
        }
        let text = match &input.text {
            Some(text) => text::long(text, &format!("{path}.text"))?,
            None => None,
        };
        let given = [
            text.map(FieldValue::Text),
            input.number.filter(|number| number.is_finite()).map(FieldValue::Number),
            input.date.clone().map(|date| FieldValue::Date(date.0)),
            input.boolean.map(FieldValue::Boolean),
        ];
        let mut given = given.into_iter().flatten();
        let value = given.next();
        if given.next().is_some() {
            return Err(Failure::field(
                path,
                "give one of `text`, `number`, `date` and `boolean`",
            ));
        }
        values.push((field, value));
    }
    Ok(values)
}
