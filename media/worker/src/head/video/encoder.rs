//! The encoder of a rendition's pictures.

use media_av::encode::Encoder;
use media_av::film::{Film, H264};
use media_proto::error::MediaError;
use media_proto::head::VIDEO_TICKS;
use media_proto::rendition::{VideoCodec, VideoRendition};

/// Opens one of the rendition's settings.
pub fn open(rendition: &VideoRendition, n_threads: u32) -> Result<Encoder, MediaError> {
    let film = Film {
        width: rendition.width,
        height: rendition.height,
        frame_rate: rendition.frame_rate,
        ticks_per_second: VIDEO_TICKS,
        bit_rate: rendition.bit_rate,
        n_threads,
    };
    let opened = match rendition.codec {
        VideoCodec::H264 => Encoder::open_h264(
            &film,
            &H264 {
                max_bit_rate: rendition.max_bit_rate,
                buffer_bits: rendition.buffer_bits,
                preset: rendition.preset.name(),
                level: rendition.level,
            },
        ),
        VideoCodec::Av1 => Encoder::open_av1(&film, rendition.preset.of_av1()),
    };
    opened.map_err(|reason| MediaError::Invalid { reason })
}
