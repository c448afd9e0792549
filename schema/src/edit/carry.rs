//! What people made of items that become one goes over to the one that stays.

use entities::id::MediaId;
use kernel::{sql, store::Tx};
use sea_orm::DbErr;

/// Hands the places in collections, the markers and the values of custom fields of items that go to the one that stays.
/// What that one has already stays as it is. The caller tallies, publishes and deletes the items.
///
/// # Errors
/// When the database fails.
pub async fn carry(tx: &Tx, kept: MediaId, gone: &[MediaId]) -> Result<(), DbErr> {
    // One after the other: two of them may stand in the same collection.
    for media in gone {
        for (table, owner) in [("collection_item", "collection_id"), ("media_field", "field_id")] {
            let text = format!(
                "update {table} set media_id = $1 where media_id = $2 and {owner} not in \
                 (select {owner} from {table} where media_id = $1)"
            );
            sql::execute(&**tx, text, [kept.0.into(), media.0.into()]).await?;
        }
        let text = "update marker set media_id = $1 where media_id = $2";
        sql::execute(&**tx, text, [kept.0.into(), media.0.into()]).await?;
    }
    Ok(())
}
