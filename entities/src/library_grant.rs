//! What an account that does not see all libraries may do in one of them.

use sea_orm::entity::prelude::*;

use crate::id::{LibraryId, UserId};

/// A row of `library_grant`: the account sees the library.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub library_id: LibraryId,
    /// Whether it may also change what is in it, if its role lets it edit at all.
    pub may_edit: bool,
}

impl ActiveModelBehavior for ActiveModel {}
