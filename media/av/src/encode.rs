//! Frames and encoders.

use std::ptr;
use std::slice;

use ffmpeg_next::ffi;

use crate::dict::Dict;
use crate::error::AvError;
use crate::input::known;
use crate::text;

/// How pixels are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// Planes of luma and two chroma at a quarter, limited range.
    Yuv420p,
    /// The same in full range, as JPEG wants it.
    Yuvj420p,
    /// Red, green, blue, a byte each.
    Rgb24,
    /// Red 3 bits, green 3, blue 2, in one byte.
    Rgb8,
    /// Blue, green, red, alpha, a byte each.
    Bgra,
    /// Red, green, blue, alpha, 16 bits each, least significant byte first.
    Rgba64,
    /// Planes of luma and two chroma at a quarter, 10 bits in 16, least significant byte first, limited range.
    Yuv420p10,
}

/// How samples are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// 16-bit integers, channels interleaved.
    S16,
    /// Floats, a plane for each channel.
    FloatPlanar,
}

/// One picture or a stretch of sound, owned.
pub struct Frame(pub(crate) *mut ffi::AVFrame);

impl Frame {
    /// An empty picture.
    pub fn picture(format: PixelFormat, width: u32, height: u32) -> Result<Self, AvError> {
        let frame = Self::empty()?;
        // SAFETY: a fresh frame of ours; get_buffer checks the sizes.
        unsafe {
            (*frame.0).format = pixel_format(format) as i32;
            (*frame.0).width = width as i32;
            (*frame.0).height = height as i32;
            AvError::check(ffi::av_frame_get_buffer(frame.0, 0))?;
        }
        Ok(frame)
    }

    /// Silent sound.
    pub fn sound(format: SampleFormat, channels: u32, sample_rate: u32, n_samples: usize) -> Result<Self, AvError> {
        let frame = Self::empty()?;
        // SAFETY: a fresh frame of ours; get_buffer checks the sizes.
        unsafe {
            (*frame.0).format = sample_format(format) as i32;
            (*frame.0).nb_samples = n_samples as i32;
            (*frame.0).sample_rate = sample_rate as i32;
            ffi::av_channel_layout_default(&mut (*frame.0).ch_layout, channels as i32);
            AvError::check(ffi::av_frame_get_buffer(frame.0, 0))?;
        }
        Ok(frame)
    }

    /// A frame without content, for a decoder to fill.
    pub fn empty() -> Result<Self, AvError> {
        // SAFETY: allocates.
        let frame = unsafe { ffi::av_frame_alloc() };
        if frame.is_null() {
            Err(AvError::NO_MEMORY)
        } else {
            Ok(Self(frame))
        }
    }

    /// Makes sure that writing changes nobody else's copy: encoders keep frames that they were given.
    pub fn make_writable(&mut self) -> Result<(), AvError> {
        // SAFETY: our own frame with buffers.
        AvError::check(unsafe { ffi::av_frame_make_writable(self.0) })?;
        Ok(())
    }

    /// Makes a picture smaller by leaving out what is right of and below this size; never larger.
    pub fn crop(&mut self, width: u32, height: u32) {
        // SAFETY: plain fields; the buffers hold at least this much.
        unsafe {
            (*self.0).width = (*self.0).width.min(width as i32);
            (*self.0).height = (*self.0).height.min(height as i32);
        }
    }

    /// When it shows, in ticks of the encoder's time base.
    pub fn set_pts(&mut self, pts: i64) {
        // SAFETY: plain field.
        unsafe { (*self.0).pts = pts }
    }

    /// A plane of a picture with so many rows, and the bytes from one row to the next.
    pub fn plane(&mut self, index: usize, n_rows: usize) -> (&mut [u8], usize) {
        assert!(index < 4, "a frame has at most four planes that are used");
        // SAFETY: get_buffer allocated at least linesize × rows for each plane; absent planes are NULL.
        unsafe {
            let (data, stride) = ((*self.0).data[index], (*self.0).linesize[index]);
            let height = (*self.0).height.max(0) as usize;
            if data.is_null() || stride <= 0 || n_rows > height {
                return (&mut [], 1);
            }
            (
                slice::from_raw_parts_mut(data, stride as usize * n_rows),
                stride as usize,
            )
        }
    }

    /// Writes the sound: `sample(channel, index)` gives values from −1 to 1.
    pub fn fill(&mut self, mut sample: impl FnMut(usize, usize) -> f32) {
        // SAFETY: get_buffer allocated `nb_samples` per channel in the frame's format, which `sound` set.
        unsafe {
            let (n, channels) = ((*self.0).nb_samples as usize, (*self.0).ch_layout.nb_channels as usize);
            if (*self.0).format == ffi::AVSampleFormat::AV_SAMPLE_FMT_S16 as i32 {
                let samples = slice::from_raw_parts_mut((*self.0).data[0].cast::<i16>(), n * channels);
                for (at, value) in samples.iter_mut().enumerate() {
                    *value = (sample(at % channels, at / channels).clamp(-1.0, 1.0) * 32_767.0) as i16;
                }
                return;
            }
            for channel in 0..channels {
                let plane = *(*self.0).extended_data.add(channel);
                let samples = slice::from_raw_parts_mut(plane.cast::<f32>(), n);
                for (at, value) in samples.iter_mut().enumerate() {
                    *value = sample(channel, at);
                }
            }
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::av_frame_free(&mut self.0) }
    }
}

/// An encoded piece of a stream, owned.
pub struct Packet(pub(crate) *mut ffi::AVPacket);

impl Packet {
    /// A packet without content, for [`Input::read`](crate::input::Input::read) to fill.
    pub fn empty() -> Result<Self, AvError> {
        // SAFETY: allocates.
        let packet = unsafe { ffi::av_packet_alloc() };
        if packet.is_null() {
            Err(AvError::NO_MEMORY)
        } else {
            Ok(Self(packet))
        }
    }

    /// A packet of these bytes at that time; what a text subtitle is.
    pub fn of_bytes(bytes: &[u8], pts: i64, duration: i64) -> Result<Self, AvError> {
        let packet = Self::empty()?;
        // SAFETY: new_packet allocates that many bytes.
        unsafe {
            AvError::check(ffi::av_new_packet(packet.0, bytes.len() as i32))?;
            ptr::copy_nonoverlapping(bytes.as_ptr(), (*packet.0).data, bytes.len());
            (*packet.0).pts = pts;
            (*packet.0).dts = pts;
            (*packet.0).duration = duration;
            (*packet.0).flags |= ffi::AV_PKT_FLAG_KEY as i32;
        }
        Ok(packet)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: libav keeps that many bytes while the packet lives.
        unsafe {
            match ((*self.0).data, (*self.0).size) {
                (data, size) if data.is_null() || size <= 0 => &[],
                (data, size) => slice::from_raw_parts(data, size as usize),
            }
        }
    }

    /// Another hold on the same bytes, which are not copied.
    pub fn share(&self) -> Result<Self, AvError> {
        let packet = Self::empty()?;
        // SAFETY: both are ours; libav counts the references of the content.
        AvError::check(unsafe { ffi::av_packet_ref(packet.0, self.0) })?;
        Ok(packet)
    }

    /// The index of its stream.
    pub fn stream(&self) -> usize {
        // SAFETY: plain field; libav's indexes are not negative.
        unsafe { (*self.0).stream_index.max(0) as usize }
    }

    /// Whether decoding can start here.
    pub fn is_key(&self) -> bool {
        // SAFETY: plain field.
        unsafe { (*self.0).flags & ffi::AV_PKT_FLAG_KEY as i32 != 0 }
    }

    /// Whether its content is encrypted, as the container says.
    pub fn is_encrypted(&self) -> bool {
        let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO;
        // SAFETY: our own packet; only whether there is any is asked.
        unsafe { !ffi::av_packet_get_side_data(self.0, kind, ptr::null_mut()).is_null() }
    }

    /// When it shows, in ticks of its stream, if known.
    pub fn pts(&self) -> Option<i64> {
        // SAFETY: plain field.
        known(unsafe { (*self.0).pts })
    }

    /// When it is decoded, in ticks of its stream, if known.
    pub fn dts(&self) -> Option<i64> {
        // SAFETY: plain field.
        known(unsafe { (*self.0).dts })
    }

    /// How long it lasts, in ticks of its stream; 0 if that is not said.
    pub fn duration(&self) -> i64 {
        // SAFETY: plain field.
        unsafe { (*self.0).duration }
    }

    /// Sets how long it lasts, in ticks of its encoder's time base, if the encoder did not.
    pub fn set_default_duration(&mut self, duration: i64) {
        // SAFETY: plain field.
        unsafe {
            if (*self.0).duration == 0 {
                (*self.0).duration = duration;
            }
        }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::av_packet_free(&mut self.0) }
    }
}

/// What an encoder is to make.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Pictures.
    Video {
        /// Their layout.
        format: PixelFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Frames per second; its inverse is the time base.
        frame_rate: (i32, i32),
    },
    /// Sound; one sample is a tick.
    Audio {
        /// Its layout.
        format: SampleFormat,
        /// Number of channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
    },
}

/// An open encoder.
pub struct Encoder(pub(crate) *mut ffi::AVCodecContext);

impl Encoder {
    /// Whether this FFmpeg has an encoder of that name.
    pub fn exists(name: &str) -> bool {
        // SAFETY: a C string; codecs are static.
        unsafe { !ffi::avcodec_find_encoder_by_name(text::c_text(name).as_ptr()).is_null() }
    }

    /// Opens an encoder by name, with its own options. `global_header` is what the muxer says it wants.
    pub fn open(
        name: &str,
        shape: Shape,
        bit_rate: i64,
        global_header: bool,
        options: &[(&str, &str)],
    ) -> Result<Self, String> {
        let complain = |error: AvError| format!("encoder `{name}`: {error}");
        let mut dict = Dict::new();
        for (key, value) in options {
            dict.set(key, value).map_err(complain)?;
        }
        // SAFETY: the context is ours from its allocation; all fields are plain.
        let encoder = unsafe {
            let codec = ffi::avcodec_find_encoder_by_name(text::c_text(name).as_ptr());
            if codec.is_null() {
                return Err(format!("this FFmpeg has no encoder `{name}`"));
            }
            let context = ffi::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            let encoder = Self(context);
            (*context).thread_count = 1;
            // The native Opus and Vorbis encoders are marked experimental.
            (*context).strict_std_compliance = -2;
            if bit_rate > 0 {
                (*context).bit_rate = bit_rate;
            }
            if global_header {
                (*context).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
            }
            match shape {
                Shape::Video {
                    format,
                    width,
                    height,
                    frame_rate: (num, den),
                } => {
                    (*context).width = width as i32;
                    (*context).height = height as i32;
                    (*context).pix_fmt = pixel_format(format);
                    (*context).time_base = ffi::AVRational { num: den, den: num };
                    (*context).framerate = ffi::AVRational { num, den };
                    (*context).gop_size = (num * 2 / den.max(1)).max(1);
                    (*context).sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
                }
                Shape::Audio {
                    format,
                    channels,
                    sample_rate,
                } => {
                    (*context).sample_fmt = sample_format(format);
                    (*context).sample_rate = sample_rate as i32;
                    (*context).time_base = ffi::AVRational {
                        num: 1,
                        den: sample_rate as i32,
                    };
                    ffi::av_channel_layout_default(&mut (*context).ch_layout, channels as i32);
                }
            }
            AvError::check(ffi::avcodec_open2(context, codec, &mut dict.0)).map_err(complain)?;
            encoder
        };
        match dict.leftover() {
            Some(option) => Err(format!("encoder `{name}` does not know the option `{option}`")),
            None => Ok(encoder),
        }
    }

    /// How many samples it wants at a time; 0 if any number.
    pub fn frame_size(&self) -> usize {
        // SAFETY: plain field.
        unsafe { (*self.0).frame_size.max(0) as usize }
    }

    /// Gives it a frame, or tells it with none that no more come.
    pub fn send(&mut self, frame: Option<&Frame>) -> Result<(), AvError> {
        // SAFETY: libav takes its own reference to the frame's buffers.
        AvError::check(unsafe { ffi::avcodec_send_frame(self.0, frame.map_or(ptr::null(), |frame| frame.0)) })?;
        Ok(())
    }

    /// The next packet, none if it wants more frames or has ended.
    pub fn receive(&mut self) -> Result<Option<Packet>, AvError> {
        let packet = Packet::empty()?;
        // SAFETY: both are ours.
        match AvError::check(unsafe { ffi::avcodec_receive_packet(self.0, packet.0) }) {
            Ok(_) => Ok(Some(packet)),
            Err(error) if error.is_again() || error.is_end() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::avcodec_free_context(&mut self.0) }
    }
}

pub(crate) fn pixel_format(format: PixelFormat) -> ffi::AVPixelFormat {
    match format {
        PixelFormat::Yuv420p => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
        PixelFormat::Yuvj420p => ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P,
        PixelFormat::Rgb24 => ffi::AVPixelFormat::AV_PIX_FMT_RGB24,
        PixelFormat::Rgb8 => ffi::AVPixelFormat::AV_PIX_FMT_RGB8,
        PixelFormat::Bgra => ffi::AVPixelFormat::AV_PIX_FMT_BGRA,
        PixelFormat::Rgba64 => ffi::AVPixelFormat::AV_PIX_FMT_RGBA64LE,
        PixelFormat::Yuv420p10 => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P10LE,
    }
}

fn sample_format(format: SampleFormat) -> ffi::AVSampleFormat {
    match format {
        SampleFormat::S16 => ffi::AVSampleFormat::AV_SAMPLE_FMT_S16,
        SampleFormat::FloatPlanar => ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP,
    }
}
