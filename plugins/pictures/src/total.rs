//! Sums that are kept with each write, so that nobody has to add up a million rows or walk the store.

use kernel::{sql, store::Tx};
use sea_orm::{ConnectionTrait, DbErr};

/// The sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Bytes of all objects with a row.
    pub bytes: i64,
    /// Surveys that succeeded.
    pub n_surveys: i64,
    /// How long they took together, in milliseconds.
    pub survey_ms: i64,
}

/// Reads the sums.
pub async fn read<C: ConnectionTrait>(db: &C) -> Result<Total, DbErr> {
    let rows = sql::rows(db, "select bytes, n_surveys, survey_ms from picture_total", []).await?;
    let Some(row) = rows.first() else {
        return Ok(Total::default());
    };
    Ok(Total {
        bytes: row.try_get_by_index(0)?,
        n_surveys: row.try_get_by_index(1)?,
        survey_ms: row.try_get_by_index(2)?,
    })
}

/// Counts an item that was drawn.
pub async fn add_survey(tx: &Tx, bytes: i64, took_ms: i64) -> Result<(), DbErr> {
    let text = "update picture_total set bytes = bytes + $1, n_surveys = n_surveys + 1, survey_ms = survey_ms + $2";
    sql::execute(&**tx, text, [bytes.into(), took_ms.into()]).await?;
    Ok(())
}

/// Counts bytes that were kept.
pub async fn add(tx: &Tx, bytes: i64) -> Result<(), DbErr> {
    if bytes != 0 {
        sql::execute(&**tx, "update picture_total set bytes = bytes + $1", [bytes.into()]).await?;
    }
    Ok(())
}

/// Counts bytes that are gone.
pub async fn subtract(tx: &Tx, bytes: i64) -> Result<(), DbErr> {
    add(tx, -bytes).await
}
