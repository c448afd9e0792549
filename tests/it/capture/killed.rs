//! A server that is killed while it records loses less than a second of what was sent.

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{database::Backend, on_both};

use super::{
    Asks, OPEN, PATIENCE, RATE, ROOM, STOP, files, n_whole, played, seconds, senders::Senders, source, start, until,
};
use crate::{kill::process::bury, players::has, process::Process};

/// A server of its own process, asked as its administrator.
pub struct Outside {
    http: reqwest::Client,
    pub address: String,
    token: String,
}

impl Outside {
    /// Its administrator, and a library.
    pub async fn start(process: &Process, media: &Path) -> anyhow::Result<(Self, String)> {
        let mut outside = Self {
            http: reqwest::Client::new(),
            address: process.address().await?,
            token: String::new(),
        };
        outside.token = crate::drain::token(process, &outside.address).await?;
        let make = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";
        let input = json!({ "input": { "name": "films", "paths": [media] } });
        let made = outside.ask(make, input).await?;
        let library = made["createLibrary"]["library"]["id"].as_str().context("an id")?;
        Ok((outside, library.to_owned()))
    }
}

impl Asks for Outside {
    async fn ask(&self, document: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": document, "variables": variables });
        let request = self
            .http
            .post(format!("{}/graphql", self.address))
            .bearer_auth(&self.token)
            .json(&body);
        let mut answer: Value = request.send().await?.json().await?;
        ensure!(answer["errors"].is_null(), "{answer:#}");
        Ok(answer["data"].take())
    }
}

/// A server of its own process, with a library, that can be killed and started anew.
pub struct Mortal {
    home: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
    pub database: Option<String>,
    process: Option<Process>,
    pub outside: Outside,
    pub library: String,
}

impl Mortal {
    /// Starts it with these settings.
    pub async fn start(backend: Backend, settings: &[(&'static str, &str)]) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        std::fs::create_dir(&media)?;
        let database = backend.create().await?;
        let mut all = vec![
            ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0".to_owned()),
            ("VITAGRAPH_SCAN_WATCH", "false".to_owned()),
        ];
        all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all.extend(database.clone().map(|url| ("VITAGRAPH_DATABASE", url)));
        let process = begin(home.path(), &all)?;
        let (outside, library) = Outside::start(&process, &media).await?;
        Ok(Self {
            home,
            settings: all,
            database,
            process: Some(process),
            outside,
            library,
        })
    }

    /// The process.
    pub fn process(&self) -> anyhow::Result<&Process> {
        self.process.as_ref().context("it was killed")
    }

    /// Its data directory.
    pub fn data(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    /// How many bytes of whole fragments the one recording has by now, once there are some.
    pub async fn written(&self) -> anyhow::Result<u64> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let written = written(&self.data().join("captures/.work"))?;
            if written > 0 {
                return Ok(written);
            }
            ensure!(tokio::time::Instant::now() < deadline, "nothing is on the disk");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it without a word.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let process = self.process.take().context("it was killed before")?;
        process.signal(rustix::process::Signal::KILL)
    }

    /// Starts it anew.
    pub async fn revive(&mut self) -> anyhow::Result<()> {
        if let Some(database) = &self.database {
            bury(database).await?;
        }
        let process = begin(self.home.path(), &self.settings)?;
        self.outside.address = process.address().await?;
        self.process = Some(process);
        Ok(())
    }

    /// Holds that of so many pictures that were sent until it was killed all but those of a second are in the first of two
    /// files, and ends the capture.
    pub async fn kept(&self, capture: &str, sent: u64, written: u64) -> anyhow::Result<()> {
        let found = until(&self.outside, "repaired and recording again", |capture| {
            n_whole(capture) >= 1 && files(capture).len() >= 2
        })
        .await?;
        let first = &files(&found)[0];
        ensure!(first["isInterrupted"] == true, "{found:#}");
        let kept = first["frameCount"].as_u64().context("a number")?;
        println!(
            "{sent} pictures were sent until the kill, {kept} were kept: {} lost",
            sent.saturating_sub(kept)
        );
        let size = first["size"].as_u64().context("a number")?;
        ensure!(
            kept > 0 && size >= written,
            "{written} bytes of whole fragments were on the disk, {size} were kept"
        );
        // How far a server lags behind its source is up to whatever else the machine does: at full size it has the machine alone.
        let is_full = std::env::var_os("VITAGRAPH_TEST_CAPTURE_SECONDS").is_some();
        ensure!(
            !is_full || kept + RATE >= sent,
            "{sent} pictures were sent, {kept} were kept"
        );
        let gap = &found["gaps"][0];
        ensure!(
            gap["reason"] == "the server was interrupted" && !gap["endedAt"].is_null(),
            "{found:#}"
        );
        let stopped = self.outside.ask(STOP, json!({ "input": { "id": capture } })).await?;
        ensure!(stopped["stopCapture"]["capture"]["status"] == "FINISHED", "{stopped:#}");
        until(&self.outside, "linked", |capture| {
            files(capture).iter().all(|file| !file["media"].is_null())
        })
        .await?;
        let counts = played(&self.data()).await?;
        ensure!(
            counts.first() == Some(&kept) && counts.len() == 2,
            "{kept} were kept, {counts:?} can be seen"
        );
        Ok(())
    }
}

fn begin(home: &Path, settings: &[(&str, String)]) -> anyhow::Result<Process> {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::start(home, &settings)
}

on_both! {
    async fn a_killed_server_has_kept_all_but_the_last_second(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let mut server = Mortal::start(backend, &[OPEN, ROOM]).await?;
        // Long enough that the source outlives the server.
        let senders = Senders::start(seconds() * 4 + 30).await?;
        let source = source(&server.outside, &server.library, &senders.url("/live.ts")).await?;
        let capture = start(&server.outside, &source).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while senders.n_frames() < seconds() * RATE {
            ensure!(tokio::time::Instant::now() < deadline, "{} pictures were sent", senders.n_frames());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let written = server.written().await?;
        server.kill()?;
        let sent = senders.n_frames();
        server.revive().await?;
        server.kept(&capture, sent, written).await?;
    }
}

/// How many bytes of whole fragments the one file in a folder has.
fn written(folder: &Path) -> anyhow::Result<u64> {
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return Ok(0);
    };
    let Some(entry) = entries.next() else { return Ok(0) };
    let bytes = std::fs::read(entry?.path())?;
    let (mut at, mut end) = (0, 0);
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        at += size.max(8);
        if &head[4..] == b"mdat" && at <= bytes.len() {
            end = at as u64;
        }
    }
    Ok(end)
}
