//! Trials: one picture through an encoder or a decoder on a device. Only what comes out at the other end proves anything;
//! libav lists codecs whether their drivers are there or not.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use ffmpeg_next::ffi;

use crate::compat::number;
use crate::encode::{Frame, Packet, PixelFormat};
use crate::error::AvError;
use crate::text;

/// The size of the pictures that are tried: some encoders refuse smaller ones.
const SIZE: (u32, u32) = (320, 240);
/// Frames after which an encoder that gave no packet is given up.
const MAX_FRAMES: i64 = 50;

/// How a codec reaches its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Not at all, or by itself, as nvenc does: pictures are in ordinary memory.
    Own,
    /// Through a device that libav opens, of this type and at this place; pictures are in the device's memory.
    Device {
        /// Which.
        kind: DeviceKind,
        /// Where, as `/dev/dri/renderD128`; none takes the first.
        path: Option<&'a str>,
    },
}

/// A type of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// VAAPI: Intel, AMD.
    Vaapi,
    /// CUDA: NVIDIA.
    Cuda,
}

impl DeviceKind {
    fn device(self) -> ffi::AVHWDeviceType {
        match self {
            Self::Vaapi => ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI,
            Self::Cuda => ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA,
        }
    }

    pub(crate) fn pixels(self) -> ffi::AVPixelFormat {
        match self {
            Self::Vaapi => ffi::AVPixelFormat::AV_PIX_FMT_VAAPI,
            Self::Cuda => ffi::AVPixelFormat::AV_PIX_FMT_CUDA,
        }
    }
}

/// Encodes a gray picture; gives its packets. Without a device `layout` says what the encoder takes.
///
/// # Errors
/// Why nothing came out, in a sentence.
pub fn try_encoder(name: &str, layout: Layout, access: Access<'_>) -> Result<Vec<Packet>, String> {
    let listener = Listener::new();
    encode(name, layout, access).map_err(|error| listener.explain(error))
}

/// Decodes what [`try_encoder`] gave.
///
/// # Errors
/// Why nothing came out, in a sentence.
pub fn try_decoder(name: &str, packets: &[Packet], access: Access<'_>) -> Result<(), String> {
    let listener = Listener::new();
    decode(name, packets, access).map_err(|error| listener.explain(error))
}

/// How the pixels lie that an encoder is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Three planes.
    Yuv420p,
    /// Three planes in full range.
    Yuvj420p,
    /// Two planes, chroma interleaved, as hardware likes it.
    Nv12,
}

/// What went wrong: a mistake that is clear by itself, or libav's, to which its log may say more.
pub(crate) enum Trouble {
    Said(String),
    Av(&'static str, AvError),
}

impl Trouble {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Said(reason) => reason,
            Self::Av(step, error) => format!("{step} failed: {error}"),
        }
    }
}

pub(crate) fn at(step: &'static str) -> impl Fn(AvError) -> Trouble {
    move |error| Trouble::Av(step, error)
}

/// A counted reference to a device or to a pool of its pictures.
pub(crate) struct Buffer(pub(crate) *mut ffi::AVBufferRef);

impl Buffer {
    pub(crate) fn device(kind: DeviceKind, path: Option<&str>) -> Result<Self, Trouble> {
        let mut device = ptr::null_mut();
        let path = path.map(text::c_text);
        // SAFETY: libav opens the device into the pointer, which is ours then.
        let made = unsafe {
            let path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
            ffi::av_hwdevice_ctx_create(&mut device, kind.device(), path, ptr::null_mut(), 0)
        };
        AvError::check(made).map_err(at("opening the device"))?;
        Ok(Self(device))
    }

    /// A pool of pictures of this size in the device's memory.
    pub(crate) fn pool(&self, kind: DeviceKind, (width, height): (u32, u32)) -> Result<Self, Trouble> {
        // SAFETY: the device is open; the pool is ours, and its fields are plain until it is set up.
        unsafe {
            let pool = Self(ffi::av_hwframe_ctx_alloc(self.0));
            if pool.0.is_null() {
                return Err(Trouble::Av("making a pool of pictures", AvError::NO_MEMORY));
            }
            let frames = (*pool.0).data.cast::<ffi::AVHWFramesContext>();
            (*frames).format = kind.pixels();
            (*frames).sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
            ((*frames).width, (*frames).height) = (width as c_int, height as c_int);
            (*frames).initial_pool_size = 20;
            AvError::check(ffi::av_hwframe_ctx_init(pool.0)).map_err(at("making a pool of pictures"))?;
            Ok(pool)
        }
    }

    /// Another reference, for a codec to keep.
    pub(crate) fn share(&self) -> *mut ffi::AVBufferRef {
        // SAFETY: ours.
        unsafe { ffi::av_buffer_ref(self.0) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

/// An encoder or decoder being tried.
struct Codec(*mut ffi::AVCodecContext);

impl Codec {
    fn new(codec: *const ffi::AVCodec) -> Result<Self, Trouble> {
        if codec.is_null() {
            return Err(Trouble::Said("this FFmpeg is built without it".to_owned()));
        }
        // SAFETY: a codec of libav's own list.
        let context = unsafe { ffi::avcodec_alloc_context3(codec) };
        if context.is_null() {
            return Err(Trouble::Av("setting it up", AvError::NO_MEMORY));
        }
        Ok(Self(context))
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::avcodec_free_context(&mut self.0) }
    }
}

fn encode(name: &str, layout: Layout, access: Access<'_>) -> Result<Vec<Packet>, Trouble> {
    // SAFETY: a C string; codecs are static.
    let codec = unsafe { ffi::avcodec_find_encoder_by_name(text::c_text(name).as_ptr()) };
    let encoder = Codec::new(codec)?;
    let mut device = None;
    // SAFETY: the context is ours and not yet open, its fields are plain; references are libav's from then on.
    unsafe {
        let context = encoder.0;
        ((*context).width, (*context).height) = (SIZE.0 as c_int, SIZE.1 as c_int);
        (*context).time_base = ffi::AVRational { num: 1, den: 25 };
        (*context).framerate = ffi::AVRational { num: 25, den: 1 };
        (*context).bit_rate = 500_000;
        (*context).gop_size = 25;
        (*context).thread_count = 1;
        (*context).strict_std_compliance = -2;
        (*context).pix_fmt = match layout {
            Layout::Yuv420p => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
            Layout::Yuvj420p => ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P,
            Layout::Nv12 => ffi::AVPixelFormat::AV_PIX_FMT_NV12,
        };
        if let Access::Device { kind, path } = access {
            let opened = Buffer::device(kind, path)?;
            let pool = opened.pool(kind, SIZE)?;
            (*context).pix_fmt = kind.pixels();
            (*context).hw_frames_ctx = pool.share();
            device = Some(pool);
        }
        AvError::check(ffi::avcodec_open2(context, codec, ptr::null_mut())).map_err(at("opening it"))?;
    }
    let mut packets = Vec::new();
    for pts in 0..MAX_FRAMES {
        let mut frame = gray(layout, device.as_ref())?;
        frame.set_pts(pts);
        // SAFETY: both are ours.
        let sent = unsafe { ffi::avcodec_send_frame(encoder.0, frame.0) };
        AvError::check(sent).map_err(at("giving it a picture"))?;
        // One picture is enough for all but those that insist on more before they give anything.
        if pts == 0 {
            continue;
        }
        receive_packets(&encoder, &mut packets)?;
        if !packets.is_empty() {
            break;
        }
    }
    // SAFETY: ours; NULL says that no more come.
    AvError::check(unsafe { ffi::avcodec_send_frame(encoder.0, ptr::null()) }).map_err(at("ending it"))?;
    receive_packets(&encoder, &mut packets)?;
    if packets.is_empty() {
        return Err(Trouble::Said("it took pictures and gave nothing".to_owned()));
    }
    Ok(packets)
}

fn receive_packets(encoder: &Codec, packets: &mut Vec<Packet>) -> Result<(), Trouble> {
    loop {
        let packet = Packet::empty().map_err(at("taking a packet"))?;
        // SAFETY: both are ours.
        match AvError::check(unsafe { ffi::avcodec_receive_packet(encoder.0, packet.0) }) {
            Ok(_) => packets.push(packet),
            Err(error) if error.is_again() || error.is_end() => return Ok(()),
            Err(error) => return Err(Trouble::Av("encoding", error)),
        }
    }
}

/// A gray picture, in the device's memory if there is a pool of it.
fn gray(layout: Layout, pool: Option<&Buffer>) -> Result<Frame, Trouble> {
    let (width, height) = SIZE;
    let mut frame = match (layout, pool) {
        (Layout::Yuv420p, None) => {
            Frame::picture(PixelFormat::Yuv420p, width, height).map_err(at("making a picture"))?
        }
        (Layout::Yuvj420p, None) => {
            Frame::picture(PixelFormat::Yuvj420p, width, height).map_err(at("making a picture"))?
        }
        (Layout::Nv12, None) | (_, Some(_)) => {
            let frame = Frame::empty().map_err(at("making a picture"))?;
            // SAFETY: a fresh frame of ours; get_buffer checks the sizes.
            unsafe {
                (*frame.0).format = ffi::AVPixelFormat::AV_PIX_FMT_NV12 as c_int;
                ((*frame.0).width, (*frame.0).height) = (width as c_int, height as c_int);
                AvError::check(ffi::av_frame_get_buffer(frame.0, 0)).map_err(at("making a picture"))?;
            }
            frame
        }
    };
    for plane in 0..3 {
        let n_rows = if plane == 0 { height } else { height / 2 };
        frame.plane(plane, n_rows as usize).0.fill(0x80);
    }
    match pool {
        Some(pool) => upload(&frame, pool),
        None => Ok(frame),
    }
}

/// A picture in the device's memory, with nothing but its pixels.
pub(crate) fn upload(frame: &Frame, pool: &Buffer) -> Result<Frame, Trouble> {
    let uploaded = Frame::empty().map_err(at("making a picture"))?;
    // SAFETY: the pool is set up and both frames are ours.
    unsafe {
        AvError::check(ffi::av_hwframe_get_buffer(pool.0, uploaded.0, 0)).map_err(at("taking the device's memory"))?;
        AvError::check(ffi::av_hwframe_transfer_data(uploaded.0, frame.0, 0)).map_err(at("uploading a picture"))?;
    }
    Ok(uploaded)
}

fn decode(name: &str, packets: &[Packet], access: Access<'_>) -> Result<(), Trouble> {
    // SAFETY: a C string; codecs are static.
    let codec = unsafe { ffi::avcodec_find_decoder_by_name(text::c_text(name).as_ptr()) };
    let decoder = Codec::new(codec)?;
    let mut wanted = None;
    // SAFETY: the context is ours and not yet open, its fields are plain; the reference is libav's from then on.
    unsafe {
        let context = decoder.0;
        (*context).pkt_timebase = ffi::AVRational { num: 1, den: 25 };
        (*context).thread_count = 1;
        if let Access::Device { kind, path } = access {
            let device = Buffer::device(kind, path)?;
            (*context).hw_device_ctx = device.share();
            (*context).opaque = kind.pixels() as usize as *mut c_void;
            (*context).get_format = Some(choose_device);
            wanted = Some(kind.pixels() as c_int);
        }
        AvError::check(ffi::avcodec_open2(context, codec, ptr::null_mut())).map_err(at("opening it"))?;
    }
    let frame = Frame::empty().map_err(at("making a picture"))?;
    let raw: Vec<*const ffi::AVPacket> = packets.iter().map(|packet| packet.0.cast_const()).collect();
    for packet in raw.into_iter().chain([ptr::null()]) {
        // SAFETY: ours; NULL says that no more come.
        let sent = unsafe { ffi::avcodec_send_packet(decoder.0, packet) };
        AvError::check(sent).map_err(at("giving it a packet"))?;
        // SAFETY: both are ours.
        match AvError::check(unsafe { ffi::avcodec_receive_frame(decoder.0, frame.0) }) {
            Ok(_) => {
                // SAFETY: plain field.
                let format = unsafe { (*frame.0).format };
                return match wanted {
                    Some(wanted) if format != wanted => Err(Trouble::Said("it decodes in software instead".to_owned())),
                    _ => Ok(()),
                };
            }
            Err(error) if error.is_again() || error.is_end() => {}
            Err(error) => return Err(Trouble::Av("decoding", error)),
        }
    }
    Err(Trouble::Said("it took a picture and gave none".to_owned()))
}

/// Asked by a decoder which of its formats to use: the device's, or none, so that nothing falls back unseen.
unsafe extern "C" fn choose_device(
    context: *mut ffi::AVCodecContext,
    formats: *const ffi::AVPixelFormat,
) -> ffi::AVPixelFormat {
    // SAFETY: the list ends with −1 and is read as numbers, as it may hold formats that are newer than our headers; the
    // wanted number was put there from a format of ours.
    unsafe {
        let wanted = (*context).opaque as usize as c_int;
        let mut format = formats;
        while number!(*format) != -1 {
            if number!(*format) == wanted {
                return *format;
            }
            format = format.add(1);
        }
    }
    ffi::AVPixelFormat::AV_PIX_FMT_NONE
}

/// What libav complained of since the listener began.
static COMPLAINT: Mutex<String> = Mutex::new(String::new());

/// Takes libav's log while a trial runs: its first complaint names the library or driver that is missing.
pub(crate) struct Listener;

impl Listener {
    pub(crate) fn new() -> Self {
        COMPLAINT.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // The type of C's argument lists is another on other processors; there the error number has to do.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the function lives for ever.
        unsafe {
            ffi::av_log_set_callback(Some(note));
        }
        Self
    }

    pub(crate) fn explain(&self, trouble: Trouble) -> String {
        match trouble {
            Trouble::Said(reason) => reason,
            Trouble::Av(..) => self.add_to(trouble.text()),
        }
    }

    /// A reason with what libav said of it, if anything.
    pub(crate) fn add_to(&self, reason: String) -> String {
        let complaint = COMPLAINT.lock().unwrap_or_else(PoisonError::into_inner);
        match complaint.as_str() {
            "" => reason,
            complaint => format!("{reason}: {complaint}"),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // SAFETY: libav's own function.
        unsafe { ffi::av_log_set_callback(Some(ffi::av_log_default_callback)) }
    }
}

#[cfg(target_arch = "x86_64")]
unsafe extern "C" fn note(about: *mut c_void, level: c_int, format: *const c_char, list: *mut ffi::__va_list_tag) {
    if level > ffi::AV_LOG_ERROR as c_int {
        return;
    }
    let mut line: [c_char; 256] = [0; 256];
    let mut prefix = 0;
    // SAFETY: libav's own format and arguments; the buffer's size is passed, and the line always ends with a zero byte.
    let line = unsafe {
        ffi::av_log_format_line2(
            about,
            level,
            format,
            list,
            line.as_mut_ptr(),
            line.len() as c_int,
            &mut prefix,
        );
        CStr::from_ptr(line.as_ptr()).to_string_lossy().into_owned()
    };
    let mut complaint = COMPLAINT.lock().unwrap_or_else(PoisonError::into_inner);
    if complaint.is_empty() {
        complaint.push_str(line.trim().trim_end_matches('.'));
    }
}
