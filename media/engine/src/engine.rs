//! The one door to media work: start an engine, ask it, stop it.

use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use media_proto::error::MediaError;
use media_proto::hardware::Hardware;
use media_proto::job::{Job, Limits, ProbeHints};
use media_proto::keyframes::{KeyframeMode, Keyframes};
use media_proto::message::{Hello, Layer, Reply, Spawn};
use media_proto::probe::Probe;
use media_proto::survey::{Survey, Surveyed};
use media_proto::synthetic::Synthetic;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::pool::Pool;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::source::Source;
use crate::zygote::{Zygote, unavailable};

/// The worker's file name, beside the server's own.
const BINARY: &str = "vitagraph-media";

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The worker binary, for tests; none means the one beside this executable. Never a setting of users: who can choose
    /// it runs code as the server.
    pub worker_binary: Option<PathBuf>,
    /// How many workers do short jobs at a time.
    pub quick_workers: usize,
    /// How many jobs may wait for one.
    pub max_waiting: usize,
    /// The bounds of each job.
    pub limits: Limits,
    /// Whether workers obey [`Fault`](media_proto::fault::Fault)s; only for tests.
    pub faults: bool,
    /// Sandbox layers to leave out; only with `faults`.
    pub without: Vec<Layer>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            worker_binary: None,
            quick_workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            max_waiting: 10_000,
            limits: Limits::default(),
            faults: false,
            without: Vec::new(),
        }
    }
}

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

/// What the engine has done, and does now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Jobs with a result.
    pub n_done: u64,
    /// Jobs without one.
    pub n_failed: u64,
    /// Workers that died at work.
    pub n_crashed: u64,
    /// Workers killed at their deadline.
    pub n_hung: u64,
    /// Workers killed for what they sent.
    pub n_malformed: u64,
    /// Files put into quarantine.
    pub n_quarantined: u64,
    /// Workers started.
    pub n_spawned: u64,
    /// Workers replaced by age or size.
    pub n_recycled: u64,
    /// Jobs that wait now.
    pub n_waiting: usize,
    /// Workers at work now.
    pub n_busy: usize,
    /// Workers at rest now.
    pub n_idle: usize,
    /// Whether new workers are slowed down because many died.
    pub is_slowed: bool,
}

/// A running engine. [`stop`](Engine::stop) it before the program ends; dropping it kills all workers as well.
pub struct Engine {
    pool: Pool,
    ffmpeg: Hello,
    binary: PathBuf,
    limits: Limits,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the zygote and one worker, so that a broken installation shows now and not at the first file.
    pub async fn start(config: EngineConfig, quarantine: Arc<dyn Quarantine>) -> Result<Arc<Self>, MediaError> {
        let binary = match config.worker_binary {
            Some(binary) => binary,
            None => find_binary()?,
        };
        let (zygote, ffmpeg, thread) = Zygote::start(binary.clone()).await?;
        let spawn = Spawn {
            limits: config.limits,
            faults: config.faults,
            without: config.without,
        };
        let n_workers = config.quick_workers.max(1);
        let hash = ffmpeg.ffmpeg_hash.clone();
        let pool = Pool::new(zygote, spawn, hash, quarantine, n_workers, config.max_waiting);
        let first = pool.start_worker().await?;
        for warning in &first.warnings {
            tracing::warn!("{warning}");
        }
        pool.give_back(first);
        Ok(Arc::new(Self {
            pool,
            ffmpeg,
            binary,
            limits: config.limits,
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// Everything the file's container says. Canceling ends the work at once.
    pub async fn probe(
        &self,
        source: &Source,
        hints: ProbeHints,
        cancel: &CancellationToken,
    ) -> Result<Probe, MediaError> {
        match self
            .pool
            .run(&Job::Probe { hints }, Some(source), &self.limits, cancel)
            .await?
        {
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
        let limits = Limits {
            deadline_ms: self.limits.deadline_ms.max(600_000),
            ..self.limits
        };
        if let Some(progress) = progress {
            progress.send_replace(Progress::default());
        }
        let job = Job::Survey(Box::new(survey.clone()));
        match self.pool.run(&job, Some(source), &limits, cancel).await? {
            (Reply::Surveyed(surveyed), file) => Ok((*surveyed, file.map(File::from))),
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
        let limits = match mode {
            KeyframeMode::Index => self.limits,
            // As long as reading the file takes.
            KeyframeMode::Scan => Limits {
                deadline_ms: self.limits.deadline_ms.max(600_000),
                ..self.limits
            },
        };
        let job = Job::Keyframes {
            extension,
            stream,
            mode,
        };
        match self.pool.run(&job, Some(source), &limits, cancel).await? {
            (Reply::Keyframes(table), _) => Ok(table.map(|table| *table)),
            _ => Err(mismatch()),
        }
    }

    /// What the encoders and decoders of this machine can do, by having each handle a frame.
    pub async fn hardware(&self) -> Result<Hardware, MediaError> {
        match self
            .pool
            .run(&Job::Hardware, None, &self.limits, &CancellationToken::new())
            .await?
        {
            (Reply::Hardware(hardware), _) => Ok(*hardware),
            _ => Err(mismatch()),
        }
    }

    /// Makes media after a description, in a sealed memory file, rewound.
    pub async fn synthesize(&self, spec: Synthetic) -> Result<File, MediaError> {
        let limits = Limits {
            deadline_ms: self.limits.deadline_ms.max(120_000),
            ..self.limits
        };
        let job = Job::Synthesize(spec);
        match self.pool.run(&job, None, &limits, &CancellationToken::new()).await? {
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

    /// Has a worker try to break out, and gives each attempt with the error number that stopped it. Only with faults on.
    pub async fn escape(&self) -> Result<Vec<(String, Option<i32>)>, MediaError> {
        match self
            .pool
            .run(&Job::Escape, None, &self.limits, &CancellationToken::new())
            .await?
        {
            (Reply::Escaped(attempts), _) => Ok(attempts),
            _ => Err(mismatch()),
        }
    }

    /// Starts a worker and has it answer, and says what FFmpeg and which sandbox there is.
    pub async fn check(&self) -> Result<Health, MediaError> {
        self.pool
            .run(&Job::Ping, None, &self.limits, &CancellationToken::new())
            .await?;
        let worker = self.pool.start_worker().await?;
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
        let counters = &self.pool.counters;
        EngineStats {
            n_done: counters.n_done.load(Ordering::Relaxed),
            n_failed: counters.n_failed.load(Ordering::Relaxed),
            n_crashed: counters.n_crashed.load(Ordering::Relaxed),
            n_hung: counters.n_hung.load(Ordering::Relaxed),
            n_malformed: counters.n_malformed.load(Ordering::Relaxed),
            n_quarantined: counters.n_quarantined.load(Ordering::Relaxed),
            n_spawned: counters.n_spawned.load(Ordering::Relaxed),
            n_recycled: counters.n_recycled.load(Ordering::Relaxed),
            n_waiting: counters.n_waiting.load(Ordering::Relaxed),
            n_busy: self.pool.n_busy(),
            n_idle: self.pool.n_idle(),
            is_slowed: self.pool.is_slowed(),
        }
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
fn mismatch() -> MediaError {
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
