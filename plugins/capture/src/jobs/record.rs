//! `capture.record`: keeps a capture going, from connection to connection, until it is to end. Killed at any point, the next
//! attempt seals what is there and goes on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use entities::id::CaptureId;
use kernel::{
    egress::target::Target,
    error::Failure,
    jobs::{Interrupted, Job, JobCx, Lane},
    plugin::Kernel,
    store::Durability,
};
use media_engine::engine::Engine;
use serde::{Deserialize, Serialize};

use super::connection::{self, Ended};
use crate::{
    Capture, code,
    desk::{Live, Vitals},
    place,
    publish::Ticket,
    repair,
    row::{self, Source, Status},
    secret::{self, Address},
    source::{Input, Reach},
};

kernel::steps! {
    /// What capturing does.
    pub enum RecordStep {
        Record = "record",
    }
}

/// Keeps one capture going.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub capture: CaptureId,
    /// The name of its source, for people.
    #[serde(default)]
    pub name: String,
}

/// The first pause between two attempts to reach a source.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(3);
/// How often it looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);
/// How often it looks for what others may have written, and at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// What cannot be read so many times in a row will not be read.
const MAX_UNREADABLE: u32 = 3;

#[async_trait::async_trait]
impl Job for Record {
    const KIND: &'static str = "capture.record";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Net;
    // Each restart of the server costs one.
    const MAX_ATTEMPTS: u32 = 10_000;
    // A source may be away for as long as it likes.
    const STALLS_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);
    type Step = RecordStep;
    type Plugin = Capture;

    fn title(&self) -> String {
        format!("Capture `{}`", self.name)
    }

    fn backoff(_attempt: u32) -> Duration {
        // Every second until then is lost.
        FIRST_PAUSE
    }

    async fn run(&self, cx: &JobCx<RecordStep>, plugin: &Capture) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let db = kernel.store.reader();
        let Some(capture) = row::find(db, self.capture).await? else {
            // Its source was removed meanwhile.
            return Ok(());
        };
        if capture.status.is_terminal() {
            return Ok(());
        }
        let Some(source) = row::sources(db, Some(capture.source)).await?.pop() else {
            return Ok(());
        };
        cx.unit("bytes");
        cx.step(RecordStep::Record, None);
        let engine = repair::engine(kernel)?;
        let seat = plugin.desk.enter(capture.id);
        if let Some(written_at) = repair::repair(cx, &engine, &source, &capture).await? {
            let tx = cx.begin(Durability::Normal).await?;
            row::open_gap(&*tx, capture.id, written_at, "the server was interrupted").await?;
            tx.commit().await?;
        }
        let address = secret::address(kernel, source.id).await;
        let recording = Recording {
            cx,
            plugin,
            engine,
            source,
            capture,
            live: seat.live.clone(),
        };
        match address {
            Ok(Address::Publisher(_)) if plugin.listen.is_none() => {
                let text = "nobody can publish: `rtmp_listen` in `[capture]` opens no port";
                recording.finish(Status::Failed, Some(text)).await
            }
            Ok(address) => recording.run(&address).await,
            Err(error) if error.code.category.is_servers_own() => Err(error.into()),
            Err(error) => recording.finish(Status::Failed, Some(&error.to_string())).await,
        }
    }
}

/// Where its connections come from.
enum Supply<'a> {
    /// They are made.
    Target(&'a Target),
    /// Publishers come.
    Door(Ticket),
}

/// Why a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody stopped it.
    Asked,
    /// Its time is over.
    Due,
    /// The disk is nearly full.
    Full,
    /// The job must end.
    Interrupted(Interrupted),
}

/// A recording at work.
pub struct Recording<'a> {
    /// The job.
    pub cx: &'a JobCx<RecordStep>,
    /// The plugin.
    pub plugin: &'a Capture,
    /// The media workers.
    pub engine: Arc<Engine>,
    /// Of what.
    pub source: Source,
    /// The capture's row as it was.
    pub capture: row::Capture,
    /// How it fares, for those who watch.
    pub live: Live,
}

impl Recording<'_> {
    fn kernel(&self) -> &Kernel {
        self.cx.kernel()
    }

    async fn run(&self, address: &Address) -> anyhow::Result<()> {
        let reach = Reach {
            egress: Arc::clone(&self.plugin.egress),
            client: self.plugin.client.clone(),
            idle: self.plugin.idle(),
        };
        let longest = Duration::from_secs(u64::from(self.plugin.config.retry_seconds));
        let (mut pause, mut n_unreadable) = (FIRST_PAUSE, 0);
        let mut supply = match address {
            Address::Target(target) => Supply::Target(target),
            // Those who come between two connections wait.
            Address::Publisher(key) => Supply::Door(self.plugin.door.wait(self.capture.id, *key)),
        };
        loop {
            let input = match &mut supply {
                Supply::Target(target) => Input::Target(target),
                Supply::Door(ticket) => tokio::select! {
                    why = self.end() => return self.stop(why?).await,
                    publisher = ticket.next() => Input::Publisher(Box::new(publisher)),
                },
            };
            let begun = Instant::now();
            let ended = connection::run(self, &reach, input).await?;
            if ended.has_recorded {
                n_unreadable = 0;
            }
            // One that breaks right away will again: each time is a file.
            if ended.has_recorded && begun.elapsed() >= GOOD {
                pause = FIRST_PAUSE;
            }
            if let Some(why) = ended.why {
                return self.stop(why).await;
            }
            let Some(lost) = &ended.lost else {
                // The source has said that this was all.
                return self.finish(Status::Finished, None).await;
            };
            n_unreadable += u32::from(ended.is_unreadable);
            if !lost.may_pass || n_unreadable >= MAX_UNREADABLE {
                return self.finish(Status::Failed, Some(&lost.text)).await;
            }
            self.lose(&ended, &lost.text).await?;
            tokio::select! {
                why = self.end() => return self.stop(why?).await,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Notes that the source is gone, and since when.
    async fn lose(&self, ended: &Ended, reason: &str) -> anyhow::Result<()> {
        tracing::info!(capture = %self.capture.id, reason, "a live source is gone");
        let now = self.kernel().clock.now_ms();
        let began_at = ended.last_at.unwrap_or(now);
        let tx = self.cx.begin(Durability::Normal).await?;
        row::open_gap(&*tx, self.capture.id, began_at, reason).await?;
        tx.commit().await?;
        self.tell(Status::Reconnecting, Some(reason)).await
    }

    /// Waits until the recording is to end.
    pub async fn end(&self) -> anyhow::Result<Why> {
        let mut looked = Instant::now();
        loop {
            if let Err(interrupted) = self.cx.checkpoint().await {
                return Ok(Why::Interrupted(interrupted));
            }
            if self.live.stop.is_cancelled() {
                return Ok(Why::Asked);
            }
            if self
                .capture
                .ends_at
                .is_some_and(|ends_at| self.kernel().clock.now_ms() >= ends_at)
            {
                return Ok(Why::Due);
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                if let Some(why) = self.look().await? {
                    return Ok(why);
                }
            }
            tokio::select! {
                () = self.live.stop.cancelled() => {}
                () = self.cx.canceled().cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Another node may have been asked, and others fill the disk.
    async fn look(&self) -> Result<Option<Why>, Failure> {
        match row::find(self.kernel().store.reader(), self.capture.id).await {
            Ok(Some(capture)) if !capture.is_stopping => {}
            Ok(_) => return Ok(Some(Why::Asked)),
            // It is asked again. A lease that ends meanwhile ends the recording.
            Err(error) => tracing::debug!(%error, capture = %self.capture.id, "nobody could say whether it is to end"),
        }
        let room = place::below(self.kernel(), |root| root.room()).await?;
        Ok((room.free < self.plugin.config.least_free_bytes).then_some(Why::Full))
    }

    async fn stop(&self, why: Why) -> anyhow::Result<()> {
        match why {
            Why::Asked | Why::Due => self.finish(Status::Finished, None).await,
            Why::Full => {
                let least = self.plugin.config.least_free_bytes;
                let text = format!("less than {least} bytes are free on the disk of the data directory");
                self.finish(Status::Failed, Some(&text)).await
            }
            Why::Interrupted(Interrupted::Canceled) => {
                self.finish(Status::Finished, None).await?;
                Err(Interrupted::Canceled.into())
            }
            Why::Interrupted(other) => {
                let tx = self.cx.begin(Durability::Normal).await?;
                let now = self.kernel().clock.now_ms();
                row::open_gap(&*tx, self.capture.id, now, &other.to_string()).await?;
                tx.commit().await?;
                Err(other.into())
            }
        }
    }

    /// Ends it for good. A job that fails for what its source does would be tried again, so it does not: the capture says why.
    async fn finish(&self, status: Status, error: Option<&str>) -> anyhow::Result<()> {
        let now = self.kernel().clock.now_ms();
        let tx = self.cx.begin(Durability::Full).await?;
        row::close_gap(&*tx, self.capture.id, now).await?;
        tx.commit().await?;
        self.tell(status, error).await?;
        match (status, error) {
            (Status::Failed, Some(error)) => Err(Failure::new(&code::UNSUPPORTED, error.to_owned()).into()),
            _ => Ok(()),
        }
    }

    /// Writes how it fares, and tells those who watch.
    pub async fn tell(&self, status: Status, error: Option<&str>) -> anyhow::Result<()> {
        let tx = self.cx.begin(Durability::Full).await?;
        row::set_status(&*tx, &self.capture, status, error, self.kernel().clock.now_ms()).await?;
        tx.commit().await?;
        self.live.vitals.send_modify(|vitals| {
            *vitals = Vitals {
                status,
                last_error: error.map(str::to_owned).or(vitals.last_error.take()),
                bytes_per_second: 0.0,
                frame_rate: 0.0,
            };
        });
        Ok(())
    }
}
