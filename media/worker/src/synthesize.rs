//! Media made from a description: moving pictures, tones, text, in real containers by libav's own encoders.

mod pgs;

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame, Packet, PixelFormat, SampleFormat, Shape};
use media_av::error::AvError;
use media_av::mux::{Muxer, SubtitleCodec};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::synthetic::{Synthetic, SyntheticAudio, SyntheticVideo};

use crate::{paint, serve};

/// Makes the media; gives the sealed memory file and its length.
pub fn run(spec: &Synthetic, limits: &Limits) -> Result<(OwnedFd, u64), MediaError> {
    check(spec, limits)?;
    let file = serve::memory_file().map_err(io_error)?;
    let copy = file.try_clone().map_err(io_error)?;
    match STILLS.iter().find(|still| still.0 == spec.container) {
        Some(&(_, encoder, format, options)) => still(spec, copy, encoder, format, options)?,
        None => film(spec, copy, limits)?,
    }
    serve::seal(&file).map_err(io_error)?;
    let len = rustix::fs::fstat(&file)
        .map_err(|error| io_error(error.into()))?
        .st_size as u64;
    Ok((file, len))
}

type Options = &'static [(&'static str, &'static str)];

/// Stills that are exactly one packet of their encoder: container, encoder, pixels, options.
const STILLS: &[(&str, &str, PixelFormat, Options)] = &[
    ("jpeg", "mjpeg", PixelFormat::Yuvj420p, &[]),
    ("png", "png", PixelFormat::Rgb24, &[]),
    ("webp", "libwebp", PixelFormat::Yuv420p, &[("compression_level", "0")]),
];

/// Containers: our name, libav's muxer.
const MUXERS: &[(&str, &str)] = &[
    ("mp4", "mp4"),
    ("mov", "mov"),
    ("m4a", "ipod"),
    ("matroska", "matroska"),
    ("webm", "webm"),
    ("mpegts", "mpegts"),
    ("avi", "avi"),
    ("ogg", "ogg"),
    ("flac", "flac"),
    ("mp3", "mp3"),
    ("wav", "wav"),
    ("aac", "adts"),
    ("gif", "gif"),
];

/// Video codecs: our name, encoder, options that make it fast.
const VIDEO: &[(&str, &str, Options)] = &[
    ("h264", "libx264", &[("preset", "superfast")]),
    (
        "hevc",
        "libx265",
        &[
            ("preset", "ultrafast"),
            ("x265-params", "log-level=none:pools=none:frame-threads=1"),
        ],
    ),
    ("vp8", "libvpx", &[("deadline", "realtime"), ("cpu-used", "8")]),
    ("vp9", "libvpx-vp9", &[("deadline", "realtime"), ("cpu-used", "8")]),
    (
        "av1",
        "libaom-av1",
        &[("usage", "realtime"), ("cpu-used", "8"), ("row-mt", "0")],
    ),
    ("mpeg4", "mpeg4", &[]),
    ("mpeg2video", "mpeg2video", &[]),
    ("mjpeg", "mjpeg", &[]),
    ("gif", "gif", &[]),
];

/// Audio codecs: our name, encoder, samples.
const AUDIO: &[(&str, &str, SampleFormat)] = &[
    ("aac", "aac", SampleFormat::FloatPlanar),
    ("opus", "libopus", SampleFormat::S16),
    ("flac", "flac", SampleFormat::S16),
    ("mp3", "libmp3lame", SampleFormat::FloatPlanar),
    ("vorbis", "libvorbis", SampleFormat::FloatPlanar),
    ("ac3", "ac3", SampleFormat::FloatPlanar),
    ("pcm_s16le", "pcm_s16le", SampleFormat::S16),
];

fn check(spec: &Synthetic, limits: &Limits) -> Result<(), MediaError> {
    if !(0..=3_600_000_000).contains(&spec.duration_us) {
        return Err(invalid("a duration from 0 to 1 hour is needed"));
    }
    if !matches!(spec.rotation, 0 | 90 | 180 | 270) {
        return Err(invalid("a rotation is 0, 90, 180 or 270"));
    }
    if spec.video.is_none() && spec.audio.is_none() {
        return Err(invalid("neither pictures nor sound"));
    }
    if let Some(video) = &spec.video {
        let (width, height) = (u64::from(video.width), u64::from(video.height));
        let even = width % 2 == 0 && height % 2 == 0;
        if !even || width < 16 || height < 16 || width * height > limits.max_pixels.min(8192 * 8192) {
            return Err(invalid(
                "width and height must be even, from 16 up, and within the limit of pixels",
            ));
        }
        let (num, den) = video.frame_rate;
        if num <= 0 || den <= 0 || num / den > 240 {
            return Err(invalid("a frame rate above 0 and up to 240 is needed"));
        }
    }
    match &spec.audio {
        Some(audio) if !(1..=8).contains(&audio.channels) || !(8_000..=192_000).contains(&audio.sample_rate) => {
            Err(invalid("1 to 8 channels at 8 to 192 kHz are needed"))
        }
        _ => Ok(()),
    }
}

fn still(
    spec: &Synthetic,
    file: OwnedFd,
    encoder: &str,
    format: PixelFormat,
    options: Options,
) -> Result<(), MediaError> {
    let Some(video) = &spec.video else {
        return Err(invalid("a still needs a picture"));
    };
    let shape = Shape::Video {
        format,
        width: video.width,
        height: video.height,
        frame_rate: (25, 1),
    };
    let mut encoder = Encoder::open(encoder, shape, 0, false, options).map_err(invalid)?;
    let mut frame = Frame::picture(format, video.width, video.height).map_err(av_error)?;
    paint::picture(&mut frame, format, video, 0);
    frame.set_pts(0);
    encoder.send(Some(&frame)).map_err(av_error)?;
    encoder.send(None).map_err(av_error)?;
    let Some(packet) = encoder.receive().map_err(av_error)? else {
        return Err(invalid("the encoder gave no picture"));
    };
    File::from(file).write_all(packet.bytes()).map_err(io_error)
}

fn film(spec: &Synthetic, file: OwnedFd, limits: &Limits) -> Result<(), MediaError> {
    let Some(&(_, muxer)) = MUXERS.iter().find(|known| known.0 == spec.container) else {
        return Err(invalid(format!("no container `{}` can be made", spec.container)));
    };
    let mut muxer = Muxer::new(file, muxer, limits.out_bytes).map_err(av_error)?;
    let mut pictures = match &spec.video {
        Some(video) => Some(Pictures::add(video, spec, &mut muxer)?),
        None => None,
    };
    let mut sound = match &spec.audio {
        Some(audio) => Some(Sound::add(audio, spec, &mut muxer)?),
        None => None,
    };
    let text = match &spec.subtitles {
        Some(language) => Some(add_text(language, spec, &mut muxer)?),
        None => None,
    };
    let images = match &spec.image_subtitles {
        Some(language) if spec.container == "matroska" => {
            let index = muxer.add_subtitles(SubtitleCodec::Pgs, &[]).map_err(av_error)?;
            muxer.set_stream_tag(index, "language", language).map_err(av_error)?;
            Some(index)
        }
        Some(_) => return Err(invalid("only matroska can hold image subtitles")),
        None => None,
    };
    for (key, value) in &spec.tags {
        muxer.set_tag(key, value).map_err(av_error)?;
    }
    let chapters: Vec<_> = spec
        .chapters
        .iter()
        .map(|c| (c.title.as_str(), c.start_us, c.end_us))
        .collect();
    if !chapters.is_empty() {
        muxer.set_chapters(&chapters).map_err(av_error)?;
    }
    let options: Options = match (spec.container.as_str(), spec.fragmented) {
        ("mp4" | "mov" | "m4a", true) => &[("movflags", "frag_keyframe+empty_moov+default_base_moof")],
        // Tags beyond the few of iTunes are kept as they are named.
        ("mp4" | "mov" | "m4a", false) => &[("movflags", "use_metadata_tags")],
        (_, true) => return Err(invalid("only mp4 and mov can be fragmented")),
        _ => &[],
    };
    muxer.begin(options).map_err(invalid)?;
    if let Some((index, codec)) = text {
        write_text(&mut muxer, index, codec, spec.duration_us)?;
    }
    let size = spec.video.as_ref().map_or((0, 0), |video| (video.width, video.height));
    let mut boxes = pgs::packets(size, spec.duration_us)
        .filter(|_| images.is_some())
        .peekable();
    // Whoever is behind goes next, so that the muxer has little to hold.
    loop {
        let pictures_next = match (&pictures, &sound) {
            (Some(pictures), Some(sound)) => pictures.time_us() <= sound.time_us(),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        let at_us = match (&pictures, &sound) {
            (Some(pictures), _) if pictures_next => pictures.time_us(),
            (_, sound) => sound.as_ref().map_or(i64::MAX, Sound::time_us),
        };
        while let (Some(index), Some((due_us, bytes))) = (images, boxes.next_if(|(due_us, _)| *due_us <= at_us)) {
            let packet = Packet::of_bytes(&bytes, due_us, 0).map_err(av_error)?;
            muxer.write(index, packet).map_err(av_error)?;
        }
        if pictures_next {
            pictures = pictures
                .take()
                .map(|track| track.step(&mut muxer))
                .transpose()?
                .flatten();
        } else {
            sound = sound.take().map(|track| track.step(&mut muxer)).transpose()?.flatten();
        }
    }
    muxer.finish().map_err(av_error)
}

/// The pictures' encoder and how far it is.
struct Pictures<'a> {
    spec: &'a SyntheticVideo,
    encoder: Encoder,
    format: PixelFormat,
    frame: Frame,
    black_us: i64,
    index: usize,
    next: i64,
    n_frames: i64,
}

impl<'a> Pictures<'a> {
    fn add(spec: &'a SyntheticVideo, whole: &Synthetic, muxer: &mut Muxer) -> Result<Self, MediaError> {
        let codec = if whole.container == "gif" {
            "gif"
        } else {
            spec.codec.as_str()
        };
        let Some(&(_, name, options)) = VIDEO.iter().find(|known| known.0 == codec) else {
            return Err(invalid(format!("no video codec `{codec}` can be made")));
        };
        let format = match codec {
            "mjpeg" => PixelFormat::Yuvj420p,
            "gif" => PixelFormat::Rgb8,
            _ => PixelFormat::Yuv420p,
        };
        let shape = Shape::Video {
            format,
            width: spec.width,
            height: spec.height,
            frame_rate: spec.frame_rate,
        };
        let pixels = i64::from(spec.width) * i64::from(spec.height);
        let bit_rate = if codec == "gif" { 0 } else { (pixels * 8).max(200_000) };
        let encoder = Encoder::open(name, shape, bit_rate, muxer.wants_global_header(), options).map_err(invalid)?;
        let index = muxer.add_stream(&encoder, whole.rotation).map_err(av_error)?;
        let frame = Frame::picture(format, spec.width, spec.height).map_err(av_error)?;
        let (num, den) = (i64::from(spec.frame_rate.0), i64::from(spec.frame_rate.1));
        let n_frames = (whole.duration_us * num + den * 500_000) / (den * 1_000_000);
        Ok(Self {
            spec,
            encoder,
            format,
            frame,
            black_us: whole.black_us,
            index,
            next: 0,
            n_frames: n_frames.max(1),
        })
    }

    fn time_us(&self) -> i64 {
        self.next * 1_000_000 * i64::from(self.spec.frame_rate.1) / i64::from(self.spec.frame_rate.0)
    }

    /// One more frame; none after the last.
    fn step(mut self, muxer: &mut Muxer) -> Result<Option<Self>, MediaError> {
        let more = self.next < self.n_frames;
        if more {
            self.frame.make_writable().map_err(av_error)?;
            let time_us = self.time_us();
            if time_us < self.black_us {
                paint::black(&mut self.frame, self.format, self.spec);
            } else {
                paint::picture(&mut self.frame, self.format, self.spec, time_us);
            }
            self.frame.set_pts(self.next);
            self.next += 1;
            self.encoder.send(Some(&self.frame)).map_err(av_error)?;
        } else {
            self.encoder.send(None).map_err(av_error)?;
        }
        while let Some(mut packet) = self.encoder.receive().map_err(av_error)? {
            // x264 of FFmpeg 5.1 leaves it out, and the last frame of an mp4 would last no time.
            packet.set_default_duration(1);
            muxer.write(self.index, packet).map_err(av_error)?;
        }
        Ok(more.then_some(self))
    }
}

/// The sound's encoder and how far it is.
struct Sound<'a> {
    spec: &'a SyntheticAudio,
    encoder: Encoder,
    format: SampleFormat,
    index: usize,
    next: i64,
    n_samples: i64,
}

impl<'a> Sound<'a> {
    fn add(spec: &'a SyntheticAudio, whole: &Synthetic, muxer: &mut Muxer) -> Result<Self, MediaError> {
        let Some(&(_, name, format)) = AUDIO.iter().find(|known| known.0 == spec.codec) else {
            return Err(invalid(format!("no audio codec `{}` can be made", spec.codec)));
        };
        let shape = Shape::Audio {
            format,
            channels: spec.channels,
            sample_rate: spec.sample_rate,
        };
        let bit_rate = match spec.codec.as_str() {
            "flac" | "pcm_s16le" => 0,
            _ => 64_000 * i64::from(spec.channels),
        };
        let encoder = Encoder::open(name, shape, bit_rate, muxer.wants_global_header(), &[]).map_err(invalid)?;
        let index = muxer.add_stream(&encoder, 0).map_err(av_error)?;
        let n_samples = whole.duration_us * i64::from(spec.sample_rate) / 1_000_000;
        Ok(Self {
            spec,
            encoder,
            format,
            index,
            next: 0,
            n_samples,
        })
    }

    fn time_us(&self) -> i64 {
        self.next * 1_000_000 / i64::from(self.spec.sample_rate)
    }

    /// One more frame of sound; none after the last.
    fn step(mut self, muxer: &mut Muxer) -> Result<Option<Self>, MediaError> {
        let more = self.next < self.n_samples;
        if more {
            let size = match self.encoder.frame_size() {
                0 => 1024,
                size => size as i64,
            };
            let n = size.min(self.n_samples - self.next);
            let mut frame =
                Frame::sound(self.format, self.spec.channels, self.spec.sample_rate, n as usize).map_err(av_error)?;
            let (start, rate) = (self.next, self.spec.sample_rate as f32);
            frame.fill(|channel, at| tone(self.spec.frequency, channel, (start + at as i64) as f32 / rate));
            frame.set_pts(self.next);
            self.next += n;
            self.encoder.send(Some(&frame)).map_err(av_error)?;
        } else {
            self.encoder.send(None).map_err(av_error)?;
        }
        while let Some(packet) = self.encoder.receive().map_err(av_error)? {
            muxer.write(self.index, packet).map_err(av_error)?;
        }
        Ok(more.then_some(self))
    }
}

/// A tone that swells twice a second, a fifth higher in each further channel.
fn tone(frequency: f32, channel: usize, seconds: f32) -> f32 {
    use std::f32::consts::TAU;
    let pitch = frequency * 1.5f32.powi(channel as i32);
    let swell = 0.6 + 0.4 * (TAU * 2.0 * seconds).sin();
    0.4 * swell * (TAU * pitch * seconds).sin()
}

fn add_text(language: &str, spec: &Synthetic, muxer: &mut Muxer) -> Result<(usize, SubtitleCodec), MediaError> {
    let (codec, setup): (_, &[u8]) = match spec.container.as_str() {
        "mp4" | "mov" => (SubtitleCodec::MovText, MOV_TEXT_SETUP),
        "matroska" => (SubtitleCodec::SubRip, &[]),
        "webm" => (SubtitleCodec::WebVtt, &[]),
        other => return Err(invalid(format!("`{other}` cannot hold text subtitles"))),
    };
    let index = muxer.add_subtitles(codec, setup).map_err(av_error)?;
    muxer.set_stream_tag(index, "language", language).map_err(av_error)?;
    Ok((index, codec))
}

/// 3GPP TS 26.245, 5.16: display flags, justification, background, box, style, and a font table with one font.
const MOV_TEXT_SETUP: &[u8] = &[
    0, 0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 18, 0xff, 0xff, 0xff, 0xff, 0, 0, 0,
    18, b'f', b't', b'a', b'b', 0, 1, 0, 1, 5, b'S', b'e', b'r', b'i', b'f',
];

/// A line for each second.
fn write_text(muxer: &mut Muxer, index: usize, codec: SubtitleCodec, duration_us: i64) -> Result<(), MediaError> {
    for (n, start) in (0..duration_us.max(1)).step_by(1_000_000).enumerate() {
        let line = format!("Line {}", n + 1);
        let bytes = match codec {
            // A sample is a 16-bit length and the text.
            SubtitleCodec::MovText => [&(line.len() as u16).to_be_bytes(), line.as_bytes()].concat(),
            SubtitleCodec::SubRip | SubtitleCodec::WebVtt | SubtitleCodec::Pgs => line.into_bytes(),
        };
        let length = (duration_us - start).clamp(1, 800_000);
        let packet = Packet::of_bytes(&bytes, start, length).map_err(av_error)?;
        muxer.write(index, packet).map_err(av_error)?;
    }
    Ok(())
}

fn invalid(reason: impl Into<String>) -> MediaError {
    MediaError::Invalid { reason: reason.into() }
}

fn av_error(error: AvError) -> MediaError {
    if error == AvError::NO_MEMORY {
        MediaError::Memory
    } else {
        invalid(error.text())
    }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}
