//! `upload.sweep`: removes uploads that were not finished in time, forgets those that were long ago, and removes files
//! that no row knows.

use std::{path::PathBuf, time::Duration};

use kernel::{
    blob::EntryKind,
    jobs::{Job, JobCx, Lane},
    sql,
};
use serde::{Deserialize, Serialize};

use crate::{
    Upload, end,
    place::Place,
    row::{self, State},
};

kernel::steps! {
    /// What a sweep does, in this order.
    pub enum SweepStep {
        Rows = "rows",
        Files = "files",
    }
}

/// Every hour, at a minute that nothing else has.
pub const HOURLY: &str = "41 * * * *";
/// A file without a row may be about to get one.
const GRACE: Duration = Duration::from_secs(24 * 3600);
const BATCH: u64 = 100;

/// Sweeps uploads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepUploads {}

#[async_trait::async_trait]
impl Job for SweepUploads {
    const KIND: &'static str = "upload.sweep";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    type Step = SweepStep;
    type Plugin = Upload;

    fn title(&self) -> String {
        "Remove uploads that were given up".to_owned()
    }

    async fn run(&self, cx: &JobCx<SweepStep>, upload: &Upload) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        cx.unit("uploads");
        cx.step(SweepStep::Rows, None);
        loop {
            let expired = row::expired(kernel.store.reader(), kernel.clock.now_ms(), BATCH).await?;
            let mut n_removed = 0;
            for row in &expired {
                cx.checkpoint().await?;
                match end::abort(upload, row).await {
                    Ok(()) => n_removed += 1,
                    // Somebody writes to it after all, or its disk is away: the next sweep sees.
                    Err(failure) => {
                        tracing::warn!(upload = %row.id, error = %failure, "an expired upload was not removed")
                    }
                }
                cx.advance(1);
            }
            if expired.len() < BATCH as usize || n_removed == 0 {
                break;
            }
        }
        cx.step(SweepStep::Files, None);
        let mut places = vec![Place::of_parts(kernel)];
        for row in sql::rows(kernel.store.reader(), "select path from library_path", []).await? {
            places.push(Place::in_library(PathBuf::from(row.try_get_by_index::<String>(0)?)));
        }
        for place in places {
            cx.checkpoint().await?;
            remove_unknown(cx, &place).await?;
        }
        Ok(())
    }
}

async fn remove_unknown(cx: &JobCx<SweepStep>, place: &Place) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let folder = place.folder();
    let before_ns = (kernel.clock.now_ms() - GRACE.as_millis() as i64) * 1_000_000;
    let old = place.run(move |root| {
        let Ok(folder) = root.open_folder(&folder) else {
            return Ok(Vec::new());
        };
        let mut old = Vec::new();
        for entry in folder
            .entries()?
            .into_iter()
            .filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Folder))
        {
            let of = match entry.kind {
                EntryKind::File => Place::upload_of(&entry.name),
                _ => Place::page_of(&entry.name),
            };
            let Some(id) = of else { continue };
            if folder.facts(&entry.name)?.mtime_ns < before_ns {
                old.push(id);
            }
        }
        Ok(old)
    });
    let old = match old.await {
        Ok(old) => old,
        Err(failure) => {
            tracing::warn!(error = %failure, "a folder of uploads could not be swept");
            return Ok(());
        }
    };
    for id in old {
        let row = row::find(kernel.store.reader(), id).await?;
        let has_use = row.is_some_and(|row| {
            matches!(
                row.state,
                State::Receiving | State::Fetching | State::Checking | State::Placing | State::Failed
            )
        });
        if !has_use {
            let folder = place.page(id);
            place.run(move |root| root.remove_tree(&folder).map(drop)).await?;
            place.remove(id).await?;
            cx.advance(1);
        }
    }
    Ok(())
}
