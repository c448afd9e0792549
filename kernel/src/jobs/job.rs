//! What a kind of job is, and the table of kinds that a server can run.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Jobs,
    cx::{JobCx, Running},
    enqueue::{Enqueue, NewJob},
    progress::StepPart,
};
use crate::{
    error::{Failure, code},
    plugin::Kernel,
};

/// What a job mostly uses. Each lane has its own width on each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Reads or writes many files.
    Disk,
    /// Computes.
    Cpu,
    /// Uses a GPU.
    Gpu,
    /// Waits for other machines.
    Net,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 4] = [Self::Disk, Self::Cpu, Self::Gpu, Self::Net];

    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Net => "net",
        }
    }
}

/// How urgent a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
pub enum Priority {
    /// Nobody waits for it.
    #[default]
    Background,
    /// A user started it.
    User,
    /// A user sits in front of it.
    Interactive,
}

impl Priority {
    pub(super) fn level(self) -> i32 {
        match self {
            Self::Background => 0,
            Self::User => 50,
            Self::Interactive => 100,
        }
    }

    pub(super) fn from_level(level: i32) -> Self {
        match level {
            100.. => Self::Interactive,
            50..100 => Self::User,
            _ => Self::Background,
        }
    }
}

/// The steps of a kind; made by [`steps!`](crate::steps).
pub trait Step: Copy + Send + Sync + 'static {
    /// All steps in their order.
    const PARTS: &'static [StepPart];
    /// The place of this step.
    fn index(self) -> usize;
}

/// Declares the steps of a kind of job, in their order: `steps! { pub enum ScanStep { Walk = "walk", Probe = "probe": 8.0 } }`.
/// The number is the step's share of the whole; without one it is 1.
#[macro_export]
macro_rules! steps {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$step_meta:meta])* $step:ident = $text:literal $(: $weight:literal)?),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $($(#[$step_meta])* #[doc = concat!("The step `", $text, "`.")] $step,)+
        }

        impl $crate::jobs::Step for $name {
            const PARTS: &'static [$crate::jobs::StepPart] = &[
                $($crate::jobs::StepPart { name: $text, weight: $crate::steps!(@weight $($weight)?) },)+
            ];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
    (@weight) => { 1.0 };
    (@weight $weight:literal) => { $weight };
}

/// A kind of durable work. Its value is the payload: it must mean the same after a restart.
///
/// Run twice, it changes nothing the second time; killed at any point, the next attempt goes on.
#[async_trait::async_trait]
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `<plugin>.<word>`, unique in the server.
    const KIND: &'static str;
    /// Raised when older binaries cannot run what this one enqueues.
    const VERSION: u32 = 1;
    /// Whether only one live job may have this payload.
    const UNIQUE: bool = false;
    /// What it mostly uses.
    const LANE: Lane;
    /// The queue it waits in.
    const QUEUE: &'static str = "default";
    /// Attempts before it has failed for good; a saved checkpoint grants them anew.
    const MAX_ATTEMPTS: u32 = 3;
    /// An attempt that reports nothing for so long is ended and counts as failed.
    const STALLS_AFTER: Duration = Duration::from_secs(600);
    /// Its steps.
    type Step: Step;
    /// The plugin that runs it.
    type Plugin: Send + Sync + 'static;

    /// What it does, for people: "Scan Movies".
    fn title(&self) -> String;

    /// How long to wait after this many attempts.
    fn backoff(attempt: u32) -> Duration {
        backoff(attempt)
    }

    /// Does the work. A [`Failure`] whose category says that the same would fail again ends the job; any other error
    /// is retried.
    async fn run(&self, cx: &JobCx<Self::Step>, plugin: &Self::Plugin) -> anyhow::Result<()>;
}

/// 2 s, 8 s, 32 s, and so on up to 10 min.
pub(super) fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(2 << (2 * attempt.saturating_sub(1)).min(10)).min(Duration::from_secs(600))
}

pub(super) type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// What the runner needs to know of a kind.
pub(super) struct Kind {
    pub version: u32,
    pub lane: Lane,
    pub queue: &'static str,
    pub max_attempts: u32,
    pub stalls_after: Duration,
    pub steps: &'static [StepPart],
    pub backoff: fn(u32) -> Duration,
    pub begin: Box<dyn Fn(Jobs, Kernel, Arc<Running>, String) -> Work + Send + Sync>,
}

/// The kinds of jobs that a server can run, and the schedules it keeps.
#[derive(Default)]
pub struct JobTable {
    pub(super) kinds: BTreeMap<&'static str, Kind>,
    pub(super) schedules: Vec<(&'static str, String, NewJob)>,
}

impl JobTable {
    /// Adds a kind.
    ///
    /// # Panics
    /// When another kind has the name: that is a mistake in the program, found by every start.
    pub fn add<J: Job>(&mut self, plugin: &Arc<J::Plugin>) {
        let plugin = Arc::clone(plugin);
        let begin = move |jobs: Jobs, kernel: Kernel, running: Arc<Running>, payload: String| -> Work {
            let plugin = Arc::clone(&plugin);
            Box::pin(async move {
                let job: J = serde_json::from_str(&payload).map_err(|error| {
                    Failure::new(
                        &code::BAD_INPUT,
                        format!("the payload of this {} does not decode: {error}", J::KIND),
                    )
                })?;
                job.run(&JobCx::new(jobs, kernel, running), &plugin).await
            })
        };
        let kind = Kind {
            version: J::VERSION,
            lane: J::LANE,
            queue: J::QUEUE,
            max_attempts: J::MAX_ATTEMPTS,
            stalls_after: J::STALLS_AFTER,
            steps: J::Step::PARTS,
            backoff: J::backoff,
            begin: Box::new(begin),
        };
        let before = self.kinds.insert(J::KIND, kind);
        assert!(before.is_none(), "two kinds of jobs are called `{}`", J::KIND);
    }

    /// Enqueues a job at set times, in UTC: five fields, or six with seconds first. `name` tells schedules apart.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub fn schedule<J: Job>(&mut self, name: &'static str, cron: &str, job: &J) -> anyhow::Result<()> {
        super::schedule::parse(cron)?;
        self.schedules
            .push((name, cron.to_owned(), NewJob::of(job, Enqueue::default())?));
        Ok(())
    }

    /// The names of the kinds, sorted.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }
}
