//! HEIF files for libheif: which they are, their bytes, and what a probe says of them.

use std::os::fd::OwnedFd;

use media_av::heif::{self, Facts, HeifError};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::probe::{MediaKind, Probe, Stream, StreamKind};

use crate::container;

/// The longest file that is read into memory whole, which HEIF needs.
const MAX_WHOLE: u64 = 256 << 20;
/// Boxes of a file that are looked at for a film.
const MAX_BOXES: u32 = 1000;

/// Our name for a file that libheif is to look at.
pub fn name(source: &OwnedFd) -> Option<&'static str> {
    let mut head = [0; 64];
    let n = rustix::io::pread(source, &mut head, 0).unwrap_or(0);
    container::heif_brand(&head[..n])
}

/// libheif's complaint in the protocol's words.
pub fn error(error: HeifError) -> MediaError {
    let reason = error.to_string();
    match error {
        HeifError::NoMemory => MediaError::Memory,
        HeifError::TooLarge(_) => MediaError::TooLarge { limit: reason },
        HeifError::Unsupported(_) => MediaError::Unsupported { reason },
        HeifError::Undecodable(_) | HeifError::Invalid(_) => MediaError::Corrupt { reason },
    }
}

/// Whether there is a film in a file of boxes besides its pictures: FFmpeg 5.1 reads nothing else of it.
pub fn holds_film(source: &OwnedFd) -> bool {
    let mut at = 0u64;
    for _ in 0..MAX_BOXES {
        let mut head = [0; 16];
        let n = rustix::io::pread(source, &mut head, at).unwrap_or(0);
        let (Some(size), Some(kind)) = (head.first_chunk::<4>(), head.get(4..8)) else {
            return false;
        };
        if n < 8 {
            return false;
        }
        if kind == b"moov" {
            return true;
        }
        // A size of 1 stands for one of 64 bits after the name, one of 0 for the rest of the file (ISO/IEC 14496-12, 4.2).
        let size = match u64::from(u32::from_be_bytes(*size)) {
            1 if n == 16 => u64::from_be_bytes([
                head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
            ]),
            size => size,
        };
        match at.checked_add(size).filter(|_| size >= 8) {
            Some(next) => at = next,
            None => return false,
        }
    }
    false
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
    } = heif::facts(&whole).map_err(error)?;
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
