//! A filter that an account keeps.

use sea_orm::entity::prelude::*;

use crate::id::{SavedFilterId, UserId};

/// A row of `saved_filter`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "saved_filter")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SavedFilterId,
    pub user_id: UserId,
    /// Unique for the account without regard to case.
    pub name: String,
    /// Of the form of `filter` and `sort`.
    pub version: i32,
    /// JSON in the form of the API's input.
    pub filter: String,
    pub search: Option<String>,
    /// JSON in the form of the API's input.
    pub sort: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
