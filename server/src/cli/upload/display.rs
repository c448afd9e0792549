//! What `vitagraph upload` shows: a bar a file with rate and time left on a terminal, plain lines otherwise.

use std::{
    io::IsTerminal,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::print_line;

/// Without a terminal, a line a file this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where the progress of all files goes.
pub struct Display {
    bars: Option<MultiProgress>,
}

/// Where the progress of one file goes.
pub struct Progress {
    name: String,
    bar: ProgressBar,
    is_shown: bool,
    told: Mutex<Instant>,
}

impl Display {
    /// Bars if there is a terminal.
    pub fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
        }
    }

    /// Shows a file of so many bytes.
    pub fn file(&self, name: &str, n_bytes: u64) -> Progress {
        let bar = ProgressBar::new(n_bytes);
        let bar = match &self.bars {
            Some(bars) => bars.add(bar),
            None => {
                bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
                bar
            }
        };
        let text = "{prefix:30!} {bar:20} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
        // The text is ours; one that could not be read would show the usual bar.
        if let Ok(style) = ProgressStyle::with_template(text) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        Progress {
            name: name.to_owned(),
            bar,
            is_shown: self.bars.is_some(),
            told: Mutex::new(Instant::now()),
        }
    }

    /// Prints something between the bars.
    pub fn say<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}

impl Progress {
    /// So many bytes are safe, or on their way.
    pub fn at(&self, n_bytes: u64) {
        self.bar.set_position(n_bytes);
        if self.is_shown {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.elapsed() < LINE_EVERY {
            return;
        }
        *told = Instant::now();
        let (rate, left) = (self.bar.per_sec(), self.bar.eta());
        let line = format!(
            "{}: {} of {}, {}/s, {} left",
            self.name,
            HumanBytes(n_bytes),
            HumanBytes(self.bar.length().unwrap_or(0)),
            HumanBytes(rate as u64),
            HumanDuration(left)
        );
        // Progress that nobody reads is none the worse.
        let _ = print_line(&line);
    }

    /// Rests the bar, for what comes before was there already.
    pub fn begin_at(&self, n_bytes: u64) {
        self.bar.set_position(n_bytes);
        self.bar.reset_eta();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
