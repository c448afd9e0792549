//! Our own reader and writer under libav: positional reads and writes on a descriptor that was handed to us.
//!
//! Reads are bounded by a budget, so that a probe of a hostile file ends, and nothing here ever opens anything.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use ffmpeg_next::ffi;

use crate::checkpoint;
use crate::compat::WriteBuffer;
use crate::error::AvError;

/// The buffer between libav and the descriptor: most headers fit, and a seek throws little away.
const BUFFER: usize = 32 * 1024;

/// Takes bytes and where in the file they belong; false refuses them, and ends the writing.
pub type Sink = Box<dyn FnMut(u64, &[u8]) -> bool>;

/// What is under a reader or writer.
enum Ground {
    File(OwnedFd),
    /// What can be read once, and only from its beginning to its end.
    Pipe(OwnedFd),
    Sink(Sink),
}

impl Ground {
    fn raw(&self) -> c_int {
        match self {
            Self::File(descriptor) | Self::Pipe(descriptor) => descriptor.as_raw_fd(),
            // No descriptor: whoever reads or writes it gets an error.
            Self::Sink(_) => -1,
        }
    }
}

/// The state behind one reader or writer.
pub(crate) struct Stream {
    ground: Ground,
    position: i64,
    length: i64,
    budget: u64,
    /// The first error of the operating system, which libav may have turned into an early end of file.
    pub os_error: Option<i32>,
    /// Whether the budget ran out.
    pub exhausted: bool,
    /// What the file asked to open.
    pub refused: Option<String>,
    /// Whether reads only move the position; see [`Input::skip_payloads`](crate::input::Input::skip_payloads).
    pub hollow: bool,
}

/// An `AVIOContext` with its state; both freed together.
pub(crate) struct Io {
    pub context: *mut ffi::AVIOContext,
    // Owned by a raw pointer, as libav's callbacks write through it while we hold this struct.
    state: *mut Stream,
}

impl Io {
    /// A reader of at most `budget` bytes.
    pub(crate) fn reader(descriptor: OwnedFd, budget: u64) -> Result<Self, AvError> {
        // SAFETY: lseek on a descriptor that we own.
        let place = unsafe { libc::lseek(descriptor.as_raw_fd(), 0, libc::SEEK_CUR) };
        let ground = match place < 0 && errno() == libc::ESPIPE {
            true => Ground::Pipe(descriptor),
            false => Ground::File(descriptor),
        };
        Self::new(ground, budget, false)
    }

    /// A writer of at most `budget` bytes.
    pub(crate) fn writer(descriptor: OwnedFd, budget: u64) -> Result<Self, AvError> {
        Self::new(Ground::File(descriptor), budget, true)
    }

    /// A writer of at most `budget` bytes to whoever takes them.
    pub(crate) fn sink(sink: Sink, budget: u64) -> Result<Self, AvError> {
        Self::new(Ground::Sink(sink), budget, true)
    }

    fn new(ground: Ground, budget: u64, write: bool) -> Result<Self, AvError> {
        let length = match &ground {
            // SAFETY: lseek on a descriptor that we own.
            Ground::File(descriptor) => unsafe { libc::lseek(descriptor.as_raw_fd(), 0, libc::SEEK_END) },
            Ground::Pipe(_) => -1,
            Ground::Sink(_) => 0,
        };
        let is_pipe = matches!(ground, Ground::Pipe(_));
        let state = Box::into_raw(Box::new(Stream {
            ground,
            position: 0,
            length,
            budget,
            os_error: None,
            exhausted: false,
            refused: None,
            hollow: false,
        }));
        // SAFETY: the buffer is libav's own allocation, as it may replace it; the state outlives the context, see Drop.
        unsafe {
            let buffer = ffi::av_malloc(BUFFER).cast::<u8>();
            let context = if buffer.is_null() {
                ptr::null_mut()
            } else if write {
                ffi::avio_alloc_context(buffer, BUFFER as c_int, 1, state.cast(), None, Some(put), Some(seek))
            } else {
                ffi::avio_alloc_context(buffer, BUFFER as c_int, 0, state.cast(), Some(read), None, Some(seek))
            };
            if context.is_null() {
                ffi::av_free(buffer.cast());
                drop(Box::from_raw(state));
                return Err(AvError::NO_MEMORY);
            }
            if is_pipe {
                (*context).seekable = 0;
            }
            Ok(Self { context, state })
        }
    }

    /// The state; libav is not running while we are here, as it only runs inside our own calls.
    pub(crate) fn state(&self) -> &Stream {
        // SAFETY: allocated in `new`, freed in `drop`, and no callback runs now.
        unsafe { &*self.state }
    }

    /// The state, to change; libav is not running, as for [`state`](Self::state).
    pub(crate) fn state_mut(&mut self) -> &mut Stream {
        // SAFETY: as for `state`, and `self` is borrowed alone.
        unsafe { &mut *self.state }
    }

    /// The state's address, for the other callbacks.
    pub(crate) fn opaque(&self) -> *mut c_void {
        self.state.cast()
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // SAFETY: both are ours; libav may have replaced the buffer, so the context's own is freed.
        unsafe {
            ffi::avio_flush(self.context);
            ffi::av_freep((&raw mut (*self.context).buffer).cast());
            ffi::avio_context_free(&mut self.context);
            drop(Box::from_raw(self.state));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, len: c_int) -> c_int {
    // SAFETY: libav hands back the state that `Io` owns.
    if let stream @ Stream { hollow: true, .. } = unsafe { &mut *opaque.cast::<Stream>() } {
        // SAFETY: a buffer of that length.
        return unsafe { read_nothing(stream, buffer, len) };
    }
    // SAFETY: libav hands back the state that `Io` owns, and a buffer of that length.
    let (stream, buffer) = unsafe { (&mut *opaque.cast::<Stream>(), slice(buffer, len)) };
    let place = u64::try_from(stream.position)
        .ok()
        .zip(u64::try_from(stream.length).ok());
    if !checkpoint::goes_on(place) {
        return ffi::AVERROR_EXIT;
    }
    if buffer.len() as u64 > stream.budget {
        stream.exhausted = true;
        return ffi::AVERROR_EXIT;
    }
    if let Ground::Pipe(_) = stream.ground {
        return read_pipe(stream, buffer);
    }
    loop {
        // SAFETY: reads into a slice of that length.
        let n = unsafe {
            libc::pread(
                stream.ground.raw(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                stream.position,
            )
        };
        match n {
            0 => return ffi::AVERROR_EOF,
            n if n > 0 => {
                stream.position += n as i64;
                stream.budget -= n as u64;
                return n as c_int;
            }
            _ => match errno() {
                libc::EINTR => {}
                error => {
                    stream.os_error.get_or_insert(error);
                    return -error;
                }
            },
        }
    }
}

/// Reads what is there, and waits where nothing is, with a sign of life now and then.
fn read_pipe(stream: &mut Stream, buffer: &mut [u8]) -> c_int {
    const NAP_MS: c_int = 100;
    let mut watched = libc::pollfd {
        fd: stream.ground.raw(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        // SAFETY: one entry that lives; then a read into a slice of that length.
        let n = unsafe {
            match libc::poll(&mut watched, 1, NAP_MS) {
                0 => {
                    if !checkpoint::goes_on(None) {
                        return ffi::AVERROR_EXIT;
                    }
                    continue;
                }
                n if n < 0 => -1,
                _ => libc::read(watched.fd, buffer.as_mut_ptr().cast(), buffer.len()),
            }
        };
        match n {
            0 => return ffi::AVERROR_EOF,
            n if n > 0 => {
                stream.position += n as i64;
                stream.budget -= n as u64;
                return n as c_int;
            }
            _ => match errno() {
                libc::EINTR | libc::EAGAIN => {}
                error => {
                    stream.os_error.get_or_insert(error);
                    return -error;
                }
            },
        }
    }
}

/// Moves on as a read would. Our own buffer is cleared; a longer read goes right into a packet that nobody looks at, and
/// touching its fresh memory is what would cost.
unsafe fn read_nothing(stream: &mut Stream, buffer: *mut u8, len: c_int) -> c_int {
    let n = (stream.length - stream.position).clamp(0, i64::from(len.max(0)));
    if n == 0 {
        return ffi::AVERROR_EOF;
    }
    if n as usize <= BUFFER && !buffer.is_null() {
        // SAFETY: the caller's buffer has at least that many bytes.
        unsafe { buffer.write_bytes(0, n as usize) };
    }
    stream.position += n;
    n as c_int
}

unsafe extern "C" fn put(opaque: *mut c_void, buffer: WriteBuffer, len: c_int) -> c_int {
    // SAFETY: as for `read`; the buffer is only read.
    let (stream, buffer) = unsafe { (&mut *opaque.cast::<Stream>(), slice(buffer as *mut u8, len)) };
    let mut done = 0;
    while done < buffer.len() {
        let rest = &buffer[done..];
        if rest.len() as u64 > stream.budget {
            stream.exhausted = true;
            return -libc::ENOSPC;
        }
        if let Ground::Sink(sink) = &mut stream.ground {
            let Some(at) = u64::try_from(stream.position).ok().filter(|at| sink(*at, rest)) else {
                stream.os_error.get_or_insert(libc::ECANCELED);
                return -libc::ECANCELED;
            };
            stream.position = at as i64 + rest.len() as i64;
            stream.length = stream.length.max(stream.position);
            stream.budget -= rest.len() as u64;
            break;
        }
        // SAFETY: writes from a slice of that length.
        let n = unsafe { libc::pwrite(stream.ground.raw(), rest.as_ptr().cast(), rest.len(), stream.position) };
        match n {
            n if n >= 0 => {
                stream.position += n as i64;
                stream.length = stream.length.max(stream.position);
                stream.budget -= n as u64;
                done += n as usize;
            }
            _ => match errno() {
                libc::EINTR => {}
                error => {
                    stream.os_error.get_or_insert(error);
                    return -error;
                }
            },
        }
    }
    len
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: libav hands back the state that `Io` owns.
    let stream = unsafe { &mut *opaque.cast::<Stream>() };
    if let Ground::Pipe(_) = stream.ground {
        return i64::from(-libc::ESPIPE);
    }
    let base = match whence & !(ffi::AVSEEK_FORCE as c_int) {
        whence if whence == ffi::AVSEEK_SIZE as c_int => {
            return if stream.length < 0 {
                i64::from(-libc::ENOSYS)
            } else {
                stream.length
            };
        }
        libc::SEEK_SET => 0,
        libc::SEEK_CUR => stream.position,
        libc::SEEK_END => stream.length,
        _ => return i64::from(-libc::EINVAL),
    };
    match base.checked_add(offset) {
        Some(position) if position >= 0 => {
            stream.position = position;
            position
        }
        _ => i64::from(-libc::EINVAL),
    }
}

/// Asked by libav now and then: whether to give up.
pub(crate) unsafe extern "C" fn interrupted(opaque: *mut c_void) -> c_int {
    // SAFETY: the state that `Io` owns.
    let exhausted = unsafe { (*opaque.cast::<Stream>()).exhausted };
    c_int::from(exhausted || !checkpoint::goes_on(None))
}

/// Takes the place of libav's function that opens whatever a file names.
pub(crate) unsafe extern "C" fn refuse_open(
    context: *mut ffi::AVFormatContext,
    _pb: *mut *mut ffi::AVIOContext,
    url: *const std::ffi::c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    // SAFETY: `Input` put the state there; the name is a C string.
    unsafe {
        let stream = (*context).opaque.cast::<Stream>();
        if !stream.is_null() {
            let target = crate::text::owned(url).unwrap_or_default();
            (*stream).refused.get_or_insert(target);
        }
    }
    -libc::EACCES
}

unsafe fn slice<'a>(buffer: *mut u8, len: c_int) -> &'a mut [u8] {
    if buffer.is_null() || len <= 0 {
        return &mut [];
    }
    // SAFETY: libav's promise to its callbacks.
    unsafe { std::slice::from_raw_parts_mut(buffer, len as usize) }
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}
