//! Tells which item an upload has become, once a scan has found its file.

use std::time::Duration;

use entities::id::{MediaId, UploadId};
use kernel::{error::Failure, plugin::Kernel, sql, store::Durability};
use tokio_util::sync::CancellationToken;

use crate::{jobs::finish::added, row};

/// Links what scans have found.
///
/// # Errors
/// The database fails.
pub async fn link(kernel: &Kernel, remember_ms: i64) -> Result<(), Failure> {
    let found = "select upload.id, file.media_id from upload \
        join folder on folder.library_path_id = upload.library_path_id and folder.path = upload.target_folder \
        join file on file.folder_id = folder.id and file.name = upload.target_name and file.status = 0 \
        where upload.status = 3";
    for row in sql::rows(kernel.store.reader(), found, []).await? {
        let (id, media) = (UploadId(row.try_get_by_index(0)?), MediaId(row.try_get_by_index(1)?));
        let now = kernel.clock.now_ms();
        let tx = kernel.store.begin(Durability::Full).await?;
        let text = "update upload set status = 4, media_id = $2, updated_at = $3, expires_at = $4 where id = $1 and status = 3";
        let values = [id.0.into(), media.0.into(), now.into(), (now + remember_ms).into()];
        sql::execute(&*tx, text, values).await?;
        tx.commit().await?;
        twins(kernel, Some(id)).await?;
    }
    Ok(())
}

/// Uploads of the same bytes become the same item.
///
/// # Errors
/// The database fails.
pub async fn twins(kernel: &Kernel, of: Option<UploadId>) -> Result<(), Failure> {
    let Some(of) = of else { return Ok(()) };
    let tx = kernel.store.begin(Durability::Normal).await?;
    let text = "update upload set media_id = (select first.media_id from upload as first where first.id = $1) \
        where twin_id = $1 and media_id is null";
    sql::execute(&*tx, text, [of.0.into()]).await?;
    tx.commit().await?;
    Ok(())
}

/// Has the folder scanned that an upload was placed in.
///
/// # Errors
/// The database fails.
pub async fn ask(kernel: &Kernel, id: UploadId) -> Result<(), Failure> {
    let row = row::find(kernel.store.reader(), id).await?;
    let Some(added) = row.as_ref().and_then(added) else {
        return Ok(());
    };
    let tx = kernel.store.begin(Durability::Normal).await?;
    tx.publish(added);
    tx.commit().await?;
    Ok(())
}

/// After a start: links what was found while nobody looked, and has the rest looked for.
pub async fn catch_up(kernel: Kernel, remember_ms: i64, stop: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(2);
    let work = async {
        // Whoever scans must have begun to listen.
        tokio::time::sleep(PAUSE).await;
        while let Err(failure) = look(&kernel, remember_ms).await {
            tracing::warn!(error = %failure, "uploads could not be linked with their items");
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn look(kernel: &Kernel, remember_ms: i64) -> Result<(), Failure> {
    link(kernel, remember_ms).await?;
    for row in sql::rows(kernel.store.reader(), "select id from upload where status = 3", []).await? {
        ask(kernel, UploadId(row.try_get_by_index(0)?)).await?;
    }
    Ok(())
}
