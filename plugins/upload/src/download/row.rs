//! What rows of uploads say of pages: where the page is, sealed, and what may be shown of it.

use entities::id::{JobId, UploadId};
use kernel::{
    error::Failure,
    plugin::Kernel,
    seal::Sealer,
    sql,
    store::{Store, Tx},
};
use sea_orm::{ConnectionTrait, DbErr, Value};

use crate::code;

fn place(id: UploadId) -> String {
    format!("upload.source of {id}")
}

/// Says which page an upload is fetched from.
///
/// # Errors
/// There is no key, or the database fails.
pub async fn set_source(tx: &Tx, kernel: &Kernel, id: UploadId, (url, shown): (&str, String)) -> Result<(), Failure> {
    let sealed = Sealer::of(kernel)?.seal(&place(id), url);
    let text = "update upload set source = $2, source_shown = $3 where id = $1";
    sql::execute(&**tx, text, [id.0.into(), sealed.into(), shown.into()]).await?;
    Ok(())
}

/// The page that an upload is fetched from.
///
/// # Errors
/// It was sealed with another key, or the database fails.
pub async fn source(kernel: &Kernel, id: UploadId) -> Result<String, Failure> {
    let text = "select source from upload where id = $1";
    let rows = sql::rows(kernel.store.reader(), text, [id.0.into()]).await?;
    let sealed: Option<String> = rows.first().map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let opened = Sealer::of(kernel)?.unseal(&place(id), &sealed.unwrap_or_default());
    opened.map_err(|error| {
        let message = format!("the page's address cannot be read: {error}; give it again");
        Failure::new(&code::DOWNLOAD_FAILED, message)
    })
}

/// Says that the file has come, with its name and size; whether it was still awaited. The address is of no use any more.
///
/// # Errors
/// The database fails.
pub async fn fetched(tx: &Tx, id: UploadId, filename: &str, n_bytes: u64, now: i64) -> Result<bool, DbErr> {
    let text = "update upload set status = 0, filename = $2, n_bytes = $3, n_received = $3, source = null, updated_at = $4 \
        where id = $1 and status = 7";
    let values: [Value; 4] = [id.0.into(), filename.into(), (n_bytes as i64).into(), now.into()];
    Ok(sql::execute(&**tx, text, values).await? > 0)
}

/// Says why it could not be fetched.
///
/// # Errors
/// The database fails.
pub async fn set_failed(
    tx: &Tx,
    id: UploadId,
    (code, message): (&str, &str),
    (now, expires_at): (i64, i64),
) -> Result<(), DbErr> {
    let text = "update upload set status = 6, source = null, error_code = $2, error_message = $3, updated_at = $4, \
        expires_at = $5 where id = $1 and status = 7";
    let values: [Value; 5] = [id.0.into(), code.into(), message.into(), now.into(), expires_at.into()];
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// The job of an upload.
///
/// # Errors
/// The database fails.
pub async fn job(store: &Store, id: UploadId) -> Result<Option<JobId>, DbErr> {
    let rows = sql::rows(store.reader(), "select job_id from upload where id = $1", [id.0.into()]).await?;
    let job = |row: &sea_orm::QueryResult| row.try_get_by_index::<Option<i64>>(0);
    Ok(rows.first().map(job).transpose()?.flatten().map(JobId))
}

/// Whether an upload is still to be fetched.
///
/// # Errors
/// The database fails.
pub async fn is_awaited<C: ConnectionTrait>(db: &C, id: UploadId) -> Result<bool, DbErr> {
    let rows = sql::rows(db, "select id from upload where id = $1 and status = 7", [id.0.into()]).await?;
    Ok(!rows.is_empty())
}
