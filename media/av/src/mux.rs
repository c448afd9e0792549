//! Writing a container to a descriptor.

use std::os::fd::OwnedFd;
use std::ptr;

use ffmpeg_next::ffi;

use crate::compat;
use crate::dict::Dict;
use crate::encode::{Encoder, Packet};
use crate::error::AvError;
use crate::io::{self, Io, Sink};
use crate::stream::{SideData, StreamView};
use crate::text;

/// A subtitle codec that packets are made of by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtitleCodec {
    /// 3GPP timed text, for mp4.
    MovText,
    /// SubRip, for Matroska.
    SubRip,
    /// WebVTT, for WebM.
    WebVtt,
    /// Pictures, for Matroska.
    Pgs,
}

/// A container being written: add streams and tags, then [`begin`](Muxer::begin), write, [`finish`](Muxer::finish).
pub struct Muxer {
    context: *mut ffi::AVFormatContext,
    // Freed after the context, which writes through it.
    _io: Io,
    time_bases: Vec<ffi::AVRational>,
}

impl Muxer {
    /// A container of libav's muxer name, at most so many bytes long.
    pub fn new(descriptor: OwnedFd, muxer: &str, max_bytes: u64) -> Result<Self, AvError> {
        Self::over(Io::writer(descriptor, max_bytes)?, muxer)
    }

    /// The same, piece by piece to whoever takes them; a later piece may go over an earlier one.
    pub fn to_sink(sink: Sink, muxer: &str, max_bytes: u64) -> Result<Self, AvError> {
        Self::over(Io::sink(sink, max_bytes)?, muxer)
    }

    fn over(io: Io, muxer: &str) -> Result<Self, AvError> {
        let mut context = ptr::null_mut();
        // SAFETY: libav allocates the context, which is ours from then on; `io` lives as long as it.
        unsafe {
            let name = text::c_text(muxer);
            AvError::check(ffi::avformat_alloc_output_context2(
                &mut context,
                ptr::null(),
                name.as_ptr(),
                ptr::null(),
            ))?;
            (*context).pb = io.context;
            (*context).opaque = io.opaque();
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO as i32;
            (*context).io_open = Some(io::refuse_open);
            // FLAC and Opus in mp4 count as experimental in 5.1.
            (*context).strict_std_compliance = -2;
        }
        Ok(Self {
            context,
            _io: io,
            time_bases: Vec::new(),
        })
    }

    /// Whether encoders must put their setup into the header.
    pub fn wants_global_header(&self) -> bool {
        // SAFETY: an output context has a static format.
        unsafe { (*(*self.context).oformat).flags & ffi::AVFMT_GLOBALHEADER as i32 != 0 }
    }

    /// Adds a stream for what an encoder makes, turned clockwise by so many degrees; gives its index.
    pub fn add_stream(&mut self, encoder: &Encoder, rotation: u16) -> Result<usize, AvError> {
        // SAFETY: both contexts are ours; the stream belongs to the muxer.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            AvError::check(ffi::avcodec_parameters_from_context((*stream).codecpar, encoder.0))?;
            let is_mov = matches!(
                text::owned((*(*self.context).oformat).name).as_deref(),
                Some("mp4" | "mov")
            );
            if is_mov && (*encoder.0).codec_id == ffi::AVCodecID::AV_CODEC_ID_HEVC {
                // Apple's players take HEVC by this tag only, not by libav's default `hev1`.
                (*(*stream).codecpar).codec_tag = u32::from_le_bytes(*b"hvc1");
            }
            (*stream).time_base = (*encoder.0).time_base;
            (*stream).avg_frame_rate = (*encoder.0).framerate;
            if rotation != 0 {
                let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
                let matrix = compat::new_side_data(stream, kind, 36).ok_or(AvError::NO_MEMORY)?;
                // The function turns clockwise, as its documentation says and unlike its counterpart that reads.
                let mut cells = [0i32; 9];
                ffi::av_display_rotation_set(cells.as_mut_ptr(), f64::from(rotation));
                for (to, cell) in matrix.chunks_exact_mut(4).zip(cells) {
                    to.copy_from_slice(&cell.to_ne_bytes());
                }
            }
            self.time_bases.push((*encoder.0).time_base);
        }
        Ok(self.time_bases.len() - 1)
    }

    /// Adds a subtitle stream in microseconds; gives its index.
    pub fn add_subtitles(&mut self, codec: SubtitleCodec, setup: &[u8]) -> Result<usize, AvError> {
        let base = ffi::AVRational { num: 1, den: 1_000_000 };
        // SAFETY: the stream belongs to the muxer; the setup is copied into libav's own padded allocation.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let par = (*stream).codecpar;
            (*par).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE;
            (*par).codec_id = match codec {
                SubtitleCodec::MovText => ffi::AVCodecID::AV_CODEC_ID_MOV_TEXT,
                SubtitleCodec::SubRip => ffi::AVCodecID::AV_CODEC_ID_SUBRIP,
                SubtitleCodec::WebVtt => ffi::AVCodecID::AV_CODEC_ID_WEBVTT,
                SubtitleCodec::Pgs => ffi::AVCodecID::AV_CODEC_ID_HDMV_PGS_SUBTITLE,
            };
            if !setup.is_empty() {
                let padded = setup.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
                let extradata = ffi::av_mallocz(padded).cast::<u8>();
                if extradata.is_null() {
                    return Err(AvError::NO_MEMORY);
                }
                ptr::copy_nonoverlapping(setup.as_ptr(), extradata, setup.len());
                (*par).extradata = extradata;
                (*par).extradata_size = setup.len() as i32;
            }
            (*stream).time_base = base;
        }
        self.time_bases.push(base);
        Ok(self.time_bases.len() - 1)
    }

    /// Adds a stream whose packets are copied from another file, with this setup of its codec if it is another; gives its
    /// index. Packets are written in ticks of the given stream.
    pub fn add_copy(&mut self, from: StreamView<'_>, setup: Option<&[u8]>) -> Result<usize, AvError> {
        // SAFETY: the stream of the input lives while it is borrowed, ours belongs to the muxer; libav copies what it takes.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let raw = from.raw();
            AvError::check(ffi::avcodec_parameters_copy((*stream).codecpar, (*raw).codecpar))?;
            let par = (*stream).codecpar;
            // The source's container may have another word for the codec.
            (*par).codec_tag = 0;
            if (*par).codec_id == ffi::AVCodecID::AV_CODEC_ID_HEVC {
                (*par).codec_tag = u32::from_le_bytes(*b"hvc1");
            }
            if let Some(setup) = setup {
                let padded = setup.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
                let extradata = ffi::av_mallocz(padded).cast::<u8>();
                if extradata.is_null() {
                    return Err(AvError::NO_MEMORY);
                }
                ptr::copy_nonoverlapping(setup.as_ptr(), extradata, setup.len());
                ffi::av_free((*par).extradata.cast());
                (*par).extradata = extradata;
                (*par).extradata_size = setup.len() as i32;
            }
            (*stream).time_base = (*raw).time_base;
            (*stream).avg_frame_rate = (*raw).avg_frame_rate;
            (*stream).sample_aspect_ratio = (*raw).sample_aspect_ratio;
            if let Some(matrix) = from.side_data(SideData::DisplayMatrix) {
                let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
                let own = compat::new_side_data(stream, kind, matrix.len()).ok_or(AvError::NO_MEMORY)?;
                own.copy_from_slice(matrix);
            }
            self.time_bases.push((*raw).time_base);
        }
        Ok(self.time_bases.len() - 1)
    }

    /// Sets a tag of the container.
    pub fn set_tag(&mut self, key: &str, value: &str) -> Result<(), AvError> {
        let (key, value) = (text::c_text(key), text::c_text(value));
        // SAFETY: libav copies both strings.
        AvError::check(unsafe { ffi::av_dict_set(&mut (*self.context).metadata, key.as_ptr(), value.as_ptr(), 0) })?;
        Ok(())
    }

    /// Sets a tag of a stream.
    pub fn set_stream_tag(&mut self, stream: usize, key: &str, value: &str) -> Result<(), AvError> {
        assert!(stream < self.time_bases.len(), "a stream that was added");
        let (key, value) = (text::c_text(key), text::c_text(value));
        // SAFETY: the index was checked; libav copies both strings.
        unsafe {
            let stream = *(*self.context).streams.add(stream);
            AvError::check(ffi::av_dict_set(
                &mut (*stream).metadata,
                key.as_ptr(),
                value.as_ptr(),
                0,
            ))?;
        }
        Ok(())
    }

    /// Sets the chapters: (title, start, end) in microseconds. Once, before the header.
    pub fn set_chapters(&mut self, chapters: &[(&str, i64, i64)]) -> Result<(), AvError> {
        // SAFETY: array and chapters are libav's allocations, which the context owns and frees.
        unsafe {
            let array = ffi::av_calloc(chapters.len().max(1), size_of::<*mut ffi::AVChapter>());
            if array.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            (*self.context).chapters = array.cast();
            for (index, &(title, start, end)) in chapters.iter().enumerate() {
                let chapter = ffi::av_mallocz(size_of::<ffi::AVChapter>()).cast::<ffi::AVChapter>();
                if chapter.is_null() {
                    return Err(AvError::NO_MEMORY);
                }
                *(*self.context).chapters.add(index) = chapter;
                (*self.context).nb_chapters = index as u32 + 1;
                (*chapter).id = index as i64;
                (*chapter).time_base = ffi::AVRational { num: 1, den: 1_000_000 };
                ((*chapter).start, (*chapter).end) = (start, end);
                let mut tags = Dict::new();
                tags.set("title", title)?;
                (*chapter).metadata = tags.into_raw();
            }
        }
        Ok(())
    }

    /// Writes the header, with the muxer's own options.
    pub fn begin(&mut self, options: &[(&str, &str)]) -> Result<(), String> {
        let mut dict = Dict::new();
        for (key, value) in options {
            dict.set(key, value).map_err(|error| error.to_string())?;
        }
        // SAFETY: all streams are set up.
        let begun = unsafe { ffi::avformat_write_header(self.context, &mut dict.0) };
        AvError::check(begun).map_err(|error| format!("the container does not take these streams: {error}"))?;
        match dict.leftover() {
            Some(option) => Err(format!("the muxer does not know the option `{option}`")),
            None => Ok(()),
        }
    }

    /// Writes a packet of that stream, whose times are in its encoder's time base.
    pub fn write(&mut self, stream: usize, packet: Packet) -> Result<(), AvError> {
        assert!(stream < self.time_bases.len(), "a stream that was added");
        // SAFETY: the index was checked; libav takes the packet's content and leaves it empty for us to free.
        unsafe {
            let base = (**(*self.context).streams.add(stream)).time_base;
            ffi::av_packet_rescale_ts(packet.0, self.time_bases[stream], base);
            (*packet.0).stream_index = stream as i32;
            AvError::check(ffi::av_interleaved_write_frame(self.context, packet.0))?;
        }
        Ok(())
    }

    /// Writes what is left and the trailer.
    pub fn finish(self) -> Result<(), AvError> {
        // SAFETY: after the header; the drop frees the rest.
        unsafe {
            AvError::check(ffi::av_write_trailer(self.context))?;
            ffi::avio_flush((*self.context).pb);
            AvError::check((*(*self.context).pb).error)?;
        }
        Ok(())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: ours; custom I/O is freed after it by its own drop.
        unsafe { ffi::avformat_free_context(self.context) }
    }
}
