//! A passkey: a key that an authenticator holds for an account, and whose public half we know.

use sea_orm::entity::prelude::*;

use crate::id::{PasskeyId, UserId};

/// A row of `passkey`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PasskeyId,
    pub user_id: UserId,
    /// By what the authenticator knows it.
    pub credential_id: Vec<u8>,
    /// The number of COSE: -7, -8 or -257.
    pub algorithm: i64,
    /// As `schema::user::webauthn` writes it.
    pub public_key: Vec<u8>,
    /// The authenticator's counter when it was last used; many do not count.
    pub n_uses: i64,
    pub name: String,
    pub created_at: i64,
    pub seen_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
