//! A server that dies at a system call of the way that an upload takes in, and the order of those calls.
//!
//! Dying at a call shows what a crash of the process leaves; what a crash of the machine leaves is shown by the order: bytes are
//! forced to the disk before anything says that they are there. `VITAGRAPH_TEST_UPLOAD_POINTS` is at how many calls it dies.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tests::{client::Client, database::Backend};

use super::{
    ended, hash,
    restart::{OLD, Sources, film, number},
    tus::{Tus, film_of},
};
use crate::kill::{life::Life, process::World};

const PATIENCE: Duration = Duration::from_secs(120);
/// How long a process that was killed may take to be gone.
const LAST_BREATH: Duration = Duration::from_millis(500);
/// System calls of the way in.
const CALLS: [&str; 6] = ["pwrite64", "fdatasync", "fsync", "renameat2", "unlinkat", "fallocate"];
const METADATA: [(&str, &str); 2] = [("filename", "point.mp4"), OLD];

struct Stage {
    world: World,
    media: std::path::PathBuf,
    film: Vec<u8>,
    home: tempfile::TempDir,
}

impl Stage {
    async fn make() -> anyhow::Result<Self> {
        let film = film().await?;
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        std::fs::create_dir(&media)?;
        let world = World::make(&home.path().join("world"), Backend::Sqlite, &media).await?;
        Ok(Self {
            world,
            media,
            film,
            home,
        })
    }

    fn film(&self, index: usize) -> Vec<u8> {
        film_of(&self.film, 300_000 + index * 1009, index as u64)
    }

    /// The system calls of one upload that nobody disturbs, as `strace` tells them; none if it cannot.
    async fn told(&self, calls: &str, n_pieces: usize, bytes: &[u8]) -> anyhow::Result<Option<String>> {
        let life = self.world.serve()?;
        let client = life.ready().await?;
        let log = self.home.path().join("strace");
        let output = log.to_str().context("a path in UTF-8")?;
        let arguments = ["-y", "-s", "32", "-o", output, "-e", calls];
        let Some(mut strace) = attach(life.id()?, &arguments).await? else {
            return Ok(None);
        };
        let url = send(&client, bytes, n_pieces).await?;
        ensure!(ended(&client, &url).await?["status"] == "READY");
        life.kill(&self.world).await?;
        strace.wait().await?;
        Ok(Some(std::fs::read_to_string(log)?))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_at_a_system_call_leaves_nothing_half_done() -> anyhow::Result<()> {
    let n_points = number("VITAGRAPH_TEST_UPLOAD_POINTS", 5)?;
    let n_pieces = (n_points / 6).clamp(3, 50);
    let (stage, mut sources) = (Stage::make().await?, Sources::default());
    let first = stage.film(0);
    sources.add(&first);
    let Some(told) = stage
        .told(&format!("trace={}", CALLS.join(",")), n_pieces, &first)
        .await?
    else {
        return Ok(());
    };
    let all = reachable(&told);
    let (begun, mut n_dead) = (Instant::now(), 0);
    let mut unfinished: Option<(Option<String>, Vec<u8>)> = None;
    for (index, (call, nth)) in all.iter().cycle().take(n_points).enumerate() {
        let life = stage.world.serve()?;
        let client = life.ready().await?;
        if let Some((url, bytes)) = unfinished.take() {
            finish(&client, url, &bytes)
                .await
                .with_context(|| format!("before point {index}"))?;
        }
        let bytes = stage.film(index + 1);
        sources.add(&bytes);
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={nth}"));
        let arguments = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
        let Some(strace) = attach(life.id()?, &arguments).await? else {
            return Ok(());
        };
        let url = way_in(&life, &client, &bytes, n_pieces).await;
        n_dead += usize::from(tokio::time::timeout(LAST_BREATH, death(&life)).await.is_ok());
        life.kill(&stage.world).await?;
        drop(strace);
        let checked = sources.check(&stage.world, &stage.media).await;
        checked.with_context(|| format!("killed at the {nth}. {call} of a thread"))?;
        unfinished = Some((url, bytes));
    }
    let life = stage.world.serve()?;
    if let Some((url, bytes)) = unfinished {
        finish(&life.ready().await?, url, &bytes).await?;
    }
    life.kill(&stage.world).await?;
    sources.check(&stage.world, &stage.media).await?;
    stage.world.check_integrity().await?;
    println!(
        "{n_dead} of {n_points} points were reached, of {} there are, {:.1?}",
        all.len(),
        begun.elapsed()
    );
    ensure!(n_dead * 3 > n_points, "only {n_dead} of {n_points} points were reached");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_before_it_is_on_the_disk() -> anyhow::Result<()> {
    let stage = Stage::make().await?;
    let calls = "trace=pwrite64,fdatasync,fsync,renameat2,sendto,write,writev";
    let Some(told) = stage.told(calls, 4, &stage.film(1)).await? else {
        return Ok(());
    };
    let seen = Order::read(&told).with_context(|| {
        let lines = told.lines().filter(|line| Order::concerns(line));
        format!("the order was:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    println!(
        "{} acknowledgements and {} renames in order",
        seen.n_told, seen.n_renamed
    );
    ensure!(seen.n_told >= 4 && seen.n_renamed == 1, "{told}");
    Ok(())
}

/// What the order of calls has shown so far.
#[derive(Debug, Default)]
struct Order {
    now: usize,
    /// When the last write to the upload's file began.
    written: usize,
    /// When the last sync of it that has ended had begun.
    synced: usize,
    /// The same of the database's log.
    committed: usize,
    /// When the file got its name, and when a sync of a folder that has ended since had begun.
    renamed: Option<usize>,
    placed: usize,
    n_told: usize,
    n_renamed: usize,
}

impl Order {
    fn concerns(line: &str) -> bool {
        [".part>", ".part\"", "HTTP/1.1 204", "vitagraph.db-wal>", "resumed"]
            .iter()
            .any(|part| line.contains(part))
            || line.contains("fsync(")
    }

    fn read(log: &str) -> anyhow::Result<Self> {
        let mut order = Self::default();
        // Calls that have begun and not ended, by thread.
        let mut open: HashMap<&str, (&str, usize)> = HashMap::new();
        for line in log.lines() {
            let Some((thread, call)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let call = call.trim_start();
            order.now += 1;
            if call.starts_with("<... ") {
                if let Some((begun, at)) = open.remove(thread) {
                    order.ended(begun, at)?;
                }
                continue;
            }
            order.begun(call).with_context(|| line.to_owned())?;
            if call.ends_with("<unfinished ...>") {
                open.insert(thread, (call, order.now));
            } else {
                order.ended(call, order.now)?;
            }
        }
        Ok(order)
    }

    fn begun(&mut self, call: &str) -> anyhow::Result<()> {
        if call.starts_with("pwrite64(") && call.contains(".part>") {
            self.written = self.now;
        }
        if call.contains("HTTP/1.1 204") {
            self.n_told += 1;
            ensure!(
                self.synced > self.written,
                "bytes were acknowledged that are not on the disk"
            );
            ensure!(
                self.committed > self.synced,
                "bytes were acknowledged that no row tells of"
            );
        }
        if call.starts_with("renameat2(") && call.contains(".part\"") {
            self.n_renamed += 1;
            ensure!(
                self.synced > self.written,
                "a file got its name before its bytes were on the disk"
            );
            self.renamed = Some(self.now);
        }
        if call.starts_with("fdatasync(")
            && call.contains("vitagraph.db-wal>")
            && let Some(renamed) = self.renamed.take()
        {
            ensure!(self.placed > renamed, "a row tells of a name that is not on the disk");
        }
        Ok(())
    }

    fn ended(&mut self, call: &str, begun: usize) -> anyhow::Result<()> {
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        match is_sync {
            true if call.contains(".part>") => self.synced = self.synced.max(begun),
            true if call.contains("vitagraph.db-wal>") => self.committed = self.committed.max(begun),
            true => self.placed = self.placed.max(begun),
            false => {}
        }
        Ok(())
    }
}

#[test]
fn an_order_that_is_broken_is_seen() {
    let good = "1 pwrite64(5</m/u.part>, \"\", 1, 0) = 1\n1 fdatasync(5</m/u.part> <unfinished ...>\n\
        2 pwrite64(6</d/vitagraph.db-wal>, \"\", 1, 0) = 1\n1 <... fdatasync resumed>) = 0\n\
        2 fdatasync(6</d/vitagraph.db-wal>) = 0\n3 sendto(9<socket:[1]>, \"HTTP/1.1 204 No\", 1, 0, NULL, 0) = 1\n\
        4 renameat2(7</m>, \".x/u.part\", 7</m>, \"a.mp4\", 1) = 0\n4 fsync(7</m>) = 0\n\
        2 fdatasync(6</d/vitagraph.db-wal>) = 0";
    let seen = Order::read(good).expect("in order");
    assert_eq!((seen.n_told, seen.n_renamed), (1, 1));
    let lines: Vec<&str> = good.lines().collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != gone);
        kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
    };
    // Without the end of the file's sync, without the commit, without the folder's sync.
    for gone in [3, 4, 7] {
        assert!(Order::read(&without(gone)).is_err(), "without {}", lines[gone]);
    }
    let late = format!(
        "{}\n{}",
        lines[..4].join("\n"),
        "1 pwrite64(5</m/u.part>, \"\", 1, 0) = 1"
    );
    assert!(
        Order::read(&format!("{late}\n{}", lines[4..].join("\n"))).is_err(),
        "written after the sync"
    );
}

/// The calls that a thread of the server makes, each with its number, the rare kinds among the frequent.
fn reachable(log: &str) -> Vec<(&'static str, usize)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        if let Some(call) = CALLS
            .iter()
            .find(|call| rest.trim_start().starts_with(&format!("{call}(")))
        {
            *counts.entry((*call, thread)).or_default() += 1;
        }
    }
    let most = |call: &str| {
        let of_call = counts.iter().filter(|((known, _), _)| *known == call);
        of_call.map(|(_, n)| *n).max().unwrap_or(0)
    };
    let longest = CALLS.iter().map(|call| most(call)).max().unwrap_or(0);
    let all = (1..=longest).flat_map(|nth| CALLS.iter().map(move |call| (*call, nth)));
    all.filter(|(call, nth)| *nth <= most(call)).collect()
}

/// Attaches `strace` to all threads of a process; none if that cannot be done here.
async fn attach(id: u32, arguments: &[&str]) -> anyhow::Result<Option<tokio::process::Child>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test breaks the server; the product does not"
    )]
    let strace = tokio::process::Command::new("strace")
        .args(["-f", "-q", "-p", &id.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut strace) = strace else {
        println!("skipped: strace is not installed");
        return Ok(None);
    };
    let begun = Instant::now();
    loop {
        if let Some(status) = strace.try_wait()? {
            // The first of some calls may come before all threads are attached to: then there is nothing left to trace.
            if status.success() {
                return Ok(Some(strace));
            }
            let output = strace.wait_with_output().await?;
            let said = String::from_utf8_lossy(&output.stderr);
            println!("skipped: strace may not trace other processes here: {said}");
            return Ok(None);
        }
        if is_traced(Path::new(&format!("/proc/{id}/task")))? {
            return Ok(Some(strace));
        }
        ensure!(begun.elapsed() < PATIENCE, "strace does not attach");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_traced(threads: &Path) -> anyhow::Result<bool> {
    for thread in std::fs::read_dir(threads)? {
        let status = std::fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sends a file in so many pieces, each of which is acknowledged.
async fn send(client: &Client, bytes: &[u8], n_pieces: usize) -> anyhow::Result<String> {
    let tus = Tus::new(client.clone());
    let url = tus.create(bytes.len(), &METADATA).await?;
    match pieces(&tus, &url, bytes, n_pieces).await {
        Ok(()) => Ok(url),
        Err(error) => bail!("{url}: {error:#}"),
    }
}

async fn pieces(tus: &Tus, url: &str, bytes: &[u8], n_pieces: usize) -> anyhow::Result<()> {
    for piece in 0..n_pieces {
        let (from, to) = (bytes.len() * piece / n_pieces, bytes.len() * (piece + 1) / n_pieces);
        let answer = tus.patch(url, from, &bytes[from..to]).await?;
        ensure!(answer.status == 204, "{answer:?}");
    }
    Ok(())
}

async fn death(life: &Life) {
    while !life.has_ended().unwrap_or(true) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends a file until it is an item, or the server is dead. Returns its URL as far as it was told.
async fn way_in(life: &Life, client: &Client, bytes: &[u8], n_pieces: usize) -> Option<String> {
    let tus = Tus::new(client.clone());
    let sending = async {
        let url = tus.create(bytes.len(), &METADATA).await.ok();
        if let Some(url) = &url
            && pieces(&tus, url, bytes, n_pieces).await.is_ok()
        {
            let _ = ended(client, url).await;
        }
        url
    };
    let mut sending = std::pin::pin!(sending);
    tokio::select! {
        url = &mut sending => url,
        // Requests to the dead end by themselves, and say what they were told before.
        () = death(life) => tokio::time::timeout(Duration::from_secs(10), sending).await.ok().flatten(),
    }
}

/// Goes on with an upload, or begins anew if nobody knows it, until it is an item.
async fn finish(client: &Client, url: Option<String>, bytes: &[u8]) -> anyhow::Result<()> {
    let tus = Tus::new(client.clone());
    let url = match url {
        Some(url) => {
            let head = tus.head(&url).await?;
            ensure!(head.status == 200, "an upload that was acknowledged is gone: {head:?}");
            let offset = head.offset.context("an offset")?;
            if offset < bytes.len() {
                let answer = tus.patch(&url, offset, &bytes[offset..]).await?;
                ensure!(answer.status == 204, "{answer:?}");
            }
            url
        }
        None => tus.send(bytes, &METADATA).await?,
    };
    let upload = ended(client, &url).await?;
    ensure!(
        upload["contentHash"] == hash(bytes) && upload["status"] == "READY",
        "{upload:#}"
    );
    Ok(())
}
