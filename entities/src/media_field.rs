//! The value of a custom field of an item.

use sea_orm::entity::prelude::*;

use crate::id::{CustomFieldId, MediaId};

/// A row of `media_field`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "media_field")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub field_id: CustomFieldId,
    /// A text, a choice, or an ISO 8601 day.
    pub text_value: Option<String>,
    /// A number; 0 or 1 for yes and no.
    pub number_value: Option<f64>,
}

impl ActiveModelBehavior for ActiveModel {}
