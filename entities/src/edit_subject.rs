//! What an edit changed about one thing.

use sea_orm::entity::prelude::*;

use crate::id::EditId;

/// A row of `edit_subject`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "edit_subject")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub edit_id: EditId,
    /// Dense, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// What the thing is.
    pub kind: i32,
    pub subject_id: i64,
    /// A JSON list of row differences.
    pub changes: String,
}

impl ActiveModelBehavior for ActiveModel {}
