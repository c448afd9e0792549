//! Tells which item a clip has become, once a scan has found its file, and gives the item what its source has.

use std::{collections::BTreeSet, time::Duration};

use entities::id::{ClipId, LibraryId, MediaId};
use kernel::{
    error::Failure,
    events::{FilesAdded, MediaChanged},
    plugin::Kernel,
    sql,
    store::Durability,
};
use schema::{kit::text::natural_key, media::tally::Tally, search::index};
use sea_orm::Value;
use tokio_util::sync::CancellationToken;

use crate::place;

/// `title_origin` of a title that a person gave.
const BY_A_PERSON: i32 = 3;

/// Links what a scan of a library has found.
///
/// # Errors
/// The database fails.
pub async fn link(kernel: &Kernel, library: LibraryId) -> Result<(), Failure> {
    let found = "select clip.id, clip.media_id, clip.title, item.id, item.n_files from clip \
        join media as item on item.library_id = clip.library_id \
        join file on file.media_id = item.id and file.status = 0 and file.path = clip.file_name \
        where clip.status = 2 and clip.library_id = $1";
    let db = kernel.store.reader();
    for row in sql::rows(db, found, [library.0.into()]).await? {
        let clip = ClipId(row.try_get_by_index(0)?);
        let (source, item) = (MediaId(row.try_get_by_index(1)?), MediaId(row.try_get_by_index(3)?));
        let (title, n_files): (String, i32) = (row.try_get_by_index(2)?, row.try_get_by_index(4)?);
        adopt(kernel, clip, (source, item), &title, n_files == 1).await?;
    }
    Ok(())
}

async fn adopt(
    kernel: &Kernel,
    clip: ClipId,
    (source, item): (MediaId, MediaId),
    title: &str,
    is_new: bool,
) -> Result<(), Failure> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    let text = "update clip set status = 3, result_media_id = $2, updated_at = $3 where id = $1 and status = 2";
    if sql::execute(&*tx, text, [clip.0.into(), item.0.into(), now.into()]).await? == 0 {
        return Ok(());
    }
    // The same bytes may have been an item before: then nothing of it is changed.
    if is_new && source != item {
        let tally = Tally::of(&tx, [item]).await?;
        let text = "update media set title = $2, sort_title = $3, title_origin = $4, updated_at = $5, \
            studio_id = (select origin.studio_id from media as origin where origin.id = $6), \
            date = (select origin.date from media as origin where origin.id = $6) where id = $1";
        let values: [Value; 6] = [
            item.0.into(),
            title.into(),
            natural_key(title).into(),
            BY_A_PERSON.into(),
            now.into(),
            source.0.into(),
        ];
        sql::execute(&*tx, text, values).await?;
        for text in [
            "insert into media_tag (media_id, tag_id, added_at) select $1, origin.tag_id, origin.added_at \
             from media_tag as origin where origin.media_id = $2 on conflict do nothing",
            "insert into media_person (media_id, person_id, role, position, added_at) select $1, origin.person_id, \
             origin.role, origin.position, origin.added_at from media_person as origin where origin.media_id = $2 \
             on conflict do nothing",
            // What a marker says is in the clip.
            "insert into media_tag (media_id, tag_id, added_at) select $1, marked.tag_id, clip.created_at from clip \
             join marker_tag as marked on marked.marker_id = clip.marker_id \
             where clip.result_media_id = $1 and clip.media_id = $2 on conflict do nothing",
        ] {
            sql::execute(&*tx, text, [item.0.into(), source.0.into()]).await?;
        }
        tally.apply(&tx, [], now).await?;
        index::refresh(&tx, &[item]).await?;
    }
    tx.publish(MediaChanged {
        media: vec![item, source],
    });
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
            tracing::warn!(error = %failure, "clips could not be linked with their items");
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn look(kernel: &Kernel) -> Result<(), Failure> {
    let waiting = "select distinct library_id from clip where status = 2";
    let read = async || {
        let rows = sql::rows(kernel.store.reader(), waiting, []).await?;
        let ids = rows.iter().map(|row| row.try_get_by_index(0).map(LibraryId));
        ids.collect::<Result<BTreeSet<_>, _>>().map_err(Failure::from)
    };
    for library in read().await? {
        link(kernel, library).await?;
    }
    for library in read().await? {
        let folder = place::folder(kernel, library);
        let tx = kernel.store.begin(Durability::Normal).await?;
        tx.publish(FilesAdded { library, folder });
        tx.commit().await?;
    }
    Ok(())
}
