//! The work a worker can be asked for, and the bounds it works within.

use serde::{Deserialize, Serialize};

use crate::keyframes::KeyframeMode;
use crate::survey::Survey;
use crate::synthetic::Synthetic;

/// One piece of work. Inputs are the descriptors that travel with it, never paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Job {
    /// Answers at once; proves that the worker lives.
    Ping,
    /// Reads everything the container of the one passed descriptor says.
    Probe {
        /// What is known besides the bytes.
        hints: ProbeHints,
    },
    /// Finds where a video stream of the one passed descriptor can be cut.
    Keyframes {
        /// The file name's extension, as for a probe.
        extension: Option<String>,
        /// The stream's position in the file; none takes the first video stream.
        stream: Option<u32>,
        /// How.
        mode: KeyframeMode,
    },
    /// Draws and measures the one passed descriptor in one pass.
    Survey(Box<Survey>),
    /// Tries encoders and decoders of this machine; needs a worker without the sandbox's ban on devices.
    Hardware,
    /// Makes real media, for demonstrations and tests.
    Synthesize(Synthetic),
    /// Tries what the sandbox must forbid and reports the outcomes; refused unless the pool was started with faults.
    Escape,
}

/// What is known about a file besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeHints {
    /// The file name's extension, without the dot. It breaks ties between demuxers, as for raw streams; never trusted alone.
    pub extension: Option<String>,
}

/// Which kind of work a quarantine entry or a measurement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobKind {
    /// [`Job::Ping`].
    Ping,
    /// [`Job::Probe`].
    Probe,
    /// [`Job::Keyframes`].
    Keyframes,
    /// [`Job::Survey`].
    Survey,
    /// [`Job::Hardware`].
    Hardware,
    /// [`Job::Synthesize`].
    Synthesize,
    /// [`Job::Escape`].
    Escape,
}

impl JobKind {
    /// The lowercase name, as stored in rows and shown in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Probe => "probe",
            Self::Keyframes => "keyframes",
            Self::Survey => "survey",
            Self::Hardware => "hardware",
            Self::Synthesize => "synthesize",
            Self::Escape => "escape",
        }
    }
}

impl Job {
    /// Which kind of work this is.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Ping => JobKind::Ping,
            Self::Probe { .. } => JobKind::Probe,
            Self::Keyframes { .. } => JobKind::Keyframes,
            Self::Survey(_) => JobKind::Survey,
            Self::Hardware => JobKind::Hardware,
            Self::Synthesize(_) => JobKind::Synthesize,
            Self::Escape => JobKind::Escape,
        }
    }
}

/// The bounds of one job. The worker keeps the content limits, the server kills by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The wall-clock time the job may take, in milliseconds.
    pub deadline_ms: u32,
    /// Address space of the worker, in bytes (`RLIMIT_AS`); set when the worker starts.
    pub memory: u64,
    /// The largest single allocation of libav, in bytes.
    pub allocation: u64,
    /// The largest memory file a worker may make, in bytes (`RLIMIT_FSIZE`).
    pub out_bytes: u64,
    /// How many pixels a picture may have before it is decoded.
    pub max_pixels: u64,
    /// How many streams a file may have.
    pub max_streams: u32,
    /// How many bytes of a file a probe may read.
    pub probe_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: 20_000,
            memory: 3 << 30,
            allocation: 1 << 30,
            out_bytes: 512 << 20,
            max_pixels: 200_000_000,
            max_streams: 200,
            probe_bytes: 256 << 20,
        }
    }
}
