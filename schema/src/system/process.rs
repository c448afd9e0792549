//! What Linux says of this process.

use std::{fs, io, time::Instant};

use rustix::{
    param,
    time::{ClockId, clock_gettime},
};

/// Bytes of this process that are in memory now.
pub fn resident_memory() -> io::Result<i64> {
    // Field 2 of statm, in pages; see proc_pid_statm(5).
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).and_then(|field| field.parse::<i64>().ok());
    let pages = pages.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/statm has another form"))?;
    Ok(pages * param::page_size() as i64)
}

/// Measures which part of all cores this process uses.
pub struct CpuMeter {
    at: Instant,
    used_seconds: f64,
    cores: f64,
}

impl CpuMeter {
    /// Begins to measure now.
    pub fn start() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Self {
            at: Instant::now(),
            used_seconds: used_seconds(),
            cores,
        }
    }

    /// The part used since the last reading: 1 is all cores.
    pub fn read(&mut self) -> f64 {
        let (at, used_seconds) = (Instant::now(), used_seconds());
        let passed = at.duration_since(self.at).as_secs_f64();
        let used = used_seconds - self.used_seconds;
        self.at = at;
        self.used_seconds = used_seconds;
        if passed <= 0.0 {
            0.0
        } else {
            (used / passed / self.cores).clamp(0.0, 1.0)
        }
    }
}

fn used_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_uses_more_than_none_and_not_more_than_all() {
        let mut meter = CpuMeter::start();
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed().as_millis() < 50 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let fraction = meter.read();
        assert!(fraction > 0.0 && fraction <= 1.0, "{fraction}");
        assert!(resident_memory().expect("Linux tells") > 1 << 20);
    }
}
