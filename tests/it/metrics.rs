//! What an administrator's monitor reads of the media engine: for each class what waits, what works, and what died.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use tests::{on_both, server::TestServer};

/// The value of a series of the running server, if it is there.
async fn value(server: &TestServer, series: &str) -> anyhow::Result<Option<f64>> {
    let response = server.admin().request("GET", "/metrics")?.send().await?;
    ensure!(response.status() == 200, "{response:?}");
    let text = response.text().await?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(line.map(str::parse).transpose()?)
}

/// Waits until a series has a value; the engine's are refreshed every few seconds.
async fn until(server: &TestServer, series: &str, is_so: impl Fn(f64) -> bool) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    loop {
        let found = value(server, series).await?;
        if found.is_some_and(&is_so) {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "`{series}` is still {found:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

on_both! {
    async fn metrics_show_what_each_class_of_media_work_does(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let n_workers = server.server().engine.width(media_proto::job::Class::Quick);
        // Each of these holds a worker for its whole life, and more wait than there are workers.
        let lines: Vec<String> = (0..n_workers * 4).map(|n| format!("slow/{n:02}.mp4 fault:diligent")).collect();
        let library = server.library(&format!("bad.mp4 fault:crash\ngood.mp4 1s\n{}", lines.join("\n"))).await?;
        let none = "vitagraph_media_jobs_total{class=\"batch\",outcome=\"done\"}";
        until(&server, none, |n| n == 0.0).await?;
        let scan = server.start_scan(&library).await?;
        until(&server, "vitagraph_media_workers{class=\"quick\",state=\"busy\"}", |n| n == n_workers as f64).await?;
        until(&server, "vitagraph_media_jobs_waiting{class=\"quick\"}", |n| n >= 1.0).await?;
        let cancel = "mutation($id: ID!) { cancelJob(input: { id: $id }) { job { id } } }";
        server.admin().query(cancel, json!({ "id": scan })).await?;
        server.finished(&scan).await?;
        until(&server, "vitagraph_media_workers{class=\"quick\",state=\"busy\"}", |n| n == 0.0).await?;
        until(&server, "vitagraph_media_jobs_waiting{class=\"quick\"}", |n| n == 0.0).await?;

        std::fs::remove_dir_all(server.media().join("slow"))?;
        server.scan(&library).await?;
        // The bad file kills two workers, the second for good.
        until(&server, "vitagraph_media_worker_deaths_total{class=\"quick\",reason=\"crash\"}", |n| n == 2.0).await?;
        until(&server, "vitagraph_media_quarantined_total{class=\"quick\"}", |n| n == 1.0).await?;
        until(&server, "vitagraph_media_jobs_total{class=\"quick\",outcome=\"done\"}", |n| n >= 1.0).await?;
        ensure!(value(&server, "vitagraph_media_worker_deaths_total{class=\"batch\",reason=\"crash\"}").await? == Some(0.0));
        ensure!(server.editor().request("GET", "/metrics")?.send().await?.status() == 403);
        ensure!(server.anonymous().request("GET", "/metrics")?.send().await?.status() == 401);
    }
}
