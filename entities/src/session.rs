//! A signed-in browser.

use sea_orm::entity::prelude::*;

use crate::id::{SessionId, UserId};

/// A row of `session`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    pub user_id: UserId,
    /// SHA-256 of the cookie's token.
    pub token_hash: Vec<u8>,
    pub user_agent: Option<String>,
    /// Where it was begun from, as far as is known.
    pub address: Option<String>,
    pub created_at: i64,
    pub seen_at: i64,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
