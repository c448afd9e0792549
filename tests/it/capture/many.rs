//! Several sources are recorded at once without a picture lost; what that costs of the processor is told.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::on_both;

use super::{
    Asks, CREATE, LOOK, OPEN, PATIENCE, RATE, ROOM, STOP, files,
    killed::Mortal,
    n_whole, seconds,
    senders::{MOVING, Senders},
    start, text,
};
use crate::players::has;

on_both! {
    async fn several_sources_are_recorded_at_once_without_loss(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let asked = std::env::var("VITAGRAPH_TEST_CAPTURES").ok();
        let n = asked.as_ref().map_or(Ok(2), |text| text.parse())?;
        let picture = match asked {
            Some(_) => "testsrc2=size=1920x1080:rate=25",
            None => MOVING,
        };
        let senders = Senders::start_with(seconds(), picture).await?;
        let server = Mortal::start(backend, &[OPEN, ROOM]).await?;
        let (outside, process) = (&server.outside, server.process()?.id());
        for index in 0..n {
            let url = senders.url(&format!("/live.ts?{index}"));
            let input = json!({ "name": format!("Camera {index}"), "url": url, "libraryId": server.library });
            outside.ask(CREATE, json!({ "input": input })).await?;
        }
        let sources = outside.ask(LOOK, json!({})).await?;
        let sources = sources["captureSources"]["nodes"]
            .as_array()
            .context("sources")?
            .clone();
        ensure!(sources.len() == n, "{sources:#?}");
        let mut captures = Vec::new();
        let (begun, before) = (Instant::now(), processor_time(process)?);
        for source in &sources {
            captures.push(start(outside, &text(&source["id"])?).await?);
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let seen = loop {
            // Each connection is cut after its seconds; what has come until then is the first file.
            let mut seen = outside.ask(LOOK, json!({})).await?;
            let seen: Vec<Value> = (0..n)
                .map(|index| seen["captureSources"]["nodes"][index]["captures"]["nodes"][0].take())
                .collect();
            if seen.iter().all(|capture| n_whole(capture) >= 1) {
                break seen;
            }
            ensure!(tokio::time::Instant::now() < deadline, "{seen:#?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let (passed, used) = (begun.elapsed(), processor_time(process)? - before);
        let (mut n_bytes, sent) = (0, seconds() * RATE);
        let jobs = "{ jobs(first: 10) { nodes { kind status attempts error { code message } } } }";
        let jobs = outside.ask(jobs, json!({})).await?;
        for capture in &seen {
            let first = &files(capture)[0];
            ensure!(
                first["frameCount"] == sent && first["isInterrupted"] == false,
                "{sent} were sent: {capture:#}\n{jobs:#}"
            );
            n_bytes += first["size"].as_i64().unwrap_or(0);
        }
        println!(
            "{n} captures of {sent} pictures each, {n_bytes} bytes: none lost, {:.1} % of one processor",
            100.0 * used.as_secs_f64() / passed.as_secs_f64()
        );
        for capture in captures {
            outside.ask(STOP, json!({ "input": { "id": capture } })).await?;
        }
    }
}

/// The processor time of a process and all that it has started, and those it has outlived.
fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let mut of: HashMap<u32, (u32, u64)> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Behind the name in parentheses: the state, the parent, and from the eleventh on times of its own and of its dead.
        let fields: Vec<&str> = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.split(' ').collect())
            .unwrap_or_default();
        let number = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
        let times = (11..15).filter_map(number).sum();
        if let Some(parent) = number(1) {
            of.insert(id, (parent as u32, times));
        }
    }
    let is_below = |id: u32| {
        let mut at = id;
        while at != process {
            match of.get(&at) {
                Some((parent, _)) if *parent != 0 => at = *parent,
                _ => return false,
            }
        }
        true
    };
    let ticks: u64 = of
        .iter()
        .filter(|(id, _)| is_below(**id))
        .map(|(_, (_, times))| times)
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
