//! Subtitles of text as WebVTT: all tracks of a film in one pass, or a file of subtitles in whatever encoding it came.

mod vtt;

use std::os::fd::{AsFd, OwnedFd};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use media_av::decode::{self, Decoder};
use media_av::encode::Packet;
use media_av::error::AvError;
use media_av::input::{Input, Wanted};
use media_av::stream::Kind;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::subtitle::{MAX_TRACKS, SubtitleTrack, Subtitled, Subtitles};

use self::vtt::Track;
use crate::open::{self, Opened, av_error};
use crate::{container, control, serve};

/// Damaged stretches that are stepped over.
const MAX_DAMAGED: u32 = 1000;
/// As much of a file of subtitles as its encoding is guessed from.
const SAMPLE: usize = 256 * 1024;

/// Reads the subtitles of the file behind the descriptor; gives the list and the sealed memory file with the texts.
pub fn run(source: OwnedFd, wanted: &Subtitles, limits: &Limits) -> Result<(Subtitled, OwnedFd), MediaError> {
    let copy = source.try_clone().map_err(io_error)?;
    let Opened { mut input, format, .. } = open::open(source, wanted.extension.as_deref(), u64::MAX, limits)?;
    // These two say in their header what their tracks are.
    if !matches!(format.name, "mp4" | "matroska") {
        input.find_stream_info().map_err(open::explain)?;
    }
    let is_alone = input.streams().all(|view| view.kind() == Kind::Subtitle);
    let encoding = if is_alone { guess(&copy) } else { None };
    let mut readers = readers(&input, wanted, limits)?;
    for stream in 0..input.n_streams() {
        let is_read = readers.iter().any(|reader| reader.stream == stream);
        input.want(stream, if is_read { Wanted::All } else { Wanted::Nothing });
    }
    if !readers.is_empty() {
        read(&mut input, &mut readers, encoding, wanted.start_us)?;
    }
    let (mut subtitled, mut texts) = (Subtitled::default(), Vec::new());
    for reader in readers {
        let (n_cues, is_cut) = (reader.track.n_cues(), reader.track.is_cut());
        let text = reader.track.finish();
        subtitled.tracks.push(SubtitleTrack {
            stream: reader.stream as u32,
            offset: texts.len() as u64,
            len: text.len() as u64,
            n_cues,
            n_damaged: reader.n_damaged,
            is_cut,
        });
        texts.extend_from_slice(text.as_bytes());
    }
    if texts.len() as u64 > limits.out_bytes {
        return Err(MediaError::TooLarge {
            limit: format!("subtitles of more than {} bytes", limits.out_bytes),
        });
    }
    let file = serve::sealed_file(&texts).map_err(io_error)?;
    Ok((subtitled, file))
}

/// One track being read.
struct Reader {
    stream: usize,
    decoder: Decoder,
    /// Whether its packets are nothing but text.
    is_plain: bool,
    track: Track,
    n_damaged: u32,
}

fn readers(input: &Input, wanted: &Subtitles, limits: &Limits) -> Result<Vec<Reader>, MediaError> {
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: 1,
    };
    let mut readers = Vec::new();
    for (stream, view) in input.streams().enumerate() {
        let is_text = view.kind() == Kind::Subtitle && view.is_text();
        let is_asked = wanted.streams.contains(&(stream as u32));
        if !is_text && is_asked {
            let reason = format!("stream {stream} holds no subtitles of text");
            return Err(MediaError::Unsupported { reason });
        }
        if !is_text || !(is_asked || wanted.streams.is_empty()) {
            continue;
        }
        let decoder = Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })?;
        readers.push(Reader {
            stream,
            decoder,
            is_plain: view.codec() != "mov_text",
            track: Track::default(),
            n_damaged: 0,
        });
        if readers.len() > MAX_TRACKS {
            return Err(MediaError::TooLarge {
                limit: format!("more than {MAX_TRACKS} tracks of subtitles"),
            });
        }
    }
    match wanted
        .streams
        .iter()
        .find(|&&stream| stream as usize >= input.n_streams())
    {
        Some(stream) => Err(MediaError::Invalid {
            reason: format!("the file has no stream {stream}"),
        }),
        None => Ok(readers),
    }
}

fn read(
    input: &mut Input,
    readers: &mut [Reader],
    encoding: Option<&'static Encoding>,
    start_us: i64,
) -> Result<(), MediaError> {
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut n_damaged = 0;
    while readers.iter().any(|reader| !reader.track.is_cut()) {
        control::checkpoint()?;
        match input.read(&mut packet) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                n_damaged += 1;
                if n_damaged > MAX_DAMAGED {
                    return Err(open::complaint(input).unwrap_or_else(|| av_error(error)));
                }
                continue;
            }
        }
        let Some(reader) = readers.iter_mut().find(|reader| reader.stream == packet.stream()) else {
            continue;
        };
        reader.packet(&mut packet, encoding, start_us)?;
    }
    open::complaint(input).map_or(Ok(()), Err)
}

impl Reader {
    fn packet(
        &mut self,
        packet: &mut Packet,
        encoding: Option<&'static Encoding>,
        start_us: i64,
    ) -> Result<(), MediaError> {
        let Some(at_us) = self.decoder.packet_us(packet).map(|us| us.saturating_sub(start_us)) else {
            self.n_damaged += 1;
            return Ok(());
        };
        let lasts_us = self.decoder.lasts_us(packet);
        let is_foreign = self.is_plain && std::str::from_utf8(packet.bytes()).is_err();
        let mut translated;
        let packet = if is_foreign {
            // Old files are in the encoding of their country; in a film, where all should be UTF-8, Western is as good a guess
            // as any.
            let (text, ..) = encoding.unwrap_or(encoding_rs::WINDOWS_1252).decode(packet.bytes());
            let duration = packet.duration();
            translated = Packet::of_bytes(text.as_bytes(), packet.pts().unwrap_or(0), duration).map_err(av_error)?;
            &mut translated
        } else {
            packet
        };
        let lines = match self.decoder.subtitle(packet) {
            Ok(Some(lines)) => lines,
            Ok(None) => return Ok(()),
            Err(AvError::NO_MEMORY) => return Err(MediaError::Memory),
            Err(_) => {
                self.n_damaged += 1;
                return Ok(());
            }
        };
        let begin_us = at_us.saturating_add(i64::from(lines.delay_ms) * 1000);
        let end_us = match (lasts_us, lines.until_ms) {
            (Some(lasts_us), _) => Some(at_us.saturating_add(lasts_us)),
            (None, Some(ms)) => Some(at_us.saturating_add(i64::from(ms) * 1000)),
            (None, None) => None,
        };
        for event in &lines.events {
            self.track.add(begin_us, end_us, event);
        }
        Ok(())
    }
}

/// In which encoding a file of subtitles is, if not in UTF-8.
fn guess(source: &OwnedFd) -> Option<&'static Encoding> {
    let mut sample = vec![0; SAMPLE];
    let n = rustix::io::pread(source.as_fd(), &mut sample, 0).unwrap_or(0);
    sample.truncate(n);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&sample, n < SAMPLE);
    Some(detector.guess(None, Utf8Detection::Allow)).filter(|&encoding| encoding != encoding_rs::UTF_8)
}

fn io_error(error: impl Into<std::io::Error>) -> MediaError {
    MediaError::Io {
        reason: error.into().to_string(),
    }
}
