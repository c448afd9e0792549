//! What the documentation says is what the program does: reference pages are current, dashboards and alerts ask for
//! metrics that exist, and the guide's examples run as they are written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use kernel::telemetry::MetricKind;
use serde_json::{Value, json};
use server::{compose::Base, reference, settings::Settings};
use tests::{database::Backend, server::TestServer};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn base() -> anyhow::Result<(Base, tempfile::TempDir)> {
    let world = tempfile::tempdir()?;
    Ok((Base::open(&Settings::new(world.path().join("data"))).await?, world))
}

#[tokio::test]
async fn the_reference_pages_are_current() -> anyhow::Result<()> {
    let (base, _world) = base().await?;
    let folder = checkout().join("docs/reference");
    for (name, page) in reference::pages(&base)? {
        let path = folder.join(format!("{name}.md"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(&path, &page)?;
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        ensure!(
            written == page,
            "docs/reference/{name}.md is not current: run `make docs`"
        );
    }
    base.close().await
}

#[tokio::test]
async fn every_code_and_metric_has_one_meaning() -> anyhow::Result<()> {
    let (base, _world) = base().await?;
    let mut names = BTreeSet::new();
    for code in reference::all_codes(&base) {
        ensure!(names.insert(code.name), "{} is declared twice", code.name);
        ensure!(
            code.meaning.ends_with('.') && code.meaning.len() > 10,
            "{} says too little",
            code.name
        );
    }
    ensure!(names.len() > 50, "only {} codes", names.len());
    for metric in base.kernel.metrics.declared() {
        let is_plain = metric
            .name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        ensure!(
            is_plain && !metric.help.is_empty() && !metric.help.ends_with('.'),
            "{metric:?}"
        );
    }
    base.close().await
}

#[tokio::test]
async fn dashboards_and_alerts_ask_for_metrics_that_exist() -> anyhow::Result<()> {
    let (base, _world) = base().await?;
    let mut known = BTreeSet::new();
    for metric in base.kernel.metrics.declared() {
        let ends: &[&str] = match metric.kind {
            MetricKind::Counter => &["_total"],
            MetricKind::Gauge => &[""],
            MetricKind::Seconds => &["_bucket", "_sum", "_count"],
        };
        known.extend(ends.iter().map(|end| format!("vitagraph_{}{end}", metric.name)));
    }
    let mut n_asked = 0;
    for entry in std::fs::read_dir(checkout().join("server/package/grafana"))? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        if path.extension().is_some_and(|kind| kind == "json") {
            let board: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            ensure!(
                board["panels"].as_array().is_some_and(|panels| panels.len() >= 4),
                "{}",
                path.display()
            );
        }
        for (begin, _) in text.match_indices("vitagraph_") {
            let is_part =
                |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
            let name = text[begin..]
                .split(|character| !is_part(character))
                .next()
                .unwrap_or_default();
            ensure!(
                known.contains(name),
                "{} asks for {name}, which no server has",
                path.display()
            );
            n_asked += 1;
        }
    }
    ensure!(n_asked >= 40, "only {n_asked} metrics are asked for");
    base.close().await
}

/// The examples of the guide: fenced `graphql` blocks, with their variables in a `json` block behind.
fn examples() -> anyhow::Result<Vec<(String, Value)>> {
    let text = std::fs::read_to_string(checkout().join("docs/api.md"))?;
    let mut examples: Vec<(String, Value)> = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        if let Some(document) = block.strip_prefix("graphql\n") {
            examples.push((document.to_owned(), json!({})));
        } else if let (Some(variables), Some(last)) = (block.strip_prefix("json\n"), examples.last_mut()) {
            last.1 = serde_json::from_str(variables).with_context(|| variables.to_owned())?;
        }
    }
    Ok(examples)
}

/// Replaces `"$name"` in variables by what an earlier answer held under that name.
fn fill(value: &mut Value, known: &Value) {
    match value {
        Value::String(text) => {
            if let Some(found) = text.strip_prefix('$').and_then(|name| known.get(name)) {
                *value = found.clone();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, known)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, known)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_examples_run_as_they_are_written() -> anyhow::Result<()> {
    let server = TestServer::start(Backend::Sqlite).await?;
    let fixture =
        "films/night.mkv h264 320x240 2s aac title:Night_Train\nfilms/day.mp4 h264 160x120 1s\nphotos/a.jpg 64x64";
    let library = server.library(fixture).await?;
    server.scan(&library).await?;
    server.idle().await?;
    let admin = server.admin();
    let films = admin
        .query(
            "{ media(first: 9, filter: { kind: { in: [VIDEO] } }) { nodes { id title } } }",
            json!({}),
        )
        .await?;
    let films = films["media"]["nodes"].as_array().context("films")?;
    let film = films
        .iter()
        .find(|film| film["title"] == "Night Train")
        .context("the film")?;
    let job = server.start_scan(&library).await?;
    server.finished(&job).await?;
    let known = json!({ "library": library, "film": film["id"], "job": job });
    let examples = examples()?;
    ensure!(examples.len() >= 10, "{} examples", examples.len());
    for (document, mut variables) in examples {
        fill(&mut variables, &known);
        if document.trim_start().starts_with("subscription") {
            let request = admin.request("POST", "/graphql")?.header("accept", "text/event-stream");
            let mut stream = request
                .json(&json!({ "query": document, "variables": variables }))
                .send()
                .await?;
            let first = tokio::time::timeout(std::time::Duration::from_secs(90), stream.chunk()).await??;
            let first = String::from_utf8_lossy(&first.unwrap_or_default()).into_owned();
            ensure!(
                first.contains("event: next") && !first.contains("\"errors\""),
                "{document}: {first}"
            );
            continue;
        }
        let answer = admin.send(&document, variables).await?;
        ensure!(
            answer.get("errors").is_none() && answer["data"].is_object(),
            "{document}: {answer:#}"
        );
    }
    Ok(())
}
