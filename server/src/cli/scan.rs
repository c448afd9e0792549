//! `vitagraph scan`: starts scans, shows them to their end, and says what they did.
//!
//! Whoever gets the data lock runs the jobs itself. Beside a running server this process only enqueues, and watches the
//! job through its row.

mod display;

use std::{
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use anyhow::{Context, bail};
use entities::{id::JobId, job::JobStatus};
use futures_util::StreamExt;
use kernel::plugin::Kernel;
use plugin_scan::{
    ScanOptions,
    failures::{self, Prober},
    report,
};
use schema::library::rules;

use self::display::Display;
use super::print_line;
use crate::{
    compose::{Base, Server},
    data_dir::{self, DataLock},
    settings::Settings,
};

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
            ..ScanOptions::default()
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
    let is_whole = wanted.folders.is_empty();
    let jobs = start(kernel, wanted).await?;
    let mut all_well = true;
    for (name, job) in jobs {
        all_well &= follow(kernel, &name, job, is_whole).await?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows one scan to its end; false when it did not do what it was for.
async fn follow(kernel: &Kernel, name: &str, job: JobId, is_whole: bool) -> anyhow::Result<bool> {
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
    let db = kernel.store.reader();
    let Some((library, report)) = report::read(db, job).await? else {
        bail!("the scan of {name} left no report")
    };
    display::summarize(name, &report)?;
    if report.failed > 0 && is_whole {
        let failures = failures::known(db, library, &Prober::default()).await?;
        display::list_failures(failures.into_values().collect())?;
    }
    Ok(report.offline_reason.is_none())
}
