//! Bytes in the store. Their sum is kept in `picture_total`.

use sea_orm::entity::prelude::*;

/// What the bytes are for; the budget drops them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum Role {
    /// A short animation.
    #[sea_orm(num_value = 0)]
    Preview,
    /// Stills over time in one sheet.
    #[sea_orm(num_value = 1)]
    Sprite,
    /// A picture at a time that somebody asked for.
    #[sea_orm(num_value = 2)]
    Still,
    /// Peaks of the sound.
    #[sea_orm(num_value = 3)]
    Peaks,
    /// What cards show.
    #[sea_orm(num_value = 4)]
    Poster,
}

/// A row of `picture_object`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_object")]
pub struct Model {
    /// The key in the store.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    pub role: Role,
    pub bytes: i64,
    pub made_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
