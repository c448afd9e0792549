//! What an account proves itself with beside its password.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

/// A row of `second_factor`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "second_factor")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The shared secret, sealed.
    pub secret: String,
    /// Whether a code has shown that the account can make codes; before that none is asked for.
    pub is_confirmed: bool,
    /// The step of time whose code was used last: no code is taken twice.
    pub last_step: i64,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
