//! A server that is killed while files come in: what it has acknowledged is on the disk, and what can be seen is whole.
//!
//! `VITAGRAPH_TEST_UPLOAD_KILLS` is how often the process is killed at any moment, `VITAGRAPH_TEST_UPLOAD_POINTS` at how many system
//! calls of the way in; `tests/kill/uploads` does it in full size.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use media_proto::synthetic::Synthetic;
use sea_orm::{ConnectionTrait, Statement};
use tests::{database::Backend, fixture, on_both, server::TestServer};

use super::{
    ended, hash,
    tus::{Tus, film_of},
    visible,
};
use crate::kill::process::{Life, World};

const PATIENCE: Duration = Duration::from_secs(120);

pub fn number(name: &str, usual: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number: {text}")),
        Err(_) => Ok(usual),
    }
}

async fn film() -> anyhow::Result<Vec<u8>> {
    let server = TestServer::start(Backend::Sqlite).await?;
    fixture::synthesize(&Synthetic::clip(11), &server.server().engine).await
}

/// Files that were sent, by their hash.
#[derive(Default)]
struct Sources(BTreeMap<String, Vec<u8>>);

impl Sources {
    /// What must hold whenever no server runs.
    async fn check(&self, world: &World, media: &Path) -> anyhow::Result<()> {
        for path in visible(media)? {
            let bytes = std::fs::read(media.join(&path))?;
            ensure!(
                self.0.contains_key(&hash(&bytes)),
                "`{path}` can be seen and is not whole"
            );
        }
        let db = world.connect().await?;
        let text = "select upload.id, upload.status, upload.n_received, upload.n_bytes, upload.metadata, \
            upload.target_folder, upload.target_name from upload";
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), text))
            .await?;
        db.close().await?;
        for row in rows {
            let id = entities::id::UploadId(row.try_get_by_index(0)?);
            let (status, n_received, n_bytes): (i32, i64, i64) = (
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
                row.try_get_by_index(3)?,
            );
            let target = || -> anyhow::Result<_> {
                let folder: Vec<u8> = row.try_get_by_index(5)?;
                let name: Vec<u8> = row.try_get_by_index(6)?;
                Ok(media.join(String::from_utf8(folder)?).join(String::from_utf8(name)?))
            };
            let part = media.join(".vitagraph-uploads").join(format!("{id}.part"));
            // A file that is being placed has one name or the other.
            let at = match status {
                0 | 1 => part,
                2 if part.exists() => part,
                2..=4 => target()?,
                _ => continue,
            };
            let bytes =
                std::fs::read(&at).with_context(|| format!("a row of status {status} without {}", at.display()))?;
            let safe = &bytes[..usize::try_from(n_received)?.min(bytes.len())];
            ensure!(
                safe.len() as i64 == n_received,
                "{n_received} bytes are acknowledged, {} are there",
                safe.len()
            );
            let is_prefix = |source: &Vec<u8>| source.len() as i64 == n_bytes && source.starts_with(safe);
            ensure!(
                self.0.values().any(is_prefix),
                "the {n_received} acknowledged bytes of {id} are not those sent"
            );
        }
        Ok(())
    }
}

/// Uploads go to a library whose files are read at once: they seem to be old.
const OLD: (&str, &str) = ("modifiedAt", "784111777000");

on_both! {
    async fn a_killed_server_goes_on_where_it_acknowledged(backend: Backend) {
        let kills = number("VITAGRAPH_TEST_UPLOAD_KILLS", 5)?;
        let film = film().await?;
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        std::fs::create_dir(&media)?;
        let world = World::make(&home.path().join("world"), backend, &media).await?;
        let mut sources = Sources::default();
        let bytes = film_of(&film, 9_000_000, 1);
        sources.0.insert(hash(&bytes), bytes.clone());
        let name = [("filename", "killed.mp4"), OLD];
        let mut url = String::new();
        let (mut acknowledged, mut n_sent) = (0, 0);
        for kill in 0..kills {
            let life = world.serve()?;
            let tus = Tus::new(life.ready().await?);
            if kill == 0 {
                url = tus.create(bytes.len(), &name).await?;
            }
            let offset = tus.head(&url).await?.offset.context("an offset")?;
            ensure!(offset >= acknowledged, "{acknowledged} bytes were acknowledged, {offset} are left");
            // One piece is acknowledged, and the server dies at any moment of the next.
            let end = offset + (bytes.len() - offset) / (kills - kill + 1) / 2;
            let answer = tus.patch(&url, offset, &bytes[offset..end]).await?;
            ensure!(answer.status == 204 && answer.offset == Some(end), "{answer:?}");
            acknowledged = end;
            let until = (end + 700_000 + kill * 9_973).min(bytes.len() - 1);
            tus.break_off(&url, end, bytes.len() - end, &bytes[end..until]).await?;
            n_sent += until - offset;
            life.kill(&world).await?;
            sources.check(&world, &media).await?;
        }
        let life = world.serve()?;
        let client = life.ready().await?;
        let tus = Tus::new(client.clone());
        let offset = tus.head(&url).await?.offset.context("an offset")?;
        ensure!(offset >= acknowledged && offset < bytes.len());
        let answer = tus.patch(&url, offset, &bytes[offset..]).await?;
        ensure!(answer.status == 204, "{answer:?}");
        n_sent += bytes.len() - offset;
        let upload = ended(&client, &url).await?;
        ensure!(upload["status"] == "READY" && upload["contentHash"] == hash(&bytes), "{upload:#}");
        life.end().await?;
        sources.check(&world, &media).await?;
        let again = n_sent.saturating_sub(bytes.len());
        println!("{kills} kills, {} bytes, {again} of them sent again", bytes.len());
        ensure!(again <= bytes.len() / 50 + kills * (16 << 20), "{again} bytes were sent again");
    }
}

/// System calls of the way in.
const CALLS: [&str; 6] = ["pwrite64", "fdatasync", "fsync", "renameat2", "unlinkat", "fallocate"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_at_a_system_call_leaves_nothing_half_done() -> anyhow::Result<()> {
    let points = number("VITAGRAPH_TEST_UPLOAD_POINTS", 5)?;
    let film = film().await?;
    let home = tempfile::tempdir()?;
    let media = home.path().join("media");
    std::fs::create_dir(&media)?;
    let world = World::make(&home.path().join("world"), Backend::Sqlite, &media).await?;
    let mut sources = Sources::default();
    let (mut n_dead, begun) = (0, Instant::now());
    for point in 0..points {
        let bytes = film_of(&film, 300_000 + point * 1009, point as u64);
        sources.0.insert(hash(&bytes), bytes.clone());
        let (call, nth) = (CALLS[point % CALLS.len()], point / CALLS.len() + 1);
        let life = world.serve()?;
        let client = life.ready().await?;
        let Some(strace) = trace(life.id()?, call, nth).await? else {
            return Ok(());
        };
        let url = way_in(&life, &client, &bytes).await;
        // A process takes a moment to die.
        let died = async {
            while !life.has_ended()? {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        n_dead += usize::from(tokio::time::timeout(Duration::from_secs(3), died).await.is_ok());
        life.kill(&world).await?;
        drop(strace);
        sources
            .check(&world, &media)
            .await
            .with_context(|| format!("killed at the {nth}. {call} of a thread"))?;

        // The next server and the same client bring it to its end.
        let life = world.serve()?;
        let client = life.ready().await?;
        let url = resume(&client, url, &bytes)
            .await
            .with_context(|| format!("after the {nth}. {call}"))?;
        let upload = ended(&client, &url).await?;
        ensure!(
            upload["contentHash"] == hash(&bytes) && upload["status"] == "READY",
            "{upload:#}"
        );
        life.kill(&world).await?;
        sources.check(&world, &media).await?;
    }
    println!("{n_dead} of {points} points were reached, {:.1?}", begun.elapsed());
    ensure!(n_dead * 3 > points, "only {n_dead} of {points} points were reached");
    Ok(())
}

/// Has the process die at the nth such call of any of its threads; none if that cannot be done here.
async fn trace(id: u32, call: &str, nth: usize) -> anyhow::Result<Option<tokio::process::Child>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test breaks the server; the product does not"
    )]
    let strace = tokio::process::Command::new("strace")
        .args(["-f", "-q", "-o", "/dev/null", "-p", &id.to_string()])
        .args([
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={call}:signal=KILL:when={nth}"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut strace) = strace else {
        println!("skipped: strace is not installed");
        return Ok(None);
    };
    let begun = Instant::now();
    loop {
        if strace.try_wait()?.is_some() {
            println!("skipped: strace may not trace other processes here");
            return Ok(None);
        }
        let mut is_traced = true;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            let status = std::fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
            is_traced &= !status.lines().any(|line| line == "TracerPid:\t0");
        }
        if is_traced {
            return Ok(Some(strace));
        }
        ensure!(begun.elapsed() < PATIENCE, "strace does not attach");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends a file until it is an item, or the server is dead. Returns its URL as far as it was told.
async fn way_in(life: &Life, client: &tests::client::Client, bytes: &[u8]) -> Option<String> {
    let tus = Tus::new(client.clone());
    let sending = async {
        let url = tus.create(bytes.len(), &[("filename", "point.mp4"), OLD]).await.ok();
        if let Some(url) = &url {
            let half = bytes.len() / 2;
            for (from, to) in [(0, half), (half, bytes.len())] {
                if tus.patch(url, from, &bytes[from..to]).await.is_err() {
                    break;
                }
            }
            let _ = ended(client, url).await;
        }
        url
    };
    let died = async {
        while !life.has_ended().unwrap_or(true) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut sending = std::pin::pin!(sending);
    tokio::select! {
        url = &mut sending => url,
        // Requests to the dead end by themselves, and say what they were told before.
        () = died => tokio::time::timeout(Duration::from_secs(10), sending).await.ok().flatten(),
    }
}

/// Goes on with an upload, or begins anew if nobody knows it.
async fn resume(client: &tests::client::Client, url: Option<String>, bytes: &[u8]) -> anyhow::Result<String> {
    let tus = Tus::new(client.clone());
    if let Some(url) = url {
        let head = tus.head(&url).await?;
        ensure!(head.status == 200, "an upload that was acknowledged is gone: {head:?}");
        let offset = head.offset.context("an offset")?;
        if offset < bytes.len() {
            let answer = tus.patch(&url, offset, &bytes[offset..]).await?;
            ensure!(answer.status == 204, "{answer:?}");
        }
        return Ok(url);
    }
    tus.send(bytes, &[("filename", "point.mp4"), OLD]).await
}
