//! The few system calls that no safe wrapper offers: fork and what must happen around it.
#![allow(unsafe_code, reason = "fork and raw descriptor numbers have no safe interface")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use media_proto::control::SIZE;

use crate::control::Page;

/// Which side of a fork we are on.
pub enum Side {
    /// The new process.
    Child,
    /// The process that forked, with the child's id.
    Parent(i32),
}

/// Forks. Only sound while the process has one thread, which the zygote keeps to.
pub fn fork() -> io::Result<Side> {
    // SAFETY: the zygote has a single thread, so no lock can be held by another at this moment.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(pid)),
    }
}

/// Where a worker keeps its socket.
const SOCKET: i32 = 3;

/// Puts `null` on standard input and output, `errors` on standard error and `socket` right behind, and closes everything
/// else. Returns the socket, and whether the kernel could close the rest in one call (5.9 and later).
pub fn keep_only(null: OwnedFd, errors: OwnedFd, socket: OwnedFd) -> io::Result<(OwnedFd, bool)> {
    // Out of the way first: any of the three may sit on a number that is about to be overwritten.
    let high = |descriptor: OwnedFd| -> io::Result<OwnedFd> {
        // SAFETY: duplicates a descriptor that we own, to a number from 10 up; the result is new and ours.
        match unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD, 10) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: as above.
            number => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        }
    };
    let (null, errors, socket) = (high(null)?, high(errors)?, high(socket)?);
    for (from, to) in [(&null, 0), (&null, 1), (&errors, 2), (&socket, SOCKET)] {
        // SAFETY: overwrites the numbers 0 to 3, whose former owners are never used again in this process.
        if unsafe { libc::dup2(from.as_raw_fd(), to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    drop((null, errors, socket));
    // SAFETY: closes numbers that nothing in this process will use again.
    let in_one = unsafe { libc::syscall(libc::SYS_close_range, SOCKET as u32 + 1, u32::MAX, 0) } == 0;
    if !in_one {
        for number in SOCKET + 1..1024 {
            // SAFETY: as above.
            unsafe { libc::close(number) };
        }
    }
    // SAFETY: the number was set above and has no other owner.
    Ok((unsafe { OwnedFd::from_raw_fd(SOCKET) }, in_one))
}

/// Has everything but the standard streams close when this process becomes another program.
pub fn close_rest() -> io::Result<()> {
    let (first, last, flags) = (3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: marks descriptors, and closes none before this process is replaced.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes standard input as the control socket.
pub fn take_stdin() -> OwnedFd {
    // SAFETY: nothing here reads standard input any other way.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// Maps the control page, for the process's life.
pub fn map_page(file: &OwnedFd) -> io::Result<&'static Page> {
    // SAFETY: a new shared mapping of a whole page of a file that is sealed against shrinking; it is never unmapped, is
    // aligned to a page, and holds nothing but atomics, for which all bytes are valid values.
    unsafe {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let address = libc::mmap(std::ptr::null_mut(), SIZE, protection, flags, file.as_raw_fd(), 0);
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(&*address.cast::<Page>())
    }
}

/// Lets this process, and threads it starts, run only when nothing else wants the processor.
pub fn schedule_idle() -> io::Result<()> {
    // SAFETY: plain system calls on this process; the parameter is ours.
    unsafe {
        if libc::setpriority(libc::PRIO_PROCESS, 0, 10) < 0 {
            return Err(io::Error::last_os_error());
        }
        let parameter: libc::sched_param = std::mem::zeroed();
        if libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Keeps the C library from giving each thread 64 MiB of address space, which the limit of memory counts.
pub fn share_heaps() {
    // SAFETY: sets a parameter of malloc, before there are threads.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 4) };
}

/// The processor time that this process has used, all threads together.
pub fn processor_time() -> Duration {
    // SAFETY: libc fills the struct that we own; this clock exists in every process.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
    }
}

/// Lets writes past the file size limit fail instead of killing us.
pub fn ignore_file_size_signal() {
    // SAFETY: sets a disposition.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Writes through a null pointer, for the fault of that name.
pub fn crash() -> ! {
    // SAFETY: none; the very point is to die by it.
    unsafe { std::ptr::write_volatile(std::ptr::without_provenance_mut::<u32>(8), 1) };
    std::process::abort()
}

/// Tries to do what a sandboxed process must not, and returns the error numbers.
pub fn escapes() -> Vec<(String, Option<i32>)> {
    let attempt = |name: &str, result: i64| {
        let error = (result < 0).then(|| io::Error::last_os_error().raw_os_error().unwrap_or(0));
        (name.to_owned(), error)
    };
    let mut attempts = Vec::new();
    // SAFETY: plain system calls on constant arguments; a forked child leaves at once.
    unsafe {
        let file = libc::open(c"/etc/passwd".as_ptr(), libc::O_RDONLY);
        attempts.push(attempt("open", i64::from(file)));
        let made = libc::open(c"/tmp/vitagraph-escape".as_ptr(), libc::O_CREAT | libc::O_WRONLY, 0o600);
        attempts.push(attempt("create", i64::from(made)));
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        attempts.push(attempt("socket", i64::from(socket)));
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_port = 9u16.to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        let connected = libc::connect(
            socket,
            (&raw const address).cast(),
            std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
        );
        attempts.push(attempt("connect", i64::from(connected)));
        let child = libc::fork();
        if child == 0 {
            libc::_exit(0);
        }
        attempts.push(attempt("fork", i64::from(child)));
        let arguments = [c"/bin/true".as_ptr(), std::ptr::null()];
        let executed = libc::execve(arguments[0], arguments.as_ptr(), [std::ptr::null()].as_ptr());
        attempts.push(attempt("exec", i64::from(executed)));
        let killed = libc::kill(libc::getppid(), 0);
        attempts.push(attempt("kill", i64::from(killed)));
        let traced = libc::ptrace(libc::PTRACE_ATTACH, libc::getppid(), 0, 0);
        attempts.push(attempt("ptrace", traced));
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_WRITE | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        attempts.push(attempt("executable memory", page as i64));
    }
    attempts
}

/// Lets the allocator keep pictures that were freed for the next ones, up to 64 MiB: by default it hands each back to the
/// kernel, and clearing the pages again was a tenth of a thumbnail's time. What is forked later does the same.
pub fn keep_freed_memory() {
    const LARGEST: libc::c_int = 32 << 20;
    // SAFETY: numbers; where the allocator does not know them, all stays as it is.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * LARGEST);
    }
}
