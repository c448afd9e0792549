//! Why a media job gave no result, as one typed value that crosses the socket and ends up in rows and API errors.

use serde::{Deserialize, Serialize};

/// What went wrong with a media job. Each has a stable [`code`](MediaError::code) and a text a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MediaError {
    /// The bytes are of a kind that is not handled: unknown to libav, or known and left out on purpose.
    #[error("not a supported media file: {reason}")]
    Unsupported {
        /// What was recognized, or that nothing was.
        reason: String,
    },
    /// The format was recognized, but the file is damaged beyond use.
    #[error("the file is damaged: {reason}")]
    Corrupt {
        /// The demuxer's or decoder's complaint.
        reason: String,
    },
    /// The file opened and holds nothing playable or displayable.
    #[error("the file holds no media stream")]
    NoStream,
    /// The file asked to open another resource, which no media file may do.
    #[error("the file asks to open another resource, which is not allowed: `{target}`")]
    Refused {
        /// What it asked for, cut to a bounded length.
        target: String,
    },
    /// The file goes past a limit that protects the server.
    #[error("the file exceeds a limit: {limit}")]
    TooLarge {
        /// Which limit, with its value.
        limit: String,
    },
    /// Reading the file failed below the parser: a disk error, or a network mount that went away.
    #[error("reading the file failed: {reason}")]
    Io {
        /// The operating system's text.
        reason: String,
    },
    /// The caller gave up.
    #[error("the media job was canceled")]
    Canceled,
    /// The worker gave no sign of life, or no answer, in time and was killed.
    #[error("the media worker did not answer within {ms} ms")]
    Deadline {
        /// The time it was given.
        ms: u32,
    },
    /// The worker used up the processor time it was given.
    #[error("the media worker needed more than {seconds} s of processor time for this file")]
    ProcessorTime {
        /// The time it was given.
        seconds: u32,
    },
    /// The worker reached its memory limit.
    #[error("the media worker ran out of its memory allowance")]
    Memory,
    /// The worker died on this file, twice.
    #[error("the media worker crashed on this file ({})", signal_text(*signal))]
    Crashed {
        /// The signal that ended it; none if it left by itself.
        signal: Option<i32>,
    },
    /// The file crashed or hung the worker before and is not tried again until it, or FFmpeg, changes.
    #[error("the file is quarantined: {reason}")]
    Quarantined {
        /// What happened when it was last tried.
        reason: String,
    },
    /// More jobs wait than the queue may hold.
    #[error("the media queue is full, {n_waiting} jobs wait; try again later")]
    Busy {
        /// How many wait.
        n_waiting: usize,
    },
    /// No worker can be had: the binary is missing, does not start, or keeps dying.
    #[error("the media worker is not available: {reason}")]
    Unavailable {
        /// Why, and what to do.
        reason: String,
    },
    /// A device, such as a graphics card, does not do its work.
    #[error("the device does not encode: {reason}")]
    Device {
        /// What libav or the driver said.
        reason: String,
    },
    /// Server and worker were not built together.
    #[error(
        "the media worker speaks another protocol ({found}, expected {expected}); install both binaries from one build"
    )]
    Version {
        /// The protocol this server speaks.
        expected: u32,
        /// The protocol the worker offered.
        found: u32,
    },
    /// The worker sent something that no honest worker sends.
    #[error("the media worker sent a malformed reply: {reason}")]
    Protocol {
        /// What was wrong with it.
        reason: String,
    },
    /// The request itself makes no sense, as an encoder that this FFmpeg does not have.
    #[error("the media job is not possible: {reason}")]
    Invalid {
        /// Which part of it, and why.
        reason: String,
    },
}

impl MediaError {
    /// The stable name of this situation, for rows, metrics and API errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "MEDIA_UNSUPPORTED",
            Self::Corrupt { .. } => "MEDIA_CORRUPT",
            Self::NoStream => "MEDIA_NO_STREAM",
            Self::Refused { .. } => "MEDIA_REFUSED",
            Self::TooLarge { .. } => "MEDIA_TOO_LARGE",
            Self::Io { .. } => "MEDIA_IO",
            Self::Canceled => "MEDIA_CANCELED",
            Self::Deadline { .. } => "MEDIA_DEADLINE",
            Self::ProcessorTime { .. } => "MEDIA_PROCESSOR_TIME",
            Self::Memory => "MEDIA_MEMORY",
            Self::Crashed { .. } => "MEDIA_CRASHED",
            Self::Quarantined { .. } => "MEDIA_QUARANTINED",
            Self::Busy { .. } => "MEDIA_BUSY",
            Self::Unavailable { .. } => "MEDIA_UNAVAILABLE",
            Self::Device { .. } => "MEDIA_DEVICE",
            Self::Version { .. } => "MEDIA_VERSION",
            Self::Protocol { .. } => "MEDIA_PROTOCOL",
            Self::Invalid { .. } => "MEDIA_INVALID",
        }
    }

    /// Whether the file is to blame, so that trying it again without a change cannot help.
    pub fn blames_file(&self) -> bool {
        match self {
            Self::Unsupported { .. }
            | Self::Corrupt { .. }
            | Self::NoStream
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Deadline { .. }
            | Self::ProcessorTime { .. }
            | Self::Memory
            | Self::Crashed { .. }
            | Self::Quarantined { .. }
            | Self::Protocol { .. } => true,
            Self::Io { .. }
            | Self::Canceled
            | Self::Busy { .. }
            | Self::Unavailable { .. }
            | Self::Device { .. }
            | Self::Version { .. }
            | Self::Invalid { .. } => false,
        }
    }

    /// The same error with its texts cut and freed of control characters, for one that came from a worker.
    pub fn bounded(self) -> Self {
        match self {
            Self::Unsupported { reason } => Self::Unsupported {
                reason: display_text(&reason),
            },
            Self::Corrupt { reason } => Self::Corrupt {
                reason: display_text(&reason),
            },
            Self::Refused { target } => Self::Refused {
                target: display_text(&target),
            },
            Self::TooLarge { limit } => Self::TooLarge {
                limit: display_text(&limit),
            },
            Self::Io { reason } => Self::Io {
                reason: display_text(&reason),
            },
            Self::Invalid { reason } => Self::Invalid {
                reason: display_text(&reason),
            },
            Self::Protocol { reason } => Self::Protocol {
                reason: display_text(&reason),
            },
            Self::Quarantined { reason } => Self::Quarantined {
                reason: display_text(&reason),
            },
            Self::Unavailable { reason } => Self::Unavailable {
                reason: display_text(&reason),
            },
            Self::Device { reason } => Self::Device {
                reason: display_text(&reason),
            },
            other => other,
        }
    }
}

/// Names a signal the way a person reads it; "exited by itself" for none.
pub fn signal_text(signal: Option<i32>) -> String {
    match signal {
        None => "exited by itself".to_owned(),
        Some(4) => "SIGILL, illegal instruction".to_owned(),
        Some(6) => "SIGABRT, aborted".to_owned(),
        Some(7) => "SIGBUS, bus error".to_owned(),
        Some(8) => "SIGFPE, arithmetic error".to_owned(),
        Some(9) => "SIGKILL, killed".to_owned(),
        Some(11) => "SIGSEGV, invalid memory access".to_owned(),
        Some(24) => "SIGXCPU, processor time used up".to_owned(),
        Some(31) => "SIGSYS, forbidden system call".to_owned(),
        Some(number) => format!("signal {number}"),
    }
}

/// A hostile text made fit to show: one line, no control characters, at most 300 characters.
pub fn display_text(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = clean.take(300).collect();
    line.truncate(line.trim_end().len());
    line
}
