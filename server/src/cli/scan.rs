//! `vitagraph scan`: a progress bar on a terminal, plain lines otherwise, and a summary.
//!
//! Whoever gets the data lock runs the jobs itself. Beside a running server this process only enqueues, and watches the
//! job through its row.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use entities::{id::JobId, job::JobStatus};
use futures_util::StreamExt;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use kernel::{jobs::JobView, plugin::Kernel};
use plugin_scan::{ScanOptions, report::ScanReport};
use schema::library::rules;
use tokio::time::Instant;

use super::print_line;
use crate::{
    compose::{Base, Server},
    data_dir::{self, DataLock},
    settings::Settings,
};

/// Without a terminal, a line this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is to be scanned, and how.
pub struct Wanted {
    /// The library of this name; without one, all.
    pub library: Option<String>,
    /// These folders; without one, everything.
    pub folders: Vec<PathBuf>,
    /// Go on whatever is missing, and try every failed file again.
    pub is_forced: bool,
}

/// Scans libraries and waits for the end.
pub async fn scan(settings: Settings, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let data = data_dir::prepare(&settings.data)?;
    let is_free = DataLock::try_take(&data)?.is_some();
    let interrupted = async {
        // Without a handler the signal would end the process before the running jobs are handed back.
        let _ = tokio::signal::ctrl_c().await;
    };
    if !is_free && settings.is_embedded() {
        let base = Base::open(&settings).await?;
        tracing::info!("another process runs the jobs; watching it");
        let code = tokio::select! {
            done = scan_all(&base.kernel, wanted) => done?,
            () = interrupted => stopped("the other process goes on with the scan")?,
        };
        base.close().await?;
        return Ok(code);
    }
    let server = Server::boot(settings).await?;
    let done = tokio::select! {
        done = scan_all(&server.kernel, wanted) => done,
        () = interrupted => stopped("the next `vitagraph serve` or `vitagraph scan` goes on where it was"),
    };
    server.shutdown().await?;
    done
}

fn stopped(what_next: &str) -> anyhow::Result<ExitCode> {
    print_line(&format!("stopped; {what_next}"))?;
    Ok(ExitCode::from(130))
}

/// Queues scans for the running server, or for the next one.
pub async fn queue(settings: Settings, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let base = Base::open(&settings).await?;
    for (name, _) in start(&base.kernel, wanted).await? {
        print_line(&format!("{name}: the scan is queued"))?;
    }
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the scan of one library or of all, or of the libraries that these folders are in; each with its name.
async fn start(kernel: &Kernel, wanted: Wanted) -> anyhow::Result<Vec<(String, JobId)>> {
    let mut libraries = rules::list_libraries(kernel).await?;
    if libraries.is_empty() {
        bail!("there is no library yet; add one: vitagraph library add NAME FOLDER");
    }
    if let Some(name) = &wanted.library {
        libraries.retain(|(library, _)| library.name.to_lowercase() == name.to_lowercase());
        if libraries.is_empty() {
            bail!("no library is named `{name}`; `vitagraph library list` shows those there are");
        }
    }
    let mut folders: Vec<Vec<String>> = libraries.iter().map(|_| Vec::new()).collect();
    for folder in &wanted.folders {
        let path = absolute(folder)?;
        let Some(index) = libraries.iter().position(|(_, paths)| is_below_any(&path, paths)) else {
            bail!(
                "{} is not below a folder of a library; `vitagraph library list` shows them",
                path.display()
            );
        };
        let text = path.to_str();
        let text =
            text.with_context(|| format!("the name {} is not UTF-8; scan the folder above it", path.display()))?;
        folders[index].push(text.to_owned());
    }
    let mut jobs = Vec::new();
    for ((library, _), folders) in libraries.into_iter().zip(folders) {
        if folders.is_empty() && !wanted.folders.is_empty() {
            continue;
        }
        let options = ScanOptions {
            is_forced: wanted.is_forced,
            folders,
        };
        jobs.push((library.name, plugin_scan::start(kernel, library.id, &options).await?));
    }
    Ok(jobs)
}

/// A folder from where the command runs, links followed; one that is gone is taken as it is written.
fn absolute(folder: &Path) -> anyhow::Result<PathBuf> {
    match folder.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => std::path::absolute(folder).with_context(|| format!("`{}` is no folder", folder.display())),
    }
}

fn is_below_any(path: &Path, tops: &[String]) -> bool {
    let is_below = |top: &Path| path.starts_with(top);
    tops.iter()
        .map(Path::new)
        .any(|top| is_below(top) || top.canonicalize().is_ok_and(|top| is_below(&top)))
}

async fn scan_all(kernel: &Kernel, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let jobs = start(kernel, wanted).await?;
    let mut all_well = true;
    for (name, job) in jobs {
        all_well &= follow(kernel, &name, job).await?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows one scan to its end; false when it did not do what it was for.
async fn follow(kernel: &Kernel, name: &str, job: JobId) -> anyhow::Result<bool> {
    let mut display = Display::new(name);
    let mut last = None;
    {
        let mut states = pin!(kernel.jobs.watch(job));
        while let Some(state) = states.next().await {
            let view = state.context("watching the scan")?;
            display.show(&view)?;
            last = Some(view);
        }
    }
    display.clear();
    let Some(view) = last else {
        bail!("the scan of {name} is gone; it was purged or never began")
    };
    let report = plugin_scan::report(kernel, job).await?;
    if view.status != JobStatus::Succeeded {
        let why = view
            .error
            .map_or_else(|| "no reason was given".to_owned(), |error| error.message);
        let how = match view.status {
            JobStatus::Canceled => "was canceled",
            _ => "failed",
        };
        print_line(&format!("{name}: the scan {how}: {why}"))?;
        return Ok(false);
    }
    let Some(report) = report else {
        bail!("the scan of {name} left no report")
    };
    summarize(name, &report)?;
    Ok(report.offline_reason.is_none())
}

fn summarize(name: &str, report: &ScanReport) -> anyhow::Result<()> {
    if let Some(reason) = &report.offline_reason {
        return print_line(&format!("{name}: offline, nothing was changed: {reason}"));
    }
    let seconds = report.elapsed_ms as f64 / 1000.0;
    let rate = if seconds > 0.0 {
        report.found as f64 / seconds
    } else {
        report.found as f64
    };
    print_line(&format!(
        "{name}: {} files, {} ({} new, {} changed, {} moved, {} missing, {} restored, {} unchanged, {} failed) \
         in {seconds:.1} s, {rate:.0} files/s",
        HumanCount(report.found),
        HumanBytes(report.bytes),
        report.new,
        report.changed,
        report.moved,
        report.missing,
        report.restored,
        report.unchanged,
        report.failed,
    ))?;
    if report.failed > 0 {
        let files = if report.failed == 1 { "file" } else { "files" };
        let n = report.failed;
        print_line(&format!(
            "{name}: {n} {files} could not be used; the query `scanFailures` says why"
        ))?;
    }
    Ok(())
}

/// Where the progress goes.
enum Display {
    Bar {
        bar: ProgressBar,
    },
    Lines {
        name: String,
        last: Option<(Instant, Option<String>)>,
    },
}

impl Display {
    fn new(name: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                name: name.to_owned(),
                last: None,
            };
        }
        let bar = ProgressBar::no_length().with_prefix(name.to_owned());
        let template = "{prefix} [{bar:30}] {pos}/{len} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self::Bar { bar }
    }

    fn show(&mut self, view: &JobView) -> anyhow::Result<()> {
        let text = describe(view);
        match self {
            Self::Bar { bar } => {
                bar.set_length(view.progress.total.unwrap_or(0));
                bar.set_position(view.progress.done);
                bar.set_message(text);
                Ok(())
            }
            Self::Lines { name, last } => {
                let step = view.progress.step.clone();
                let is_due = last
                    .as_ref()
                    .is_none_or(|(at, shown)| at.elapsed() >= LINE_EVERY || *shown != step);
                if !is_due || view.status != JobStatus::Running {
                    return Ok(());
                }
                *last = Some((Instant::now(), step));
                let total = view
                    .progress
                    .total
                    .map_or_else(String::new, |total| format!("/{total}"));
                print_line(&format!("{name}: {}{total} {text}", view.progress.done))
            }
        }
    }

    fn clear(&self) {
        if let Self::Bar { bar } = self {
            bar.finish_and_clear();
        }
    }
}

/// `files probe, 120 a second, 3 s left: folder/file.mkv`
fn describe(view: &JobView) -> String {
    let progress = &view.progress;
    let mut text = progress.unit.clone().unwrap_or_default();
    if let Some(step) = &progress.step {
        text.push_str(&format!(" {step}"));
    }
    if let Some(rate) = progress.rate_per_second {
        text.push_str(&format!(", {rate:.0} a second"));
    }
    if let Some(left) = progress.eta_seconds {
        text.push_str(&format!(", {left:.0} s left"));
    }
    if let Some(message) = &progress.message {
        let short: String = message.chars().take(60).collect();
        text.push_str(&format!(": {short}"));
    }
    text.trim_start().to_owned()
}
