//! A running head as its owner sees it: what it made comes out, how far it may go is told.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
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
}

/// What a head made.
#[derive(Debug, Clone)]
pub enum Made {
    /// The header that all segments of the rendition share. Comes first, and again when a crashed head was started anew.
    Header(Bytes),
    /// A segment.
    Segment(Segment, Bytes),
}

/// Both ends of the line to a head.
pub(crate) struct Link {
    /// Where what it made goes.
    pub made: mpsc::Sender<Made>,
    /// The segment before which it stops.
    pub until: watch::Receiver<u32>,
    /// The next segment that it owes.
    next: AtomicU32,
}

impl HeadJob {
    /// The first segment that it makes.
    pub fn first(&self) -> u32 {
        match self {
            Self::Video(head) => head.first,
            Self::Audio(head) => head.first,
        }
    }

    /// The same from another segment on, allowed to go so far.
    pub(crate) fn job(&self, first: u32, until: u32) -> Job {
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
        }
    }
}

impl Link {
    pub(crate) fn new(first: u32, made: mpsc::Sender<Made>, until: watch::Receiver<u32>) -> Self {
        Self {
            made,
            until,
            next: AtomicU32::new(first),
        }
    }

    /// The segment at which a new head must begin, where this one was stopped.
    pub(crate) fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// Checks an event and passes it on. Waits while its receiver is behind.
    pub(crate) async fn pass(&self, event: Event, len: u64, file: &OwnedFd, limits: &Limits) -> Result<(), String> {
        let bytes = Bytes::from(reply::read_sealed(file, len, limits.out_bytes)?);
        let made = match event {
            Event::Header => Made::Header(bytes),
            Event::Segment(segment) => {
                let due = self.next();
                if segment.index != due {
                    return Err(format!("segment {} where {due} was due", segment.index));
                }
                if segment.duration <= 0 || segment.first_pts < 0 {
                    return Err(format!("segment {} with times that make no sense", segment.index));
                }
                self.next.store(due + 1, Ordering::Relaxed);
                Made::Segment(segment, bytes)
            }
        };
        // Without a receiver the head is about to be canceled.
        let _ = self.made.send(made).await;
        Ok(())
    }
}
