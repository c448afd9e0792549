//! The one door to media work: start an engine, ask it, stop it.

use std::fs::File;
use std::io::Seek;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use media_proto::error::MediaError;
use media_proto::hardware::Hardware;
use media_proto::job::{Class, Job, Limits, ProbeHints};
use media_proto::keyframes::{KeyframeMode, Keyframes};
use media_proto::message::{Hello, Layer, Reply};
use media_proto::probe::Probe;
use media_proto::subtitle::{Subtitled, Subtitles};
use media_proto::survey::{Survey, Surveyed};
use media_proto::synthetic::Synthetic;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::calibration::{self, Calibration, Calibrations};
use crate::config::n_processors;
use crate::devices::Devices;
use crate::head::{HeadJob, Link, Made, Resumable, Taker};
use crate::pool::{Pool, Task};
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::source::Source;
use crate::stats::EngineStats;
use crate::zygote::{Zygote, unavailable};

pub use crate::config::EngineConfig;

/// The worker's file name, beside the server's own.
const BINARY: &str = "vitagraph-media";

/// The state of the media system, for the administrator's page and `vitagraph doctor`.
#[derive(Debug, Clone)]
pub struct Health {
    /// What FFmpeg is installed and what it can do.
    pub ffmpeg: Hello,
    /// The worker binary in use.
    pub binary: PathBuf,
    /// Sandbox layers that hold.
    pub layers: Vec<Layer>,
    /// What this system lacks, as sentences with what to do.
    pub warnings: Vec<String>,
}

/// A running engine. [`stop`](Engine::stop) it before the program ends; dropping it kills all workers as well.
pub struct Engine {
    pub(crate) pool: Pool,
    ffmpeg: Hello,
    pub(crate) binary: PathBuf,
    budget: Arc<Budget>,
    devices: Devices,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the zygote and one worker, so that a broken installation shows now and not at the first file.
    pub async fn start(config: EngineConfig, quarantine: Arc<dyn Quarantine>) -> Result<Arc<Self>, MediaError> {
        let binary = match &config.worker_binary {
            Some(binary) => binary.clone(),
            None => find_binary()?,
        };
        let (zygote, ffmpeg, thread) = Zygote::start(binary.clone()).await?;
        let pool = Pool::new(zygote, &config, ffmpeg.ffmpeg_hash.clone(), quarantine);
        let first = pool.queue(Class::Quick).start_worker().await?;
        for warning in &first.warnings {
            tracing::warn!("{warning}");
        }
        pool.queue(Class::Quick).give_back(first);
        Ok(Arc::new(Self {
            pool,
            ffmpeg,
            binary,
            budget: Budget::new(n_processors()),
            devices: Devices::new(config.uses_devices),
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// How many jobs of a class are worked on at a time: more at once only wait.
    pub fn width(&self, class: Class) -> usize {
        self.pool.queue(class).config.width
    }

    /// What streams take their shares of.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The devices that encode.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Fills the [budget](Engine::budget) with what this machine can do: what is remembered, or what two seconds of work at
    /// a stream's priority show, which is then remembered.
    pub async fn calibrate(
        &self,
        calibrations: &dyn Calibrations,
        cancel: &CancellationToken,
    ) -> Result<Calibration, MediaError> {
        let key = calibration::key(&self.ffmpeg.ffmpeg_hash);
        let known = calibrations.load(&key).await.filter(|known| known.check().is_ok());
        let calibration = match known {
            Some(known) => known,
            None => {
                let measured = self.measure(cancel).await?;
                calibrations.store(&key, measured).await;
                measured
            }
        };
        self.budget.calibrate(calibration);
        Ok(calibration)
    }

    async fn measure(&self, cancel: &CancellationToken) -> Result<Calibration, MediaError> {
        let limits = Limits {
            deadline_ms: 60_000,
            cpu_s: 20,
            ..self.limits(Class::Stream)
        };
        match self.run(&Job::Calibrate, None, limits, cancel, None).await? {
            (Reply::Calibrated(calibration), _) => Ok(calibration),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn limits(&self, class: Class) -> Limits {
        self.pool.queue(class).config.limits
    }

    async fn run(
        &self,
        job: &Job,
        source: Option<&Source>,
        limits: Limits,
        cancel: &CancellationToken,
        progress: Option<&watch::Sender<Progress>>,
    ) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        let task = Task {
            job,
            source,
            limits: &limits,
            cancel,
            progress,
            head: None,
        };
        self.pool.run(task).await
    }

    /// As [`run`](Self::run), in the bounds of the job's class, for what nobody cancels or watches.
    async fn ask(&self, job: &Job) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        let limits = self.limits(job.class());
        self.run(job, None, limits, &CancellationToken::new(), None).await
    }

    /// Everything the file's container says. Canceling ends the work at once.
    pub async fn probe(
        &self,
        source: &Source,
        hints: ProbeHints,
        cancel: &CancellationToken,
    ) -> Result<Probe, MediaError> {
        let job = Job::Probe { hints };
        let limits = self.limits(job.class());
        match self.run(&job, Some(source), limits, cancel, None).await? {
            (Reply::Probed(probe), _) => Ok(*probe),
            _ => Err(mismatch()),
        }
    }

    /// Draws and measures a file in one pass. The artifacts of the reply lie in the sealed memory file beside it, which is
    /// missing if there are none; every offset is within it. How far it is goes to `progress`, at most ten times a second.
    pub async fn survey(
        &self,
        source: &Source,
        survey: &Survey,
        cancel: &CancellationToken,
        progress: Option<&watch::Sender<Progress>>,
    ) -> Result<(Surveyed, Option<File>), MediaError> {
        if let Some(progress) = progress {
            progress.send_replace(Progress::default());
        }
        let job = Job::Survey(Box::new(survey.clone()));
        let limits = self.limits(job.class());
        match self.run(&job, Some(source), limits, cancel, progress).await? {
            (Reply::Surveyed(surveyed), file) => Ok((*surveyed, file.map(File::from))),
            _ => Err(mismatch()),
        }
    }

    /// The text subtitles of a film, or of a file of subtitles, as WebVTT. They lie in the sealed memory file beside the
    /// reply; every offset is within it.
    pub async fn subtitles(
        &self,
        source: &Source,
        wanted: &Subtitles,
        cancel: &CancellationToken,
        progress: Option<&watch::Sender<Progress>>,
    ) -> Result<(Subtitled, File), MediaError> {
        let job = Job::Subtitles(wanted.clone());
        let limits = self.limits(job.class());
        match self.run(&job, Some(source), limits, cancel, progress).await? {
            (Reply::Subtitled(subtitled), Some(file)) => Ok((subtitled, File::from(file))),
            _ => Err(mismatch()),
        }
    }

    /// Where a video stream can be cut: the first one's table, or that of the given stream. None if the container has no
    /// index to trust and a scan was not asked for.
    pub async fn keyframes(
        &self,
        source: &Source,
        extension: Option<String>,
        stream: Option<u32>,
        mode: KeyframeMode,
        cancel: &CancellationToken,
    ) -> Result<Option<Keyframes>, MediaError> {
        let job = Job::Keyframes {
            extension,
            stream,
            mode,
        };
        let limits = self.limits(job.class());
        match self.run(&job, Some(source), limits, cancel, None).await? {
            (Reply::Keyframes(table), _) => Ok(table.map(|table| *table)),
            _ => Err(mismatch()),
        }
    }

    /// Runs a head: segment after segment goes to `made`, up to the one before `until`, which may grow; then it waits. Ends
    /// with the last segment of the track, or when it is canceled. A worker that dies is replaced once, from the segment on
    /// that it owed. Where a device was to encode and does not, software goes on from there; see [`Engine::devices`].
    pub async fn head(
        &self,
        source: &Source,
        head: &HeadJob,
        made: mpsc::Sender<Made>,
        until: watch::Receiver<u32>,
        cancel: &CancellationToken,
    ) -> Result<(), MediaError> {
        let link = Link::new(head.first(), Taker::Segments(made), until);
        let Some((encoder, in_software)) = head.in_software() else {
            return self.run_head(source, head, &link, cancel).await;
        };
        let error = match self.run_head(source, head, &link, cancel).await {
            Ok(()) => return Ok(()),
            Err(MediaError::Canceled) => return Err(MediaError::Canceled),
            Err(error) => error,
        };
        // The file may be to blame, but then software says so as well, and the device has its rest for nothing.
        self.devices.failed(&encoder, &error);
        tracing::warn!(encoder = encoder.name(), segment = link.next(), %error, "a device failed; software goes on");
        self.run_head(source, &in_software, &link, cancel).await
    }

    async fn run_head(
        &self,
        source: &Source,
        head: &HeadJob,
        link: &Link,
        cancel: &CancellationToken,
    ) -> Result<(), MediaError> {
        let job = head.job(link.next(), *link.until.borrow());
        let limits = Limits {
            // A head lives as long as somebody watches, and a film may be long.
            deadline_ms: u32::MAX,
            cpu_s: 0,
            ..self.limits(job.class())
        };
        let task = Task {
            job: &job,
            source: Some(source),
            limits: &limits,
            cancel,
            progress: None,
            head: Some((head, link)),
        };
        match self.pool.run(task).await? {
            (Reply::Ended, _) => Ok(()),
            _ => Err(mismatch()),
        }
    }

    /// What the encoders and decoders of this machine can do, by having each handle a frame. What works is used from then on,
    /// where that is allowed.
    pub async fn hardware(&self) -> Result<Hardware, MediaError> {
        match self.ask(&Job::Hardware).await? {
            (Reply::Hardware(hardware), _) => {
                self.devices.learn(&hardware);
                Ok(*hardware)
            }
            _ => Err(mismatch()),
        }
    }

    /// Makes media after a description, in a sealed memory file, rewound.
    pub async fn synthesize(&self, spec: Synthetic) -> Result<File, MediaError> {
        let job = Job::Synthesize(spec);
        let base = self.limits(job.class());
        let limits = Limits {
            deadline_ms: base.deadline_ms.max(120_000),
            idle_ms: base.idle_ms.max(120_000),
            ..base
        };
        match self.run(&job, None, limits, &CancellationToken::new(), None).await? {
            (Reply::Synthesized { .. }, Some(file)) => {
                let mut file = File::from(file);
                file.rewind().map_err(|error| MediaError::Io {
                    reason: error.to_string(),
                })?;
                Ok(file)
            }
            _ => Err(mismatch()),
        }
    }

    /// Has a worker of a class try to break out, and gives each attempt with the error number that stopped it. Only with
    /// faults on.
    pub async fn escape(&self, class: Class) -> Result<Vec<(String, Option<i32>)>, MediaError> {
        match self.ask(&Job::Escape { class }).await? {
            (Reply::Escaped(attempts), _) => Ok(attempts),
            _ => Err(mismatch()),
        }
    }

    /// Has a worker answer, to no other end.
    pub async fn ping(&self) -> Result<(), MediaError> {
        self.ask(&Job::Ping).await.map(drop)
    }

    /// Starts a worker and has it answer, and says what FFmpeg and which sandbox there is.
    pub async fn check(&self) -> Result<Health, MediaError> {
        self.ping().await?;
        let worker = self.pool.queue(Class::Quick).start_worker().await?;
        let (layers, warnings) = (worker.layers.clone(), worker.warnings.clone());
        Ok(Health {
            ffmpeg: self.ffmpeg.clone(),
            binary: self.binary.clone(),
            layers,
            warnings,
        })
    }

    /// Which FFmpeg this is; see [`Hello::ffmpeg_hash`].
    pub fn ffmpeg(&self) -> &Hello {
        &self.ffmpeg
    }

    /// Counters since the start, and the present.
    pub fn stats(&self) -> EngineStats {
        self.pool.stats()
    }

    /// Ends all jobs as canceled and all processes, and waits until they are gone. Later calls find nothing to do.
    pub async fn stop(&self) {
        self.pool.stop().await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the media zygote's thread panicked");
            }
        }
    }
}

/// Replies were held against their jobs before, so this needs a mistake of ours.
pub(crate) fn mismatch() -> MediaError {
    MediaError::Protocol {
        reason: "a reply to another question".to_owned(),
    }
}

/// The worker beside this executable, or one folder up, where cargo puts binaries relative to tests.
fn find_binary() -> Result<PathBuf, MediaError> {
    let executable =
        std::env::current_exe().map_err(|error| unavailable(format!("finding this executable: {error}")))?;
    let folders = executable.ancestors().skip(1).take(2);
    let candidates: Vec<PathBuf> = folders.map(|folder: &Path| folder.join(BINARY)).collect();
    match candidates.iter().find(|candidate| candidate.is_file()) {
        Some(binary) => Ok(binary.clone()),
        None => Err(unavailable(format!(
            "`{BINARY}` is not beside `{}`; install both from the same build",
            executable.display()
        ))),
    }
}
