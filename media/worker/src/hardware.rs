//! What this machine's encoders and decoders can do, found by having each handle a picture.
//!
//! Drivers may hang or crash, so a server asks this of a process of its own, with a time limit, and keeps the answer.

use media_av::encode::Packet;
use media_av::hardware::{Access, DeviceKind, Layout, try_decoder, try_encoder};
use media_proto::error::{MediaError, display_text};
use media_proto::hardware::{Direction, Hardware, Trial};

use crate::control;

/// Encoders in software: codec, encoder, pixels. The first of a codec that works makes what its decoders are tried with.
const ENCODERS: &[(&str, &str, Layout)] = &[
    ("h264", "libx264", Layout::Yuv420p),
    ("hevc", "libx265", Layout::Yuv420p),
    ("vp9", "libvpx-vp9", Layout::Yuv420p),
    ("av1", "libsvtav1", Layout::Yuv420p),
    ("av1", "libaom-av1", Layout::Yuv420p),
    ("mjpeg", "mjpeg", Layout::Yuvj420p),
    ("webp", "libwebp", Layout::Yuv420p),
];

/// Decoders in software: codec, decoder.
const DECODERS: &[(&str, &str)] = &[
    ("h264", "h264"),
    ("hevc", "hevc"),
    ("vp9", "vp9"),
    ("av1", "libdav1d"),
    ("mjpeg", "mjpeg"),
    ("webp", "webp"),
];

/// Encoders that find their device by themselves: codec, encoder, pixels, device.
const OWN_ENCODERS: &[(&str, &str, Layout, &str)] = &[
    ("h264", "h264_nvenc", Layout::Nv12, "cuda"),
    ("hevc", "hevc_nvenc", Layout::Nv12, "cuda"),
    ("av1", "av1_nvenc", Layout::Nv12, "cuda"),
    ("h264", "h264_qsv", Layout::Nv12, "qsv"),
    ("hevc", "hevc_qsv", Layout::Nv12, "qsv"),
    ("vp9", "vp9_qsv", Layout::Nv12, "qsv"),
    ("av1", "av1_qsv", Layout::Nv12, "qsv"),
    ("h264", "h264_amf", Layout::Nv12, "amf"),
    ("hevc", "hevc_amf", Layout::Nv12, "amf"),
    ("av1", "av1_amf", Layout::Nv12, "amf"),
    ("h264", "h264_v4l2m2m", Layout::Nv12, "v4l2m2m"),
    ("hevc", "hevc_v4l2m2m", Layout::Nv12, "v4l2m2m"),
];

/// Decoders that find their device by themselves: codec, decoder, device.
const OWN_DECODERS: &[(&str, &str, &str)] = &[
    ("h264", "h264_cuvid", "cuda"),
    ("hevc", "hevc_cuvid", "cuda"),
    ("vp9", "vp9_cuvid", "cuda"),
    ("av1", "av1_cuvid", "cuda"),
    ("h264", "h264_qsv", "qsv"),
    ("hevc", "hevc_qsv", "qsv"),
    ("vp9", "vp9_qsv", "qsv"),
    ("av1", "av1_qsv", "qsv"),
    ("h264", "h264_v4l2m2m", "v4l2m2m"),
    ("hevc", "hevc_v4l2m2m", "v4l2m2m"),
    ("vp9", "vp9_v4l2m2m", "v4l2m2m"),
];

/// Encoders on a VAAPI device: codec, encoder.
const VAAPI_ENCODERS: &[(&str, &str)] = &[
    ("h264", "h264_vaapi"),
    ("hevc", "hevc_vaapi"),
    ("vp9", "vp9_vaapi"),
    ("av1", "av1_vaapi"),
];

/// libav's own decoders that can hand the work to a device: codec, decoder.
const HANDING_DECODERS: &[(&str, &str)] = &[("h264", "h264"), ("hevc", "hevc"), ("vp9", "vp9"), ("av1", "av1")];

/// The most render nodes that are tried.
const MAX_NODES: usize = 8;

/// Tries everything.
pub fn run() -> Result<Hardware, MediaError> {
    let mut trials = Trials::default();
    for &(codec, name, layout) in ENCODERS {
        trials.encoder(codec, name, layout, Access::Own, "software")?;
    }
    for &(codec, name) in DECODERS {
        trials.decoder(codec, name, Access::Own, "software")?;
    }
    for &(codec, name, layout, device) in OWN_ENCODERS {
        trials.encoder(codec, name, layout, Access::Own, device)?;
    }
    for &(codec, name, device) in OWN_DECODERS {
        trials.decoder(codec, name, Access::Own, device)?;
    }
    let cuda = Access::Device {
        kind: DeviceKind::Cuda,
        path: None,
    };
    for &(codec, name) in HANDING_DECODERS {
        trials.decoder(codec, name, cuda, "cuda")?;
    }
    for node in render_nodes() {
        let access = Access::Device {
            kind: DeviceKind::Vaapi,
            path: Some(&node),
        };
        let device = format!("vaapi:{node}");
        for &(codec, name) in VAAPI_ENCODERS {
            trials.encoder(codec, name, Layout::Nv12, access, &device)?;
        }
        for &(codec, name) in HANDING_DECODERS {
            trials.decoder(codec, name, access, &device)?;
        }
    }
    Ok(Hardware { trials: trials.done })
}

/// Render nodes, as `/dev/dri/renderD128`; none where the folder is not there or closed to us.
fn render_nodes() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/dev/dri") else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.path().to_string_lossy().into_owned());
    let mut nodes: Vec<String> = names.filter(|path| path.starts_with("/dev/dri/renderD")).collect();
    nodes.sort();
    nodes.truncate(MAX_NODES);
    nodes
}

#[derive(Default)]
struct Trials {
    done: Vec<Trial>,
    /// What an encoder made, by codec.
    made: Vec<(&'static str, Vec<Packet>)>,
}

impl Trials {
    fn encoder(
        &mut self,
        codec: &'static str,
        name: &str,
        layout: Layout,
        access: Access<'_>,
        device: &str,
    ) -> Result<(), MediaError> {
        control::checkpoint()?;
        let packets = try_encoder(name, layout, access);
        let outcome = packets.map(|packets| {
            if !self.made.iter().any(|made| made.0 == codec) {
                self.made.push((codec, packets));
            }
        });
        self.note(Direction::Encode, codec, name, device, outcome);
        Ok(())
    }

    fn decoder(&mut self, codec: &str, name: &str, access: Access<'_>, device: &str) -> Result<(), MediaError> {
        control::checkpoint()?;
        let outcome = match self.made.iter().find(|made| made.0 == codec) {
            Some((_, packets)) => try_decoder(name, packets, access),
            None => Err(format!("no encoder here makes {codec} to try it with")),
        };
        self.note(Direction::Decode, codec, name, device, outcome);
        Ok(())
    }

    fn note(&mut self, direction: Direction, codec: &str, name: &str, device: &str, outcome: Result<(), String>) {
        self.done.push(Trial {
            direction,
            name: name.to_owned(),
            codec: codec.to_owned(),
            device: device.to_owned(),
            is_working: outcome.is_ok(),
            reason: outcome.err().map(|reason| display_text(&reason)),
        });
    }
}
