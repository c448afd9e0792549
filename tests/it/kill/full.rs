//! A disk that runs full while people work: what is there can be read, what cannot be written is refused by name, nothing that
//! was acknowledged is lost, and all goes on by itself once there is room.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::{client::Client, database::Backend};
use tokio::time::Instant;

use super::{life::Life, process::World, tree};
use crate::players::command;

const DISK_MIB: u32 = 64;
/// SQLite's log has room for some writes before it asks for more.
const MOST_WRITES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(120);
const CREATE: &str = "mutation($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }";

/// Whether this machine lets a program have a disk of its own.
async fn has_own_disks() -> bool {
    let mut unshare = command("unshare");
    let mount = [
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ];
    unshare
        .args(mount)
        .output()
        .await
        .is_ok_and(|output| output.status.success())
}

/// Takes all room that is left, to the last byte.
fn fill(disk: &Path) -> anyhow::Result<()> {
    let mut ballast = fs::File::create(disk.join("ballast"))?;
    let mut chunk = vec![1; 1 << 20];
    while !chunk.is_empty() {
        match ballast.write_all(&chunk) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => chunk.truncate(chunk.len() / 2),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Makes tags.
#[derive(Default)]
struct Writer {
    n_tried: usize,
    n_acknowledged: i64,
}

impl Writer {
    /// Tries one: the code of the refusal, or none.
    async fn write(&mut self, client: &Client) -> anyhow::Result<Option<String>> {
        self.n_tried += 1;
        let input = json!({ "input": { "name": format!("written {:06}", self.n_tried) } });
        let answer = client.send(CREATE, input).await?;
        let code = answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);
        match &code {
            None => {
                ensure!(answer["data"]["createTag"]["tag"]["id"].is_string(), "{answer:#}");
                self.n_acknowledged += 1;
            }
            Some(code) => ensure!(code == "NO_ROOM", "{answer:#}"),
        }
        Ok(code)
    }
}

/// As a crash would leave it now: the database of the small disk, where the world finds its own.
fn copy_out(world: &World, life: &Life, disk: &Path) -> anyhow::Result<()> {
    let pid = Pid::from_raw(life.id()?.try_into()?).context("a process")?;
    kill_process(pid, Signal::STOP)?;
    for name in ["vitagraph.db", "vitagraph.db-wal"] {
        fs::copy(disk.join(name), world.data().join(name))?;
    }
    let _ = fs::remove_file(world.data().join("vitagraph.db-shm"));
    kill_process(pid, Signal::CONT)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_goes_on_by_itself() -> anyhow::Result<()> {
    if !has_own_disks().await {
        println!("skipped: this machine gives no program a disk of its own (unshare --user --mount)");
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let media = home.path().join("media");
    tree::write(&media, 60).await?;
    let world = World::make(&home.path().join("world"), Backend::Sqlite, &media).await?;
    let life = world.serve_on_small_disk(DISK_MIB)?;
    let client = life.ready().await?;
    life.start_scan(&world).await?;
    life.all_succeeded(&world).await?;
    let disk = world.small_disk(&life)?;

    let mut writer = Writer::default();
    ensure!(
        writer.write(&client).await?.is_none(),
        "nothing could be written to begin with"
    );
    fill(&disk)?;
    let mut n_refused = 0;
    while n_refused < 20 {
        ensure!(writer.n_tried < MOST_WRITES, "a full disk takes {MOST_WRITES} writes");
        n_refused += usize::from(writer.write(&client).await?.is_some());
        let read = client
            .query("{ media(first: 20) { nodes { title files { path } } } }", json!({}))
            .await?;
        ensure!(
            read["media"]["nodes"].as_array().is_some_and(|nodes| nodes.len() == 20),
            "{read:#}"
        );
    }
    let n_before = writer.n_acknowledged;

    fs::remove_file(disk.join("ballast"))?;
    let begun = Instant::now();
    while writer.write(&client).await?.is_some() {
        ensure!(
            begun.elapsed() < PATIENCE,
            "nothing is written though there is room again"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "{n_before} writes before, {n_refused} refused, one taken {:.2?} after there was room",
        begun.elapsed()
    );
    ensure!(!life.has_ended()?, "the server ended");
    // The rest works as ever, too.
    let some = fs::read_dir(media.join("pile"))?.next().context("a file")??.path();
    fs::copy(
        &some,
        media.join("new").with_extension(some.extension().unwrap_or_default()),
    )?;
    life.start_scan(&world).await?;
    life.all_succeeded(&world).await?;
    copy_out(&world, &life, &disk)?;
    life.end().await?;
    world.check_integrity().await?;
    let n_tags = world
        .number("select count(*) from tag where name like 'written %'")
        .await?;
    ensure!(
        n_tags == writer.n_acknowledged,
        "{n_tags} tags of {} that were acknowledged",
        writer.n_acknowledged
    );
    Ok(())
}
