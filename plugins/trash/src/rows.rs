//! What rows say after a file went into the trash, came back, or was removed: the file's, its item's, the counters'.

use entities::{
    file::{self, FileStatus},
    id::{FileId, MediaId},
    media,
};
use kernel::{
    blob::Facts,
    events::{MediaChanged, MediaRemoved},
    plugin::Kernel,
    sql,
    store::{Durability, Tx},
};
use schema::media::{
    primary::{self, Choice},
    tally::Tally,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Value};

use crate::held::{self, Held, Step};

/// The file is in the trash.
pub async fn entered(kernel: &Kernel, held: &Held) -> Result<(), DbErr> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    let tally = Tally::of(&tx, [held.media]).await?;
    if held::go(&tx, &[held.file], Step::Entering, Step::Held)
        .await?
        .is_empty()
    {
        return Ok(());
    }
    let text = "update file set status = $2, missing_at = $3, name = $4 where id = $1";
    let status = FileStatus::Trashed as i32;
    let values: [Value; 4] = [held.file.0.into(), status.into(), now.into(), held.row_name().into()];
    sql::execute(&*tx, text, values).await?;
    settle(&tx, tally, &[held.media], now).await?;
    tx.commit().await
}

/// The file is where it came from.
pub async fn returned(kernel: &Kernel, held: &Held, facts: Facts) -> Result<(), DbErr> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    // A row that got this path meanwhile is of a file that is no more, or the move would have failed.
    let text = "select other.id, other.media_id from file as own join file as other \
        on other.folder_id = own.folder_id and other.name = $2 and other.id <> own.id where own.id = $1";
    let others = sql::rows(&*tx, text, [held.file.0.into(), held.name.clone().into()]).await?;
    let mut media = vec![held.media];
    let mut displaced = Vec::new();
    for row in &others {
        displaced.push(FileId(row.try_get_by_index(0)?));
        media.push(MediaId(row.try_get_by_index(1)?));
    }
    let tally = Tally::of(&tx, media.iter().copied()).await?;
    if held::go(&tx, &[held.file], Step::Returning, Step::Held)
        .await?
        .is_empty()
    {
        return Ok(());
    }
    for other in displaced {
        let name = [&held.name, &b"/"[..], other.to_string().as_bytes()].concat();
        let text = "update file set name = $2, status = $3, missing_at = coalesce(missing_at, $4) where id = $1";
        let status = FileStatus::Missing as i32;
        sql::execute(&*tx, text, [other.0.into(), name.into(), status.into(), now.into()]).await?;
    }
    let text = "update file set status = $2, missing_at = null, name = $3, mtime_ns = $4, inode = $5, device = $6 \
        where id = $1";
    let status = FileStatus::Present as i32;
    let values: [Value; 6] = [
        held.file.0.into(),
        status.into(),
        held.name.clone().into(),
        facts.mtime_ns.into(),
        facts.inode.into(),
        facts.device.into(),
    ];
    sql::execute(&*tx, text, values).await?;
    held::forget(&tx, held.file).await?;
    settle(&tx, tally, &media, now).await?;
    tx.commit().await
}

/// The file is nowhere: it is missing like any other that somebody took away.
pub async fn lost(kernel: &Kernel, held: &Held) -> Result<(), DbErr> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    let tally = Tally::of(&tx, [held.media]).await?;
    // Of a file that never came in a scan knows better.
    let text = "update file set status = $2, missing_at = coalesce(missing_at, $3) where id = $1 and status = $4";
    let (missing, trashed) = (FileStatus::Missing as i32, FileStatus::Trashed as i32);
    sql::execute(
        &*tx,
        text,
        [held.file.0.into(), missing.into(), now.into(), trashed.into()],
    )
    .await?;
    held::forget(&tx, held.file).await?;
    settle(&tx, tally, &[held.media], now).await?;
    tx.commit().await
}

/// The file is gone for good, and with its last file the item.
pub async fn left(tx: &Tx, held: &Held, now: i64) -> Result<(), DbErr> {
    let tally = Tally::of(tx, [held.media]).await?;
    file::Entity::delete_by_id(held.file).exec(&**tx).await?;
    let rest = file::Entity::find().filter(file::Column::MediaId.eq(held.media));
    if rest.count(&**tx).await? == 0 {
        media::Entity::delete_by_id(held.media).exec(&**tx).await?;
        tx.publish(MediaRemoved {
            media: vec![held.media],
        });
        return tally.apply(tx, [], now).await;
    }
    settle(tx, tally, &[held.media], now).await
}

/// Brings items and counters in line, and tells who shows them.
async fn settle(tx: &Tx, tally: Tally, ids: &[MediaId], now: i64) -> Result<(), DbErr> {
    primary::settle(tx, ids, Choice::Keep, now).await?;
    tally.apply(tx, [], now).await?;
    let items = media::Entity::find().filter(media::Column::Id.is_in(ids.iter().copied()));
    let items = items.all(&**tx).await?;
    let (gone, here): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.missing_at.is_some());
    tx.publish(MediaChanged {
        media: here.into_iter().map(|item| item.id).collect(),
    });
    if !gone.is_empty() {
        tx.publish(MediaRemoved {
            media: gone.into_iter().map(|item| item.id).collect(),
        });
    }
    Ok(())
}
