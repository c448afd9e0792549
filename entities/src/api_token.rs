//! A token for scripts; only its hash is kept.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ApiTokenId, UserId},
    user::Role,
};

/// A row of `api_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiTokenId,
    pub user_id: UserId,
    pub name: String,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// The most it may do, never more than its account.
    pub scope: Role,
    pub created_at: i64,
    pub seen_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
