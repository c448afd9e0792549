//! `vitagraph upload`: sends files to a server over tus, several at a time, and goes on where a broken one stopped.

mod display;
mod memory;
mod send;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use tokio::{sync::Semaphore, task::JoinSet};

use self::{display::Display, memory::Memory, send::Sender};
use super::print_line;

/// What is sent where.
pub struct Wanted {
    /// The files.
    pub files: Vec<PathBuf>,
    /// `http://…`.
    pub server: String,
    /// A token that may edit.
    pub token: String,
    /// The library of this name; the only one, if omitted.
    pub library: Option<String>,
    /// Files at a time.
    pub parallel: usize,
}

/// Sends files and waits until each is an item.
pub async fn upload(wanted: Wanted) -> anyhow::Result<ExitCode> {
    if wanted.parallel == 0 {
        bail!("--parallel must be at least 1");
    }
    let sender = Arc::new(Sender::new(&wanted.server, wanted.token, wanted.library)?);
    let memory = Arc::new(Memory::open()?);
    let display = Arc::new(Display::new());
    let seats = Arc::new(Semaphore::new(wanted.parallel));
    let mut sending = JoinSet::new();
    for file in wanted.files {
        let (sender, memory, display, seats) = (
            Arc::clone(&sender),
            Arc::clone(&memory),
            Arc::clone(&display),
            Arc::clone(&seats),
        );
        sending.spawn(async move {
            let _seat = seats.acquire_owned().await.context("a seat")?;
            let sent = sender.send(&file, &memory, &display).await;
            anyhow::Ok((file, sent))
        });
    }
    let mut all_well = true;
    while let Some(sent) = sending.join_next().await {
        let (file, sent) = sent.context("a task that sends")??;
        let line = match sent {
            Ok(sent) => format!("{}: {sent}", file.display()),
            Err(error) => {
                all_well = false;
                format!("{}: {error:#}", file.display())
            }
        };
        display.say(|| print_line(&line))?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
