//! An account.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

/// What an account may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum Role {
    /// See, play, rate.
    #[sea_orm(num_value = 0)]
    Viewer,
    /// Also edit, scan and make.
    #[sea_orm(num_value = 1)]
    Editor,
    /// Also administer.
    #[sea_orm(num_value = 2)]
    Admin,
}

/// A row of `user`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// Unique without regard to case.
    pub name: String,
    /// Argon2id in PHC format.
    pub password_hash: String,
    pub role: Role,
    pub is_disabled: bool,
    /// Whether it sees only the libraries that it has a `library_grant` for.
    pub is_limited: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
