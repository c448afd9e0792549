//! What the kernel says about a process.

use std::time::Duration;

use anyhow::Context;

/// The processor time that a process has used, in user and kernel mode.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is in brackets and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // A tick is a hundredth of a second on every Linux that we know.
    Ok(Duration::from_millis(ticks * 10))
}

/// The resident memory of a process in MiB: all of it, and what is not pages of files.
pub fn resident(pid: u32) -> anyhow::Result<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib / 1024).with_context(|| format!("no {name}"))
    };
    Ok((value("VmRSS:")?, value("RssAnon:")?))
}

/// How many files a process has open.
pub fn n_files(pid: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
