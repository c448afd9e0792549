//! `clips.sweep`: removes bytes that no row knows: a killed job has written them and never their row, or an item was removed
//! with all that was made of it. What is young is left alone, for a job may be about to write its row.

use std::{collections::HashSet, time::Duration};

use entities::id::RenditionId;
use futures_util::TryStreamExt;
use kernel::{
    jobs::{Job, JobCx, Lane},
    objects::ObjectKey,
    sql,
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{Clips, clip::State, place, rendition};

kernel::steps! {
    /// What a sweep does, in this order.
    pub enum SweepStep {
        Rows = "rows",
        Objects = "objects",
        Work = "work",
    }
}

/// How long nothing is swept after it was made. URLs live for six hours.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
const BATCH: usize = 200;

/// Sweeps what no row knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepClips {}

#[async_trait::async_trait]
impl Job for SweepClips {
    const KIND: &'static str = "clips.sweep";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    type Step = SweepStep;
    type Plugin = Clips;

    fn title(&self) -> String {
        "Tidy the store of renditions".to_owned()
    }

    async fn run(&self, cx: &JobCx<SweepStep>, clips: &Clips) -> anyhow::Result<()> {
        let before = cx.kernel().clock.now_ms() - GRACE.as_millis() as i64;
        cx.step(SweepStep::Rows, None);
        forget_deleted(cx).await?;
        cx.step(SweepStep::Objects, None);
        remove_unknown(cx, clips, before).await?;
        clips.objects.remove_unfinished(GRACE).await?;
        cx.step(SweepStep::Work, None);
        remove_work(cx, before).await
    }
}

/// Clips that were deleted and whose item is gone from the trash too.
async fn forget_deleted(cx: &JobCx<SweepStep>) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    let text = "delete from clip where deleted_at is not null and result_media_id is null";
    sql::execute(&*tx, text, []).await?;
    tx.commit().await?;
    Ok(())
}

async fn remove_unknown(cx: &JobCx<SweepStep>, clips: &Clips, before: i64) -> anyhow::Result<()> {
    let mut listed = std::pin::pin!(clips.objects.list().try_chunks(BATCH));
    while let Some(chunk) = listed.try_next().await.map_err(|error| error.1)? {
        cx.checkpoint().await?;
        let old = chunk.iter().filter(|found| found.put_at < before);
        let old: Vec<ObjectKey> = old.map(|found| found.key).collect();
        if old.is_empty() {
            continue;
        }
        let marks: Vec<String> = (1..=old.len()).map(|n| format!("${n}")).collect();
        let text = format!(
            "select object_key from clip_rendition where object_key in ({})",
            marks.join(", ")
        );
        let values = old.iter().map(|key| key.as_bytes().to_vec().into());
        let mut known: HashSet<Vec<u8>> = HashSet::new();
        for row in sql::rows(cx.kernel().store.reader(), text, values).await? {
            known.insert(row.try_get_by_index(0)?);
        }
        for key in old.iter().filter(|key| !known.contains(key.as_bytes())) {
            clips.objects.delete(*key).await?;
        }
        cx.advance(chunk.len() as u64);
    }
    Ok(())
}

/// Files of unfinished work whose clip or rendition is whole, or gone.
async fn remove_work(cx: &JobCx<SweepStep>, before: i64) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let mut wanted: HashSet<Vec<u8>> = HashSet::new();
    let text = format!("select file_name from clip where status < {}", State::Placed as i32);
    for row in sql::rows(kernel.store.reader(), text, []).await? {
        wanted.insert(row.try_get_by_index::<String>(0)?.into_bytes());
    }
    let text = format!(
        "select id from clip_rendition where status <> {}",
        rendition::State::Ready as i32
    );
    for row in sql::rows(kernel.store.reader(), text, []).await? {
        let names = rendition::work_names(RenditionId(row.try_get_by_index(0)?));
        wanted.extend(names.map(String::into_bytes));
    }
    let removed = place::below(kernel, move |root| {
        for entry in root.open_folder(&place::work_folder())?.entries()? {
            let path = place::work_folder().join(&entry.name);
            let Some(facts) = root.open_folder(&place::work_folder())?.facts(&entry.name).ok() else {
                continue;
            };
            if !wanted.contains(&entry.name) && facts.mtime_ns / 1_000_000 < before {
                root.remove_file(&path)?;
            }
        }
        Ok(())
    });
    Ok(removed.await?)
}
