//! A value that all nodes share, such as the key that signs media URLs.

use sea_orm::entity::prelude::*;

/// A row of `setting`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub value: Vec<u8>,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
