//! What changes in a watched folder is scanned by itself, once and whole.
//!
//! `VITAGRAPH_TEST_WATCH_FILES` says how many files are dropped.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{fixture, on_both, server::TestServer};

use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(120);
/// A GIF of one pixel.
const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Waits until a query's answer is as wanted.
async fn until(server: &TestServer, query: &str, is_it: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        let answer = server.admin().query(query, json!({})).await?;
        if is_it(&answer) {
            return Ok(answer);
        }
        ensure!(begun.elapsed() < PATIENCE * 5, "it does not come to be: {answer:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const WATCHERS: &str = "{ libraryWatchers { mode reason nFolders } }";

async fn watched(server: &TestServer, n_folders: i64) -> anyhow::Result<()> {
    let is_it = |answer: &Value| {
        answer["libraryWatchers"][0]["mode"] == "EVENTS" && answer["libraryWatchers"][0]["nFolders"] == n_folders
    };
    until(server, WATCHERS, is_it).await?;
    Ok(())
}

/// Each bytes of its own, so that none is a copy.
fn picture(base: &[u8], index: usize) -> Vec<u8> {
    [base, b"\0", index.to_string().as_bytes()].concat()
}

/// What all scans have done together.
async fn sums(server: &TestServer) -> anyhow::Result<(i64, i64, i64)> {
    let jobs = "{ jobs(first: 200) { nodes { id kind status } } }";
    let all = server.admin().query(jobs, json!({})).await?;
    let (mut new, mut changed, mut n_scans) = (0, 0, 0);
    for job in all["jobs"]["nodes"].as_array().context("jobs")? {
        if job["kind"] != "scan.library" {
            continue;
        }
        let report = "query($id: ID!) { scanReport(jobId: $id) { new changed } }";
        let report = server.admin().query(report, json!({ "id": job["id"] })).await?;
        new += report["scanReport"]["new"].as_i64().unwrap_or(0);
        changed += report["scanReport"]["changed"].as_i64().unwrap_or(0);
        n_scans += 1;
    }
    Ok((new, changed, n_scans))
}

async fn world(backend: tests::database::Backend) -> anyhow::Result<(TestServer, Vec<u8>)> {
    let settings = [
        ("VITAGRAPH_SCAN_WATCH", "true"),
        ("VITAGRAPH_SCAN_WATCH_SETTLE_SECONDS", "0.3"),
        ("VITAGRAPH_SCAN_SETTLE_SECONDS", "2.0"),
    ];
    let server = TestServer::start_with(backend, &settings).await?;
    fs::create_dir_all(server.media().join("a/b"))?;
    fixture::write(&server.media().join("a"), "base.jpg 64x48", &server.server().engine).await?;
    let base = fs::read(server.media().join("a/base.jpg"))?;
    fs::remove_file(server.media().join("a/base.jpg"))?;
    server.library_over(server.media()).await?;
    watched(&server, 3).await?;
    Ok((server, base))
}

fn grow(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::File::options()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(bytes)?;
    Ok(())
}

on_both! {
    async fn dropped_files_are_scanned_once_and_whole(backend: Backend) {
        let n: usize = std::env::var("VITAGRAPH_TEST_WATCH_FILES").map_or(Ok(300), |text| text.parse())?;
        let (server, base) = world(backend).await?;
        let top = server.media().to_owned();
        // Some grow while the others come.
        let growing: Vec<_> = (0..5).map(|index| top.join(format!("a/growing{index}.jpg"))).collect();
        let whole: Vec<Vec<u8>> = (0..5).map(|index| picture(&base, n + index)).collect();
        let begun = Instant::now();
        for index in 0..n {
            let folder = top.join(format!("a/b/new {}", index % 20));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{index}.jpg")), picture(&base, index))?;
            if index % (n / 10) == 0 {
                let piece = index / (n / 10);
                for (path, bytes) in growing.iter().zip(&whole) {
                    let (from, to) = (bytes.len() * piece / 10, bytes.len() * (piece + 1) / 10);
                    grow(path, &bytes[from..to])?;
                }
            }
        }
        let dropped = begun.elapsed();
        // What no scan looks at says nothing.
        fs::create_dir_all(top.join("a/.hidden"))?;
        fs::write(top.join("a/.hidden/x.jpg"), &base)?;
        fs::write(top.join("a/notes.txt"), "x")?;
        let wanted = n as i64 + 5;
        let count = "{ media(first: 1) { totalCount } }";
        until(&server, count, |answer| answer["media"]["totalCount"].as_i64() >= Some(wanted)).await?;
        server.idle().await?;
        let (new, changed, n_scans) = sums(&server).await?;
        println!("{n} files dropped in {dropped:.1?}, {n_scans} scans, all there after {:.1?}", begun.elapsed());
        ensure!(new == wanted && changed == 0, "{new} of {wanted} files are new, {changed} were looked at again");
        let sizes = "{ media(first: 200, filter: { path: { contains: \"growing\" } }) { nodes { files { size path } } } }";
        let answer = server.admin().send(sizes, json!({})).await?;
        ensure!(answer.get("errors").is_none(), "{answer:#}");
        for node in answer["data"]["media"]["nodes"].as_array().context("nodes")? {
            ensure!(node["files"][0]["size"].as_i64() == Some(whole[0].len() as i64), "{node:#}");
        }
    }

    async fn a_library_is_scanned_at_its_times(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 64x48").await?;
        let set = "mutation($input: SetScanScheduleInput!) { setScanSchedule(input: $input) { scanSchedule { schedule nextAt } } }";
        let bad = json!({ "input": { "libraryId": library, "schedule": "every day" } });
        ensure!(server.editor().error_code(set, bad).await? == "BAD_INPUT");
        let daily = json!({ "input": { "libraryId": library, "schedule": "0 3 * * *" } });
        ensure!(server.viewer().error_code(set, daily.clone()).await? == "FORBIDDEN");
        let told = server.editor().query(set, daily).await?;
        ensure!(told["setScanSchedule"]["scanSchedule"]["nextAt"].as_str().is_some_and(|at| at.contains("T03:00:00")), "{told:#}");
        // Its time comes.
        server.server().kernel.clock.advance(Duration::from_secs(24 * 3600));
        until(&server, "{ media(first: 1) { totalCount } }", |told| told["media"]["totalCount"] == 1).await?;
        server.idle().await?;
        let (_, _, n_scans) = sums(&server).await?;
        ensure!(n_scans == 1, "{n_scans} scans");
        let told = server.viewer().query("{ scanSchedules { libraryId schedule } }", json!({})).await?;
        ensure!(told["scanSchedules"] == json!([{ "libraryId": library, "schedule": "0 3 * * *" }]), "{told:#}");
        server.editor().query(set, json!({ "input": { "libraryId": library, "schedule": null } })).await?;
        let told = server.viewer().query("{ scanSchedules { libraryId } }", json!({})).await?;
        ensure!(told["scanSchedules"] == json!([]), "{told:#}");
    }

    async fn what_goes_is_noticed_and_a_watcher_that_died_comes_back(backend: Backend) {
        let (server, base) = world(backend).await?;
        let top = server.media().to_owned();
        fs::write(top.join("a/one.jpg"), picture(&base, 1))?;
        fs::write(top.join("a/two.jpg"), picture(&base, 2))?;
        let present = "{ libraries(first: 1) { nodes { mediaCount } } }";
        let is = |n: i64| move |answer: &Value| answer["libraries"]["nodes"][0]["mediaCount"] == n;
        until(&server, present, is(2)).await?;
        fs::remove_file(top.join("a/one.jpg"))?;
        until(&server, present, is(1)).await?;
        // The whole path goes, and with it its watcher.
        let away = top.with_extension("away");
        fs::rename(&top, &away)?;
        until(&server, WATCHERS, |answer| answer["libraryWatchers"][0]["mode"] == "BROKEN").await?;
        fs::write(away.join("a/three.jpg"), picture(&base, 3))?;
        fs::rename(&away, &top)?;
        until(&server, present, is(2)).await?;
        watched(&server, 3).await?;
    }
}

/// The system keeps so many events for who does not listen.
fn most_events() -> usize {
    let told = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    told.ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(usize::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_events_are_lost_is_found_all_the_same() -> anyhow::Result<()> {
    let most = most_events();
    if most > 200_000 {
        println!("skipped: the system keeps {most} events");
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let media = home.path().join("media");
    fs::create_dir_all(media.join("a"))?;
    let settings = [
        ("VITAGRAPH_SCAN_WATCH_SETTLE_SECONDS", "0.3"),
        ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0"),
    ];
    let mut process = Process::start(home.path(), &settings)?;
    let admin = process.administrator().await?;
    admin.library(&process, &media).await?;
    let until = async |query: &'static str, is_it: fn(&Value) -> bool| {
        let begun = Instant::now();
        while !is_it(&admin.ask(&process, query, json!({})).await?) {
            ensure!(begun.elapsed() < PATIENCE, "{query}: {}", process.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    until(WATCHERS, |told| told["libraryWatchers"][0]["nFolders"] == 2).await?;

    // A server that stands still hears nothing; the queue overflows, and what comes then is told to nobody.
    process.signal(rustix::process::Signal::STOP)?;
    let junk = media.join("junk.txt");
    for _ in 0..most / 2 + 100 {
        fs::write(&junk, "x")?;
        fs::remove_file(&junk)?;
    }
    fs::create_dir(media.join("a/new"))?;
    fs::write(media.join("a/new/lost.gif"), PICTURE)?;
    process.signal(rustix::process::Signal::CONT)?;
    until("{ media(first: 1) { totalCount } }", |told| {
        told["media"]["totalCount"] == 1
    })
    .await?;
    ensure!(process.log().contains("events were lost"), "{}", process.log());

    // The folder that nobody told of is listened to as well.
    until(WATCHERS, |told| told["libraryWatchers"][0]["nFolders"] == 3).await?;
    fs::write(media.join("a/new/later.gif"), [PICTURE, b"later"].concat())?;
    until("{ media(first: 1) { totalCount } }", |told| {
        told["media"]["totalCount"] == 2
    })
    .await?;
    process.stop().await
}
