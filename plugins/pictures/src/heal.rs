//! What to do when the store has lost bytes that rows speak of, as after a restored backup: forget the rows, and what
//! they were of is drawn again.

use entities::id::MediaId;
use kernel::{error::Failure, events::MediaChanged, objects::ObjectKey, plugin::Kernel, sql, store::Durability};

use crate::total;

/// Forgets an object that is not there, and each set it was a part of.
pub async fn lost(kernel: &Kernel, key: ObjectKey) -> Result<(), Failure> {
    let key_value = || sea_orm::Value::from(key.as_bytes().to_vec());
    let known = "select key from picture_object where key = $1";
    if sql::rows(kernel.store.reader(), known, [key_value()]).await?.is_empty() {
        return Ok(());
    }
    let tx = kernel.store.begin(Durability::Normal).await?;
    let sets = "delete from picture_set where media_id in (select media_id from picture_part where key = $1) \
        returning media_id";
    let mut media = Vec::new();
    for row in sql::rows(&*tx, sets, [key_value()]).await? {
        media.push(MediaId(row.try_get_by_index(0)?));
    }
    sql::execute(&*tx, "delete from picture_still where key = $1", [key_value()]).await?;
    let object = "delete from picture_object where key = $1 returning bytes";
    for row in sql::rows(&*tx, object, [key_value()]).await? {
        total::subtract(&tx, row.try_get_by_index(0)?).await?;
    }
    tracing::warn!(%key, n_items = media.len(), "a picture is missing from the store and is drawn again");
    tx.publish(MediaChanged { media });
    tx.commit().await?;
    Ok(())
}
