//! What defining fields and giving them values means, without GraphQL.

use std::collections::BTreeMap;

use entities::{
    custom_field::{self, FieldKind},
    id::CustomFieldId,
};
use kernel::{
    error::{Failure, code},
    events::Fact,
    plugin::Kernel,
    relay::Common,
    sql,
    store::Tx,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    edit::{
        row::Row,
        session::{Done, Edit},
        table::{CUSTOM_FIELD, MEDIA_FIELD},
    },
    kit::access::Viewer,
    media::codes::TOO_MANY,
};

/// The most fields: they are listed whole.
pub const MAX_FIELDS: i64 = 200;
/// The most choices of one field.
const MAX_CHOICES: usize = 500;

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FieldValue {
    /// Any text, or one of the choices.
    Text(String),
    /// A number.
    Number(f64),
    /// ISO 8601 day.
    Date(String),
    /// Yes or no.
    Boolean(bool),
}

impl FieldValue {
    /// What the row holds as text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Date(text) => Some(text),
            Self::Number(_) | Self::Boolean(_) => None,
        }
    }

    /// What the row holds as a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Boolean(value) => Some(f64::from(u8::from(*value))),
            Self::Text(_) | Self::Date(_) => None,
        }
    }

    fn fits(&self, kind: FieldKind) -> bool {
        matches!(
            (self, kind),
            (Self::Text(_), FieldKind::Text | FieldKind::Choice)
                | (Self::Number(_), FieldKind::Number)
                | (Self::Date(_), FieldKind::Date)
                | (Self::Boolean(_), FieldKind::Boolean)
        )
    }
}

/// The word for a kind of field.
pub fn word(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Number => "number",
        FieldKind::Date => "date",
        FieldKind::Boolean => "boolean",
        FieldKind::Choice => "choice",
    }
}

/// The choices of a field.
pub fn choices(field: &custom_field::Model) -> Vec<String> {
    field
        .choices
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Refuses values that do not fit their fields.
///
/// # Errors
/// A field does not exist or is of another kind, or the database fails.
pub async fn must_fit(tx: &Tx, values: &[(CustomFieldId, Option<FieldValue>)]) -> Result<(), Failure> {
    if values.is_empty() {
        return Ok(());
    }
    let ids = values.iter().map(|(id, _)| *id);
    let rows = custom_field::Entity::find()
        .filter(custom_field::Column::Id.is_in(ids))
        .all(&**tx)
        .await?;
    let fields: BTreeMap<CustomFieldId, custom_field::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
    for (index, (id, value)) in values.iter().enumerate() {
        let path = format!("input.fields[{index}]");
        let Some(field) = fields.get(id) else {
            return Err(Failure::field(
                format!("{path}.fieldId"),
                format!("no custom field `{id}`"),
            ));
        };
        let Some(value) = value else { continue };
        if !value.fits(field.kind) {
            let message = format!("the field `{}` holds a {}", field.name, word(field.kind));
            return Err(Failure::field(path, message));
        }
        if let (FieldKind::Choice, FieldValue::Text(text)) = (field.kind, value)
            && !choices(field).contains(text)
        {
            let message = format!("`{text}` is not one of the choices of the field `{}`", field.name);
            return Err(Failure::field(format!("{path}.text"), message));
        }
    }
    Ok(())
}

/// A field to be defined.
#[derive(Debug, Clone)]
pub struct NewField {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: FieldKind,
    /// For a choice: between what.
    pub choices: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What to change about a field: `None` keeps, and an inner `None` clears. Its kind stays.
#[derive(Debug, Clone, Default)]
pub struct FieldEdit {
    /// Its name.
    pub name: Option<String>,
    /// For a choice: between what. Values that are no choice any more stay as they are.
    pub choices: Option<Vec<String>>,
    /// What it is for.
    pub description: Option<Option<String>>,
}

/// A field was defined, changed or deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldChanged {
    /// The field.
    pub field: CustomFieldId,
}

impl Fact for FieldChanged {}

impl Common for FieldChanged {
    const NAME: &'static str = "FieldChanged";
}

fn kept_choices(kind: FieldKind, choices: &[String]) -> Result<Option<String>, Failure> {
    match (kind, choices.len()) {
        (FieldKind::Choice, 1..=MAX_CHOICES) => serde_json::to_string(choices).map(Some).map_err(Failure::internal),
        (FieldKind::Choice, _) => Err(Failure::field(
            "input.choices",
            format!("a choice is between 1 and {MAX_CHOICES} texts"),
        )),
        (_, 0) => Ok(None),
        _ => Err(Failure::field(
            "input.choices",
            format!("a field that holds a {} has no choices", word(kind)),
        )),
    }
}

/// Defines a field.
///
/// # Errors
/// The name is taken, there are too many, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewField) -> Result<(CustomFieldId, Done), Failure> {
    let choices = kept_choices(new.kind, &new.choices)?;
    let mut edit = Edit::begin(kernel, viewer, "createCustomField").await?;
    let rows = sql::rows(&**edit.tx(), "select count(*) from custom_field", []).await?;
    let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if n >= MAX_FIELDS {
        return Err(Failure::new(
            &TOO_MANY,
            format!("there are {n} custom fields, and no more may be; delete one first"),
        ));
    }
    let id = CustomFieldId::new();
    let row = vec![
        json!(id.0),
        json!(new.name),
        json!(new.kind as i32),
        json!(choices),
        json!(new.description),
        json!(edit.now),
    ];
    edit.insert(&CUSTOM_FIELD, Row(row));
    edit.tx().publish(FieldChanged { field: id });
    Ok((id, edit.commit().await?))
}

async fn row(edit: &Edit, id: CustomFieldId) -> Result<Row, Failure> {
    let row = edit.read(&CUSTOM_FIELD, "id", &[id.0]).await?.pop();
    row.ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no custom field `{id}`")))
}

/// Changes a field.
///
/// # Errors
/// There is none, the name is taken, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: CustomFieldId, change: FieldEdit) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updateCustomField").await?;
    let before = row(&edit, id).await?;
    let mut after = before.clone();
    if let Some(name) = change.name {
        after = after.with(&CUSTOM_FIELD, "name", name);
    }
    if let Some(choices) = change.choices {
        let is_choice = before.int(&CUSTOM_FIELD, "kind") == i64::from(FieldKind::Choice as i32);
        let kind = if is_choice { FieldKind::Choice } else { FieldKind::Text };
        after = after.with(&CUSTOM_FIELD, "choices", kept_choices(kind, &choices)?);
    }
    if let Some(description) = change.description {
        after = after.with(&CUSTOM_FIELD, "description", description);
    }
    edit.update(&CUSTOM_FIELD, before, after);
    edit.tx().publish(FieldChanged { field: id });
    edit.commit().await
}

/// Deletes a field with all its values.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: CustomFieldId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteCustomField").await?;
    let row = row(&edit, id).await?;
    edit.delete_all(&MEDIA_FIELD, "field_id", &[id.0]).await?;
    edit.write().await?;
    edit.delete(&CUSTOM_FIELD, row);
    edit.tx().publish(FieldChanged { field: id });
    edit.commit().await
}
