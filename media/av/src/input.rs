//! Opening a file for reading: one function, with every guard there is.
//!
//! libav is willing to open other files and hosts when a file names them. Here it cannot: bytes come from one
//! descriptor, only listed formats and codecs exist, no protocol does, and a request to open anything is refused and
//! remembered. The sandbox around the process holds even if all of this fails.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::ptr;

use ffmpeg_next::ffi;

use crate::compat::number;
use crate::dict::{self, Dict};
use crate::encode::Packet;
use crate::error::AvError;
use crate::io::{self, Io};
use crate::stream::StreamView;
use crate::text;

/// What may be opened, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// libav's names of the demuxers that may run.
    pub formats: &'a [&'a str],
    /// libav's names of the decoders that may run, separated by commas.
    pub codecs: &'a str,
    /// The file name's extension: letters and digits only.
    pub extension: Option<&'a str>,
    /// The demuxer to take where none recognizes the content, as the caller did by its first bytes.
    pub fallback: Option<&'a str>,
    /// How many streams there may be.
    pub max_streams: u32,
    /// How many bytes may be read.
    pub max_bytes: u64,
}

/// Tags: names and values in the file's order.
pub type Tags = Vec<(String, String)>;

/// Why a file did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No demuxer knows it.
    #[error("no known format")]
    Unknown,
    /// A demuxer knows it, and it is not one of ours.
    #[error("the format `{0}` is not supported")]
    Format(String),
    /// The file asked to open something.
    #[error("the file asks to open `{0}`")]
    Refused(String),
    /// The budget of bytes ran out.
    #[error("the header is longer than {0} bytes")]
    TooLong(u64),
    /// The disk failed.
    #[error("{0}")]
    Os(#[from] std::io::Error),
    /// An option that libav does not know, which is a mistake of ours.
    #[error("libav does not know the option `{0}`")]
    Option(String),
    /// libav's own complaint.
    #[error("{0}")]
    Av(#[from] AvError),
}

/// An open file.
pub struct Input {
    pub(crate) context: *mut ffi::AVFormatContext,
    pub(crate) io: Io,
    max_bytes: u64,
    is_analyzed: bool,
}

impl Input {
    /// Opens the file behind a descriptor and reads its header, no more.
    pub fn open(descriptor: OwnedFd, rules: &Rules<'_>) -> Result<Self, OpenError> {
        let io = Io::reader(descriptor, rules.max_bytes)?;
        let extension = rules
            .extension
            .filter(|e| e.len() <= 8 && e.bytes().all(|b| b.is_ascii_alphanumeric()));
        let name = text::c_text(&extension.map_or(String::new(), |extension| format!("input.{extension}")));
        let (mut format, mut found) = guess(&io, &name, rules)?;
        if !rules.formats.contains(&found.as_str()) && extension.is_some() {
            // By its name alone a photograph is the first of a numbered sequence of files, which is not for us.
            (format, found) = match (guess(&io, c"", rules), rules.fallback) {
                (Err(OpenError::Unknown), Some(fallback)) => by_name(fallback)?,
                (guessed, _) => guessed?,
            };
        }
        if !rules.formats.contains(&found.as_str()) {
            return Err(OpenError::Format(found));
        }

        let mut options = Dict::new();
        options.set("format_whitelist", &found)?;
        options.set("codec_whitelist", rules.codecs)?;
        // The empty text forbids every protocol; leaving it unset would allow all.
        options.set("protocol_whitelist", "")?;
        options.set("max_streams", &rules.max_streams.to_string())?;
        // SAFETY: the context is ours until avformat_open_input, which frees it when it fails; `io` outlives it.
        let context = unsafe {
            let mut context = ffi::avformat_alloc_context();
            if context.is_null() {
                return Err(AvError::NO_MEMORY.into());
            }
            (*context).pb = io.context;
            (*context).opaque = io.opaque();
            (*context).io_open = Some(io::refuse_open);
            (*context).interrupt_callback = ffi::AVIOInterruptCB {
                callback: Some(io::interrupted),
                opaque: io.opaque(),
            };
            let opened = ffi::avformat_open_input(&mut context, name.as_ptr(), format, &mut options.0);
            if opened < 0 {
                return Err(explain(&io, rules.max_bytes, AvError(opened)));
            }
            context
        };
        let input = Self {
            context,
            io,
            max_bytes: rules.max_bytes,
            is_analyzed: false,
        };
        match options.leftover() {
            Some(option) => Err(OpenError::Option(option)),
            None => Ok(input),
        }
    }

    /// Reads and decodes the beginning until each stream's parameters are known. This is the expensive part of a probe.
    pub fn find_stream_info(&mut self) -> Result<(), OpenError> {
        self.is_analyzed = true;
        let mut options: Vec<Dict> = Vec::new();
        for _ in 0..self.n_streams() {
            let mut option = Dict::new();
            // More threads only delay: each decoder sees a frame or two.
            option.set("threads", "1")?;
            options.push(option);
        }
        let mut raw: Vec<*mut ffi::AVDictionary> = options.into_iter().map(Dict::into_raw).collect();
        let array = if raw.is_empty() {
            ptr::null_mut()
        } else {
            raw.as_mut_ptr()
        };
        // SAFETY: as many dictionaries as there are streams now, as libav asks; it does not look past that number.
        let found = unsafe { ffi::avformat_find_stream_info(self.context, array) };
        for dictionary in raw {
            // What is left in it says nothing: a codec that is not opened takes no option.
            drop(Dict(dictionary));
        }
        AvError::check(found).map_err(|error| explain(&self.io, self.max_bytes, error))?;
        Ok(())
    }

    /// Whether [`find_stream_info`](Self::find_stream_info) has looked at the beginning.
    pub fn is_analyzed(&self) -> bool {
        self.is_analyzed
    }

    /// Lowers what [`find_stream_info`](Self::find_stream_info) looks at: bytes, and microseconds of media.
    pub fn set_analysis(&mut self, bytes: i64, duration_us: i64) {
        // SAFETY: plain fields that libav reads later.
        unsafe {
            (*self.context).probesize = bytes;
            (*self.context).max_analyze_duration = duration_us;
        }
    }

    /// libav's name of the demuxer.
    pub fn demuxer(&self) -> String {
        // SAFETY: an open context has a static format.
        unsafe { text::owned((*(*self.context).iformat).name) }.unwrap_or_default()
    }

    /// How many streams there are now.
    pub fn n_streams(&self) -> usize {
        // SAFETY: plain field.
        unsafe { (*self.context).nb_streams as usize }
    }

    /// Whether streams may still appear, as in MPEG-TS.
    pub fn may_grow(&self) -> bool {
        // SAFETY: plain field.
        unsafe { (*self.context).ctx_flags & ffi::AVFMTCTX_NOHEADER as i32 != 0 }
    }

    /// All streams.
    pub fn streams(&self) -> impl Iterator<Item = StreamView<'_>> {
        // SAFETY: libav keeps that many valid pointers, and they live as long as `self` is borrowed.
        (0..self.n_streams()).map(|index| unsafe { StreamView::new(*(*self.context).streams.add(index)) })
    }

    /// The duration in microseconds, if known.
    pub fn duration_us(&self) -> Option<i64> {
        // SAFETY: plain field.
        known(unsafe { (*self.context).duration })
    }

    /// The first timestamp in microseconds, if known.
    pub fn start_us(&self) -> Option<i64> {
        // SAFETY: plain field.
        known(unsafe { (*self.context).start_time })
    }

    /// Bits per second, if known.
    pub fn bit_rate(&self) -> Option<i64> {
        // SAFETY: plain field.
        Some(unsafe { (*self.context).bit_rate }).filter(|&rate| rate > 0)
    }

    /// The length of the file in bytes, if it has one.
    pub fn n_bytes(&self) -> Option<i64> {
        // SAFETY: the reader is ours.
        Some(unsafe { ffi::avio_size(self.io.context) }).filter(|&size| size >= 0)
    }

    /// At most `max` tags of the container.
    pub fn tags(&self, max: usize) -> Vec<(String, String)> {
        // SAFETY: the dictionary lives with the context.
        unsafe { dict::entries((*self.context).metadata, max) }
    }

    /// At most `max` chapters: (start, end, tags), times in microseconds.
    pub fn chapters(&self, max: usize) -> Vec<(i64, i64, Tags)> {
        let mut chapters = Vec::new();
        // SAFETY: libav keeps that many valid pointers while the context lives.
        unsafe {
            for index in 0..((*self.context).nb_chapters as usize).min(max) {
                let chapter = *(*self.context).chapters.add(index);
                let time = |ticks| rescale(ticks, (*chapter).time_base).unwrap_or(0);
                let tags = dict::entries((*chapter).metadata, 64);
                chapters.push((time((*chapter).start), time((*chapter).end), tags));
            }
        }
        chapters
    }

    /// What the file asked to open, if it did.
    pub fn refused(&self) -> Option<&str> {
        self.io.state().refused.as_deref()
    }

    /// Whether the budget of bytes ran out, so that the facts are incomplete.
    pub fn exhausted(&self) -> bool {
        self.io.state().exhausted
    }

    /// The disk's error, if one happened, which libav may have taken for the end of the file.
    pub fn os_error(&self) -> Option<std::io::Error> {
        self.io.state().os_error.map(std::io::Error::from_raw_os_error)
    }

    /// Reads the next packet, in the file's order; false at the end. After an error for a damaged stretch one may go on.
    pub fn read(&mut self, packet: &mut Packet) -> Result<bool, AvError> {
        // SAFETY: both are ours; the packet is emptied first, as libav would leak what it holds.
        unsafe {
            ffi::av_packet_unref(packet.0);
            match AvError::check(ffi::av_read_frame(self.context, packet.0)) {
                Ok(_) => Ok(true),
                Err(error) if error.is_end() => Ok(false),
                Err(error) => Err(error),
            }
        }
    }

    /// Goes to the keyframe of a stream at or before that time, in ticks of the stream. Decoders must be flushed after.
    pub fn seek(&mut self, stream: usize, ticks: i64) -> Result<(), AvError> {
        assert!(stream < self.n_streams(), "a stream of this input");
        // SAFETY: the index was checked.
        AvError::check(unsafe { ffi::avformat_seek_file(self.context, stream as i32, i64::MIN, ticks, ticks, 0) })?;
        Ok(())
    }

    /// Goes to the first byte, from where every demuxer finds its way.
    pub fn rewind(&mut self) -> Result<(), AvError> {
        let by_byte = ffi::AVSEEK_FLAG_BYTE as i32;
        // SAFETY: our context; where bytes cannot be sought, the smallest time is.
        unsafe {
            let rewound = ffi::avformat_seek_file(self.context, -1, i64::MIN, i64::MIN + 1, i64::MAX, 0);
            if rewound < 0 {
                AvError::check(ffi::avformat_seek_file(self.context, -1, 0, 0, i64::MAX, by_byte))?;
            }
        }
        Ok(())
    }

    /// Whether one can go back and forth in it, as not in a raw stream without an index.
    pub fn can_seek(&self) -> bool {
        // SAFETY: an open context has a static format and our reader.
        unsafe {
            let flags = (*(*self.context).iformat).flags;
            let by_time = flags & ffi::AVFMT_NOTIMESTAMPS as i32 == 0;
            by_time && (*self.io.context).seekable & ffi::AVIO_SEEKABLE_NORMAL as i32 != 0
        }
    }

    /// Says which packets of a stream are wanted. Demuxers with an index do not even read the others.
    pub fn want(&mut self, stream: usize, wanted: Wanted) {
        assert!(stream < self.n_streams(), "a stream of this input");
        // SAFETY: the index was checked; a plain field.
        unsafe {
            (**(*self.context).streams.add(stream)).discard = match wanted {
                Wanted::All => ffi::AVDiscard::AVDISCARD_DEFAULT,
                Wanted::Keyframes => ffi::AVDiscard::AVDISCARD_NONKEY,
                Wanted::Nothing => ffi::AVDiscard::AVDISCARD_ALL,
            }
        }
    }

    /// The picture that a stream consists of, as a cover does; none for any other stream.
    pub fn attached_picture(&self, stream: usize) -> Option<Packet> {
        assert!(stream < self.n_streams(), "a stream of this input");
        let packet = Packet::empty().ok()?;
        // SAFETY: the index was checked; libav counts the references of the content.
        unsafe {
            let attached = &raw const (**(*self.context).streams.add(stream)).attached_pic;
            let has_content = !(*attached).data.is_null() && (*attached).size > 0;
            (has_content && ffi::av_packet_ref(packet.0, attached) >= 0).then_some(packet)
        }
    }

    /// The next packet's facts, none at the end of the file; damaged stretches are an error after which one may go on.
    pub fn next_packet(&mut self) -> Result<Option<PacketFacts>, AvError> {
        // SAFETY: a fresh packet each time, freed in every case; streams are indexed by libav itself.
        unsafe {
            let mut packet = ffi::av_packet_alloc();
            if packet.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let read = ffi::av_read_frame(self.context, packet);
            let result = match AvError::check(read) {
                Err(error) if error.is_end() => Ok(None),
                Err(error) => Err(error),
                Ok(_) => {
                    let index = (*packet).stream_index;
                    let stream = *(*self.context).streams.add(index as usize);
                    Ok(Some(PacketFacts {
                        stream: index as usize,
                        pts_us: rescale((*packet).pts, (*stream).time_base),
                        dts_us: rescale((*packet).dts, (*stream).time_base),
                        duration_us: rescale((*packet).duration, (*stream).time_base).unwrap_or(0),
                        n_bytes: (*packet).size as usize,
                    }))
                }
            };
            ffi::av_packet_free(&mut packet);
            result
        }
    }
}

/// Which packets of a stream are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Every one.
    All,
    /// Those at which decoding can start.
    Keyframes,
    /// None.
    Nothing,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy)]
pub struct PacketFacts {
    /// Its stream's index.
    pub stream: usize,
    /// When it shows.
    pub pts_us: Option<i64>,
    /// When it is decoded.
    pub dts_us: Option<i64>,
    /// How long it lasts, 0 if unknown.
    pub duration_us: i64,
    /// Its size.
    pub n_bytes: usize,
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: opened by us; custom I/O is not closed by libav, so `io` frees it afterwards.
        unsafe { ffi::avformat_close_input(&mut self.context) }
    }
}

/// The demuxer that fits the beginning best, and its name.
fn guess(io: &Io, name: &CStr, rules: &Rules<'_>) -> Result<(*const ffi::AVInputFormat, String), OpenError> {
    let mut format = ptr::null();
    // SAFETY: the reader is ours and open; libav sets `format` to a static description.
    let probed = unsafe { ffi::av_probe_input_buffer2(io.context, &mut format, name.as_ptr(), ptr::null_mut(), 0, 0) };
    if probed < 0 || format.is_null() {
        return Err(match explain(io, rules.max_bytes, AvError(probed)) {
            OpenError::Av(error) if error.is_invalid_data() || error.is_end() => OpenError::Unknown,
            other => other,
        });
    }
    // SAFETY: static description.
    Ok((format, unsafe { text::owned((*format).name) }.unwrap_or_default()))
}

fn by_name(name: &str) -> Result<(*const ffi::AVInputFormat, String), OpenError> {
    // SAFETY: a C string; formats are static.
    let format = unsafe { ffi::av_find_input_format(text::c_text(name).as_ptr()) };
    if format.is_null() {
        Err(OpenError::Unknown)
    } else {
        Ok((format, name.to_owned()))
    }
}

fn explain(io: &Io, max_bytes: u64, error: AvError) -> OpenError {
    let state = io.state();
    if let Some(target) = &state.refused {
        return OpenError::Refused(target.clone());
    }
    if state.exhausted {
        return OpenError::TooLong(max_bytes);
    }
    match state.os_error {
        Some(number) => OpenError::Os(std::io::Error::from_raw_os_error(number)),
        None => OpenError::Av(error),
    }
}

/// libav's "no value" as none.
pub(crate) fn known(value: i64) -> Option<i64> {
    Some(value).filter(|&value| value != ffi::AV_NOPTS_VALUE)
}

/// Ticks as microseconds, none for "no value" and for a broken time base.
pub(crate) fn rescale(ticks: i64, base: ffi::AVRational) -> Option<i64> {
    let ticks = known(ticks)?;
    if base.num <= 0 || base.den <= 0 {
        return None;
    }
    // SAFETY: pure arithmetic on positive rationals.
    known(unsafe { ffi::av_rescale_q(ticks, base, ffi::AVRational { num: 1, den: 1_000_000 }) })
}

/// Reads the kind of a stream as a number; see `compat`.
pub(crate) unsafe fn media_type(parameters: *const ffi::AVCodecParameters) -> i32 {
    // SAFETY: the caller's pointer lives.
    unsafe { number!((*parameters).codec_type) }
}
