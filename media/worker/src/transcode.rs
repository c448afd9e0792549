//! Reads a finished rendition as a player would: every packet of every stream, and pictures and sound from all over it.

use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Frame, Packet};
use media_av::stream::Kind;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::transcode::{Verified, VerifiedStream};

use crate::open::{self, av_error};
use crate::{container, control};

/// A stream as it is read.
struct Reading {
    decoder: Decoder,
    time_base: (i32, i32),
    verified: VerifiedStream,
    has_begun: bool,
}

/// Reads all of it. Keyframes and sound are decoded; the pictures between keyframes are only counted.
pub fn verify(source: OwnedFd, limits: &Limits) -> Result<Verified, MediaError> {
    let mut opened = open::open(source, Some("mp4"), u64::MAX, limits)?;
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: 1,
    };
    let mut streams = Vec::new();
    for view in opened.input.streams() {
        let decoder = Decoder::open(view, &rules).map_err(|reason| MediaError::Corrupt { reason })?;
        streams.push(Reading {
            decoder,
            time_base: view.time_base(),
            verified: VerifiedStream {
                is_video: view.kind() == Kind::Video,
                ..VerifiedStream::default()
            },
            has_begun: false,
        });
    }
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut frame = Frame::empty().map_err(av_error)?;
    loop {
        control::checkpoint()?;
        match opened.input.read(&mut packet) {
            Ok(true) => {}
            Ok(false) => match open::complaint(&opened.input) {
                Some(error) => return Err(error),
                None => break,
            },
            Err(error) => return Err(open::complaint(&opened.input).unwrap_or_else(|| av_error(error))),
        }
        if let Some(reading) = streams.get_mut(packet.stream()) {
            reading.take(&packet, &mut frame)?;
        }
    }
    Ok(Verified {
        streams: streams.into_iter().map(|reading| reading.verified).collect(),
    })
}

impl Reading {
    fn take(&mut self, packet: &Packet, frame: &mut Frame) -> Result<(), MediaError> {
        let verified = &mut self.verified;
        verified.n_packets += 1;
        verified.n_keyframes += u64::from(packet.is_key());
        if let Some(pts) = packet.pts() {
            let us = |ticks: i64| {
                let scaled = i128::from(ticks) * i128::from(self.time_base.0) * 1_000_000;
                i64::try_from(scaled / i128::from(self.time_base.1.max(1))).unwrap_or(i64::MAX)
            };
            let (start, end) = (us(pts), us(pts.saturating_add(packet.duration())));
            verified.start_us = if self.has_begun {
                verified.start_us.min(start)
            } else {
                start
            };
            verified.end_us = if self.has_begun { verified.end_us.max(end) } else { end };
            self.has_begun = true;
        }
        if !packet.is_key() {
            return Ok(());
        }
        self.decoder.send(Some(packet)).map_err(av_error)?;
        if verified.is_video {
            // A keyframe comes out once it is known that nothing follows.
            self.decoder.send(None).map_err(av_error)?;
        }
        while self.decoder.receive(frame).map_err(av_error)? {
            verified.n_decoded += 1;
        }
        if verified.is_video {
            self.decoder.flush();
        }
        Ok(())
    }
}
