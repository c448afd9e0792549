//! What the database does beside a recording costs no picture: others write at the same time, and it goes away for a moment.

use std::time::Duration;

use anyhow::{Context, ensure};
use entities::id::LibraryId;
use kernel::{sql, store::Durability};
use schema::library::own::OwnFolder;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::json;
use tests::{
    database::{BREAK_OTHERS, Backend},
    on_both,
    server::TestServer,
};

use super::{
    Asks, LOOK, OPEN, PATIENCE, RATE, ROOM, files, killed::Mortal, n_whole, seconds, senders::Senders, source, start,
    until,
};
use crate::players::has;

on_both! {
    async fn two_first_files_of_a_library_make_its_folder_together(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library_over(server.media()).await?;
        let (id, kernel) = (library.parse::<LibraryId>()?, server.server().kernel.clone());
        let tx = kernel.store.begin(Durability::Full).await?;
        OwnFolder::Captures.ensure_path(&kernel, &tx, id).await?;
        let other = tokio::spawn({
            let kernel = kernel.clone();
            async move {
                let tx = kernel.store.begin(Durability::Full).await?;
                OwnFolder::Captures.ensure_path(&kernel, &tx, id).await?;
                anyhow::Ok(tx.commit().await?)
            }
        });
        // The other waits for this one, wherever it has got to.
        tokio::time::sleep(Duration::from_millis(200)).await;
        tx.commit().await?;
        other.await??;
        let count = format!("select 1 from library_path where library_id = {}", id.0);
        let n_paths = sql::rows(kernel.store.reader(), count, []).await?.len();
        ensure!(n_paths == 2, "{n_paths} paths: its own, and one for recordings");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_for_a_moment_costs_no_picture() -> anyhow::Result<()> {
    if !Backend::Postgres.is_available() || !has("ffmpeg") {
        return Ok(());
    }
    let server = Mortal::start(Backend::Postgres, &[OPEN, ROOM]).await?;
    let senders = Senders::start(seconds()).await?;
    source(&server.outside, &server.library, &senders.url("/live.ts")).await?;
    let found = server.outside.ask(LOOK, json!({})).await?;
    let source = found["captureSources"]["nodes"][0]["id"].as_str().context("an id")?;
    start(&server.outside, source).await?;
    let mut options = ConnectOptions::new(server.database.as_deref().context("a database")?);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    let away =
        format!("update pg_database set datallowconn = false where datname = current_database(); {BREAK_OTHERS}");
    let back = "update pg_database set datallowconn = true where datname = current_database()";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let sent_are = async |n_frames| {
        while senders.n_frames() < n_frames {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "{} pictures were sent",
                senders.n_frames()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    };
    // Where the file begins, and where it ends.
    let sent = seconds() * RATE;
    for n_frames in [1, sent - 5] {
        sent_are(n_frames).await?;
        db.execute_unprepared(&away).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        db.execute_unprepared(back).await?;
    }
    // Until it can be asked again.
    while let Err(error) = server.outside.ask(LOOK, json!({})).await {
        ensure!(tokio::time::Instant::now() < deadline, "{error:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = until(&server.outside, "whole", |capture| n_whole(capture) >= 1).await?;
    let first = &files(&seen)[0];
    let jobs = "{ jobs(first: 10) { nodes { kind status attempts error { code message } } } }";
    let jobs = server.outside.ask(jobs, json!({})).await?;
    ensure!(
        first["frameCount"] == sent && first["isInterrupted"] == false,
        "{sent} were sent: {seen:#}\n{jobs:#}"
    );
    Ok(())
}
