//! Galleries of archives: an archive of pictures that a scan finds is an item with pages, and a gallery of its own.

use entities::{
    collection::{self, CollectionKind},
    collection_item,
    id::{CollectionId, MediaId},
};
use kernel::store::Tx;
use schema::{
    collection::rules::CollectionChanged,
    kit::{position, text::natural_key},
    saved::rules::VERSION,
};
use sea_orm::{ActiveModelTrait, DbErr, IntoActiveModel};

/// Makes a gallery of each new archive, under the archive's title. One that is deleted later does not come back.
///
/// # Errors
/// When the database fails.
pub async fn of_archives(tx: &Tx, now: i64, archives: &[(MediaId, &str)]) -> Result<(), DbErr> {
    let mut made = Vec::with_capacity(archives.len());
    for (media, title) in archives {
        let gallery = collection::Model {
            id: CollectionId::new(),
            kind: CollectionKind::Gallery,
            name: (*title).to_owned(),
            sort_name: natural_key(title),
            description: None,
            parent_id: None,
            folder_id: None,
            filter: None,
            filter_version: VERSION,
            n_media: 1,
            created_at: now,
            updated_at: now,
        };
        let position = position::spread(None, None, 1).pop().unwrap_or_default();
        let item = collection_item::Model {
            collection_id: gallery.id,
            media_id: *media,
            position,
            added_at: now,
        };
        made.push(gallery.id);
        gallery.into_active_model().insert(&**tx).await?;
        item.into_active_model().insert(&**tx).await?;
    }
    if !made.is_empty() {
        tx.publish(CollectionChanged { collections: made });
    }
    Ok(())
}
