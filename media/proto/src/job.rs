//! The work a worker can be asked for, and the bounds it works within.

use serde::{Deserialize, Serialize};

use crate::capture::Capture;
use crate::clip::Clip;
use crate::copy::CopyHead;
use crate::head::{AudioHead, VideoHead};
use crate::keyframes::KeyframeMode;
use crate::subtitle::Subtitles;
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
    /// Makes segments of pictures, as far as it is allowed to; each is an [`Event`](crate::message::Event).
    ///
    /// Each segment comes in chunks, so that its first is there before its last is made.
    VideoHead(Box<VideoHead>),
    /// Makes segments of sound, as far as it is allowed to.
    AudioHead(Box<AudioHead>),
    /// Makes segments of packets as they are, as far as it is allowed to.
    CopyHead(Box<CopyHead>),
    /// As [`VideoHead`](Job::VideoHead), with a single keyframe in each segment.
    KeyframeHead(Box<VideoHead>),
    /// Reads the subtitles of the one passed descriptor.
    Subtitles(Subtitles),
    /// Tries encoders and decoders of this machine; needs a worker without the sandbox's ban on devices.
    Hardware,
    /// Makes real media, for demonstrations and tests.
    Synthesize(Synthetic),
    /// Measures how fast this machine decodes and encodes.
    Calibrate,
    /// Cuts ranges out of the one passed descriptor; what is made goes out as [pieces](crate::message::Event::Piece).
    Clip(Box<Clip>),
    /// As [`VideoHead`](Job::VideoHead), for a rendition of the whole file that nobody waits for.
    VideoTrack(Box<VideoHead>),
    /// As [`AudioHead`](Job::AudioHead), for a rendition of the whole file that nobody waits for.
    AudioTrack(Box<AudioHead>),
    /// Reads a rendition of the one passed descriptor as a player would, to see that all of it is there.
    Verify,
    /// Keeps what comes through the one passed pipe, as it comes.
    Capture(Box<Capture>),
    /// Tries what the sandbox must forbid and reports the outcomes; refused unless the pool was started with faults.
    Escape {
        /// The class of worker to try it in.
        class: Class,
    },
}

/// Jobs that are treated alike: they wait for each other, and run with the same priority and in the same bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Short, and somebody or a scan waits: probes, indexes, single pictures.
    Quick,
    /// Somebody watches or waits: segments and clips.
    Stream,
    /// Long, and nobody waits: surveys and scans of packets. Runs only when nothing else wants the processor.
    Batch,
    /// Talks to drivers, in a process of its own.
    Hardware,
    /// Waits for a live source nearly all the time, for hours.
    Live,
    /// Somebody watches, and a device encodes: a process of its own for each head.
    Device,
}

impl Class {
    /// All of them, in the order of [`index`](Class::index).
    pub const ALL: [Self; 6] = [
        Self::Quick,
        Self::Stream,
        Self::Batch,
        Self::Hardware,
        Self::Live,
        Self::Device,
    ];

    /// Its place in [`ALL`](Class::ALL).
    pub fn index(self) -> usize {
        self as usize
    }

    /// The lowercase name, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Stream => "stream",
            Self::Batch => "batch",
            Self::Hardware => "hardware",
            Self::Live => "live",
            Self::Device => "device",
        }
    }
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
    /// [`Job::VideoHead`].
    VideoHead,
    /// [`Job::AudioHead`].
    AudioHead,
    /// [`Job::CopyHead`].
    CopyHead,
    /// [`Job::KeyframeHead`].
    KeyframeHead,
    /// [`Job::Subtitles`].
    Subtitles,
    /// [`Job::Hardware`].
    Hardware,
    /// [`Job::Synthesize`].
    Synthesize,
    /// [`Job::Calibrate`].
    Calibrate,
    /// [`Job::Clip`].
    Clip,
    /// [`Job::VideoTrack`].
    VideoTrack,
    /// [`Job::AudioTrack`].
    AudioTrack,
    /// [`Job::Verify`].
    Verify,
    /// [`Job::Capture`].
    Capture,
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
            Self::VideoHead => "video head",
            Self::AudioHead => "audio head",
            Self::CopyHead => "copy head",
            Self::KeyframeHead => "keyframe head",
            Self::Subtitles => "subtitles",
            Self::Hardware => "hardware",
            Self::Synthesize => "synthesize",
            Self::Calibrate => "calibrate",
            Self::Clip => "clip",
            Self::VideoTrack => "video track",
            Self::AudioTrack => "audio track",
            Self::Verify => "verify",
            Self::Capture => "capture",
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
            Self::VideoHead(_) => JobKind::VideoHead,
            Self::AudioHead(_) => JobKind::AudioHead,
            Self::CopyHead(_) => JobKind::CopyHead,
            Self::KeyframeHead(_) => JobKind::KeyframeHead,
            Self::Subtitles(_) => JobKind::Subtitles,
            Self::Hardware => JobKind::Hardware,
            Self::Synthesize(_) => JobKind::Synthesize,
            Self::Calibrate => JobKind::Calibrate,
            Self::Clip(_) => JobKind::Clip,
            Self::VideoTrack(_) => JobKind::VideoTrack,
            Self::AudioTrack(_) => JobKind::AudioTrack,
            Self::Verify => JobKind::Verify,
            Self::Capture(_) => JobKind::Capture,
            Self::Escape { .. } => JobKind::Escape,
        }
    }

    /// Which class of worker does it.
    pub fn class(&self) -> Class {
        match self {
            Self::Ping | Self::Probe { .. } | Self::Synthesize(_) => Class::Quick,
            Self::Keyframes { mode, .. } => match mode {
                KeyframeMode::Index => Class::Quick,
                KeyframeMode::Scan => Class::Batch,
            },
            Self::Survey(survey) if survey.is_light() => Class::Quick,
            Self::Survey(_) => Class::Batch,
            Self::VideoHead(head) if head.encoder.is_some() => Class::Device,
            // The speed is measured at the priority that streams have.
            Self::VideoHead(_) | Self::AudioHead(_) | Self::Calibrate | Self::Clip(_) => Class::Stream,
            Self::CopyHead(_) | Self::KeyframeHead(_) => Class::Stream,
            // A film's tracks lie all over it.
            Self::Subtitles(_) => Class::Batch,
            Self::VideoTrack(_) | Self::AudioTrack(_) | Self::Verify => Class::Batch,
            Self::Hardware => Class::Hardware,
            Self::Capture(_) => Class::Live,
            Self::Escape { class } => *class,
        }
    }
}

/// The bounds of one job. The worker keeps the content limits, the server kills by the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The wall-clock time the job may take, in milliseconds, however lively it is.
    pub deadline_ms: u32,
    /// How long the job may go without a heartbeat, in milliseconds, while it has a processor.
    pub idle_ms: u32,
    /// The processor time the job may use, in seconds (soft `RLIMIT_CPU`); 0 for no bound but the deadline.
    pub cpu_s: u32,
    /// How many threads a decoder or an encoder may have; 0 lets it choose. A job that crashed is tried again with one.
    pub threads: u32,
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
            idle_ms: 20_000,
            cpu_s: 0,
            threads: 0,
            memory: 3 << 30,
            allocation: 1 << 30,
            out_bytes: 512 << 20,
            max_pixels: 200_000_000,
            max_streams: 200,
            probe_bytes: 256 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Job};
    use crate::keyframes::KeyframeMode;
    use crate::survey::{PictureFormat, Poster, Stills, Survey};

    #[test]
    fn what_somebody_waits_for_does_not_stand_behind_batches() {
        let stills = |n: usize| Stills {
            at_us: vec![0; n],
            width: 320,
            format: PictureFormat::Webp,
            is_exact: true,
        };
        let survey = |stills| Survey {
            stills: Some(stills),
            ..Survey::default()
        };
        assert_eq!(Job::Survey(Box::new(survey(stills(1)))).class(), Class::Quick);
        assert_eq!(Job::Survey(Box::new(survey(stills(100)))).class(), Class::Batch);
        let with_poster = Survey {
            poster: Some(Poster {
                at_us: None,
                widths: vec![640],
                formats: vec![PictureFormat::Webp],
            }),
            ..survey(stills(1))
        };
        assert_eq!(Job::Survey(Box::new(with_poster)).class(), Class::Batch);
        let keyframes = |mode| Job::Keyframes {
            extension: None,
            stream: None,
            mode,
        };
        assert_eq!(keyframes(KeyframeMode::Index).class(), Class::Quick);
        assert_eq!(keyframes(KeyframeMode::Scan).class(), Class::Batch);
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
        }
    }
}
