//! A setting that an administrator decided in the app.

use sea_orm::entity::prelude::*;

use crate::id::SettingId;

/// A row of `server_setting`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server_setting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SettingId,
    /// Section and key: `stream.url_hours`.
    pub name: String,
    /// JSON.
    pub value: String,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
