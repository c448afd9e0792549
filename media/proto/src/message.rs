//! The messages on the two kinds of socket: server and zygote, server and worker.

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::capture::{Captured, Fragment};
use crate::clip::Clipped;
use crate::error::MediaError;
use crate::hardware::Hardware;
use crate::head::Segment;
use crate::job::{Class, Job, Limits};
use crate::keyframes::Keyframes;
use crate::probe::Probe;
use crate::subtitle::Subtitled;
use crate::survey::Surveyed;
use crate::transcode::Verified;

/// What the server tells the zygote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToZygote {
    /// Fork a worker; its socket, its error pipe and its [control page](crate::control) travel with this message, in this
    /// order.
    Spawn(Spawn),
    /// Reap that worker, which is dead or dying, and say how it ended.
    Wait {
        /// Its process id, as [`FromZygote::Spawned`] gave it.
        pid: i32,
    },
}

/// How a worker is to be set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spawn {
    /// The class of work it is for.
    pub class: Class,
    /// How it shares the processor.
    pub scheduling: Scheduling,
    /// Bounds that hold for the worker's whole life.
    pub limits: Limits,
    /// Whether the worker obeys [`Fault`](crate::fault::Fault)s.
    pub faults: bool,
    /// Sandbox layers to leave out, to prove that each of the others holds alone. Ignored without `faults`.
    pub without: Vec<Layer>,
}

/// How a worker shares the processor with everything else on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduling {
    /// Like the server itself.
    Normal,
    /// `SCHED_IDLE` and nice 10: only what nobody else wants.
    Idle,
}

/// What the zygote tells the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromZygote {
    /// Sent once, first.
    Hello(Box<Hello>),
    /// A worker runs; its pidfd travels with this message.
    Spawned {
        /// Its process id.
        pid: i32,
    },
    /// A worker is reaped.
    Exited {
        /// Its process id.
        pid: i32,
        /// Its exit code, if it left by itself.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
    },
    /// The worker to reap has not ended yet; ask again.
    Running {
        /// Its process id.
        pid: i32,
    },
    /// The request could not be met.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Who the zygote is: protocol and FFmpeg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol it speaks; see [`PROTOCOL`](crate::PROTOCOL).
    pub protocol: u32,
    /// FFmpeg's own version text, such as `5.1.9-0+deb12u1`.
    pub ffmpeg: String,
    /// Versions of libavformat, libavcodec and libavutil, as `59.27.100`.
    pub libraries: Vec<(String, String)>,
    /// How FFmpeg was configured.
    pub configuration: String,
    /// Identifies this build of FFmpeg: a hash over versions and configuration, in hexadecimal.
    pub ffmpeg_hash: String,
    /// Names of all encoders.
    pub encoders: Vec<String>,
    /// Names of all decoders.
    pub decoders: Vec<String>,
}

/// One layer of a worker's sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// No file can be opened by path, no TCP port bound or connected.
    Landlock,
    /// Only some fifty system calls work; in a hardware worker, all but those that start programs and talk to the network.
    Seccomp,
    /// Memory, files, processor time and core dumps are bounded.
    ResourceLimits,
    /// The kernel kills a worker before the server when memory is short.
    OomScore,
    /// A worker dies with its parent.
    ParentDeath,
    /// Others cannot trace a worker or read its memory.
    NotDumpable,
    /// A worker cannot gain privileges.
    NoNewPrivileges,
    /// A worker holds no descriptor but its own socket.
    ClosedDescriptors,
}

impl Layer {
    /// The lowercase name shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::ResourceLimits => "resource limits",
            Self::OomScore => "oom score",
            Self::ParentDeath => "parent death signal",
            Self::NotDumpable => "not dumpable",
            Self::NoNewPrivileges => "no new privileges",
            Self::ClosedDescriptors => "closed descriptors",
        }
    }
}

/// What the server tells a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Do this job; its descriptors travel with this message.
    Start {
        /// Comes back with the answer.
        id: u64,
        /// The work.
        job: Box<Job>,
        /// Its bounds.
        limits: Limits,
    },
    /// Lets a head go on.
    Allow {
        /// The job's id.
        id: u64,
        /// The segment before which it stops.
        until: u32,
    },
}

/// What a worker tells the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Sent once, when the sandbox stands.
    Hello {
        /// The protocol it speaks.
        protocol: u32,
        /// Layers that hold.
        layers: Vec<Layer>,
        /// What this kernel lacks, as sentences for an administrator.
        warnings: Vec<String>,
    },
    /// The job goes on and gives a part of its result, in the sealed memory file that travels with the message.
    Event {
        /// The job's id.
        id: u64,
        /// What it is.
        event: Event,
        /// Its length in bytes.
        len: u64,
    },
    /// The job is done.
    Done {
        /// The job's id.
        id: u64,
        /// Its result.
        reply: Reply,
    },
    /// The job gave no result.
    Fail {
        /// The job's id.
        id: u64,
        /// Why.
        error: MediaError,
    },
}

/// A part of a result that is ready before the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The header that all segments of a rendition share. Comes first.
    Header,
    /// The next part of the segment with this number, which is not whole yet.
    Chunk(u32),
    /// A segment, without the chunks of it that were sent before.
    Segment(Segment),
    /// Bytes of a file that is being made; a later piece may go over an earlier one.
    Piece {
        /// Where in the file they belong.
        offset: u64,
    },
    /// A part of a captured file.
    Fragment(Fragment),
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Job::Ping`].
    Pong,
    /// To [`Job::Probe`].
    Probed(Box<Probe>),
    /// To [`Job::Keyframes`]; none if the container has no index to trust and none was scanned.
    Keyframes(Option<Box<Keyframes>>),
    /// To [`Job::Survey`]: the artifacts are in the sealed memory file that travels with the message.
    Surveyed(Box<Surveyed>),
    /// To [`Job::Subtitles`]: the texts are in the sealed memory file that travels with the message.
    Subtitled(Subtitled),
    /// To the jobs of heads and tracks: the last segment is made.
    Ended,
    /// To [`Job::Clip`]: the last piece is made.
    Clipped(Box<Clipped>),
    /// To [`Job::Capture`]: the pipe has ended, and the last fragment is out.
    Captured(Captured),
    /// To [`Job::Verify`].
    Verified(Box<Verified>),
    /// To [`Job::Hardware`].
    Hardware(Box<Hardware>),
    /// To [`Job::Synthesize`]: the media is in the sealed memory file that travels with the message.
    Synthesized {
        /// Its length in bytes.
        len: u64,
    },
    /// To [`Job::Calibrate`].
    Calibrated(Calibration),
    /// To [`Job::Escape`]: each attempt and the error number that stopped it; none if it succeeded.
    Escaped(Vec<(String, Option<i32>)>),
    /// The real reply is long: it is in the last sealed memory file that travels with the message, behind the one the reply
    /// itself has, if any.
    Large {
        /// Its length in bytes.
        len: u64,
    },
}
