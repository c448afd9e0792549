//! Tells which item a recording has become, once a scan has found its file, and names the item after source and time.

use std::{collections::BTreeSet, time::Duration};

use entities::id::{CapturePartId, LibraryId, MediaId};
use kernel::{
    error::Failure,
    events::{FilesAdded, MediaChanged},
    plugin::Kernel,
    sql,
    store::Durability,
};
use schema::{kit::text::natural_key, search::index};
use sea_orm::Value;
use tokio_util::sync::CancellationToken;

use crate::place;

/// `title_origin` of a title that a person gave: the source's name.
const BY_A_PERSON: i32 = 3;

/// Links what a scan of a library has found.
///
/// # Errors
/// The database fails.
pub async fn link(kernel: &Kernel, library: LibraryId) -> Result<(), Failure> {
    let found = "select part.id, item.id, source.name, part.started_at, item.n_files from capture_part as part \
        join capture on capture.id = part.capture_id join capture_source as source on source.id = capture.source_id \
        join media as item on item.library_id = source.library_id \
        join file on file.media_id = item.id and file.status = 0 and file.path = part.file_name \
        where part.status = 1 and source.library_id = $1";
    for row in sql::rows(kernel.store.reader(), found, [library.0.into()]).await? {
        let (part, item) = (
            CapturePartId(row.try_get_by_index(0)?),
            MediaId(row.try_get_by_index(1)?),
        );
        let (name, started_at): (String, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        let n_files: i32 = row.try_get_by_index(4)?;
        let title = format!("{name} {}", place::told(started_at));
        adopt(kernel, part, item, &title, n_files == 1).await?;
    }
    Ok(())
}

async fn adopt(kernel: &Kernel, part: CapturePartId, item: MediaId, title: &str, is_new: bool) -> Result<(), Failure> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    let text = "update capture_part set status = 2, media_id = $2 where id = $1 and status = 1";
    if sql::execute(&*tx, text, [part.0.into(), item.0.into()]).await? == 0 {
        return Ok(());
    }
    // The same bytes may have been an item before: then nothing of it is changed.
    if is_new {
        let text = "update media set title = $2, sort_title = $3, title_origin = $4, updated_at = $5 where id = $1";
        let values: [Value; 5] = [
            item.0.into(),
            title.into(),
            natural_key(title).into(),
            BY_A_PERSON.into(),
            now.into(),
        ];
        sql::execute(&*tx, text, values).await?;
        index::refresh(&tx, &[item]).await?;
    }
    tx.publish(MediaChanged { media: vec![item] });
    tx.commit().await?;
    Ok(())
}

/// After a start: links what was found while nobody looked, and has the rest looked for.
pub async fn catch_up(kernel: Kernel, stop: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(5);
    let work = async {
        // Whoever scans must have begun to listen.
        tokio::time::sleep(PAUSE).await;
        while let Err(failure) = look(&kernel).await {
            tracing::warn!(error = %failure, "recordings could not be linked with their items");
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

/// Libraries with recordings that are not linked yet.
async fn waiting(kernel: &Kernel) -> Result<BTreeSet<LibraryId>, Failure> {
    let text = "select distinct source.library_id from capture_part as part \
        join capture on capture.id = part.capture_id join capture_source as source on source.id = capture.source_id \
        where part.status = 1";
    let rows = sql::rows(kernel.store.reader(), text, []).await?;
    let ids = rows.iter().map(|row| row.try_get_by_index(0).map(LibraryId));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Links all that waits.
///
/// # Errors
/// The database fails.
pub async fn link_waiting(kernel: &Kernel) -> Result<(), Failure> {
    for library in waiting(kernel).await? {
        link(kernel, library).await?;
    }
    Ok(())
}

async fn look(kernel: &Kernel) -> Result<(), Failure> {
    link_waiting(kernel).await?;
    for library in waiting(kernel).await? {
        let folder = place::folder(kernel, library);
        let tx = kernel.store.begin(Durability::Normal).await?;
        tx.publish(FilesAdded { library, folder });
        tx.commit().await?;
    }
    Ok(())
}
