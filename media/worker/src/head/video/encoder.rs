//! The encoder of a rendition's pictures: software, or a device.

use media_av::device::{Device, DeviceEncoder};
use media_av::encode::{Encoder, Frame, Packet};
use media_av::error::AvError;
use media_av::film::{Film, H264, Setup};
use media_av::fragment::Fragments;
use media_proto::error::MediaError;
use media_proto::hardware::{Breaking, DeviceEncoder as Wanted};
use media_proto::head::{VIDEO_TICKS, VideoHead};
use media_proto::rendition::{VideoCodec, VideoRendition};

use crate::open::av_error;
use crate::{sandbox, sys};

/// An open encoder.
pub enum Pictures {
    /// In this process.
    Software(Encoder),
    /// On a device.
    Device(DeviceEncoder),
    /// On what stands for a device, and fails after so many pictures more.
    Broken(DeviceEncoder, u32, Breaking),
}

/// Opens one of the head's settings. Where a device encodes, this process can open no file from then on: what drivers need
/// is loaded by now, and what comes next reads a file that nobody trusts.
pub fn open(head: &VideoHead, n_threads: u32) -> Result<Pictures, MediaError> {
    let rendition = &head.rendition;
    let Some(wanted) = &head.encoder else {
        return software(rendition, n_threads, setup(rendition)).map(Pictures::Software);
    };
    if !rendition.is_self_describing || rendition.codec != VideoCodec::H264 || head.burn.is_some() {
        return Err(invalid("a device for pictures that only software makes"));
    }
    let device = match wanted {
        Wanted::Nvenc => Device::Nvenc,
        Wanted::Qsv => Device::Qsv,
        Wanted::Vaapi(place) => Device::Vaapi(place),
        Wanted::Broken(..) => Device::Imitated,
    };
    let opened = DeviceEncoder::open(device, &film(rendition, n_threads, Setup::Within), &h264(rendition));
    let encoder = opened.map_err(|reason| MediaError::Device { reason })?;
    sandbox::shut_files().map_err(|error| MediaError::Device {
        reason: format!("it cannot be shut in: {error:#}"),
    })?;
    Ok(match *wanted {
        Wanted::Broken(after, how) => Pictures::Broken(encoder, after, how),
        _ => Pictures::Device(encoder),
    })
}

/// One in software, whatever else the head may use.
pub fn software(rendition: &VideoRendition, n_threads: u32, setup: Setup) -> Result<Encoder, MediaError> {
    let film = film(rendition, n_threads, setup);
    let opened = match rendition.codec {
        VideoCodec::H264 => Encoder::open_h264(&film, &h264(rendition)),
        VideoCodec::Av1 => Encoder::open_av1(&film, rendition.preset.of_av1()),
    };
    opened.map_err(|reason| MediaError::Invalid { reason })
}

/// The track that the encoder's packets go to, from this segment on, and its header: the same whoever encodes.
pub fn fragments(
    rendition: &VideoRendition,
    encoder: &Pictures,
    n_threads: u32,
    first: u32,
) -> Result<(Fragments, Vec<u8>), MediaError> {
    let made = match encoder {
        Pictures::Software(encoder) if !rendition.is_self_describing => Fragments::new(encoder, VIDEO_TICKS, first),
        _ => {
            let described = software(rendition, n_threads, Setup::Apart)?;
            Fragments::self_describing(&described, VIDEO_TICKS, first)
        }
    };
    made.map_err(|reason| MediaError::Invalid { reason })
}

impl Pictures {
    /// Gives it a picture, or tells it with none that no more come.
    pub fn send(&mut self, frame: Option<&Frame>) -> Result<(), MediaError> {
        match self {
            Self::Software(encoder) => encoder.send(frame).map_err(av_error),
            Self::Device(encoder) => encoder.send(frame).map_err(|reason| MediaError::Device { reason }),
            Self::Broken(encoder, left, how) => {
                let Some(fewer) = left.checked_sub(1) else {
                    return Err(broken(*how));
                };
                *left = fewer;
                encoder.send(frame).map_err(|reason| MediaError::Device { reason })
            }
        }
    }

    /// The next packet, none if it wants more pictures or has ended.
    pub fn receive(&mut self) -> Result<Option<Packet>, MediaError> {
        match self {
            Self::Software(encoder) => encoder.receive().map_err(|error: AvError| av_error(error)),
            Self::Device(encoder) | Self::Broken(encoder, ..) => {
                encoder.receive().map_err(|reason| MediaError::Device { reason })
            }
        }
    }
}

fn broken(how: Breaking) -> MediaError {
    match how {
        Breaking::Refuses => MediaError::Device {
            reason: "it is broken on purpose".to_owned(),
        },
        Breaking::Crashes => sys::crash(),
        Breaking::Hangs => loop {
            std::thread::park();
        },
    }
}

fn setup(rendition: &VideoRendition) -> Setup {
    match rendition.is_self_describing {
        true => Setup::Within,
        false => Setup::Apart,
    }
}

fn film(rendition: &VideoRendition, n_threads: u32, setup: Setup) -> Film {
    Film {
        width: rendition.width,
        height: rendition.height,
        frame_rate: rendition.frame_rate,
        ticks_per_second: VIDEO_TICKS,
        bit_rate: rendition.bit_rate,
        n_threads,
        setup,
    }
}

fn h264(rendition: &VideoRendition) -> H264<'static> {
    H264 {
        max_bit_rate: rendition.max_bit_rate,
        buffer_bits: rendition.buffer_bits,
        preset: rendition.preset.name(),
        level: rendition.level,
    }
}

fn invalid(reason: &str) -> MediaError {
    MediaError::Invalid {
        reason: reason.to_owned(),
    }
}
