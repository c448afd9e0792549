//! Clients that none of us wrote, against a real server: the programs lie in `tests/clients`, and Node runs them.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{on_both, server::TestServer, shared};

/// What contract documents ask for that is built later.
const NOT_DUE: &[&str] = &["\"uploads\"", "\"operations\" on type \"System\""];

/// Enough files that a scan is seen on its way.
fn fixture() -> String {
    (0..600)
        .map(|index| format!("photos/{index:03}.jpg 160x120 seed:{index}\n"))
        .collect()
}

async fn run(script: &str, arguments: &[&str], token: Option<&str>) -> anyhow::Result<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the clients are not installed; run `npm ci` in {}",
        folder.display()
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs foreign clients; the product does not"
    )]
    let output = tokio::process::Command::new("node")
        .arg(script)
        .args(arguments)
        .env("VITAGRAPH_TOKEN", token.unwrap_or_default())
        .current_dir(folder)
        .kill_on_drop(true)
        .output()
        .await
        .context("running node")?;
    ensure!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} printed {output:?}"))
}

#[track_caller]
fn check_whole_job(client: &str, seen: &Value) {
    let seen = seen.as_array().expect("a list");
    let last = seen.last().expect("an answer");
    assert_eq!(last["status"], "SUCCEEDED", "{client} saw no end: {seen:#?}");
    let ends = seen.iter().filter(|job| job["status"] == "SUCCEEDED").count();
    assert_eq!(ends, 1, "{client} saw the end {ends} times");
    let mut moments: Vec<i64> = seen
        .iter()
        .filter(|job| job["status"] == "RUNNING")
        .filter_map(|job| job["progress"]["done"].as_i64())
        .collect();
    moments.dedup();
    assert!(
        moments.len() >= 2,
        "{client} saw the progress hardly move: {moments:?} in {seen:?}"
    );
    let fractions: Vec<f64> = seen
        .iter()
        .filter_map(|job| job["progress"]["fraction"].as_f64())
        .collect();
    assert!(fractions.is_sorted(), "{client} saw the job go back: {fractions:?}");
    // A scan as short as this one has no rate yet.
}

#[tokio::test]
async fn contract_documents_are_valid_by_the_reference_implementation() -> anyhow::Result<()> {
    let Some(folder) = shared::folder("operations") else {
        return Ok(());
    };
    let sdl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/schema.graphql");
    let arguments = [sdl.to_string_lossy(), folder.to_string_lossy()];
    let found = run("validate.mjs", &arguments.each_ref().map(AsRef::as_ref), None).await?;
    let documents = found.as_object().context("documents")?;
    ensure!(documents.len() >= 9, "only {} documents", documents.len());
    let mut wrong = Vec::new();
    for (name, complaints) in documents {
        for complaint in complaints.as_array().context("complaints")? {
            let complaint = complaint.as_str().context("a complaint")?;
            match NOT_DUE.iter().any(|later| complaint.contains(later)) {
                true => eprintln!("skipped, as it is not due: {name}, {complaint}"),
                false => wrong.push(format!("{name}, {complaint}")),
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

on_both! {
    async fn the_audit_of_graphql_over_http_passes_whole(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let report = run("audit.mjs", &[&format!("{}/graphql", server.address())], None).await?;
        assert_eq!(report["failed"], serde_json::json!([]));
        assert_eq!(report["total"], 61);
    }

    async fn foreign_clients_follow_a_scan_to_its_end(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(&fixture()).await?;
        let seen = run("whole-job.mjs", &[server.address(), &library], server.admin().token()).await?;
        check_whole_job("graphql-ws", &seen["ws"]);
        check_whole_job("graphql-sse", &seen["sse"]);
    }
}
