//! One connection to a source: what comes goes to a worker, and what that makes of it to files.

use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use bytes::Bytes;
use media_proto::{
    capture::{Capture as Wanted, Captured, Fragment},
    error::MediaError,
};
use tokio::{net::UnixStream, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::record::{Recording, Why};
use crate::{
    part::Writer,
    row::Status,
    source::{self, Input, Lost, Reach, Sink},
};

/// Fragments on their way to the disk: a few seconds. More waits in the socket, and then at the source.
const AHEAD: usize = 4;
/// Over how long speeds are told, and the least: what a source had kept ready comes at once, and says nothing of it.
const WINDOW: Duration = Duration::from_secs(5);
const LEAST_WINDOW: Duration = Duration::from_secs(1);

/// How a connection ended.
pub struct Ended {
    /// Why the recording is to end, if that was it.
    pub why: Option<Why>,
    /// What happened to the source; nothing if it said that this was all.
    pub lost: Option<Lost>,
    /// Whether anything was kept.
    pub has_recorded: bool,
    /// Whether what came cannot be kept as it is.
    pub is_unreadable: bool,
    /// When the last of it came, in milliseconds.
    pub last_at: Option<i64>,
}

/// Records until the source ends or the recording is to.
///
/// # Errors
/// What no other connection would mend: the lease is lost, the database or the disk fails.
pub async fn run(recording: &Recording<'_>, reach: &Reach, input: Input<'_>) -> anyhow::Result<Ended> {
    let (ours, theirs) = UnixStream::pair()?;
    let pipe: OwnedFd = theirs.into_std()?.into();
    let (send, made) = mpsc::channel(AHEAD);
    let looks_for_motion = recording.source.motion_threshold.is_some();
    let minutes = match recording.plugin.config.file_minutes {
        // What is kept for a movement is not the hour around it.
        _ if looks_for_motion => 1,
        minutes => minutes,
    };
    let wanted = Wanted {
        extension: None,
        file_us: i64::from(minutes) * 60_000_000,
        looks_for_motion,
    };
    // Nobody cancels the worker: the end of its pipe lets it give what it still has.
    let (never, over) = (CancellationToken::new(), CancellationToken::new());
    let feeding = async {
        let mut sink = Sink::new(ours);
        let fed = tokio::select! {
            biased;
            why = recording.end() => Fed::Stopped(why),
            () = over.cancelled() => Fed::Over,
            fed = source::take(reach, input, &mut sink) => Fed::Ended(fed.err()),
        };
        (fed, sink.n_bytes())
    };
    let working = async {
        let worked = recording.engine.capture(pipe, &wanted, send, &never).await;
        over.cancel();
        worked
    };
    let writing = async {
        let mut keeper = Keeper::new(recording);
        let kept = keeper.keep(made).await;
        if kept.is_err() {
            over.cancel();
        }
        kept.map(|()| keeper.last_at)
    };
    let ((fed, n_bytes), worked, kept) = tokio::join!(feeding, working, writing);
    let last_at = kept?;
    let mut ended = Ended {
        why: None,
        lost: None,
        has_recorded: last_at.is_some(),
        is_unreadable: false,
        last_at,
    };
    match (fed, worked) {
        (Fed::Stopped(why), _) => ended.why = Some(why?),
        (Fed::Ended(lost), worked) => {
            ended.lost = lost;
            note(&mut ended, worked, n_bytes);
        }
        (Fed::Over, worked) => note(&mut ended, worked, n_bytes),
    }
    Ok(ended)
}

enum Fed {
    Stopped(anyhow::Result<Why>),
    Ended(Option<Lost>),
    /// The worker or the disk ended first.
    Over,
}

/// What the worker says counts where it ended first, and where nothing could be kept of what came.
fn note(ended: &mut Ended, worked: Result<Captured, MediaError>, n_bytes: u64) {
    let Err(error) = worked else {
        if !ended.has_recorded && ended.lost.is_none() {
            ended.lost = Some(Lost::now("the source has ended before its first keyframe"));
        }
        return;
    };
    // Of nothing there is nothing to read, and the source has said why.
    if ended.lost.is_none() || !ended.has_recorded && n_bytes > 0 {
        ended.is_unreadable = matches!(error, MediaError::Unsupported { .. } | MediaError::NoStream);
        ended.lost = Some(Lost {
            text: format!("what the source sends cannot be kept: {error}"),
            may_pass: true,
        });
    }
}

struct Keeper<'a> {
    recording: &'a Recording<'a>,
    writer: Option<Writer>,
    last_at: Option<i64>,
    /// Whether those who watch know that it records.
    is_told: bool,
    speeds: Speeds,
    n_bytes: u64,
    /// Pictures of the files before, and of the one at hand.
    n_frames: (u64, u64),
}

impl<'a> Keeper<'a> {
    fn new(recording: &'a Recording<'a>) -> Self {
        Self {
            recording,
            writer: None,
            last_at: None,
            is_told: false,
            speeds: Speeds::default(),
            n_bytes: 0,
            n_frames: (0, 0),
        }
    }

    async fn keep(&mut self, mut made: mpsc::Receiver<(Fragment, Bytes)>) -> anyhow::Result<()> {
        while let Some((fragment, bytes)) = made.recv().await {
            self.fragment(fragment, bytes).await?;
        }
        self.seal().await
    }

    async fn fragment(&mut self, fragment: Fragment, bytes: Bytes) -> anyhow::Result<()> {
        let recording = self.recording;
        if self
            .writer
            .as_ref()
            .is_some_and(|writer| writer.number() != fragment.file)
        {
            self.seal().await?;
        }
        let n = bytes.len() as u64;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let writer =
                    Writer::begin(recording.cx, &recording.source, recording.capture.id, fragment.file).await?;
                self.writer.insert(writer)
            }
        };
        if !self.is_told {
            let told = recording.tell(Status::Recording, None).await;
            self.is_told = told
                .inspect_err(|error| tracing::debug!("it is told with the next fragment: {error:#}"))
                .is_ok();
        }
        writer.append(recording.cx, fragment, bytes).await?;
        recording.cx.advance(n);
        self.last_at = Some(recording.cx.kernel().clock.now_ms());
        self.n_bytes += n;
        self.n_frames.1 = fragment.n_frames;
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        let n_frames = self.n_frames.0 + self.n_frames.1;
        let Some(speed) = self.speeds.note(Instant::now(), self.n_bytes, n_frames) else {
            return;
        };
        self.recording.live.vitals.send_modify(|vitals| {
            (vitals.bytes_per_second, vitals.frame_rate) = speed;
        });
    }

    async fn seal(&mut self) -> anyhow::Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        self.n_frames = (self.n_frames.0 + self.n_frames.1, 0);
        writer.seal(self.recording.cx, &self.recording.source).await
    }
}

/// How fast a source is, by what came lately.
#[derive(Default)]
struct Speeds {
    /// When so many bytes and pictures had come.
    recent: VecDeque<(Instant, u64, u64)>,
}

impl Speeds {
    /// Bytes and pictures in a second, with those that have come until now; nothing before there is a time to tell it of.
    fn note(&mut self, now: Instant, n_bytes: u64, n_frames: u64) -> Option<(f64, f64)> {
        self.recent.push_back((now, n_bytes, n_frames));
        while self.recent.len() > 2 && self.recent.front().is_some_and(|(at, ..)| now - *at > WINDOW) {
            self.recent.pop_front();
        }
        let (since, bytes, frames) = self.recent.front()?;
        let passed = now - *since;
        let a_second = |n: u64| n as f64 / passed.as_secs_f64();
        (passed >= LEAST_WINDOW).then(|| {
            (
                a_second(n_bytes.saturating_sub(*bytes)),
                a_second(n_frames.saturating_sub(*frames)),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_at_once_has_no_speed_yet() {
        let (begun, mut speeds) = (Instant::now(), Speeds::default());
        let mut at = |ms: u64, n_bytes, n_frames| speeds.note(begun + Duration::from_millis(ms), n_bytes, n_frames);
        // A second of pictures that were kept ready, and then one each second.
        assert_eq!(at(0, 100_000, 25), None);
        assert_eq!(at(1, 200_000, 50), None);
        assert_eq!(at(999, 300_000, 75), None);
        assert_eq!(at(2_000, 400_000, 100), Some((150_000.0, 37.5)));
        for second in 3..9 {
            at(second * 1000, 200_000 + second * 100_000, 50 + second * 25);
        }
        assert_eq!(at(9_000, 1_100_000, 275), Some((100_000.0, 25.0)));
        // A long pause counts.
        assert_eq!(at(29_000, 1_200_000, 300), Some((5_000.0, 1.25)));
    }
}
