//! A server that is killed while it records loses less than a second of what was sent.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Asks, OPEN, RATE, ROOM, STOP, files, n_whole, played, seconds, senders::Senders, source, start, until};
use crate::{players::has, process::Process};

/// A server of its own process, asked as its administrator.
pub struct Outside {
    http: reqwest::Client,
    pub address: String,
    token: String,
}

impl Outside {
    /// Its administrator, and a library.
    pub async fn start(process: &Process, media: &std::path::Path) -> anyhow::Result<(Self, String)> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_kept_all_but_the_last_second() -> anyhow::Result<()> {
    if !has("ffmpeg") {
        return Ok(());
    }
    let world = tempfile::tempdir()?;
    let media = world.path().join("media");
    std::fs::create_dir(&media)?;
    let environment = [OPEN, ROOM, ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0")];
    let process = Process::start(world.path(), &environment)?;
    let (mut outside, library) = Outside::start(&process, &media).await?;

    // Long enough that the source outlives the server.
    let senders = Senders::start(seconds() * 4 + 30).await?;
    let source = source(&outside, &library, &senders.url("/live.ts")).await?;
    let capture = start(&outside, &source).await?;
    let deadline = tokio::time::Instant::now() + super::PATIENCE;
    while senders.n_frames() < seconds() * RATE {
        ensure!(
            tokio::time::Instant::now() < deadline,
            "{} pictures were sent",
            senders.n_frames()
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let written = loop {
        match written(&world.path().join("data/captures/.work"))? {
            0 => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            written => break written,
        }
        ensure!(tokio::time::Instant::now() < deadline, "nothing is on the disk");
    };
    process.signal(rustix::process::Signal::KILL)?;
    let sent = senders.n_frames();
    drop(process);

    let process = Process::start(world.path(), &environment)?;
    outside.address = process.address().await?;
    let found = until(&outside, "repaired and recording again", |capture| {
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
    let stopped = outside.ask(STOP, json!({ "input": { "id": capture } })).await?;
    ensure!(stopped["stopCapture"]["capture"]["status"] == "FINISHED", "{stopped:#}");
    until(&outside, "linked", |capture| {
        files(capture).iter().all(|file| !file["media"].is_null())
    })
    .await?;
    let counts = played(&world.path().join("data")).await?;
    ensure!(
        counts.first() == Some(&kept) && counts.len() == 2,
        "{kept} were kept, {counts:?} can be seen"
    );
    Ok(())
}

/// How many bytes of whole fragments the one file in a folder has.
fn written(folder: &std::path::Path) -> anyhow::Result<u64> {
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
