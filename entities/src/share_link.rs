//! A link that shows one item or collection to whoever has it.

use sea_orm::entity::prelude::*;

use crate::id::{CollectionId, MediaId, ShareLinkId, UserId};

/// A row of `share_link`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "share_link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ShareLinkId,
    pub user_id: UserId,
    /// SHA-256 of the link's token.
    pub token_hash: Vec<u8>,
    pub name: String,
    /// The item, or else the collection.
    pub media_id: Option<MediaId>,
    pub collection_id: Option<CollectionId>,
    /// Argon2id in PHC format.
    pub password_hash: Option<String>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    /// When it was last opened, to the minute.
    pub seen_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
