//! `subtitles.read`: reads the subtitles of files that nobody has read as they are now.
//!
//! The rows are the queue: what is read is no longer found, what failed has a row that says so. Killed at any point, the next
//! attempt goes on with what is left.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use entities::id::FileId;
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    store::Durability,
};
use media_engine::engine::Engine;
use serde::{Deserialize, Serialize};

use crate::{
    Subtitles, code,
    queue::{Need, PAGE, START, Task},
    read::{Read, read},
    record,
};

kernel::steps! {
    /// What reading does.
    pub enum ReadStep {
        Read = "read",
    }
}

/// Reads subtitles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadSubtitles {}

/// How often a wait looks for cancel and pause.
const TICK: Duration = Duration::from_millis(100);

/// Saved with each file. Nothing reads it, for the rows say what is left; that something was saved is progress.
#[derive(Serialize)]
struct Done {
    last: FileId,
}

#[async_trait::async_trait]
impl Job for ReadSubtitles {
    const KIND: &'static str = "subtitles.read";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    // Each file that is written grants new attempts, but a very long film may outlast many short lives of a server.
    const MAX_ATTEMPTS: u32 = 20;
    // The engine has limits of its own; a long film on a slow disk is no stall.
    const STALLS_AFTER: Duration = Duration::from_secs(2 * 3600);
    type Step = ReadStep;
    type Plugin = Subtitles;

    fn title(&self) -> String {
        "Read subtitles".to_owned()
    }

    async fn run(&self, cx: &JobCx<ReadStep>, subtitles: &Subtitles) -> anyhow::Result<()> {
        let Some(engine) = cx.kernel().parts.get::<Engine>() else {
            let message = "the media engine is not running, so subtitles cannot be read";
            return Err(Failure::new(&code::NO_ENGINE, message).into());
        };
        cx.unit("files");
        let run = Run {
            cx,
            embedded: subtitles.config.embedded,
            engine: &engine,
            n_failed: AtomicU64::new(0),
        };
        run.forget().await?;
        // What was added or changed behind the place of a pass is found by the next one.
        while run.pass().await? > 0 {}
        let n_failed = run.n_failed.into_inner();
        if n_failed > 0 {
            tracing::warn!(
                n_failed,
                "subtitles of some files could not be read for the search; `subtitle_text.failure` says why"
            );
        }
        Ok(())
    }
}

struct Run<'a> {
    cx: &'a JobCx<ReadStep>,
    embedded: bool,
    engine: &'a Engine,
    n_failed: AtomicU64,
}

impl Run<'_> {
    fn need(&self) -> Need<'_> {
        Need {
            only: None,
            embedded: self.embedded,
            now: self.cx.kernel().clock.now_ms(),
        }
    }

    /// Forgets what the subtitles that are gone said.
    async fn forget(&self) -> anyhow::Result<()> {
        loop {
            let gone = self.need().gone(self.cx.kernel().store.reader()).await?;
            if gone.is_empty() {
                return Ok(());
            }
            for (media, file) in gone {
                self.cx.checkpoint().await?;
                let tx = self.cx.begin(Durability::Normal).await?;
                record::remove(&tx, media, file).await?;
                tx.commit().await?;
            }
        }
    }

    /// Reads what there is, once through by id; says how many files it was.
    async fn pass(&self) -> anyhow::Result<u64> {
        let db = self.cx.kernel().store.reader();
        let (mut n_done, mut after) = (0, START);
        loop {
            let tasks = self.need().after(db, after, PAGE).await?;
            let Some(last) = tasks.last() else { return Ok(n_done) };
            if n_done == 0 {
                self.cx.step(ReadStep::Read, Some(self.need().count(db).await?));
            }
            after = last.place();
            n_done += tasks.len() as u64;
            for task in &tasks {
                self.cx.checkpoint().await?;
                self.cx.message(task.path.clone());
                let read = self.read(task).await?;
                self.write(task, &read).await?;
                self.cx.advance(1);
            }
        }
    }

    async fn read(&self, task: &Task) -> anyhow::Result<Read> {
        let store = &self.cx.kernel().store;
        let reading = read(store, self.engine, task, self.embedded, self.cx.canceled());
        let mut reading = std::pin::pin!(reading);
        loop {
            tokio::select! {
                read = &mut reading => return Ok(read?),
                // Dropping what is under way ends it.
                () = tokio::time::sleep(TICK) => self.cx.checkpoint().await?,
            }
        }
    }

    async fn write(&self, task: &Task, read: &Read) -> anyhow::Result<()> {
        if let Some(fault) = &read.fault {
            self.n_failed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(file = %task.file, why = fault.message, "subtitles could not be read for the search");
        }
        let now = self.cx.kernel().clock.now_ms();
        let tx = self.cx.begin(Durability::Normal).await?;
        record::write(&tx, task, read, self.need().version(), now).await?;
        self.cx.save_in(&tx, &Done { last: task.file }).await?;
        tx.commit().await?;
        Ok(())
    }
}
