//! `pictures.generate`: draws what has no current pictures, or what somebody asked for.
//!
//! The rows are the queue: what is drawn is no longer found, what failed has a row that says so. Killed at any point, the
//! next attempt goes on with what is left.

use std::time::Duration;

use entities::id::{LibraryId, MediaId};
use futures_util::{StreamExt, stream};
use kernel::{
    error::Failure,
    jobs::{Enqueue, Job, JobCx, Lane},
    sql,
    store::Durability,
};
use media_engine::{engine::Engine, progress::Progress};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    Pictures, code,
    draw::{DrawError, Drawn, Subject, draw},
    jobs::sweep::SweepPictures,
    queue::{Need, PAGE, Range, START, Task},
    recipe::{self, Wishes},
    record, total,
};

kernel::steps! {
    /// What drawing does.
    pub enum GenerateStep {
        Draw = "draw",
    }
}

/// Which items.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that has no current pictures.
    Missing,
    /// The same of one library.
    MissingOf(LibraryId),
    /// What rows of `picture_request` name under this number.
    Request {
        /// The number.
        id: i64,
        /// Whether what has current pictures is drawn again.
        remakes: bool,
        /// Whether what failed is tried again although nothing changed.
        retries: bool,
    },
}

/// Draws items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GeneratePictures {
    /// Which.
    pub scope: Scope,
}

/// How often a wait looks for cancel and pause.
const TICK: Duration = Duration::from_millis(100);

/// Saved with each item. Nothing reads it, for the rows say what is left; that something was saved is progress.
#[derive(Serialize)]
struct Done {
    last: MediaId,
}

#[async_trait::async_trait]
impl Job for GeneratePictures {
    const KIND: &'static str = "pictures.generate";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    // Each item that is written grants new attempts, but a very long film may outlast many short lives of a server.
    const MAX_ATTEMPTS: u32 = 20;
    // The engine has limits of its own; a long film on a slow disk is no stall.
    const STALLS_AFTER: Duration = Duration::from_secs(2 * 3600);
    type Step = GenerateStep;
    type Plugin = Pictures;

    fn title(&self) -> String {
        match self.scope {
            Scope::Missing => "Draw missing pictures".to_owned(),
            Scope::MissingOf(_) => "Draw missing pictures of a library".to_owned(),
            Scope::Request { remakes: true, .. } => "Draw pictures anew".to_owned(),
            Scope::Request { .. } => "Draw pictures".to_owned(),
        }
    }

    async fn run(&self, cx: &JobCx<GenerateStep>, pictures: &Pictures) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let Some(engine) = kernel.parts.get::<Engine>() else {
            let message = "the media engine is not running, so nothing can be drawn";
            return Err(Failure::new(&code::NO_ENGINE, message).into());
        };
        cx.unit("items");
        let run = Run {
            job: self,
            cx,
            pictures,
            engine: &engine,
        };
        // What was added or changed behind the place of a pass is found by the next one.
        while run.pass().await? > 0 {}
        if let Scope::Request { id, .. } = self.scope {
            let tx = cx.begin(Durability::Normal).await?;
            sql::execute(&*tx, "delete from picture_request where request_id = $1", [id.into()]).await?;
            tx.commit().await?;
        }
        if total::read(kernel.store.reader()).await?.bytes > pictures.config.max_bytes() {
            kernel.jobs.start_one(&SweepPictures {}, Enqueue::default()).await?;
        }
        Ok(())
    }
}

struct Run<'a> {
    job: &'a GeneratePictures,
    cx: &'a JobCx<GenerateStep>,
    pictures: &'a Pictures,
    engine: &'a Engine,
}

impl Run<'_> {
    fn need(&self) -> Need<'_> {
        let (range, remakes, retries) = match &self.job.scope {
            Scope::Missing => (Range::All, false, false),
            Scope::MissingOf(library) => (Range::Library(*library), false, false),
            Scope::Request { id, remakes, retries } => (Range::Request(*id), *remakes, *retries),
        };
        Need {
            range,
            remakes,
            retries,
            ffmpeg: &self.engine.ffmpeg().ffmpeg_hash,
            now: self.cx.kernel().clock.now_ms(),
        }
    }

    /// Draws what there is, once through by id; says how many items it was.
    async fn pass(&self) -> anyhow::Result<u64> {
        let db = self.cx.kernel().store.reader();
        let (mut n_done, mut after) = (0, START);
        loop {
            let tasks = self.need().after(db, after, PAGE).await?;
            let Some(last) = tasks.last() else { return Ok(n_done) };
            if n_done == 0 {
                self.cx.step(GenerateStep::Draw, Some(self.need().count(db).await?));
            }
            after = last.media;
            let wishes = self.pictures.config.wishes(total::read(db).await?.bytes);
            n_done += tasks.len() as u64;
            self.draw_all(tasks, wishes).await?;
        }
    }

    async fn draw_all(&self, tasks: Vec<Task>, wishes: Wishes) -> anyhow::Result<()> {
        let drawing = stream::iter(tasks).map(|task| async move {
            let drawn = self.draw(&task, wishes).await;
            (task, drawn)
        });
        let mut drawing = std::pin::pin!(drawing.buffer_unordered(self.pictures.n_workers(self.engine)));
        loop {
            let next = tokio::select! {
                next = drawing.next() => next,
                // Dropping what is under way ends it.
                () = tokio::time::sleep(TICK) => {
                    self.cx.checkpoint().await?;
                    continue;
                }
            };
            let Some((task, drawn)) = next else { return Ok(()) };
            self.cx.checkpoint().await?;
            self.write(&task, drawn).await?;
            self.cx.advance(1);
        }
    }

    async fn draw(&self, task: &Task, wishes: Wishes) -> Result<Drawn, DrawError> {
        self.cx.message(task.path.clone());
        let survey = recipe::survey(&task.subject, wishes);
        let subject = Subject {
            file: task.file,
            size: task.size,
            mtime_ns: task.mtime_ns,
        };
        let (progress, mut done) = watch::channel(Progress::default());
        let drawing = draw(
            &self.cx.kernel().store,
            &self.pictures.objects,
            self.engine,
            subject,
            &survey,
            self.cx.canceled(),
            Some(&progress),
        );
        let mut drawing = std::pin::pin!(drawing);
        let mut shown = 0;
        loop {
            tokio::select! {
                drawn = &mut drawing => return drawn,
                Ok(()) = done.changed() => {
                    let fraction = done.borrow_and_update().fraction().unwrap_or(0.0);
                    let percent = (fraction * 100.0) as u8;
                    // Some jump back for a moment, to look up an index.
                    if percent > shown {
                        shown = percent;
                        self.cx.message(format!("{} ({percent} %)", task.path));
                    }
                }
            }
        }
    }

    async fn write(&self, task: &Task, drawn: Result<Drawn, DrawError>) -> anyhow::Result<()> {
        let kernel = self.cx.kernel();
        let (now, ffmpeg) = (kernel.clock.now_ms(), &self.engine.ffmpeg().ffmpeg_hash);
        let outcome = match drawn {
            Ok(drawn) => Ok(drawn),
            Err(DrawError::Fault(fault)) => Err(fault),
            Err(other) => return Err(other.into()),
        };
        let tx = self.cx.begin(Durability::Normal).await?;
        // The library may have been removed meanwhile, and its rows with it.
        let text = "select id from file where id = $1 and media_id = $2";
        let is_there = !sql::rows(&*tx, text, [task.file.0.into(), task.media.0.into()])
            .await?
            .is_empty();
        if is_there {
            match &outcome {
                Ok(drawn) => record::success(&tx, task, drawn, ffmpeg, now).await?,
                Err(fault) => record::failure(&tx, task, fault, ffmpeg, now).await?,
            }
        }
        if let Scope::Request { id, .. } = self.job.scope {
            consume(&*tx, id, task.media).await?;
        }
        self.cx.save_in(&tx, &Done { last: task.media }).await?;
        tx.commit().await?;
        self.pictures.count(kernel, outcome.as_ref().ok());
        Ok(())
    }
}

async fn consume<C: ConnectionTrait>(tx: &C, request: i64, media: MediaId) -> anyhow::Result<()> {
    let text = "delete from picture_request where request_id = $1 and media_id = $2";
    sql::execute(tx, text, [request.into(), media.0.into()]).await?;
    Ok(())
}
