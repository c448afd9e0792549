//! How fast this machine decodes and encodes: a second of pictures of our own, at the size and preset that streams use.
//!
//! Only time inside the codecs counts, and only this process's own, so that a busy machine gives the same figures.

use std::os::fd::OwnedFd;
use std::time::Duration;

use media_av::decode::{Decoder, Rules};
use media_av::encode::{Encoder, Frame, Packet, PixelFormat, Shape};
use media_proto::calibration::Calibration;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::synthetic::{Synthetic, SyntheticVideo};

use crate::{container, control, open, paint, synthesize, sys};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
/// How many different pictures there are; they come again and again.
const N_PICTURES: i64 = 10;
/// How long each direction is measured, in processor time.
const SHARE: Duration = Duration::from_millis(700);
/// Frames that are measured in any case, so that a slow machine has a figure as well.
const N_LEAST: u32 = 20;

/// Measures both directions.
pub fn run(limits: &Limits) -> Result<Calibration, MediaError> {
    Ok(Calibration {
        encode_fps: encoding()?,
        decode_fps: decoding(limits)?,
    })
}

fn pictures() -> SyntheticVideo {
    SyntheticVideo {
        codec: "h264".to_owned(),
        width: WIDTH,
        height: HEIGHT,
        frame_rate: (N_PICTURES as i32, 1),
        seed: 720,
    }
}

fn encoding() -> Result<f64, MediaError> {
    let format = PixelFormat::Yuv420p;
    let spec = pictures();
    let mut frames = Vec::new();
    for index in 0..N_PICTURES {
        control::checkpoint()?;
        let mut frame = Frame::picture(format, WIDTH, HEIGHT).map_err(failed)?;
        // Neighbors in a film at 30 frames a second.
        paint::picture(&mut frame, format, &spec, index * 33_333);
        frames.push(frame);
    }
    let shape = Shape::Video {
        format,
        width: WIDTH,
        height: HEIGHT,
        frame_rate: (30, 1),
    };
    let mut encoder = Encoder::open("libx264", shape, 0, false, &[("preset", "veryfast")]).map_err(failed)?;
    let mut meter = Meter::start();
    let mut pts = 0;
    while meter.wants_more() {
        for frame in &mut frames {
            control::checkpoint()?;
            frame.set_pts(pts);
            pts += 1;
            encoder.send(Some(frame)).map_err(failed)?;
            while encoder.receive().map_err(failed)?.is_some() {}
            meter.n_frames += 1;
        }
    }
    // What waits inside was paid for only when it is out.
    encoder.send(None).map_err(failed)?;
    while encoder.receive().map_err(failed)?.is_some() {}
    Ok(meter.frames_per_second())
}

fn decoding(limits: &Limits) -> Result<f64, MediaError> {
    let spec = Synthetic {
        video: Some(pictures()),
        audio: None,
        ..Synthetic::clip(0)
    };
    let (clip, _) = synthesize::run(&spec, limits)?;
    let mut meter = Meter::start();
    while meter.wants_more() {
        meter.n_frames += decode(clip.try_clone().map_err(failed)?, limits)?;
    }
    Ok(meter.frames_per_second())
}

fn decode(clip: OwnedFd, limits: &Limits) -> Result<u32, MediaError> {
    let mut input = open::open(clip, Some("mp4"), limits.probe_bytes, limits)?.input;
    let rules = Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: 1,
    };
    let stream = input.streams().next().ok_or(MediaError::NoStream)?;
    let mut decoder = Decoder::open(stream, &rules).map_err(failed)?;
    let (mut packet, mut frame) = (Packet::empty().map_err(failed)?, Frame::empty().map_err(failed)?);
    let mut n_frames = 0;
    loop {
        control::checkpoint()?;
        let more = input.read(&mut packet).map_err(failed)?;
        decoder.send(more.then_some(&packet)).map_err(failed)?;
        while decoder.receive(&mut frame).map_err(failed)? {
            n_frames += 1;
        }
        if !more {
            return Ok(n_frames);
        }
    }
}

/// Frames and the processor time they took.
struct Meter {
    begun: Duration,
    n_frames: u32,
}

impl Meter {
    fn start() -> Self {
        Self {
            begun: sys::processor_time(),
            n_frames: 0,
        }
    }

    fn used(&self) -> Duration {
        sys::processor_time().saturating_sub(self.begun)
    }

    fn wants_more(&self) -> bool {
        self.n_frames < N_LEAST || self.used() < SHARE
    }

    fn frames_per_second(&self) -> f64 {
        f64::from(self.n_frames) / self.used().as_secs_f64().max(1e-6)
    }
}

fn failed(error: impl std::fmt::Display) -> MediaError {
    MediaError::Invalid {
        reason: format!("calibration: {error}"),
    }
}
