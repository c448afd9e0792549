//! Image subtitles for the pictures that they are drawn into: what is shown when, wherever a head begins.
//!
//! They are read by a way of their own through the file, ahead of the pictures. What is on screen where a head begins may have
//! begun long before, and may be made of parts that came still earlier; so reading begins at packets that need none before
//! them. Two rules make what is shown a matter of the file alone: nothing stays longer than [`STANDS_US`], and a silence of
//! that length ends all that later packets may refer to.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Frame, Packet};
use media_av::input::Wanted;
use media_av::stream::Kind;
use media_av::subtitle::Pictures;
use media_proto::error::MediaError;
use media_proto::grid::{TimeBase, to_us};
use media_proto::head::VideoHead;
use media_proto::job::Limits;

use super::overlay::Overlay;
use crate::open::{self, Opened, av_error};
use crate::{container, control};

/// How long a picture stands that nothing ends.
const STANDS_US: i64 = 30_000_000;
/// How far reading is ahead of the pictures: packets of one time may lie so far apart in a file.
const AHEAD_US: i64 = 2_000_000;
/// Damaged stretches that are stepped over.
const MAX_DAMAGED: u32 = 1000;

/// What is shown from a time on.
struct Event {
    from_us: i64,
    until_us: i64,
    pictures: Pictures,
    canvas: (u32, u32),
}

/// The subtitles of a film, on their way into its pictures.
pub struct Burner {
    opened: Opened,
    limits: Limits,
    codec: String,
    video: usize,
    stream: usize,
    decoder: Decoder,
    /// The size of the film's pictures as they are stored.
    film: (u32, u32),
    /// And as they are made.
    made: (u32, u32),
    /// How far has been read, on the file's own clock.
    read_us: i64,
    last_us: Option<i64>,
    has_ended: bool,
    n_damaged: u32,
    /// In order of time; the first is the one that may be on screen.
    events: VecDeque<Event>,
    /// The first of them as it is drawn, once it was.
    overlay: Option<Overlay>,
}

impl Burner {
    /// The subtitles of a stream of the file, ready for the head's first segment.
    pub fn open(source: OwnedFd, head: &VideoHead, stream: u32, limits: &Limits) -> Result<Self, MediaError> {
        let mut opened = open::open(source, head.extension.as_deref(), u64::MAX, limits)?;
        if !matches!(opened.format.name, "mp4" | "matroska") {
            opened.input.find_stream_info().map_err(open::explain)?;
        }
        let (video, stream) = (head.stream as usize, stream as usize);
        let none = || MediaError::Unsupported {
            reason: format!("stream {stream} holds no subtitles of pictures"),
        };
        let view = opened.input.streams().nth(stream);
        let view = view.filter(|view| view.kind() == Kind::Subtitle && !view.is_text());
        let codec = view.ok_or_else(none)?.codec();
        let film = opened.input.streams().nth(video).and_then(|view| view.size());
        for other in 0..opened.input.n_streams() {
            let is_wanted = other == stream || other == video;
            opened
                .input
                .want(other, if is_wanted { Wanted::All } else { Wanted::Nothing });
        }
        let mut burner = Self {
            decoder: decoder(&opened, stream, limits)?,
            opened,
            limits: *limits,
            codec,
            video,
            stream,
            film: film.unwrap_or((1920, 1080)),
            made: (head.rendition.width, head.rendition.height),
            read_us: i64::MIN,
            last_us: None,
            has_ended: false,
            n_damaged: 0,
            events: VecDeque::new(),
            overlay: None,
        };
        burner.go_to(head)?;
        Ok(burner)
    }

    /// Draws into a frame of the rendition what is on screen at its time.
    pub fn draw(&mut self, frame: &mut Frame, time_base: TimeBase) -> Result<(), MediaError> {
        let Some(at_us) = frame.best_pts().map(|pts| to_us(pts, time_base)) else {
            return Ok(());
        };
        self.read_until(at_us.saturating_add(AHEAD_US))?;
        while self.events.get(1).is_some_and(|next| next.from_us <= at_us) {
            self.events.pop_front();
            self.overlay = None;
        }
        let Some(event) = self
            .events
            .front()
            .filter(|event| (event.from_us..event.until_us).contains(&at_us))
        else {
            return Ok(());
        };
        if event.pictures.pieces.is_empty() {
            return Ok(());
        }
        let (width, height) = frame.size();
        let overlay = self
            .overlay
            .get_or_insert_with(|| Overlay::new(&event.pictures.pieces, event.canvas, (width, height)));
        overlay.draw(frame).map_err(av_error)
    }

    /// Goes to where reading must begin, so that what is on screen at the head's first picture is known.
    fn go_to(&mut self, head: &VideoHead) -> Result<(), MediaError> {
        let first = head.grid.first_tick(head.first, head.time_base);
        let start_us = to_us(head.start_pts, head.time_base);
        let begin_us = to_us(head.start_pts.saturating_add(first), head.time_base);
        let mut back_us = STANDS_US;
        loop {
            let from_us = begin_us - back_us;
            if from_us <= start_us || self.opened.input.seek_us(self.video, from_us).is_err() {
                break;
            }
            if self.can_begin(from_us, begin_us)? {
                // The look took packets away, so the seek is made again.
                self.opened.input.seek_us(self.video, from_us).map_err(av_error)?;
                return self.forget();
            }
            back_us = back_us.saturating_mul(3);
        }
        self.opened.input.rewind().map_err(av_error)?;
        self.forget()
    }

    /// Whether decoding from here on shows what is on screen then: nothing came meanwhile, or something that needs nothing
    /// before it.
    fn can_begin(&mut self, from_us: i64, until_us: i64) -> Result<bool, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        let (mut is_early, mut has_any) = (false, false);
        while let Some(at_us) = self.next(&mut packet)? {
            // A seek may have landed late.
            is_early |= at_us <= from_us;
            if at_us >= until_us.saturating_add(AHEAD_US) {
                break;
            }
            if packet.stream() == self.stream && at_us <= until_us {
                has_any = true;
                if is_early && needs_nothing(&self.codec, packet.bytes()) {
                    return Ok(true);
                }
            }
        }
        Ok(is_early && !has_any)
    }

    fn forget(&mut self) -> Result<(), MediaError> {
        (self.read_us, self.last_us, self.has_ended) = (i64::MIN, None, false);
        self.events.clear();
        self.overlay = None;
        self.decoder = decoder(&self.opened, self.stream, &self.limits)?;
        Ok(())
    }

    /// The next packet of either stream, and its time on the file's own clock: of pictures when they are decoded, for all
    /// that is shown before lies before them. None at the end.
    fn next(&mut self, packet: &mut Packet) -> Result<Option<i64>, MediaError> {
        loop {
            control::checkpoint()?;
            match self.opened.input.read(packet) {
                Ok(true) => {}
                Ok(false) => return open::complaint(&self.opened.input).map_or(Ok(None), Err),
                Err(error) => {
                    self.n_damaged += 1;
                    if self.n_damaged > MAX_DAMAGED {
                        return Err(open::complaint(&self.opened.input).unwrap_or_else(|| av_error(error)));
                    }
                    continue;
                }
            }
            let base = self
                .opened
                .input
                .streams()
                .nth(packet.stream())
                .map(|view| view.time_base());
            let ticks = match packet.stream() == self.stream {
                true => packet.pts().or(packet.dts()),
                false => packet.dts().or(packet.pts()),
            };
            if let (Some(base), Some(ticks)) = (base.filter(|base| base.0 > 0 && base.1 > 0), ticks) {
                return Ok(Some(to_us(ticks, base)));
            }
        }
    }

    fn read_until(&mut self, until_us: i64) -> Result<(), MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        while self.read_us < until_us && !self.has_ended {
            let Some(at_us) = self.next(&mut packet)? else {
                self.has_ended = true;
                break;
            };
            if packet.stream() == self.stream {
                self.decode(&mut packet, at_us)?;
            } else {
                self.read_us = self.read_us.max(at_us);
            }
        }
        Ok(())
    }

    fn decode(&mut self, packet: &mut Packet, at_us: i64) -> Result<(), MediaError> {
        if self.last_us.is_some_and(|last_us| at_us - last_us > STANDS_US) {
            self.decoder = decoder(&self.opened, self.stream, &self.limits)?;
        }
        self.last_us = Some(at_us);
        let lasts_us = self.decoder.lasts_us(packet);
        let mut pictures = match self.decoder.subtitle_pictures(packet) {
            Ok(Some(pictures)) => pictures,
            Ok(None) => return Ok(()),
            Err(media_av::error::AvError::NO_MEMORY) => return Err(MediaError::Memory),
            Err(_) => {
                self.n_damaged += 1;
                return Ok(());
            }
        };
        let shown_us = pictures.at_us.unwrap_or(at_us);
        let ms = |ms: u32| i64::from(ms) * 1000;
        let from_us = shown_us.saturating_add(ms(pictures.delay_ms));
        let lasts_us = pictures
            .until_ms
            .map(ms)
            .or(lasts_us)
            .unwrap_or(STANDS_US)
            .min(STANDS_US);
        let mut canvas = self.decoder.canvas().unwrap_or(self.film);
        // A disc's subtitles are square, and rips of films lack its black bars; those of broadcasts and DVDs are as stretched as
        // their films.
        if self.codec == "hdmv_pgs_subtitle" && canvas != self.film {
            canvas = pad(canvas, self.made, &mut pictures);
        }
        let event = Event {
            from_us,
            until_us: shown_us.saturating_add(lasts_us),
            canvas,
            pictures,
        };
        let place = self.events.partition_point(|other| other.from_us <= from_us);
        if place == 0 {
            self.overlay = None;
        }
        self.events.insert(place, event);
        Ok(())
    }
}

fn decoder(opened: &Opened, stream: usize, limits: &Limits) -> Result<Decoder, MediaError> {
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: 1,
    };
    let view = opened.input.streams().nth(stream).ok_or(MediaError::NoStream)?;
    Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })
}

/// Enlarges a canvas to the shape of the picture that it lies over, and moves what lies on it to the middle.
fn pad((width, height): (u32, u32), (wide, high): (u32, u32), pictures: &mut Pictures) -> (u32, u32) {
    let fitting =
        |side: u32, of: u32, over: u32| (u64::from(side) * u64::from(of)).div_ceil(u64::from(over.max(1))) as u32;
    let padded = (
        width.max(fitting(height, wide, high)),
        height.max(fitting(width, high, wide)),
    );
    for piece in &mut pictures.pieces {
        piece.x += (padded.0 - width) / 2;
        piece.y += (padded.1 - height) / 2;
    }
    padded
}

/// Whether a packet shows the same whatever came before it.
fn needs_nothing(codec: &str, bytes: &[u8]) -> bool {
    match codec {
        "hdmv_pgs_subtitle" => pgs_begins(bytes),
        "dvb_subtitle" => dvb_begins(bytes),
        _ => true,
    }
}

/// Whether there is a presentation composition that begins an epoch or can be entered at (Blu-ray's graphics streams): a
/// segment is its kind, its length and its content, which for this kind has the state at the eighth place.
fn pgs_begins(mut bytes: &[u8]) -> bool {
    while let [kind, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(content) = rest.get(..length) else {
            return false;
        };
        if *kind == 0x16 {
            return content.get(7).is_some_and(|state| state & 0xc0 != 0);
        }
        bytes = &rest[length..];
    }
    false
}

/// Whether there is a page composition at which decoding can start (ETSI EN 300 743, 7.2.2).
fn dvb_begins(bytes: &[u8]) -> bool {
    // With the two bytes before the first segment, or without.
    let mut bytes = bytes.strip_prefix(&[0x20, 0x00]).unwrap_or(bytes);
    while let [0x0f, kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(content) = rest.get(..length) else {
            return false;
        };
        if *kind == 0x10 {
            return content.get(1).is_some_and(|state| state >> 2 & 3 != 0);
        }
        bytes = &rest[length..];
    }
    false
}

#[cfg(test)]
mod tests {
    use media_av::subtitle::{Pictures, Piece};

    use super::{dvb_begins, pad, pgs_begins};

    #[test]
    fn a_canvas_of_another_shape_is_not_stretched() {
        for (canvas, picture, padded, place) in [
            ((1920, 1080), (1280, 720), (1920, 1080), (10, 20)),
            ((1920, 1080), (1920, 800), (2592, 1080), (346, 20)),
            ((1280, 720), (540, 360), (1280, 854), (10, 87)),
        ] {
            let piece = Piece {
                x: 10,
                y: 20,
                width: 1,
                height: 1,
                pixels: vec![0],
                palette: Vec::new(),
            };
            let mut pictures = Pictures {
                pieces: vec![piece],
                ..Pictures::default()
            };
            assert_eq!(pad(canvas, picture, &mut pictures), padded);
            assert_eq!((pictures.pieces[0].x, pictures.pieces[0].y), place);
        }
    }

    #[test]
    fn packets_that_need_none_before_them_are_told_from_others() {
        let pgs = |state: u8| {
            [
                &[0x17, 0, 1, 9, 0x16, 0, 11, 7, 128, 4, 56, 16, 0, 1][..],
                &[state, 0, 0, 0, 0x80, 0, 0],
            ]
            .concat()
        };
        assert!(pgs_begins(&pgs(0x80)) && pgs_begins(&pgs(0x40)));
        assert!(!pgs_begins(&pgs(0)) && !pgs_begins(&[0x16, 0, 99, 1]) && !pgs_begins(&[0x80, 0, 0]));
        let dvb = |state: u8| [0x0f, 0x10, 0, 1, 0, 2, 5, state << 2];
        assert!(dvb_begins(&dvb(1)) && dvb_begins(&dvb(2)) && !dvb_begins(&dvb(0)));
        assert!(dvb_begins(&[&[0x20, 0][..], &dvb(2)].concat()));
        assert!(!dvb_begins(&[0x0f, 0x11, 0, 1, 0, 0]) && !dvb_begins(&[]));
    }
}
