//! Opening a source: the one way in for every job that reads a file, so that every guard holds for all of them.

use std::os::fd::{AsFd, OwnedFd};

use media_av::error::AvError;
use media_av::input::{Input, OpenError, Rules};
use media_proto::error::MediaError;
use media_proto::job::Limits;

use crate::container::{self, FORMATS, Format};

/// Enough of a file's start for EBML's document type and most Exif blocks.
const HEAD: usize = 64 * 1024;

/// A file whose header is read.
pub struct Opened {
    /// libav's view of it.
    pub input: Input,
    /// Which of our formats it is.
    pub format: &'static Format,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// Opens the file behind the descriptor and reads its header; `max_bytes` bounds all that will be read of it.
pub fn open(source: OwnedFd, extension: Option<&str>, max_bytes: u64, limits: &Limits) -> Result<Opened, MediaError> {
    let mut head = vec![0; HEAD];
    let n = read_at(&source, &mut head).map_err(io_error)?;
    head.truncate(n);
    if head.is_empty() {
        return Err(MediaError::Unsupported {
            reason: "the file is empty".to_owned(),
        });
    }
    let formats: Vec<&str> = FORMATS.iter().map(|format| format.demuxer).collect();
    let rules = Rules {
        formats: &formats,
        codecs: container::DECODERS,
        extension,
        fallback: container::by_magic(&head),
        max_streams: limits.max_streams,
        max_bytes,
    };
    let input = Input::open(source, &rules).map_err(explain)?;
    let demuxer = input.demuxer();
    let Some(format) = FORMATS.iter().find(|format| format.demuxer == demuxer) else {
        return Err(MediaError::Unsupported { reason: demuxer });
    };
    Ok(Opened { input, format, head })
}

/// What went wrong below libav and that it may have taken for the end of the file: to be asked whenever it stops.
pub fn complaint(input: &Input) -> Option<MediaError> {
    if let Some(target) = input.refused() {
        return Some(MediaError::Refused {
            target: target.to_owned(),
        });
    }
    input.os_error().map(|error| MediaError::Io {
        reason: error.to_string(),
    })
}

/// Why a file did not open, in the protocol's words.
pub fn explain(error: OpenError) -> MediaError {
    match error {
        OpenError::Unknown => MediaError::Unsupported {
            reason: "no known format".to_owned(),
        },
        OpenError::Format(name) => MediaError::Unsupported {
            reason: format!("`{name}` is not a media file format here"),
        },
        OpenError::Refused(target) => MediaError::Refused { target },
        OpenError::TooLong(bytes) => MediaError::TooLarge {
            limit: format!("a header longer than {bytes} bytes"),
        },
        OpenError::Os(error) => io_error(error),
        OpenError::Option(name) => MediaError::Invalid {
            reason: format!("libav does not know the option `{name}`"),
        },
        OpenError::Av(error) => av_error(error),
    }
}

/// libav's complaint about a file, in the protocol's words.
pub fn av_error(error: AvError) -> MediaError {
    match error {
        AvError::NO_MEMORY => MediaError::Memory,
        error => MediaError::Corrupt { reason: error.text() },
    }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}

fn read_at(source: &OwnedFd, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match rustix::io::pread(source.as_fd(), &mut buffer[n..], n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(n)
}
