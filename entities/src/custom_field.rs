//! A field that people defined for items.

use sea_orm::entity::prelude::*;

use crate::id::CustomFieldId;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum FieldKind {
    /// Any text.
    #[sea_orm(num_value = 0)]
    Text,
    /// A number.
    #[sea_orm(num_value = 1)]
    Number,
    /// A day.
    #[sea_orm(num_value = 2)]
    Date,
    /// Yes or no.
    #[sea_orm(num_value = 3)]
    Boolean,
    /// One of some texts.
    #[sea_orm(num_value = 4)]
    Choice,
}

/// A row of `custom_field`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_field")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CustomFieldId,
    /// Unique without regard to case.
    pub name: String,
    pub kind: FieldKind,
    /// A JSON list of texts, for a choice.
    pub choices: Option<String>,
    pub description: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
