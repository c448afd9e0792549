//! Encoders of films on devices. Each makes H.264 with closed groups and keyframes where asked, and puts its parameter sets
//! in front of every keyframe, so that its segments fit the header of any other encoder of the same profile and level.

use ffmpeg_next::ffi;

use crate::encode::{Encoder, Frame, Packet};
use crate::error::AvError;
use crate::film::{Film, H264, NO_KEYFRAME, open};
use crate::hardware::{Buffer, DeviceKind, Listener, Trouble, at, upload};

/// How pictures lie that all of them take.
const INTERLEAVED: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_NV12;

/// What makes the parameter sets of the imitation differ from those of the software that it stands beside.
const IMITATION: &str = "scenecut=0:open-gop=0:keyint=infinite:min-keyint=1:cabac=1:ref=2";

/// A device that encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device<'a> {
    /// NVIDIA's encoder.
    Nvenc,
    /// Intel's Quick Sync.
    Qsv,
    /// A VAAPI device at this place.
    Vaapi(&'a str),
    /// Software in the place of a device: other parameter sets than [`Encoder::open_h264`] makes, as those of devices are.
    Imitated,
}

/// An open encoder on a device. It takes pictures of two planes, chroma interleaved, in ordinary memory.
pub struct DeviceEncoder {
    encoder: Encoder,
    /// Where the device wants pictures, if not in ordinary memory.
    pool: Option<Buffer>,
}

impl DeviceEncoder {
    /// Opens the device, its driver, and its encoder.
    ///
    /// # Errors
    /// Why it does not work, in a sentence.
    pub fn open(device: Device<'_>, film: &Film, settings: &H264<'_>) -> Result<Self, String> {
        let listener = Listener::new();
        let level = format!("{}.{}", settings.level / 10, settings.level % 10);
        let profile = ("profile", "high");
        let (name, options, pool) = match device {
            Device::Nvenc => {
                let own = [("preset", "p4"), ("level", level.as_str())];
                let keyframes = [("forced-idr", "1"), ("no-scenecut", "1"), profile];
                ("h264_nvenc", [&own[..], &keyframes].concat(), None)
            }
            Device::Qsv => (
                "h264_qsv",
                vec![("preset", "veryfast"), ("forced_idr", "1"), profile],
                None,
            ),
            Device::Vaapi(place) => {
                let opened = Buffer::device(DeviceKind::Vaapi, Some(place));
                let pool = opened.and_then(|device| device.pool(DeviceKind::Vaapi, (film.width, film.height)));
                let pool = pool.map_err(|trouble| listener.explain(trouble))?;
                ("h264_vaapi", vec![profile], Some(pool))
            }
            Device::Imitated => {
                let own = [("preset", "ultrafast"), ("level", level.as_str())];
                let keyframes = [("forced-idr", "1"), ("profile", "main"), ("x264-params", IMITATION)];
                ("libx264", [&own[..], &keyframes].concat(), None)
            }
        };
        let pixels = pool.as_ref().map_or(INTERLEAVED, |_| DeviceKind::Vaapi.pixels());
        let opened = open(name, film, &options, pixels, |context| {
            context.gop_size = NO_KEYFRAME;
            // Not every device has them.
            context.max_b_frames = 0;
            context.rc_max_rate = settings.max_bit_rate as i64;
            context.rc_buffer_size = settings.buffer_bits.min(i32::MAX as u64) as i32;
            context.thread_count = film.n_threads.clamp(1, 16) as i32;
            context.flags |= ffi::AV_CODEC_FLAG_CLOSED_GOP as i32;
            if matches!(device, Device::Qsv | Device::Vaapi(_)) {
                context.level = settings.level.into();
            }
            if let Some(pool) = &pool {
                context.hw_frames_ctx = pool.share();
            }
        });
        let encoder = opened.map_err(|reason| listener.add_to(reason))?;
        Ok(Self { encoder, pool })
    }

    /// Gives it a picture, or tells it with none that no more come.
    ///
    /// # Errors
    /// Why it was not taken, in a sentence.
    pub fn send(&mut self, frame: Option<&Frame>) -> Result<(), String> {
        let sent = match (frame, &self.pool) {
            (Some(frame), Some(pool)) => upload(frame, pool).and_then(|uploaded| {
                // SAFETY: both are ours; when it shows and what it is to be are copied, no pixels.
                let copied = unsafe { ffi::av_frame_copy_props(uploaded.0, frame.0) };
                AvError::check(copied).map_err(at("describing a picture"))?;
                self.encoder.send(Some(&uploaded)).map_err(at("giving it a picture"))
            }),
            (frame, _) => self.encoder.send(frame).map_err(at("giving it a picture")),
        };
        sent.map_err(Trouble::text)
    }

    /// The next packet, none if it wants more pictures or has ended.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    pub fn receive(&mut self) -> Result<Option<Packet>, String> {
        let received = self.encoder.receive().map_err(at("encoding"));
        received.map_err(Trouble::text)
    }
}
