//! The file being made: its muxer, and the pieces on their way to the server.

use std::cell::RefCell;
use std::rc::Rc;

use media_av::encode::{Encoder, Packet};
use media_av::mux::Muxer;
use media_av::stream::StreamView;
use media_proto::error::MediaError;

use super::{Give, invalid};
use crate::open::av_error;

/// Pieces are sent from this size up.
const PIECE: usize = 4 << 20;
/// No file is larger.
const MAX_BYTES: u64 = 1 << 42;
/// What the index of a film takes at most: in all, and for each packet of pictures and of sound.
const INDEX: u64 = 256 << 10;
const INDEX_OF_PICTURE: u64 = 48;
const INDEX_OF_SOUND: u64 = 32;

/// Bytes that wait, in runs of what belongs together.
#[derive(Default)]
struct Waiting {
    runs: Vec<(u64, Vec<u8>)>,
    n_bytes: usize,
    end: u64,
}

impl Waiting {
    fn add(&mut self, offset: u64, bytes: &[u8]) {
        self.n_bytes += bytes.len();
        self.end = self.end.max(offset + bytes.len() as u64);
        match self.runs.last_mut() {
            Some((start, run)) if *start + run.len() as u64 == offset => run.extend_from_slice(bytes),
            _ => self.runs.push((offset, bytes.to_vec())),
        }
    }
}

/// A file being made.
pub struct Track {
    muxer: Muxer,
    waiting: Rc<RefCell<Waiting>>,
}

impl Track {
    /// Of a muxer's name.
    pub fn new(muxer: &str) -> Result<Self, MediaError> {
        let waiting = Rc::new(RefCell::new(Waiting::default()));
        let sink = Rc::clone(&waiting);
        let put = move |offset: u64, bytes: &[u8]| {
            sink.borrow_mut().add(offset, bytes);
            true
        };
        let muxer = Muxer::to_sink(Box::new(put), muxer, MAX_BYTES).map_err(av_error)?;
        Ok(Self { muxer, waiting })
    }

    /// Adds what an encoder makes; gives the stream's index.
    pub fn add(&mut self, encoder: &Encoder) -> Result<usize, MediaError> {
        self.muxer.add_stream(encoder, 0).map_err(av_error)
    }

    /// Adds what is copied.
    pub fn add_copy(&mut self, view: StreamView<'_>, setup: Option<&[u8]>) -> Result<usize, MediaError> {
        self.muxer.add_copy(view, setup).map_err(av_error)
    }

    /// Begins an mp4, with room for the index of so many packets before their bytes, so that it plays while it loads.
    pub fn begin_film(&mut self, n_pictures: u64, n_sounds: u64) -> Result<(), MediaError> {
        let index = INDEX + n_pictures * INDEX_OF_PICTURE + n_sounds * INDEX_OF_SOUND;
        let index = i32::try_from(index).map_err(|_| invalid("the clip has too many frames"))?;
        self.begin(&[("moov_size", &index.to_string())])
    }

    /// Begins the file with the muxer's own options.
    pub fn begin(&mut self, options: &[(&str, &str)]) -> Result<(), MediaError> {
        self.muxer.begin(options).map_err(invalid)
    }

    /// Writes a packet, and sends what has come together.
    pub fn write(&mut self, stream: usize, packet: Packet, give: &mut Give<'_>) -> Result<(), MediaError> {
        self.muxer.write(stream, packet).map_err(av_error)?;
        if self.waiting.borrow().n_bytes < PIECE {
            return Ok(());
        }
        send(&self.waiting, give)
    }

    /// Ends the file; gives its length.
    pub fn finish(self, give: &mut Give<'_>) -> Result<u64, MediaError> {
        self.muxer.finish().map_err(av_error)?;
        send(&self.waiting, give)?;
        Ok(self.waiting.borrow().end)
    }
}

fn send(waiting: &RefCell<Waiting>, give: &mut Give<'_>) -> Result<(), MediaError> {
    let runs = {
        let mut waiting = waiting.borrow_mut();
        waiting.n_bytes = 0;
        std::mem::take(&mut waiting.runs)
    };
    for (offset, bytes) in runs {
        for (n, part) in bytes.chunks(4 * PIECE).enumerate() {
            give(offset + (n * 4 * PIECE) as u64, part)?;
        }
    }
    Ok(())
}
