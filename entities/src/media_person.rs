//! A person of an item.

use sea_orm::entity::prelude::*;

use crate::id::{MediaId, PersonId};

/// A row of `media_person`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media_person")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    /// Actor, director and the like.
    pub role: Option<String>,
    pub position: i32,
    pub added_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
