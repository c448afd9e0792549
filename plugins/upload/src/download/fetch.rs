//! One run of the program: started, watched, and ended when it has had its time, its bytes, or nobody wants it any more.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use fetch::proxy::{Proxy, Witness};
use kernel::{
    blob::RelativePath,
    error::Failure,
    jobs::{JobCx, Step},
    kind,
};
use media_engine::{
    engine::Engine,
    foreign::{Running, Said, UNCONFINED},
};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    program::{self, Bounds, STEM, UNFINISHED},
    said::Heard,
};
use crate::{Upload, code, place::Place};

/// How often the folder and the clock are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// More files and folders are no film.
const MAX_ENTRIES: usize = 20_000;

/// What came of a page.
pub struct Fetched {
    /// The file, below the root of its place.
    pub file: RelativePath,
    /// Its length.
    pub n_bytes: u64,
    /// Its title, with the file's extension.
    pub name: String,
}

/// Where a run works.
pub struct Room {
    /// Whose folder it is.
    pub place: Place,
    /// The folder, below the root of the place.
    pub folder: RelativePath,
}

/// Has the program fetch a page into a folder, and says what it has left there.
///
/// # Errors
/// The program is missing or cannot be confined, the page has nothing, a bound was met, or the job must end.
pub async fn fetch<S: Step>(cx: &JobCx<S>, upload: &Upload, room: &Room, url: &str) -> anyhow::Result<Fetched> {
    let kernel = cx.kernel();
    let program = program::program(upload)?;
    let engine = kernel.parts.get::<Engine>();
    let engine = engine.ok_or_else(|| Failure::new(&code::NO_ENGINE, "the media engine is not running"))?;
    let bounds = upload.download_bounds();
    let proxy = Proxy::open(Arc::clone(&upload.egress), bounds.max_bytes).await?;
    let witness = proxy.witness();
    let folder: PathBuf = room.folder.below(&room.place.root);
    let order = program::order(&program, &folder, url, (&proxy.url(), proxy.port()), bounds);

    let running = engine.start_foreign(&order).await?;
    let mut run = Run {
        heard: Heard::default(),
        witness,
        bounds,
        room,
        least_free: upload.config.min_free_bytes,
        n_kept: 0,
    };
    let code = {
        // The program has no other way out, so the proxy lives exactly as long.
        let mut serving = pin!(proxy.serve());
        let mut watching = pin!(run.watch(cx, running));
        tokio::select! {
            watched = &mut watching => watched?,
            () = &mut serving => anyhow::bail!("the proxy has ended before its program"),
        }
    };
    run.judge(code).await
}

struct Run<'a> {
    heard: Heard,
    witness: Witness,
    bounds: Bounds,
    room: &'a Room,
    least_free: u64,
    /// What its files took when they were looked at last.
    n_kept: u64,
}

impl Run<'_> {
    /// Listens until the program has ended, by itself or because it must; nothing of it is left then.
    async fn watch<S: Step>(&mut self, cx: &JobCx<S>, mut running: Running) -> anyhow::Result<i32> {
        let mut looking = interval(LOOK);
        looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut overdue = pin!(sleep(Duration::from_secs(self.bounds.max_s)));
        let stopped: anyhow::Result<()> = loop {
            tokio::select! {
                said = running.next() => match said? {
                    None => break Ok(()),
                    Some(Said::Error(line)) => self.heard.error(&line),
                    Some(Said::Out(line)) => if let Err(failure) = self.hear(cx, &line) {
                        break Err(failure.into());
                    },
                },
                _ = looking.tick() => if let Err(error) = self.look(cx).await {
                    break Err(error);
                },
                () = cx.canceled().cancelled() => break cx.checkpoint().await.map_err(Into::into),
                () = &mut overdue => {
                    let message = format!("the program was not done after {} s", self.bounds.max_s);
                    break Err(Failure::new(&code::DOWNLOAD_TOO_LONG, message).into());
                }
            }
        };
        let code = running.end().await?;
        stopped.map(|()| code)
    }

    fn hear<S: Step>(&mut self, cx: &JobCx<S>, line: &str) -> Result<(), Failure> {
        let before = self.heard.n_bytes();
        if self.heard.out(line) {
            cx.set_total(self.heard.total());
            cx.advance(self.heard.n_bytes().saturating_sub(before));
            if self.heard.total() > self.bounds.max_bytes {
                return Err(self.too_large());
            }
        } else if let Some(title) = &self.heard.title {
            cx.message(title.clone());
        }
        Ok(())
    }

    /// Whether the job goes on, and whether there is room for what the program writes.
    async fn look<S: Step>(&mut self, cx: &JobCx<S>) -> anyhow::Result<()> {
        cx.checkpoint().await?;
        let n_bytes = self
            .n_bytes()
            .await?
            .filter(|n_bytes| *n_bytes <= self.bounds.max_bytes);
        let Some(n_bytes) = n_bytes.filter(|_| !self.witness.is_spent()) else {
            return Err(self.too_large().into());
        };
        if n_bytes != std::mem::replace(&mut self.n_kept, n_bytes) {
            // It works, though it may say nothing while it joins pictures and sound.
            cx.advance(0);
        }
        let room = self.room.place.room().await?;
        let least = self.least_free.max(room.total / 50);
        if room.free < least {
            let message = format!("{} bytes are free and {least} must stay so", room.free);
            return Err(Failure::new(&code::NO_ROOM, message).into());
        }
        Ok(())
    }

    /// What its files take; nothing if there are too many to tell.
    async fn n_bytes(&self) -> Result<Option<u64>, Failure> {
        let folder = self.room.folder.clone();
        self.room.place.run(move |root| root.usage(&folder, MAX_ENTRIES)).await
    }

    fn too_large(&self) -> Failure {
        let message = format!(
            "what the page has is more than {} bytes, or too many files",
            self.bounds.max_bytes
        );
        Failure::new(&code::TOO_LARGE, message)
    }

    /// What an end means.
    async fn judge(mut self, code: i32) -> anyhow::Result<Fetched> {
        let said = self.heard.error.take();
        if code == UNCONFINED {
            let message = format!("this system cannot confine the program: {}", said.unwrap_or_default());
            return Err(Failure::new(&code::UNCONFINED, message).into());
        }
        let folder = self.room.folder.clone();
        let files = self.room.place.run(move |root| root.files(&folder)).await?;
        // A file of just as many bytes as may be was cut by the system.
        let is_cut = files
            .iter()
            .any(|(_, size)| size.unsigned_abs() >= self.bounds.max_bytes);
        if is_cut || self.witness.is_spent() {
            return Err(self.too_large().into());
        }
        if code != 0 {
            if let Some(refused) = self.witness.take_refused() {
                return Err(Failure::new(&code::DOWNLOAD_REFUSED, refused.to_string()).into());
            }
            let reason = said.unwrap_or_else(|| format!("it ended with code {code}"));
            return Err(Failure::new(&code::DOWNLOAD_FAILED, reason).into());
        }
        let largest = files
            .into_iter()
            .filter(|(name, _)| is_finished(name))
            .max_by_key(|(_, size)| *size);
        let Some((name, size)) = largest else {
            let message = "the page has no video, sound or image that the program can fetch";
            return Err(Failure::new(&code::DOWNLOAD_FAILED, message).into());
        };
        let extension = kind::extension(&name).unwrap_or_default();
        // A name of one part; the rest of what it must not be is seen to where the file gets its place.
        let title = self.heard.title.take().unwrap_or_else(|| "untitled".to_owned());
        let title = title.replace('/', "_");
        Ok(Fetched {
            file: self.room.folder.join(&name),
            n_bytes: size.unsigned_abs(),
            name: format!("{title}.{extension}"),
        })
    }
}

/// Whether a file is what the program was told to make.
fn is_finished(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let Some(extension) = name.strip_prefix(STEM).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    !extension.contains('.') && !UNFINISHED.contains(&extension)
}
