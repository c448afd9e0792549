//! Real files of many makers: each item has a poster that opens, or tells its users why it has none.
//!
//! By default some of the small files of `../shared/media`; `VITAGRAPH_TEST_CORPUS=all` takes all of them. Prints every
//! item without a poster.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use super::get;

/// Larger files, and most of the others, are left to the longer run.
const USUAL_BYTES: u64 = 100 << 10;
const EACH: usize = 24;
/// As long as drawing a file may take, on whatever machine.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(60);

const PAGE: &str = "query($after: String) { media(first: 200, after: $after) { pageInfo { endCursor hasNextPage }
    nodes { __typename title thumbnail { url } thumbnailAbsence { reason code message } files { path }
        ... on Audio { waveform { url } } } } }";

/// All files below a folder, by path.
fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => files(&entry.path(), found)?,
            _ => found.push(entry.path()),
        }
    }
    found.sort();
    Ok(())
}

/// Draws everything. Waits for as long as something is drawn now and then.
async fn draw(server: &TestServer) -> anyhow::Result<()> {
    let document = "mutation { generatePictures(input: {}) { job { id } } }";
    let started = server.editor().query(document, json!({})).await?;
    let id = &started["generatePictures"]["job"]["id"];
    let document = "query($id: ID!) { node(id: $id) { ... on Job { status progress { done } } } }";
    let (mut done, mut changed) = (Value::Null, tokio::time::Instant::now());
    loop {
        let job = server.admin().query(document, json!({ "id": id })).await?["node"].take();
        match job["status"].as_str() {
            Some("SUCCEEDED") => return Ok(()),
            Some("READY" | "RUNNING") => {}
            _ => anyhow::bail!("{job:#}"),
        }
        if job["progress"]["done"] != done {
            (done, changed) = (job["progress"]["done"].clone(), tokio::time::Instant::now());
        }
        ensure!(
            changed.elapsed() < PATIENCE_FOR_ONE * 2,
            "nothing is drawn any more: {job:#}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

on_both! {
    async fn every_real_file_has_a_poster_or_says_why_not(backend: Backend) {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media");
        if !shared.is_dir() {
            println!("skipped: {} is not here", shared.display());
            return Ok(());
        }
        let is_whole = std::env::var("VITAGRAPH_TEST_CORPUS").is_ok_and(|value| value == "all");
        let mut paths = Vec::new();
        files(&shared, &mut paths)?;
        if !is_whole {
            paths.retain(|path| path.metadata().is_ok_and(|facts| facts.len() <= USUAL_BYTES));
            paths = paths.into_iter().step_by(EACH).collect();
        }
        let server = TestServer::start(backend).await?;
        for path in &paths {
            let to = server.media().join(path.strip_prefix(&shared)?);
            std::fs::create_dir_all(to.parent().context("a folder")?)?;
            std::fs::copy(path, to)?;
        }
        let library = server.library_over(server.media()).await?;
        server.scan(&library).await?;
        draw(&server).await?;

        let (mut counts, mut wrong, mut n_items, mut n_files) = (BTreeMap::<String, usize>::new(), Vec::new(), 0, 0);
        let mut after = Value::Null;
        loop {
            let page = server.viewer().query(PAGE, json!({ "after": after })).await?["media"].take();
            for item in page["nodes"].as_array().context("nodes")? {
                n_items += 1;
                n_files += item["files"].as_array().map_or(0, Vec::len);
                let absence = &item["thumbnailAbsence"];
                let (reason, url) = (absence["reason"].as_str(), &item["thumbnail"]["url"]);
                let is_right = match reason {
                    None => url.is_string() && {
                        let poster = get(&server, url, &[]).await?;
                        poster.status() == StatusCode::OK && poster.bytes().await?.len() > 100
                    },
                    // Peaks stand for sound that nothing is to be seen of; where they are missing as well, that is said.
                    Some("NOTHING_TO_SEE") => {
                        let is_said = absence["code"].is_string() || absence["message"].as_str().is_some_and(|message| message.contains("no sound"));
                        item["__typename"] == "Audio" && (item["waveform"]["url"].is_string() || is_said)
                    }
                    Some("FAILED") => absence["code"].is_string() && absence["message"].as_str().is_some_and(|message| message.len() > 10),
                    Some(_) => false,
                };
                if !is_right || reason.is_some() == url.is_string() {
                    wrong.push(item.to_string());
                }
                if let Some(reason) = reason {
                    println!("{reason} {} {}: {} {}", item["__typename"], item["files"][0]["path"], absence["code"], absence["message"]);
                }
                *counts.entry(format!("{} {}", item["__typename"], reason.unwrap_or("poster"))).or_default() += 1;
            }
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        println!("{} files, {n_files} of them in {n_items} items: {counts:?}", paths.len());
        ensure!(wrong.is_empty(), "{wrong:#?}");
        ensure!(n_items * 2 > paths.len(), "only {n_items} items of {} files", paths.len());
    }
}
