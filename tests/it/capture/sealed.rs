//! Addresses hold accounts: what an old version wrote open into the database is sealed when the server starts, and gone from
//! the file.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;

use super::{CREATE, ROOM};
use crate::process::Process;

const CANARY: &str = "hunter2-the-canary";

async fn database(home: &Path) -> anyhow::Result<DatabaseConnection> {
    let file = home.join("data/vitagraph.db");
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", file.display()));
    options.max_connections(1);
    Ok(Database::connect(options).await?)
}

/// Whether the database's files hold the canary, at any place.
fn holds(home: &Path) -> bool {
    let names = ["vitagraph.db", "vitagraph.db-wal"];
    let bytes = names.map(|name| fs::read(home.join("data").join(name)).unwrap_or_default());
    let found = |bytes: &Vec<u8>| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    bytes.iter().any(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_an_old_version_left_open_are_sealed_and_gone() -> anyhow::Result<()> {
    let world = tempfile::tempdir()?;
    let home = world.path();
    let media = home.join("media");
    fs::create_dir(&media)?;
    let mut process = Process::start(home, &[ROOM])?;
    let admin = process.administrator().await?;
    let library = admin.library(&process, &media).await?;
    let input = json!({ "input": { "name": "Door", "url": "rtsp://a:b@127.0.0.1:8554/x", "libraryId": library } });
    admin.ask(&process, CREATE, input).await?;
    process.stop().await?;

    let db = database(home).await?;
    let open = format!("rtsp://ann:{CANARY}@127.0.0.1:8554/live?key={CANARY}");
    db.execute_unprepared(&format!("update capture_source set address = '{open}', shown = ''"))
        .await?;
    db.close().await?;
    ensure!(holds(home), "nothing is there to be sealed");
    let mut process = Process::start(home, &[ROOM])?;
    process.address().await?;
    process.stop().await?;

    ensure!(!holds(home), "the open address is still in the database's file");
    ensure!(!process.log().contains(CANARY), "the open address is in the log");
    let db = database(home).await?;
    let row = "select address, shown from capture_source";
    let row = db
        .query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), row))
        .await?
        .context("the source")?;
    let (sealed, shown): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    ensure!(
        sealed.starts_with("v1.") && shown == "rtsp://127.0.0.1:8554",
        "{sealed} {shown}"
    );
    db.close().await?;
    let mode = fs::metadata(home.join("data/secret.key"))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "the key may be read by others: {mode:o}");

    // It still opens: the capture connects to where it was, which nobody may.
    let mut process = Process::start(home, &[ROOM])?;
    let look = "{ captureSources(first: 1) { nodes { id address lastError captures(first: 1) { nodes { status lastError } } } } }";
    let source = admin.ask(&process, look, json!({})).await?["captureSources"]["nodes"][0]["id"].take();
    let start = "mutation($id: ID!) { startCapture(input: { sourceId: $id }) { capture { id } } }";
    admin.ask(&process, start, json!({ "id": source })).await?;
    let deadline = tokio::time::Instant::now() + super::PATIENCE;
    loop {
        let told = admin.ask(&process, look, json!({})).await?;
        let capture = &told["captureSources"]["nodes"][0]["captures"]["nodes"][0];
        if capture["status"] == "FAILED" {
            let error = capture["lastError"].as_str().context("a reason")?;
            ensure!(
                error.contains("not a public address") && !error.contains(CANARY),
                "{error}"
            );
            break;
        }
        ensure!(tokio::time::Instant::now() < deadline, "never failed: {told:#}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    process.stop().await
}
