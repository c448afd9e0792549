//! How an engine is set up, and what follows from it for each class of work.

use std::num::NonZero;
use std::path::PathBuf;

use media_proto::job::{Class, Limits};
use media_proto::message::{Layer, Scheduling};

/// Six hours: no file takes longer than that to look at, however large and however lively the worker seems.
const LONG_MS: u32 = 6 * 3600 * 1000;
/// Two hours of processor time for one file that nobody waits for.
const BATCH_CPU_S: u32 = 2 * 3600;
/// How long the trials of encoders and decoders may take together. A third of a second is usual, but on a busy machine they
/// wait for a processor, and drivers for each other.
const HARDWARE_MS: u32 = 60_000;
/// How long a driver may keep a head waiting. Somebody watches, and software takes over then.
const DEVICE_IDLE_MS: u32 = 8_000;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The worker binary, for tests; none means the one beside this executable. Never a setting of users: who can choose
    /// it runs code as the server.
    pub worker_binary: Option<PathBuf>,
    /// How many workers do short jobs at a time.
    pub quick_workers: usize,
    /// How many workers make streams and clips at a time, at most; the [budget](crate::budget) usually admits fewer.
    pub stream_workers: usize,
    /// How many live sources are captured at a time.
    pub live_workers: usize,
    /// How many workers do long jobs that nobody waits for at a time.
    pub batch_workers: usize,
    /// How those share the processor with everything else.
    pub batch_scheduling: Scheduling,
    /// How many jobs of a class may wait.
    pub max_waiting: usize,
    /// The bounds of a short job; those of other classes follow from it.
    pub limits: Limits,
    /// Whether heads may encode on devices.
    pub uses_devices: bool,
    /// Whether workers obey [`Fault`](media_proto::fault::Fault)s; only for tests.
    pub faults: bool,
    /// Sandbox layers to leave out; only with `faults`.
    pub without: Vec<Layer>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let n_processors = n_processors();
        Self {
            worker_binary: None,
            quick_workers: n_processors,
            stream_workers: n_processors * 2,
            // They wait for the network nearly all the time.
            live_workers: 32,
            // They run when nothing else wants the processor, so all of them may; memory is what bounds them.
            batch_workers: n_processors.min(8),
            batch_scheduling: Scheduling::Idle,
            max_waiting: 10_000,
            limits: Limits::default(),
            uses_devices: false,
            faults: false,
            without: Vec::new(),
        }
    }
}

/// How many processors this process may use.
pub(crate) fn n_processors() -> usize {
    std::thread::available_parallelism().map_or(2, NonZero::get)
}

/// What holds for one class.
#[derive(Debug, Clone)]
pub(crate) struct ClassConfig {
    pub class: Class,
    /// How many workers work at a time.
    pub width: usize,
    pub max_waiting: usize,
    pub limits: Limits,
    pub scheduling: Scheduling,
    /// A worker is replaced after so many jobs, so that nothing a file left behind lives long.
    pub max_jobs: u32,
    /// A worker is replaced past this much memory of its own, in KiB.
    pub max_private_kb: u64,
}

impl EngineConfig {
    pub(crate) fn class(&self, class: Class) -> ClassConfig {
        let base = self.limits;
        let quick = ClassConfig {
            class,
            width: self.quick_workers.max(1),
            max_waiting: self.max_waiting,
            limits: base,
            scheduling: Scheduling::Normal,
            max_jobs: 500,
            max_private_kb: 256 << 10,
        };
        // 4K in AV1 or HEVC does not fit where probes do.
        let memory = base.memory.saturating_mul(2);
        match class {
            Class::Quick => quick,
            Class::Stream => ClassConfig {
                width: self.stream_workers.max(1),
                limits: Limits {
                    memory,
                    deadline_ms: base.deadline_ms.max(LONG_MS),
                    ..base
                },
                // A fresh one costs 2 ms, a hundredth of its first segment.
                max_jobs: 1,
                ..quick
            },
            Class::Batch => ClassConfig {
                width: self.batch_workers.max(1),
                limits: Limits {
                    memory,
                    deadline_ms: base.deadline_ms.max(LONG_MS),
                    cpu_s: match base.cpu_s {
                        0 => BATCH_CPU_S,
                        given => given,
                    },
                    ..base
                },
                scheduling: self.batch_scheduling,
                max_jobs: 8,
                ..quick
            },
            Class::Live => ClassConfig {
                width: self.live_workers.max(1),
                max_jobs: 1,
                ..quick
            },
            Class::Hardware => ClassConfig {
                width: 1,
                limits: Limits {
                    deadline_ms: HARDWARE_MS,
                    ..base
                },
                max_jobs: 1,
                ..quick
            },
            Class::Device => ClassConfig {
                width: self.stream_workers.max(1),
                limits: Limits {
                    deadline_ms: base.deadline_ms.max(LONG_MS),
                    idle_ms: base.idle_ms.min(DEVICE_IDLE_MS),
                    ..base
                },
                // It shuts itself in for the one file.
                max_jobs: 1,
                ..quick
            },
        }
    }
}
