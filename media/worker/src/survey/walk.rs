//! One walk over a video stream: decodes what the plan wants and nothing else.
//!
//! Packets gather from one keyframe to the next. As soon as a wish within them needs more than the keyframe, they are
//! decoded, frames that nobody wants and no other frame needs left out; a wish that the keyframe meets costs that one
//! frame; otherwise they are dropped unseen.

use media_av::decode::{Decoder, Skip};
use media_av::encode::{Frame, Packet};
use media_av::error::AvError;
use media_av::input::Input;
use media_proto::error::MediaError;

use crate::open::{self, av_error};
use crate::survey::keys::Keys;
use crate::survey::plan::{Pick, Plan, Use, Want};

/// Packets that may wait for a wish, in bytes; beyond it they are decoded, wanted or not.
const MAX_WAITING: usize = 48 << 20;
/// Packets after which a stream without any keyframe is decoded from where it stands: some encoders refresh by and by.
const MAX_HEADLESS: u64 = 250;
/// A wish so many microseconds ahead is reached by reading on rather than by a seek.
const NEAR_US: i64 = 1_500_000;
/// Damaged packets that are borne before their share counts.
const MAX_DAMAGED: u64 = 50;

/// Takes what is drawn: the frame, when it shows in microseconds, and whom it is for.
pub type Draw<'a> = dyn FnMut(&Frame, i64, &[Use]) -> Result<(), MediaError> + 'a;

/// A walk over one stream.
pub struct Walk {
    /// What is wanted.
    pub plan: Plan,
    /// Packets that did not decode.
    pub n_damaged: u64,
    decoder: Decoder,
    /// How long a frame lasts that does not say.
    frame_us: i64,
    /// Whether all frames go to whoever draws, wanted or not.
    is_full: bool,
    frame: Frame,
    /// The last frame that came out, for wishes beyond the end.
    last: Option<(Frame, i64)>,
    n_packets: u64,
    n_sent: u64,
    key: Option<(Packet, i64)>,
    /// Since the keyframe and not yet decoded, with their times.
    waiting: Vec<(Packet, i64)>,
    n_waiting_bytes: usize,
    latest_us: i64,
    /// Whether the decoder has seen everything from a keyframe up to the first waiting packet.
    is_running: bool,
    /// Whether all that is wanted before the next keyframe is for a sheet, at whose size nobody sees the edges of blocks.
    is_stamps: bool,
    /// Frames before it miss what they are made from.
    fresh_from_us: i64,
    /// No keyframe lies between the last one and this time.
    horizon_us: i64,
    keys: Keys,
    /// The time of the keyframe that `last` is, if it is one that was decoded alone.
    shown_key_us: Option<i64>,
}

impl Walk {
    /// A walk that has not begun. A frame lasts so long where nothing is said.
    pub fn new(plan: Plan, decoder: Decoder, frame_us: i64, is_full: bool, keys: Keys) -> Result<Self, MediaError> {
        Ok(Self {
            plan,
            n_damaged: 0,
            decoder,
            frame_us: frame_us.clamp(1_000, 1_000_000),
            is_full,
            frame: Frame::empty().map_err(av_error)?,
            last: None,
            n_packets: 0,
            n_sent: 0,
            key: None,
            waiting: Vec::new(),
            n_waiting_bytes: 0,
            latest_us: i64::MIN,
            is_running: false,
            is_stamps: false,
            fresh_from_us: i64::MIN,
            horizon_us: i64::MIN,
            keys,
            shown_key_us: None,
        })
    }

    /// Whether every frame is wanted.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Turns to other wishes, wherever it stands.
    pub fn look_for(&mut self, plan: Plan) {
        self.plan = plan;
        self.is_full = false;
        self.forget();
    }

    /// Whether no packet is needed any more.
    pub fn is_done(&mut self) -> bool {
        !self.is_full && self.plan.next().is_none()
    }

    /// The next packet of the stream.
    pub fn packet(&mut self, packet: &Packet, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        self.n_packets += 1;
        let time_us = self.decoder.packet_us(packet).unwrap_or(self.latest_us.max(0));
        let is_headless = self.key.is_none() && self.n_packets > MAX_HEADLESS;
        if packet.is_key() || is_headless {
            self.close(time_us, draw)?;
            self.key = Some((packet.share().map_err(av_error)?, time_us));
            self.latest_us = time_us;
        }
        let Some((_, key_us)) = self.key else { return Ok(()) };
        self.latest_us = self.latest_us.max(time_us);
        if self.is_done() {
            return Ok(());
        }
        self.n_waiting_bytes += packet.bytes().len();
        self.waiting.push((packet.share().map_err(av_error)?, time_us));
        self.horizon_us = self.latest_us.saturating_add(1);
        let is_wanted = self.is_full || self.plan.needs_run(key_us, self.latest_us);
        if is_wanted || self.n_waiting_bytes > MAX_WAITING {
            self.run(draw)?;
        }
        Ok(())
    }

    /// Ends what the last keyframe began, as another comes at that time.
    pub fn close(&mut self, next_us: i64, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        let Some((_, key_us)) = self.key else { return Ok(()) };
        self.horizon_us = next_us;
        // Wishes before the next keyframe that are open now are for frames that are still on their way, or that are stored
        // after the keyframe that they are shown before.
        if self.is_full || self.plan.needs_run(key_us, next_us.saturating_sub(1)) {
            return self.run(draw);
        }
        if self.plan.wants_key(key_us, next_us) {
            self.keyframe(draw)?;
        }
        self.plan.settle(next_us);
        self.forget();
        Ok(())
    }

    /// Forgets the position, as after a seek.
    fn forget(&mut self) {
        self.key = None;
        self.waiting.clear();
        self.n_waiting_bytes = 0;
        self.is_running = false;
    }

    /// Decodes all that waits.
    fn run(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        if !self.is_running {
            self.shown_key_us = None;
            self.decoder.flush();
            self.is_running = true;
            self.fresh_from_us = self.key.as_ref().map_or(i64::MIN, |key| key.1);
            let next_us = self.key.as_ref().map_or(i64::MAX, |key| self.keys.after(key.1));
            self.is_stamps = !self.is_full && self.plan.wants_only_tiles(next_us);
        }
        self.n_waiting_bytes = 0;
        for (packet, time_us) in std::mem::take(&mut self.waiting) {
            let unreferenced = !packet.is_key() && self.plan.skips(time_us);
            self.decoder.set_skip(Skip {
                unreferenced,
                // Without it, each frame is a little further from what it should be than those that it is made from:
                // *measured* at the width of a still after ten seconds, 36 dB, on average 43.
                loop_filter: self.is_stamps || self.is_full && unreferenced,
            });
            self.send(Some(&packet))?;
            self.receive(draw)?;
        }
        Ok(())
    }

    /// Decodes the keyframe alone.
    fn keyframe(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        let Some((packet, key_us)) = self.key.take() else {
            return Ok(());
        };
        if let Some((frame, time_us)) = self.last.as_ref().filter(|_| self.shown_key_us == Some(key_us)) {
            // Reached once more, from a wish that it meets as well.
            let end_us = time_us.saturating_add(self.frame_us);
            let uses = self.plan.serve(*time_us, end_us, self.horizon_us);
            if !uses.is_empty() {
                draw(frame, *time_us, &uses)?;
            }
            self.key = Some((packet, key_us));
            return Ok(());
        }
        // At the size of a still in a sheet nobody sees the edges of blocks.
        let is_stamp = self.keys.are_known() && self.plan.wants_only_tiles(self.horizon_us);
        self.decoder.flush();
        self.decoder.set_skip(Skip {
            unreferenced: false,
            loop_filter: is_stamp,
        });
        self.fresh_from_us = i64::MIN;
        self.send(Some(&packet))?;
        self.receive(draw)?;
        self.send(None)?;
        self.receive(draw)?;
        self.decoder.flush();
        self.is_running = false;
        let is_shown = self.last.as_ref().is_some_and(|last| last.1 == key_us);
        self.shown_key_us = (is_shown && !is_stamp).then_some(key_us);
        self.key = Some((packet, key_us));
        Ok(())
    }

    fn send(&mut self, packet: Option<&Packet>) -> Result<(), MediaError> {
        self.n_sent += 1;
        match self.decoder.send(packet) {
            Ok(()) => Ok(()),
            Err(AvError::NO_MEMORY) => Err(MediaError::Memory),
            Err(error) => self.count_damage(error),
        }
    }

    fn count_damage(&mut self, error: AvError) -> Result<(), MediaError> {
        self.n_damaged += 1;
        if self.n_damaged > MAX_DAMAGED && self.n_damaged * 2 > self.n_sent {
            return Err(MediaError::Corrupt {
                reason: format!("{} of {} packets do not decode: {error}", self.n_damaged, self.n_sent),
            });
        }
        Ok(())
    }

    fn receive(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        loop {
            match self.decoder.receive(&mut self.frame) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(AvError::NO_MEMORY) => return Err(MediaError::Memory),
                Err(error) => return self.count_damage(error),
            }
            let time_us = self.decoder.time_us(&self.frame).unwrap_or_else(|| match &self.last {
                Some((_, last_us)) => last_us.saturating_add(self.frame_us),
                None => self.latest_us,
            });
            if time_us < self.fresh_from_us {
                continue;
            }
            let lasts_us = self.decoder.duration_us(&self.frame).unwrap_or(self.frame_us);
            let uses = self
                .plan
                .serve(time_us, time_us.saturating_add(lasts_us), self.horizon_us);
            if self.is_full || !uses.is_empty() {
                draw(&self.frame, time_us, &uses)?;
            }
            self.last = Some((self.frame.share().map_err(av_error)?, time_us));
        }
    }

    /// Meets what is still wanted at the end of the file.
    pub fn finish(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        self.end(draw)?;
        let rest = self.plan.serve_rest();
        match &self.last {
            Some((frame, time_us)) if !rest.is_empty() => draw(frame, *time_us, &rest),
            _ => Ok(()),
        }
    }

    /// Decodes to the end what the last keyframe began, if a wish is open.
    fn end(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        if self.key.is_none() || (self.is_done() && !self.is_full) {
            return Ok(());
        }
        if !self.is_running && self.plan.is_keyframes_only() {
            self.close(i64::MAX, draw)?;
        } else {
            self.horizon_us = i64::MAX;
            self.run(draw)?;
            self.send(None)?;
            self.receive(draw)?;
            self.decoder.flush();
            self.plan.settle(i64::MAX);
        }
        self.forget();
        Ok(())
    }

    /// Walks from wish to wish by seeks, for files of which little is wanted.
    pub fn by_seeks(
        &mut self,
        input: &mut Input,
        stream: usize,
        mut checkpoint: impl FnMut() -> Result<(), MediaError>,
        draw: &mut Draw<'_>,
    ) -> Result<(), MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        let mut back_us = 0;
        while let Some(want) = self.plan.next() {
            checkpoint()?;
            self.forget();
            let target_us = want.at_us.saturating_sub(back_us);
            if input.seek(stream, self.decoder.ticks(target_us)).is_err() && input.rewind().is_err() {
                self.plan.give_up(want);
                continue;
            }
            self.latest_us = i64::MIN;
            match self.until_met(want, input, stream, &mut packet, draw)? {
                Reached::Met => {
                    back_us = 0;
                    // A keyframe that does not decode meets nobody, and would be sought again and again.
                    if self.plan.next().is_some_and(|next| next.is_same(want)) {
                        self.plan.give_up(want);
                    }
                }
                Reached::TooLate if back_us < 60_000_000 && target_us > 0 => back_us = (back_us * 2).max(2_000_000),
                Reached::TooLate | Reached::End => {
                    self.end(draw)?;
                    back_us = 0;
                    if self.plan.next().is_some_and(|next| next.is_same(want)) {
                        self.plan.give_up(want);
                        if let Some((frame, time_us)) = &self.last {
                            draw(frame, *time_us, &[want.purpose])?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether all packets that a wish for the frame at a time needs have been decoded, and no other wish is near that would
    /// need what follows them.
    fn is_passed(&self, want: Want, packet: &Packet) -> bool {
        let decoded_us = self.decoder.decoded_us(packet);
        let is_passed = decoded_us.is_some_and(|decoded_us| decoded_us > want.at_us);
        let is_exact = matches!(want.pick, Pick::Showing | Pick::Nearby(_));
        is_exact && is_passed && self.is_running && !self.plan.follows(want, |next| self.is_near(next))
    }

    /// Whether a wish is reached by reading on rather than by a seek.
    fn is_near(&self, want: Want) -> bool {
        want.at_us <= self.latest_us.saturating_add(NEAR_US) || self.keys.lead_on(self.latest_us, want.at_us)
    }

    /// Takes the frames that wait for their turn out of the decoder.
    fn drain(&mut self, draw: &mut Draw<'_>) -> Result<(), MediaError> {
        self.send(None)?;
        self.receive(draw)?;
        self.decoder.flush();
        self.forget();
        Ok(())
    }

    fn until_met(
        &mut self,
        mut want: Want,
        input: &mut Input,
        stream: usize,
        packet: &mut Packet,
        draw: &mut Draw<'_>,
    ) -> Result<Reached, MediaError> {
        let mut n_errors = 0;
        loop {
            match input.read(packet) {
                Ok(true) => {}
                Ok(false) => return open::complaint(input).map_or(Ok(Reached::End), Err),
                Err(_) if n_errors < 20 => {
                    n_errors += 1;
                    continue;
                }
                Err(error) => return Err(open::complaint(input).unwrap_or_else(|| av_error(error))),
            }
            if packet.stream() != stream {
                continue;
            }
            let had_key = self.key.is_some();
            self.packet(packet, draw)?;
            let Some((_, key_us)) = self.key else { continue };
            if !had_key && key_us > want.at_us {
                return Ok(Reached::TooLate);
            }
            if let Pick::Nearby(tolerance) = want.pick
                && want.at_us.saturating_sub(key_us) <= tolerance
                && !self.is_running
            {
                // The seek found the last keyframe before the time, so no better one follows.
                self.close(want.at_us.saturating_add(1), draw)?;
                return Ok(Reached::Met);
            }
            match self.plan.next() {
                Some(next) if next.is_same(want) && self.is_passed(next, packet) => {
                    self.drain(draw)?;
                    let is_met = self.plan.next().is_none_or(|next| !next.is_same(want));
                    return Ok(if is_met { Reached::Met } else { Reached::End });
                }
                Some(next) if next.is_same(want) => {}
                Some(next) if self.is_running && self.is_near(next) => want = next,
                _ => return Ok(Reached::Met),
            }
        }
    }
}

/// How reading after a seek ended.
enum Reached {
    /// The wish is met, or what could be had for it.
    Met,
    /// The first keyframe is later than the wish.
    TooLate,
    /// The file ended before.
    End,
}
