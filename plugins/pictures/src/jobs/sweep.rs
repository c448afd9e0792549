//! `pictures.sweep`: keeps the store within its budget and free of what no row knows.
//!
//! Rows go before bytes, so that a crash in between leaves bytes without a row, which the next sweep finds. What is young
//! is left alone: a job on this or another node may be about to write its row.

use std::{collections::HashSet, time::Duration};

use entities::id::MediaId;
use futures_util::TryStreamExt;
use kernel::{
    events::MediaChanged,
    jobs::{Job, JobCx, Lane},
    objects::ObjectKey,
    sql,
    store::{Durability, Tx},
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use crate::{
    Pictures,
    tables::{picture_object, picture_part, picture_still},
    total,
};

kernel::steps! {
    /// What a sweep does, in this order.
    pub enum SweepStep {
        Evict = "evict",
        Rows = "rows",
        Files = "files",
    }
}

/// How long nothing is swept after it was made. URLs live for six hours.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// How long a request whose job was canceled is kept.
const REQUEST_AGE_MS: i64 = 30 * 24 * 3600 * 1000;
const BATCH: usize = 200;

/// Sweeps the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepPictures {}

#[async_trait::async_trait]
impl Job for SweepPictures {
    const KIND: &'static str = "pictures.sweep";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    type Step = SweepStep;
    type Plugin = Pictures;

    fn title(&self) -> String {
        "Tidy the store of pictures".to_owned()
    }

    async fn run(&self, cx: &JobCx<SweepStep>, pictures: &Pictures) -> anyhow::Result<()> {
        cx.unit("pictures");
        cx.step(SweepStep::Evict, None);
        while evict(cx, pictures).await? {}
        cx.step(SweepStep::Rows, None);
        let before = cx.kernel().clock.now_ms() - GRACE.as_millis() as i64;
        while drop_unreferenced(cx, pictures, before).await? {}
        forget_requests(cx).await?;
        cx.step(SweepStep::Files, None);
        remove_unknown(cx, pictures, before).await?;
        pictures.objects.remove_unfinished(GRACE).await?;
        Ok(())
    }
}

/// Drops what can be made again until the rest fits: by role, the oldest first. False when nothing is left to do.
async fn evict(cx: &JobCx<SweepStep>, pictures: &Pictures) -> anyhow::Result<bool> {
    cx.checkpoint().await?;
    let db = cx.kernel().store.reader();
    let mut over = total::read(db).await?.bytes - pictures.config.max_bytes();
    if over <= 0 {
        return Ok(false);
    }
    use picture_object::Column;
    let found = picture_object::Entity::find()
        .order_by_asc(Column::Role)
        .order_by_asc(Column::MadeAt)
        .order_by_asc(Column::Key)
        .limit(BATCH as u64)
        .all(db)
        .await?;
    let mut keys = Vec::new();
    for object in found {
        if over <= 0 {
            break;
        }
        over -= object.bytes;
        keys.push(object.key);
    }
    if keys.is_empty() {
        return Ok(false);
    }
    let tx = cx.begin(Durability::Normal).await?;
    let media: Vec<MediaId> = picture_part::Entity::find()
        .select_only()
        .column(picture_part::Column::MediaId)
        .distinct()
        .filter(picture_part::Column::Key.is_in(keys.iter().cloned()))
        .into_tuple()
        .all(&*tx)
        .await?;
    picture_part::Entity::delete_many()
        .filter(picture_part::Column::Key.is_in(keys.iter().cloned()))
        .exec(&*tx)
        .await?;
    picture_still::Entity::delete_many()
        .filter(picture_still::Column::Key.is_in(keys.iter().cloned()))
        .exec(&*tx)
        .await?;
    let dropped = delete_rows(&tx, keys).await?;
    tx.publish(MediaChanged { media });
    tx.commit().await?;
    delete_files(cx, pictures, dropped).await?;
    Ok(true)
}

/// Drops rows of objects that nothing refers to any more. False when there is none.
async fn drop_unreferenced(cx: &JobCx<SweepStep>, pictures: &Pictures, before: i64) -> anyhow::Result<bool> {
    cx.checkpoint().await?;
    let tx = cx.begin(Durability::Normal).await?;
    let text = format!(
        "delete from picture_object where key in (select o.key from picture_object o where o.made_at < $1 \
         and not exists (select 1 from picture_part p where p.key = o.key) \
         and not exists (select 1 from picture_still s where s.key = o.key) order by o.made_at, o.key limit {BATCH}) \
         and made_at < $1 returning key, bytes"
    );
    let mut dropped = Vec::new();
    let mut bytes = 0;
    for row in sql::rows(&*tx, text, [before.into()]).await? {
        dropped.extend(ObjectKey::from_bytes(&row.try_get_by_index::<Vec<u8>>(0)?));
        bytes += row.try_get_by_index::<i64>(1)?;
    }
    total::subtract(&tx, bytes).await?;
    tx.commit().await?;
    let is_more = !dropped.is_empty();
    delete_files(cx, pictures, dropped).await?;
    Ok(is_more)
}

async fn forget_requests(cx: &JobCx<SweepStep>) -> anyhow::Result<()> {
    let before = cx.kernel().clock.now_ms() - REQUEST_AGE_MS;
    let tx = cx.begin(Durability::Normal).await?;
    sql::execute(&*tx, "delete from picture_request where asked_at < $1", [before.into()]).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes bytes that no row knows: a killed job has put them and never wrote the row, or a sweep was killed.
async fn remove_unknown(cx: &JobCx<SweepStep>, pictures: &Pictures, before: i64) -> anyhow::Result<()> {
    let mut listed = std::pin::pin!(pictures.objects.list().try_chunks(BATCH));
    while let Some(chunk) = listed.try_next().await.map_err(|error| error.1)? {
        cx.checkpoint().await?;
        let n_listed = chunk.len() as u64;
        let old: Vec<ObjectKey> = chunk
            .iter()
            .filter(|found| found.put_at < before)
            .map(|found| found.key)
            .collect();
        let known: HashSet<Vec<u8>> = picture_object::Entity::find()
            .select_only()
            .column(picture_object::Column::Key)
            .filter(picture_object::Column::Key.is_in(old.iter().map(|key| key.as_bytes().to_vec())))
            .into_tuple::<Vec<u8>>()
            .all(cx.kernel().store.reader())
            .await?
            .into_iter()
            .collect();
        let unknown = old.into_iter().filter(|key| !known.contains(key.as_bytes())).collect();
        delete_files(cx, pictures, unknown).await?;
        cx.advance(n_listed);
    }
    Ok(())
}

async fn delete_rows(tx: &Tx, keys: Vec<Vec<u8>>) -> Result<Vec<ObjectKey>, DbErr> {
    let gone = picture_object::Entity::delete_many()
        .filter(picture_object::Column::Key.is_in(keys))
        .exec_with_returning(&**tx)
        .await?;
    total::subtract(tx, gone.iter().map(|object| object.bytes).sum()).await?;
    Ok(gone
        .iter()
        .filter_map(|object| ObjectKey::from_bytes(&object.key))
        .collect())
}

async fn delete_files(cx: &JobCx<SweepStep>, pictures: &Pictures, keys: Vec<ObjectKey>) -> anyhow::Result<()> {
    for key in keys {
        cx.checkpoint().await?;
        pictures.objects.delete(key).await?;
    }
    Ok(())
}
