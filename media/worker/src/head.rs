//! Heads: segments of one rendition, one after the other, as fragmented mp4 that fits whatever other heads make.

pub mod audio;
pub mod copy;
pub mod video;

#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};

use media_proto::capture::Fragment;
use media_proto::error::MediaError;
use media_proto::head::Segment;
use media_proto::message::{Event, FromWorker, ToWorker};
use media_proto::wire;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{control, serve};

/// How long a head that may not go on sleeps between two signs of life.
const NAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// What a head gives away as soon as it has it.
pub enum Made {
    /// The header that all segments of the rendition share.
    Header(Vec<u8>),
    /// The next part of the segment with this number.
    Chunk(u32, Vec<u8>),
    /// A segment, or what is left of it after its chunks.
    Segment(Segment, Vec<u8>),
}

/// How segments of pictures are given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each as a whole: one `moof` and one `mdat`.
    Whole,
    /// In chunks (ISO/IEC 23000-19, 7.3.2.3), as soon as there is enough for one.
    Chunks,
}

/// Takes what a head made; false ends the head. It may block until the server wants more.
pub type Give<'a> = dyn FnMut(Made) -> Result<bool, MediaError> + 'a;

/// The way to the server for what is ready before the rest.
pub struct Outlet<'a> {
    socket: &'a OwnedFd,
    id: u64,
    until: u32,
}

impl<'a> Outlet<'a> {
    /// Of the job with this id.
    pub fn new(socket: &'a OwnedFd, id: u64) -> Self {
        Self { socket, id, until: 0 }
    }

    /// Lets segments before this one pass.
    pub fn allow(&mut self, until: u32) {
        self.until = self.until.max(until);
    }

    /// Sends what was made, and waits until the next segment is allowed.
    pub fn give(&mut self, made: Made) -> Result<bool, MediaError> {
        let (event, bytes, next) = match made {
            Made::Header(bytes) => (Event::Header, bytes, None),
            Made::Chunk(index, bytes) => (Event::Chunk(index), bytes, None),
            Made::Segment(segment, bytes) => (Event::Segment(segment), bytes, Some(segment.index.saturating_add(1))),
        };
        self.send(event, &bytes).map_err(io_error)?;
        while next.is_some_and(|next| next >= self.until) {
            control::checkpoint()?;
            self.listen().map_err(io_error)?;
        }
        Ok(true)
    }

    /// Sends bytes of a file that is being made, which belong there.
    pub fn piece(&self, offset: u64, bytes: &[u8]) -> Result<(), MediaError> {
        control::checkpoint()?;
        self.send(Event::Piece { offset }, bytes).map_err(io_error)
    }

    /// Sends a part of a captured file.
    pub fn fragment(&self, fragment: Fragment, bytes: &[u8]) -> Result<(), MediaError> {
        self.send(Event::Fragment(fragment), bytes).map_err(io_error)
    }

    fn send(&self, event: Event, bytes: &[u8]) -> std::io::Result<()> {
        let file = serve::sealed_file(bytes)?;
        let message = FromWorker::Event {
            id: self.id,
            event,
            len: bytes.len() as u64,
        };
        wire::send(self.socket.as_fd(), &message, &[file.as_fd()])
    }

    /// Waits for a message for at most a nap.
    fn listen(&mut self) -> std::io::Result<()> {
        let mut watched = [PollFd::new(self.socket, PollFlags::IN)];
        match poll(&mut watched, Some(&NAP)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match wire::receive::<ToWorker>(self.socket.as_fd())? {
            Some((ToWorker::Allow { id, until }, _)) if id == self.id => self.allow(until),
            Some(_) => {}
            None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}
