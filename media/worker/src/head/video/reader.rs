//! Reads and decodes one stream, from where its decoding must begin.

use media_av::decode::{Decoder, Skip};
use media_av::encode::{Frame, Packet};
use media_av::error::AvError;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::VideoHead;

use crate::control;
use crate::open::{self, Opened, av_error};

/// Damaged packets that are borne before their share counts.
const MAX_DAMAGED: u64 = 50;
/// How far a seek that landed too late steps back at first, in seconds; twice as far each further time.
const STEP_BACK_S: i64 = 2;
/// Steps back before the file is read from its beginning.
const MAX_STEPS: u32 = 5;

/// Reads and decodes one stream.
pub struct Reader {
    opened: Opened,
    stream: usize,
    decoder: Decoder,
    n_packets: u64,
    n_damaged: u64,
    has_ended: bool,
    /// Frames that show before this tick are not wanted.
    wanted_from: i64,
}

impl Reader {
    /// Of a stream of an open file.
    pub fn new(opened: Opened, stream: usize, decoder: Decoder) -> Self {
        Self {
            opened,
            stream,
            decoder,
            n_packets: 0,
            n_damaged: 0,
            has_ended: false,
            wanted_from: i64::MIN,
        }
    }

    /// Leaves out of the decoding, from now on, what shows before this tick and what no other frame is made from: half of
    /// the work on the way from a keyframe to a place far behind it. Some of what shows before still comes out.
    pub fn want_from(&mut self, tick: i64) {
        self.wanted_from = tick;
    }

    /// The first frame that a head needs; the others come by [`next`](Self::next). False if there is none.
    pub fn first(&mut self, head: &VideoHead, frame: &mut Frame) -> Result<bool, MediaError> {
        self.go_to(head)?;
        // What makes whole pictures of fields looks at those before.
        if head.first == 0 || head.rendition.is_deinterlaced {
            return self.next(frame);
        }
        let boundary = |n| head.start_pts.saturating_add(head.grid.first_tick(n, head.time_base));
        let (begin, end) = (boundary(head.first), boundary(head.first + 1));
        self.want_from(begin);
        while self.next(frame)? {
            control::checkpoint()?;
            match frame.best_pts() {
                Some(pts) if pts >= end => break,
                Some(pts) if pts >= begin => return Ok(true),
                _ => {}
            }
        }
        // No frame begins in the segment: it shows the one before, which may have been left out.
        self.want_from(i64::MIN);
        self.decoder.flush();
        self.has_ended = false;
        self.go_to(head)?;
        self.next(frame)
    }

    /// Goes to where decoding must begin, so that the first segment's first frame comes out whole. Indexes count in
    /// decoding times or are coarse, so the position is accepted only if its first keyframe is early enough.
    fn go_to(&mut self, head: &VideoHead) -> Result<(), MediaError> {
        if head.first == 0 {
            return Ok(());
        }
        let boundary = head
            .start_pts
            .saturating_add(head.grid.first_tick(head.first, head.time_base));
        let target = head.keyframe_pts.filter(|&pts| pts <= boundary).unwrap_or(boundary);
        self.go_before(boundary, target, head.start_pts, head.time_base)
    }

    /// The same for any tick of the stream, by a seek to `target` at first.
    pub fn go_before(
        &mut self,
        boundary: i64,
        mut target: i64,
        start_pts: i64,
        time_base: TimeBase,
    ) -> Result<(), MediaError> {
        let second = i64::from(time_base.1 / time_base.0).max(1);
        let mut step = STEP_BACK_S * second;
        for _ in 0..MAX_STEPS {
            if self.opened.input.seek_back_to(self.stream, target).is_err() {
                break;
            }
            if self.first_keyframe()?.is_some_and(|pts| pts <= boundary) {
                // The look took packets away, so the seek is made again.
                self.opened.input.seek_back_to(self.stream, target).map_err(av_error)?;
                return Ok(());
            }
            target = target.saturating_sub(step);
            step = step.saturating_mul(2);
            if target <= start_pts {
                break;
            }
        }
        self.opened.input.rewind().map_err(av_error)
    }

    fn first_keyframe(&mut self) -> Result<Option<i64>, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        for _ in 0..2000 {
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.stream && packet.is_key() => {
                    return Ok(packet.pts().or(packet.dts()));
                }
                Ok(true) | Err(_) => {}
                Ok(false) => break,
            }
        }
        Ok(None)
    }

    /// Decodes the next keyframe alone and gives its time; the frame stays as it is if that is the one it holds already.
    pub fn keyframe(&mut self, frame: &mut Frame, held: Option<i64>) -> Result<i64, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        let mut n_errors = 0;
        loop {
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.stream && packet.is_key() => {}
                Ok(true) => continue,
                Ok(false) => break,
                Err(_) if n_errors < MAX_DAMAGED => {
                    n_errors += 1;
                    continue;
                }
                Err(error) => return Err(open::complaint(&self.opened.input).unwrap_or_else(|| av_error(error))),
            }
            self.n_packets += 1;
            let pts = packet.pts().or(packet.dts()).unwrap_or(i64::MIN);
            if held == Some(pts) {
                return Ok(pts);
            }
            self.decoder.flush();
            let decoded = self.decoder.send(Some(&packet)).and_then(|()| self.decoder.send(None));
            let decoded = decoded.and_then(|()| self.decoder.receive(frame));
            self.decoder.flush();
            match decoded {
                Ok(true) => return Ok(pts),
                Ok(false) => {}
                Err(error) => self.count_damage(error)?,
            }
        }
        Err(
            open::complaint(&self.opened.input).unwrap_or_else(|| MediaError::Corrupt {
                reason: "no picture decodes from there on".to_owned(),
            }),
        )
    }

    /// The next frame in order of presentation; false at the end.
    pub fn next(&mut self, frame: &mut Frame) -> Result<bool, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        loop {
            match self.decoder.receive(frame) {
                Ok(true) => return Ok(true),
                Ok(false) if self.has_ended => return Ok(false),
                Ok(false) => {}
                Err(error) => self.count_damage(error)?,
            }
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.stream => {
                    self.n_packets += 1;
                    self.decoder.set_skip(Skip {
                        unreferenced: packet.pts().is_some_and(|pts| pts < self.wanted_from),
                        loop_filter: false,
                    });
                    if let Err(error) = self.decoder.send(Some(&packet)) {
                        self.count_damage(error)?;
                    }
                }
                Ok(true) => {}
                Ok(false) => {
                    if let Some(error) = open::complaint(&self.opened.input) {
                        return Err(error);
                    }
                    self.has_ended = true;
                    if let Err(error) = self.decoder.send(None) {
                        self.count_damage(error)?;
                    }
                }
                Err(error) => {
                    if let Some(error) = open::complaint(&self.opened.input) {
                        return Err(error);
                    }
                    self.count_damage(error)?;
                }
            }
        }
    }

    fn count_damage(&mut self, error: AvError) -> Result<(), MediaError> {
        self.n_damaged += 1;
        if error == AvError::NO_MEMORY {
            return Err(MediaError::Memory);
        }
        if self.n_damaged > MAX_DAMAGED && self.n_damaged * 2 > self.n_packets {
            return Err(MediaError::Corrupt {
                reason: format!(
                    "{} of {} packets do not decode: {error}",
                    self.n_damaged, self.n_packets
                ),
            });
        }
        Ok(())
    }
}
