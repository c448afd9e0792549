//! What the kernel says of a worker, which the worker cannot forge: memory, processor time, and whether it runs.
//!
//! The process is not reaped before its [`Worker`](crate::worker::Worker) is gone, so its id stays its own.

use std::fs;
use std::time::Duration;

use rustix::io;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Ticks of `/proc/<pid>/stat` in a second; the same on every architecture that we run on (`USER_HZ`).
const TICKS: u64 = 100;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// A thread runs, or would if it had a processor.
    Running,
    /// No thread runs, and one waits for a disk or a network mount.
    WaitingForDisk,
    /// All wait for something else.
    Sleeping,
}

/// Memory that the process shares with nobody or only with its zygote, in KiB.
pub(crate) fn private_kb(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_ascii_whitespace().map(str::parse::<u64>);
    let (_total, resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?, pages.next()?.ok()?);
    let page_kb = rustix::param::page_size() as u64 / 1024;
    Some(resident.saturating_sub(shared) * page_kb)
}

/// Processor time used so far, all threads together, in user and system mode.
pub(crate) fn processor_time(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted from behind it, the state being the third of all.
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

/// What the process is doing now.
pub(crate) fn doing(pid: i32) -> Option<Doing> {
    let mut doing = Doing::Sleeping;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let Ok(stat) = fs::read_to_string(task.ok()?.path().join("stat")) else {
            continue;
        };
        match stat.rsplit_once(") ").and_then(|(_, rest)| rest.bytes().next()) {
            Some(b'R') => return Some(Doing::Running),
            Some(b'D') => doing = Doing::WaitingForDisk,
            _ => {}
        }
    }
    Some(doing)
}

/// Has the kernel end the process by SIGXCPU once it has used that much more processor time, rounded up to seconds.
pub(crate) fn limit_processor_time(pid: i32, seconds: u32) -> io::Result<()> {
    let used = processor_time(pid).ok_or(io::Errno::SRCH)?;
    // The hard limit stays open: it could never be raised again for the next job.
    let limit = Rlimit {
        current: Some(used.as_secs() + 1 + u64::from(seconds)),
        maximum: None,
    };
    prlimit(Pid::from_raw(pid), Resource::Cpu, limit)?;
    Ok(())
}
