//! HEIF files for libheif: which they are, their bytes, and what a probe says of them.

use std::os::fd::OwnedFd;

use media_av::heif::{self, Facts, HeifError};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::probe::{MediaKind, Probe, Stream, StreamKind};

use crate::container;

/// The longest file that is read into memory whole, which HEIF needs.
const MAX_WHOLE: u64 = 256 << 20;

/// Our name for a file that libheif is to look at.
pub fn name(source: &OwnedFd) -> Option<&'static str> {
    let mut head = [0; 64];
    let n = rustix::io::pread(source, &mut head, 0).unwrap_or(0);
    container::heif_brand(&head[..n])
}

/// All bytes of a file.
pub fn read_whole(source: &OwnedFd) -> Result<Vec<u8>, MediaError> {
    let io_error = |error: rustix::io::Errno| MediaError::Io {
        reason: error.to_string(),
    };
    let len = rustix::fs::fstat(source).map_err(io_error)?.st_size.max(0) as u64;
    if len > MAX_WHOLE {
        return Err(MediaError::TooLarge {
            limit: format!("a picture file of {len} bytes, at most {MAX_WHOLE}"),
        });
    }
    let mut whole = vec![0; len as usize];
    let mut n = 0;
    while n < whole.len() {
        match rustix::io::pread(source, &mut whole[n..], n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io_error(error)),
        }
    }
    whole.truncate(n);
    Ok(whole)
}

/// The facts of a HEIC's main picture, which FFmpeg 5.1 does not see at all.
pub fn probe(source: &OwnedFd, limits: &Limits) -> Result<Probe, MediaError> {
    let whole = read_whole(source)?;
    let Facts {
        width,
        height,
        bit_depth,
        codec,
    } = heif::facts(&whole).map_err(|error| match error {
        HeifError::NoMemory => MediaError::Memory,
        other => MediaError::Corrupt {
            reason: other.to_string(),
        },
    })?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.max_pixels {
        let limit = format!("{pixels} pixels in a picture, at most {}", limits.max_pixels);
        return Err(MediaError::TooLarge { limit });
    }
    Ok(Probe {
        container: if codec == "av1" { "avif" } else { "heif" }.to_owned(),
        demuxer: "libheif".to_owned(),
        kind: MediaKind::Image,
        streams: vec![Stream {
            kind: StreamKind::Video,
            codec: codec.to_owned(),
            width: Some(width),
            height: Some(height),
            bit_depth,
            is_default: true,
            ..Stream::default()
        }],
        ..Probe::default()
    })
}
