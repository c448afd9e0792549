//! A running head as its owner sees it: what it made comes out, how far it may go is told.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use media_proto::capture::Fragment;
use media_proto::copy::CopyHead;
use media_proto::hardware::DeviceEncoder;
use media_proto::head::{AudioHead, Segment, VideoHead};
use media_proto::job::{Job, Limits};
use media_proto::message::Event;
use tokio::sync::{mpsc, watch};

use crate::reply;

/// What is to be made.
#[derive(Debug, Clone)]
pub enum HeadJob {
    /// Pictures.
    Video(VideoHead),
    /// Sound.
    Audio(AudioHead),
    /// Packets as they are.
    Copy(CopyHead),
    /// A single keyframe in each segment.
    Keyframes(VideoHead),
}

/// What a head made.
#[derive(Debug, Clone)]
pub enum Made {
    /// The header that all segments of the rendition share. Comes first, and again when a crashed head was started anew.
    Header(Bytes),
    /// The next part of the segment with this number, which will come as a whole as well. After another header, the parts
    /// of the segment at hand come anew.
    Chunk(u32, Bytes),
    /// A segment.
    Segment(Segment, Bytes),
}

/// Where the parts of a result go.
pub(crate) enum Taker {
    /// What heads make.
    Segments(mpsc::Sender<Made>),
    /// Bytes of a file, and where in it they belong.
    Pieces(mpsc::Sender<(u64, Bytes)>),
    /// Parts of captured files.
    Fragments(mpsc::Sender<(Fragment, Bytes)>),
}

/// Both ends of the line to a head.
pub(crate) struct Link {
    /// Where what it made goes.
    taker: Taker,
    /// The segment before which it stops.
    pub until: watch::Receiver<u32>,
    /// The next segment that it owes.
    next: AtomicU32,
    /// The chunks of that segment so far.
    chunks: Mutex<Vec<u8>>,
}

impl HeadJob {
    /// The first segment that it makes.
    pub fn first(&self) -> u32 {
        match self {
            Self::Video(head) => head.first,
            Self::Audio(head) => head.first,
            Self::Copy(head) => head.first,
            Self::Keyframes(head) => head.first,
        }
    }

    /// The device that is to encode, and the same head without it; none if it needs no device.
    pub(crate) fn in_software(&self) -> Option<(DeviceEncoder, Self)> {
        let Self::Video(head) = self else { return None };
        let plain = VideoHead {
            encoder: None,
            ..head.clone()
        };
        Some((head.encoder.clone()?, Self::Video(plain)))
    }
}

/// Work whose result comes in parts, and which goes on elsewhere after a crash.
pub(crate) trait Resumable: Sync {
    /// The work from this segment on, allowed to go so far.
    fn job(&self, first: u32, until: u32) -> Job;

    /// Whether it can be begun again after a crash.
    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Resumable for HeadJob {
    // What takes a driver along once takes it along twice: software is next.
    fn is_repeatable(&self) -> bool {
        self.in_software().is_none()
    }

    fn job(&self, first: u32, until: u32) -> Job {
        match self {
            Self::Video(head) => Job::VideoHead(Box::new(VideoHead {
                first,
                until,
                // The keyframe before the first segment is not the one before another.
                keyframe_pts: head.keyframe_pts.filter(|_| first == head.first),
                ..head.clone()
            })),
            Self::Audio(head) => Job::AudioHead(Box::new(AudioHead {
                first,
                until,
                ..head.clone()
            })),
            Self::Copy(head) => Job::CopyHead(Box::new(head.from_segment(first, until))),
            Self::Keyframes(head) => Job::KeyframeHead(Box::new(VideoHead {
                first,
                until,
                ..head.clone()
            })),
        }
    }
}

impl Link {
    pub(crate) fn new(first: u32, taker: Taker, until: watch::Receiver<u32>) -> Self {
        Self {
            taker,
            until,
            next: AtomicU32::new(first),
            chunks: Mutex::default(),
        }
    }

    /// The segment at which a new head must begin, where this one was stopped.
    pub(crate) fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    fn chunks(&self) -> MutexGuard<'_, Vec<u8>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chunks so far with another, which may not become more than this.
    fn gather(&self, bytes: &Bytes, most: u64) -> Result<(), String> {
        let mut chunks = self.chunks();
        if (chunks.len() + bytes.len()) as u64 > most {
            return Err(format!("a segment of more than {most} bytes"));
        }
        chunks.extend_from_slice(bytes);
        Ok(())
    }

    /// Checks an event and passes it on. Waits while its receiver is behind.
    pub(crate) async fn pass(&self, event: Event, len: u64, file: &OwnedFd, limits: &Limits) -> Result<(), String> {
        let bytes = Bytes::from(reply::read_sealed(file, len, limits.out_bytes)?);
        // Without a receiver the head is about to be canceled.
        match (event, &self.taker) {
            (Event::Header, Taker::Segments(made)) => {
                self.chunks().clear();
                drop(made.send(Made::Header(bytes)).await);
            }
            (Event::Chunk(index), Taker::Segments(made)) => {
                let due = self.next();
                if index != due {
                    return Err(format!("a chunk of segment {index} where {due} was due"));
                }
                self.gather(&bytes, limits.out_bytes)?;
                drop(made.send(Made::Chunk(index, bytes)).await);
            }
            (Event::Segment(segment), Taker::Segments(made)) => {
                let due = self.next();
                if segment.index != due {
                    return Err(format!("segment {} where {due} was due", segment.index));
                }
                if segment.duration <= 0 || segment.first_pts < 0 {
                    return Err(format!("segment {} with times that make no sense", segment.index));
                }
                self.gather(&bytes, limits.out_bytes)?;
                let bytes = Bytes::from(std::mem::take(&mut *self.chunks()));
                self.next.store(due + 1, Ordering::Relaxed);
                drop(made.send(Made::Segment(segment, bytes)).await);
            }
            (Event::Piece { offset }, Taker::Pieces(pieces)) => drop(pieces.send((offset, bytes)).await),
            (Event::Fragment(fragment), Taker::Fragments(made)) => drop(made.send((fragment, bytes)).await),
            (Event::Header | Event::Chunk(_) | Event::Segment(_), _) => return Err("a segment of a file".to_owned()),
            (Event::Piece { .. }, _) => return Err("a piece where none is due".to_owned()),
            (Event::Fragment(_), _) => return Err("a fragment of what is not captured".to_owned()),
        }
        Ok(())
    }
}
