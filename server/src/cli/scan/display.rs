//! What `vitagraph scan` shows: a bar on a terminal, plain lines otherwise, and at the end what was done.

use std::{io::IsTerminal, time::Duration};

use entities::job::JobStatus;
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use kernel::jobs::JobView;
use plugin_scan::{failures::FailureRow, report::ScanReport};
use tokio::time::Instant;

use crate::cli::print_line;

/// Without a terminal, a line this often, and one for each step.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// So many failures are listed; the web app lists them all.
const FAILURES: usize = 5;

/// Where the progress of one scan goes.
pub enum Display {
    /// A terminal.
    Bar(ProgressBar),
    /// A file or a pipe.
    Lines {
        /// The library.
        name: String,
        /// When the last line was written, and in which step.
        last: Option<(Instant, Option<String>)>,
    },
}

impl Display {
    /// Shows the scan of the library of this name.
    pub fn new(name: &str) -> Self {
        let name = name.to_owned();
        match std::io::stderr().is_terminal() {
            true => Self::Bar(ProgressBar::no_length().with_prefix(name)),
            false => Self::Lines { name, last: None },
        }
    }

    /// Shows how far it is.
    pub fn show(&mut self, view: &JobView) -> anyhow::Result<()> {
        let progress = &view.progress;
        match self {
            Self::Bar(bar) => {
                let total = progress.total.filter(|total| *total > 0);
                let template = if total.is_some() {
                    "{prefix} [{bar:30}] {wide_msg}"
                } else {
                    "{prefix} {wide_msg}"
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_length(total.unwrap_or(0));
                bar.set_position(progress.done);
                bar.set_message(describe(view));
                Ok(())
            }
            Self::Lines { name, last } => {
                let is_due = last
                    .as_ref()
                    .is_none_or(|(at, step)| at.elapsed() >= LINE_EVERY || *step != progress.step);
                if !is_due || view.status != JobStatus::Running || progress.step.is_none() {
                    return Ok(());
                }
                *last = Some((Instant::now(), progress.step.clone()));
                print_line(&format!("{name}: {}", describe(view)))
            }
        }
    }

    /// Makes room for what is said of the end.
    pub fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// `reading 120 of 596 files, 38 a second, 12 s left: folder/file.mkv`
fn describe(view: &JobView) -> String {
    match view.status {
        JobStatus::Waiting => return "waits for another scan of this library to end".to_owned(),
        JobStatus::Ready => return "waits for its turn".to_owned(),
        JobStatus::Paused => return "is paused".to_owned(),
        _ => {}
    }
    let progress = &view.progress;
    let done = HumanCount(progress.done);
    let mut text = match (progress.step.as_deref(), progress.total) {
        (None, _) => return "begins".to_owned(),
        (Some("walk"), _) => format!("looking for files, {done} so far"),
        (Some("match"), None) => "comparing with what is known".to_owned(),
        (Some("match"), Some(total)) => format!("recognizing {done} of {} moved files", HumanCount(total)),
        (Some("settle"), Some(total)) => format!("{done} of {} files that were just written", HumanCount(total)),
        (Some(_), Some(total)) => format!("reading {done} of {} files", HumanCount(total)),
        (Some(step), None) => step.to_owned(),
    };
    if let Some(rate) = progress.rate_per_second {
        text.push_str(&format!(", {rate:.0} a second"));
    }
    if let Some(left) = progress.eta_seconds.filter(|left| left.is_finite()) {
        let left = Duration::try_from_secs_f64(left.max(0.0).ceil()).unwrap_or_default();
        text.push_str(&format!(", {:#} left", HumanDuration(left)));
    }
    if let Some(message) = &progress.message {
        text.push_str(&format!(": {message}"));
    }
    text
}

/// Says what a scan did: `Films: 596 files, 81.86 MiB in 4.4 s (134 a second): 547 new, 49 failed`.
pub fn summarize(name: &str, report: &ScanReport) -> anyhow::Result<()> {
    if let Some(reason) = &report.offline_reason {
        return print_line(&format!("{name}: offline, nothing was changed: {reason}"));
    }
    let counts = [
        (report.new, "new"),
        (report.changed, "changed"),
        (report.moved, "moved"),
        (report.missing, "missing"),
        (report.restored, "restored"),
        (report.unchanged, "unchanged"),
        (report.failed, "failed"),
    ];
    let told = counts.into_iter().filter(|(n, _)| *n > 0);
    let told: Vec<String> = told.map(|(n, what)| format!("{} {what}", HumanCount(n))).collect();
    let told = if told.is_empty() {
        "nothing to do".to_owned()
    } else {
        told.join(", ")
    };
    let seconds = report.elapsed_ms as f64 / 1000.0;
    print_line(&format!(
        "{name}: {}, {} in {seconds:.1} s ({:.0} a second): {told}",
        files(report.found),
        HumanBytes(report.bytes),
        report.found as f64 / seconds.max(0.001),
    ))
}

/// Says which files could not be used, and why.
pub fn list_failures(mut failures: Vec<FailureRow>) -> anyhow::Result<()> {
    failures.sort_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.path.cmp(&b.path)));
    for failure in failures.iter().take(FAILURES) {
        print_line(&format!("  {}: {}", failure.path_text, failure.reason))?;
    }
    match failures.len().saturating_sub(FAILURES) {
        0 => Ok(()),
        n => print_line(&format!(
            "  and {} more: see the library's problems in the web app",
            files(n as u64)
        )),
    }
}

fn files(n: u64) -> String {
    let word = if n == 1 { "file" } else { "files" };
    format!("{} {word}", HumanCount(n))
}
