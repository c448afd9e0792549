//! Scans as a client sees them: what is found, what fails, what is recognized again, and what is never done.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tests::{fixture, on_both, server::TestServer, writes::Writes};

const FIXTURE: &str = "
    films/night.mkv          h264 320x240 2s aac:2ch title:Night_Train
    films/plain.mp4         160x120 1s
    music/song.flac
    photos/a.jpg            64x48
    copies/plain_again.mp4  same:films/plain.mp4
    films/told.mp4          1s seed:5
    films/told.nfo          text:<movie><title>Told</title><plot>A plot.</plot><genre>Drama</genre></movie>
    broken/half.mp4         1s aac truncated:40%
    broken/crash.mp4        fault:crash
    ignored/a.mp4           1s seed:6
    ignored/.nomedia        text:
    rules/left.mp4          1s seed:7
    rules/kept.mp4          1s seed:8
    rules/.vitagraphignore  text:*.mp4\\n!kept.mp4\\n
    notes.txt               text:nothing
";

/// The items with their files, by title: everything that a scan can change, times included.
async fn items(server: &TestServer) -> anyhow::Result<BTreeMap<String, Value>> {
    let document = "{ media(first: 200, filter: { or: [{ isMissing: { eq: true } }, { isMissing: { eq: false } }] }) {
        nodes { id title description rating missingSince updatedAt addedAt tags(first: 9) { nodes { name } }
            files { id path status size modifiedAt addedAt missingSince container duration streams { id codec } } } } }";
    let mut data = server.admin().query(document, json!({})).await?;
    let Value::Array(nodes) = data["media"]["nodes"].take() else {
        anyhow::bail!("no list: {data}")
    };
    let title = |node: &Value| node["title"].as_str().unwrap_or_default().to_owned();
    Ok(nodes.into_iter().map(|node| (title(&node), node)).collect())
}

/// The paths of an item's files, those that are missing with a mark.
fn paths(item: &Value) -> Vec<String> {
    let name = |file: &Value| {
        let path = file["path"].as_str().unwrap_or_default();
        if file["status"] == "PRESENT" {
            path.to_owned()
        } else {
            format!("{path} (missing)")
        }
    };
    let mut paths: Vec<String> = item["files"].as_array().into_iter().flatten().map(name).collect();
    paths.sort();
    paths
}

/// Path, code and reason of every failure.
async fn failures(server: &TestServer, library: &str) -> anyhow::Result<Vec<[String; 3]>> {
    let document = "query($id: ID!) { scanFailures(libraryId: $id, first: 100) { nodes { path code reason } } }";
    let data = server.viewer().query(document, json!({ "id": library })).await?;
    let text = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let nodes = data["scanFailures"]["nodes"].as_array().context("no list")?;
    let mut rows: Vec<_> = nodes
        .iter()
        .map(|node| [text(node, "path"), text(node, "code"), text(node, "reason")])
        .collect();
    rows.sort();
    Ok(rows)
}

/// Scans to the end and returns the report.
async fn scan(server: &TestServer, library: &str) -> anyhow::Result<Value> {
    let job = server.scan(library).await?;
    report(server, &job).await
}

/// Scans only some folders to the end and returns the report.
async fn scan_of(server: &TestServer, library: &str, paths: Value) -> anyhow::Result<Value> {
    let document = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
    let input = json!({ "input": { "libraryId": library, "paths": paths } });
    let started = server.editor().query(document, input).await?;
    let job = started["startScan"]["job"]["id"].as_str().context("an id")?;
    report(server, &server.finished(job).await?).await
}

async fn report(server: &TestServer, job: &Value) -> anyhow::Result<Value> {
    let document =
        "query($id: ID!) { scanReport(jobId: $id) { found new changed moved missing restored unchanged failed
        elapsed offlineReason } }";
    Ok(server.viewer().query(document, json!({ "id": job["id"] })).await?["scanReport"].take())
}

async fn library_row(server: &TestServer, library: &str) -> anyhow::Result<Value> {
    let document = "query($id: ID!) { library(id: $id) { mediaCount totalSize totalDuration isOnline offlineReason
        media { totalCount } } }";
    Ok(server.admin().query(document, json!({ "id": library })).await?["library"].take())
}

/// Checks that a scan wrote its own life as a job and when the library was last scanned, and of the media nothing.
fn only_the_job_was_written(written: &BTreeMap<String, i64>, told: &Value) -> anyhow::Result<()> {
    // Enqueued, claimed, finished; a slow machine sees a heartbeat or two besides.
    let n_beats = told["elapsed"].as_f64().context("the time it took")? as i64 / 4;
    let mut rest = written.clone();
    let of_job = rest.remove("job").unwrap_or_default();
    ensure!(
        (3..=3 + n_beats).contains(&of_job),
        "{of_job} writes of the job's row in {told:#}"
    );
    let rest: Vec<(&str, i64)> = rest.iter().map(|(table, n)| (table.as_str(), *n)).collect();
    ensure!(
        rest == [("job_attempt", 1), ("library", 1), ("scan_report", 1)],
        "{rest:?}"
    );
    Ok(())
}

/// Size, time, mode and content of a file or folder.
type Seen = (u64, i64, i64, u32, Vec<u8>);

/// Everything below a folder by its path.
fn tree(root: &Path) -> anyhow::Result<BTreeMap<String, Seen>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let facts = fs::symlink_metadata(&path)?;
            let bytes = if facts.is_file() { fs::read(&path)? } else { Vec::new() };
            let row = (facts.len(), facts.mtime(), facts.mtime_nsec(), facts.mode(), bytes);
            found.insert(path.display().to_string(), row);
            if facts.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

/// Asks for one change of a job and returns its state.
async fn steer(server: &TestServer, what: &str, job: &str) -> anyhow::Result<Value> {
    let kind = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    let document = format!("mutation($input: {kind}Input!) {{ {what}(input: $input) {{ job {{ id status }} }} }}");
    let mut data = server
        .admin()
        .query(&document, json!({ "input": { "id": job } }))
        .await?;
    Ok(data[what]["job"].take())
}

/// Many small films, none like another, so that a scan takes a while.
async fn many(server: &TestServer, n: usize) -> anyhow::Result<()> {
    fixture::write(server.media(), "many/base.mp4 1s", &server.server().engine).await?;
    let base = fs::read(server.media().join("many/base.mp4"))?;
    for index in 0..n {
        // Containers do not mind what follows them.
        let bytes = [&base[..], b"\0\0\0\x10free", &(index as u64).to_le_bytes()].concat();
        fixture::write_file(&server.media().join(format!("many/f{index:04}.mp4")), &bytes)?;
    }
    Ok(())
}

on_both! {
    async fn a_scan_records_what_is_there_and_says_what_is_not(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        let before = tree(server.media())?;
        let told = scan(&server, &library).await?;
        ensure!(told["found"] == 9 && told["new"] == 7 && told["failed"] == 2, "{told:#}");
        let found = items(&server).await?;
        let titles: Vec<&str> = found.keys().map(String::as_str).collect();
        ensure!(titles == ["Night Train", "Told", "a", "kept", "plain again", "song"], "{titles:?}");
        ensure!(paths(&found["plain again"]) == ["copies/plain_again.mp4", "films/plain.mp4"], "one item with two files");
        ensure!(found["Told"]["description"] == "A plot.", "{:#}", found["Told"]);
        ensure!(found["Told"]["tags"]["nodes"] == json!([{ "name": "Drama" }]), "{:#}", found["Told"]);
        let film = &found["Night Train"]["files"][0];
        ensure!(film["container"] == "matroska" && film["duration"].as_f64().is_some_and(|s| (s - 2.0).abs() < 0.1), "{film:#}");

        let failed = failures(&server, &library).await?;
        let codes: Vec<_> = failed.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
        ensure!(codes == [("broken/crash.mp4", "MEDIA_CRASHED"), ("broken/half.mp4", "MEDIA_CORRUPT")], "{failed:?}");
        ensure!(failed.iter().all(|row| !row[2].is_empty()), "every failure has its reason: {failed:?}");
        server.idle().await?;
        ensure!(tree(server.media())? == before, "a scan touches no file");
    }

    async fn a_second_scan_adds_nothing(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        scan(&server, &library).await?;
        server.idle().await?;
        let (before, failed) = (items(&server).await?, failures(&server, &library).await?);
        let whole = library_row(&server, &library).await?;
        let writes = Writes::watch(&server.server().kernel.store).await?;
        let told = scan(&server, &library).await?;
        server.idle().await?;
        ensure!(told["new"] == 0 && told["changed"] == 0 && told["unchanged"] == 7 && told["failed"] == 2, "{told:#}");
        only_the_job_was_written(&writes.take().await?, &told)?;
        ensure!(items(&server).await? == before, "a row changed");
        ensure!(failures(&server, &library).await? == failed, "a failure changed");
        ensure!(library_row(&server, &library).await? == whole, "the library's row changed");

        // Ten times the files cost not one write more.
        many(&server, 80).await?;
        scan(&server, &library).await?;
        server.idle().await?;
        writes.take().await?;
        let told = scan(&server, &library).await?;
        server.idle().await?;
        ensure!(told["unchanged"] == 88 && told["new"] == 0, "{told:#}");
        only_the_job_was_written(&writes.take().await?, &told)?;
    }

    async fn a_file_that_broke_a_worker_twice_is_not_opened_again(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("good.mp4 1s\nbad.mp4 fault:crash").await?;
        scan(&server, &library).await?;
        let crashed = server.server().engine.stats().n_crashed;
        ensure!(crashed == 2, "a file gets a second chance, and no third: {crashed}");
        scan(&server, &library).await?;
        ensure!(server.server().engine.stats().n_crashed == crashed, "a rescan opened it again");
        // The same bytes under a new time are the file that is known to crash.
        let force = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        let input = json!({ "input": { "libraryId": library, "force": true } });
        let started = server.editor().query(force, input).await?;
        let job = started["startScan"]["job"]["id"].as_str().context("an id")?.to_owned();
        ensure!(server.finished(&job).await?["status"] == "SUCCEEDED");
        ensure!(server.server().engine.stats().n_crashed == crashed, "the quarantine let it through");
        let failed = failures(&server, &library).await?;
        ensure!(failed.len() == 1 && failed[0][0] == "bad.mp4" && failed[0][1] == "MEDIA_QUARANTINED", "{failed:?}");
        ensure!(items(&server).await?.contains_key("good"), "the scan went on");
    }

    async fn a_moved_file_keeps_its_rating(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a/one.mp4 1s\na/two.mp4 1s\nb/three.mp4 1s").await?;
        scan(&server, &library).await?;
        let before = items(&server).await?;
        let rate = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        let input = json!({ "input": { "id": before["one"]["id"], "rating": 80 } });
        server.admin().query(rate, input).await?;
        fs::create_dir(server.media().join("c"))?;
        fs::rename(server.media().join("a/one.mp4"), server.media().join("c/renamed.mp4"))?;
        // A copy with another inode and time is told by its bytes.
        let bytes = fs::read(server.media().join("a/two.mp4"))?;
        fs::remove_file(server.media().join("a/two.mp4"))?;
        fixture::write_file(&server.media().join("c/copied.mp4"), &bytes)?;
        let told = scan(&server, &library).await?;
        ensure!(told["moved"] == 2 && told["new"] == 0 && told["missing"] == 0, "{told:#}");
        let after = items(&server).await?;
        ensure!(after["renamed"]["id"] == before["one"]["id"] && after["renamed"]["rating"] == 80, "{after:#?}");
        ensure!(after["copied"]["files"][0]["id"] == before["two"]["files"][0]["id"], "{after:#?}");
    }

    async fn what_is_gone_is_marked_and_never_deleted(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.mp4 1s\nb.mp4 2s\nb_again.mp4 same:b.mp4").await?;
        scan(&server, &library).await?;
        let (before, whole) = (items(&server).await?, library_row(&server, &library).await?);
        let away = server.media().with_extension("away");
        fs::create_dir(&away)?;
        fs::rename(server.media().join("a.mp4"), away.join("a.mp4"))?;
        fs::rename(server.media().join("b.mp4"), away.join("b.mp4"))?;
        server.idle().await?;
        let writes = Writes::watch(&server.server().kernel.store).await?;
        let told = scan(&server, &library).await?;
        ensure!(told["missing"] == 2, "{told:#}");
        let deleted = writes.deleted().await?;
        ensure!(deleted.is_empty(), "a scan deleted rows of {deleted:?}");
        let after = items(&server).await?;
        let same = before.values().all(|old| after.values().any(|new| new["id"] == old["id"]));
        ensure!(same && after.len() == before.len(), "an item is gone: {after:#?}");
        ensure!(after["a"]["missingSince"].is_string() && paths(&after["a"]) == ["a.mp4 (missing)"], "{:#}", after["a"]);
        let row = library_row(&server, &library).await?;
        ensure!(row["mediaCount"] == 1 && row["media"]["totalCount"] == 1, "only what is there counts: {row:#}");
        ensure!(row["totalSize"].as_i64() < whole["totalSize"].as_i64(), "{row:#}");
        for name in ["a.mp4", "b.mp4"] {
            fs::rename(away.join(name), server.media().join(name))?;
        }
        let told = scan(&server, &library).await?;
        ensure!(told["restored"] == 2 && told["new"] == 0, "{told:#}");
        ensure!(library_row(&server, &library).await? == whole, "the counts are what they were");
    }

    async fn a_folder_that_went_away_changes_nothing(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.mp4 1s\nb.mp4 1s").await?;
        scan(&server, &library).await?;
        let before = items(&server).await?;
        let away = server.media().with_extension("away");
        fs::rename(server.media(), &away)?;
        // Not there at all, and then an empty folder, as a disk that is not mounted leaves it.
        for is_empty in [false, true] {
            if is_empty {
                fs::create_dir(server.media())?;
            }
            let job = server.start_scan(&library).await?;
            let done = server.finished(&job).await?;
            ensure!(done["status"] == "FAILED" && done["error"]["code"] == "SCAN_LIBRARY_OFFLINE", "{done:#}");
            let row = library_row(&server, &library).await?;
            ensure!(row["isOnline"] == false && row["offlineReason"].is_string(), "{row:#}");
            ensure!(row["mediaCount"] == 2 && items(&server).await? == before, "{row:#}");
        }
        fs::remove_dir(server.media())?;
        fs::rename(&away, server.media())?;
        let told = scan(&server, &library).await?;
        ensure!(told["unchanged"] == 2, "{told:#}");
        ensure!(library_row(&server, &library).await?["isOnline"] == true);
    }

    async fn only_editors_start_scans_and_a_library_has_one(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.mp4 1s").await?;
        many(&server, 40).await?;
        let start = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        let input = json!({ "input": { "libraryId": library } });
        ensure!(server.viewer().error_code(start, input.clone()).await? == "FORBIDDEN");
        ensure!(server.anonymous().error_code(start, input.clone()).await? == "UNAUTHENTICATED");
        let unknown = json!({ "input": { "libraryId": entities::id::LibraryId::new().to_string() } });
        let code = server.editor().error_code(start, unknown).await?;
        ensure!(code == "SCAN_LIBRARY_NOT_FOUND", "{code}");
        let first = server.editor().query(start, input.clone()).await?;
        let second = server.admin().query(start, input).await?;
        ensure!(first["startScan"] == second["startScan"], "a second live scan: {first} {second}");
        server.idle().await?;
    }

    async fn a_scan_of_some_folders_leaves_the_others_alone(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(
            "films/a/one.mp4 1s\nfilms/a/extras/two.mp4 1s\nfilms/ab/three.mp4 1s\nfilms/bad.mp4 fault:crash\nmusic/song.flac\nmusic/away.flac",
        ).await?;
        scan(&server, &library).await?;
        let scanned_at = "query($id: ID!) { library(id: $id) { lastScannedAt } }";
        let first_time = server.admin().query(scanned_at, json!({ "id": library })).await?;
        let before = items(&server).await?;
        // The same happens in each folder: one file goes, another comes.
        for folder in ["films/a/extras", "films/ab", "music"] {
            let gone = fs::read_dir(server.media().join(folder))?.next().context("a file")??.path();
            fs::remove_file(gone)?;
            let line = format!("{folder}/new_in_{}.mp4 2s", folder.replace('/', "_"));
            fixture::write(server.media(), &line, &server.server().engine).await?;
        }
        let (bad, absolute) = (failures(&server, &library).await?, server.media().join("films/a/extras"));
        let told = scan_of(&server, &library, json!(["./films//a", absolute])).await?;
        let counts = |told: &Value| ["found", "new", "missing", "unchanged", "failed"].map(|key| told[key].as_i64().unwrap_or(-1));
        ensure!(counts(&told) == [2, 1, 1, 1, 0], "{told:#}");
        let after = items(&server).await?;
        ensure!(after["two"]["missingSince"].is_string() && after.contains_key("new in films a extras"), "{after:#?}");
        ensure!(after.len() == before.len() + 1, "something else came: {:?}", after.keys());
        for title in ["one", "three", "song", "away"] {
            ensure!(after[title] == before[title], "a file elsewhere changed: {:#}", after[title]);
        }
        ensure!(failures(&server, &library).await? == bad, "a failure elsewhere is gone");
        ensure!(server.admin().query(scanned_at, json!({ "id": library })).await? == first_time, "not all was scanned");
        // A folder that is gone is scanned too: its files are missing. Its neighbor is still not.
        fs::remove_dir_all(server.media().join("films/a"))?;
        let told = scan_of(&server, &library, json!(["films/a"])).await?;
        ensure!(counts(&told) == [0, 0, 2, 0, 0], "{told:#}");
        ensure!(items(&server).await?["three"] == before["three"]);
        // Then everything else is found as it is.
        let told = scan(&server, &library).await?;
        ensure!(counts(&told) == [4, 2, 2, 1, 1], "{told:#}");
    }

    async fn a_folder_to_scan_must_be_the_librarys(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("films/a.mp4 1s").await?;
        let start = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        for (paths, field) in [
            (json!([]), "input.paths"),
            (json!(["films", "nowhere"]), "input.paths[1]"),
            (json!(["films/../../etc"]), "input.paths[0]"),
            (json!(["/etc"]), "input.paths[0]"),
            (json!([server.media().with_extension("other")]), "input.paths[0]"),
            (json!(["films/a.mp4"]), "input.paths[0]"),
        ] {
            let input = json!({ "input": { "libraryId": library, "paths": paths } });
            let refused = server.editor().send(start, input).await?;
            let at = &refused["errors"][0]["extensions"]["fields"][0]["path"];
            ensure!(at == field, "{paths}: {refused:#}");
        }
    }

    async fn scans_of_different_folders_wait_for_each_other(backend: Backend) {
        let server = TestServer::start(backend).await?;
        many(&server, 300).await?;
        let library = server.library("films/a.mp4 1s\nfilms/b.mp4 1s").await?;
        let start = async |paths: Value| -> anyhow::Result<String> {
            let document = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
            let input = json!({ "input": { "libraryId": library, "paths": paths } });
            let mut started = server.editor().query(document, input).await?;
            Ok(started["startScan"]["job"]["id"].take().as_str().context("an id")?.to_owned())
        };
        let whole = start(Value::Null).await?;
        until(&server, &whole, |view| view["progress"]["step"] == "probe").await?;
        // What the running scan may have passed is scanned after it; asked for again, it is the same scan.
        let part = start(json!(["films"])).await?;
        ensure!(part != whole && start(json!(["films/"])).await? == part && start(Value::Null).await? == whole);
        until(&server, &part, |view| view["status"] == "WAITING").await?;
        server.finished(&whole).await?;
        let done = server.finished(&part).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let told = report(&server, &done).await?;
        ensure!(told["found"] == 2 && told["unchanged"] == 2, "{told:#}");
        // All paths of a library are the library.
        let whole = start(json!([server.media()])).await?;
        let told = report(&server, &server.finished(&whole).await?).await?;
        ensure!(told["found"] == 303, "{told:#}");
    }

    async fn a_scan_tells_its_progress_file_by_file(backend: Backend) {
        let server = TestServer::start(backend).await?;
        many(&server, 900).await?;
        let library = server.library("").await?;
        let job = server.start_scan(&library).await?;
        let mut views = server.server().kernel.jobs.watch(job.parse()?);
        let mut seen: Vec<(u64, f64)> = Vec::new();
        while let Some(view) = views.next().await {
            let view = view?;
            if view.progress.step.as_deref() == Some("probe") {
                seen.push((view.progress.done, view.progress.fraction));
            }
        }
        ensure!(seen.len() >= 2, "too few steps: {seen:?}");
        ensure!(seen.windows(2).all(|two| two[0].0 <= two[1].0 && two[0].1 <= two[1].1), "it fell back: {seen:?}");
        ensure!(seen.iter().any(|(done, _)| (1..901).contains(done)), "nothing between first and last: {seen:?}");
        ensure!(seen.last().is_some_and(|(done, _)| *done == 901), "{seen:?}");
    }

    async fn a_scan_can_rest_go_on_and_be_ended(backend: Backend) {
        let server = TestServer::start(backend).await?;
        many(&server, 400).await?;
        let library = server.library("").await?;
        let job = server.start_scan(&library).await?;
        until(&server, &job, |view| view["progress"]["done"].as_i64() > Some(5) && view["progress"]["step"] == "probe").await?;
        steer(&server, "pauseJob", &job).await?;
        until(&server, &job, |view| view["status"] == "PAUSED").await?;
        let resting = items(&server).await?.len();
        tokio::time::sleep(Duration::from_millis(300)).await;
        ensure!(items(&server).await?.len() == resting, "it did not rest");
        steer(&server, "resumeJob", &job).await?;
        let done = server.finished(&job).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let told = report(&server, &done).await?;
        ensure!(told["found"] == 401 && told["new"] == 401 && told["failed"] == 0, "{told:#}");

        // Enough new work to be ended in the middle; what was done stays, and the next scan does the rest.
        for index in 0..400 {
            let path = server.media().join(format!("many/f{index:04}.mp4"));
            let bytes = [fs::read(&path)?, b"\0\0\0\x08free".to_vec()].concat();
            fixture::write_file(&path, &bytes)?;
        }
        let job = server.start_scan(&library).await?;
        until(&server, &job, |view| view["progress"]["done"].as_i64() > Some(5) && view["progress"]["step"] == "probe").await?;
        steer(&server, "cancelJob", &job).await?;
        let done = server.finished(&job).await?;
        ensure!(done["status"] == "CANCELED", "{done:#}");
        let told = scan(&server, &library).await?;
        ensure!(told["changed"].as_i64().is_some_and(|n| (1..=400).contains(&n)), "{told:#}");
        ensure!(told["new"] == 0 && told["missing"] == 0 && told["failed"] == 0, "{told:#}");
    }
}

/// Asks for a job until it is as expected.
async fn until(server: &TestServer, job: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
    let document = "query($id: ID!) { node(id: $id) { ... on Job { status progress { step done } } } }";
    for _ in 0..3000 {
        let view = server.admin().query(document, json!({ "id": job })).await?["node"].take();
        if is_so(&view) {
            return Ok(());
        }
        let has_ended = ["SUCCEEDED", "FAILED", "CANCELED"]
            .iter()
            .any(|end| view["status"] == *end);
        ensure!(!has_ended, "the job ended first: {view}");
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    anyhow::bail!("the job {job} never came to be as expected")
}
