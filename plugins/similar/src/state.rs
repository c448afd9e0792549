//! The one row that all writers of this plugin's tables pass: it orders them, and numbers what they write.

use kernel::{sql, store::Tx};
use sea_orm::DbErr;

/// Waits until no other transaction writes these tables, and gives a number greater than that of every earlier one.
/// Whoever has seen a number has seen everything with a lesser one, because the numbers are given in the order of the
/// commits.
pub async fn next_version(tx: &Tx) -> Result<i64, DbErr> {
    let text = "update similar_state set value = value + 1 where name = 'version' returning value";
    let rows = sql::rows(&**tx, text, []).await?;
    let row = rows
        .first()
        .ok_or_else(|| DbErr::RecordNotFound("the row `version` of similar_state".to_owned()))?;
    row.try_get_by_index(0)
}
