//! `backup.make`: copies the embedded database to a file of a given name. Killed at any point, the next attempt makes the
//! copy anew, or finds it whole.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use kernel::{
    backups::{Backups, Stop},
    error::Failure,
    jobs::{Job, JobCx, Lane},
};
use serde::{Deserialize, Serialize};

use crate::{Backup, code};

/// How often it is looked how far the copy is.
const LOOK: Duration = Duration::from_millis(250);
/// Room that must be left beside the copy.
const SPARE: u64 = 64 << 20;

kernel::steps! {
    /// What a backup does.
    pub enum BackUpStep {
        Copy = "copy": 3.0,
        Check = "check",
    }
}

/// Copies the database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackUp {
    /// The copy's name.
    pub name: String,
}

#[async_trait::async_trait]
impl Job for BackUp {
    const KIND: &'static str = "backup.make";
    const LANE: Lane = Lane::Disk;
    type Step = BackUpStep;
    type Plugin = Backup;

    fn title(&self) -> String {
        "Back up the database".to_owned()
    }

    async fn run(&self, cx: &JobCx<BackUpStep>, plugin: &Backup) -> anyhow::Result<()> {
        let backups = plugin.backups()?;
        if backups.find(&self.name)?.is_some() {
            return Ok(());
        }
        must_have_room(backups)?;
        let size = backups.expected_size()?;
        cx.unit("bytes");
        cx.step(BackUpStep::Copy, Some(size));
        let stop = Stop::default();
        let mut told = 0;
        let copy = backups.copy(&self.name, stop.clone());
        attended(cx, copy, &stop, || {
            // A copy is compact, so it may end below what was expected, and what is written meanwhile may take it above.
            let written = backups.written(&self.name).min(size);
            cx.advance(written.saturating_sub(told));
            told = told.max(written);
        })
        .await?;
        cx.advance(size.saturating_sub(told));
        cx.step(BackUpStep::Check, None);
        let begun = Instant::now();
        let publish = backups.publish(&self.name, stop.clone());
        attended(cx, publish, &stop, || {
            cx.message(format!("checking for {} s", begun.elapsed().as_secs()));
        })
        .await?;
        cx.message(self.name.clone());
        Ok(())
    }
}

/// Refuses a copy that the disk has no room for.
///
/// # Errors
/// It has none, or does not say.
pub fn must_have_room(backups: &Backups) -> Result<(), Failure> {
    let size = backups.expected_size().map_err(Failure::internal)?;
    let room = backups.room().map_err(Failure::internal)?;
    if room < size + SPARE {
        let message = format!("a copy takes about {size} bytes, and the disk of the data directory has {room} free");
        return Err(Failure::new(&code::NO_ROOM, message));
    }
    Ok(())
}

/// Waits for work that reports nothing itself, and ends it when the job is to end.
async fn attended(
    cx: &JobCx<BackUpStep>,
    work: impl Future<Output = anyhow::Result<()>>,
    stop: &Stop,
    mut look: impl FnMut(),
) -> anyhow::Result<()> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(LOOK) => look(),
        }
        if let Err(interrupted) = cx.checkpoint().await {
            stop.store(true, Ordering::Relaxed);
            // The connection closes in order; what it was doing ends with an error of no interest.
            let _ = work.await;
            return Err(interrupted.into());
        }
    }
}
