//! Whole scans on both databases, with real media that our own worker makes.

#![allow(missing_docs, reason = "tests are named by what they show")]
#![allow(
    clippy::print_stdout,
    reason = "a skipped test says why, and a measured one says what"
)]

mod world;

use anyhow::Context;
use media_proto::{
    fault::Fault,
    synthetic::{Synthetic, SyntheticVideo},
};
use plugin_scan::ScanOptions;
use world::{Backend, World, on_both};

fn clip(seed: u64) -> Synthetic {
    Synthetic {
        duration_us: 400_000,
        ..Synthetic::clip(seed)
    }
}

/// Different bytes of one clip: containers do not mind what follows them.
fn variant(bytes: &[u8], n: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 16]);
    bytes.extend_from_slice(b"free");
    bytes.extend_from_slice(&(n as u64).to_le_bytes());
    bytes
}

const ITEMS: &str = "select title, title_origin, kind, path, n_files, date, description from media order by path";
const FILES: &str = "select id, path, status from file order by id";

on_both! {
    async fn a_first_scan_records_everything_and_a_second_one_writes_nothing(world: World) {
        let mut tagged = clip(1);
        tagged.tags = vec![("title".into(), "A Tagged Film".into()), ("artist".into(), "Ada".into()), ("date".into(), "2020-02-03".into())];
        world.media("films/tagged.mp4", tagged).await?;
        world.media("films/The.Plain.One.2011.1080p.BluRay.x264.mkv", Synthetic { container: "matroska".into(), ..clip(2) }).await?;
        world.media("music/song.flac", Synthetic::sound("flac", 440.0)).await?;
        world.media("photos/IMG_0001.png", Synthetic::still("png", 3)).await?;
        world.media("films/with nfo/film.mp4", clip(4)).await?;
        world.write("films/with nfo/film.nfo", b"<?xml version=\"1.0\"?><movie><title>Told &amp; Written</title>\
            <plot>A plot.</plot><year>1999</year><studio>Studio One</studio><genre>Drama / Short</genre>\
            <actor><name>ADA</name><role>Herself</role></actor><director>Bo</director></movie>")?;
        world.write("films/with nfo/film.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhi\n")?;
        world.write("broken/broken.mp4", b"this is no film at all, whatever its name says")?;
        world.write("crash.mp4", &Fault::Crash.file())?;
        world.write("notes.txt", b"text")?;
        world.media(".hidden/secret.mp4", clip(5)).await?;
        world.media("skipped/a.mp4", clip(6)).await?;
        world.write("skipped/.nomedia", b"")?;
        world.media("rules/kept.mp4", clip(7)).await?;
        world.media("rules/left.mp4", clip(8)).await?;
        world.write("rules/.vitagraphignore", b"*.mp4\n!kept.mp4\n")?;
        std::os::unix::fs::symlink("/etc", world.root.join("outside"))?;

        let report = world.scan().await?;
        assert_eq!((report.found, report.new, report.failed, report.unchanged), (8, 6, 2, 0), "{report:?}");
        assert_eq!(report.skipped, 1, "the link: {report:?}");
        assert_eq!(world.texts(ITEMS).await?, [
            "The Plain One (2011) | 0 | 0 | films/The.Plain.One.2011.1080p.BluRay.x264.mkv | 1 | - | -",
            "A Tagged Film | 1 | 0 | films/tagged.mp4 | 1 | 2020-02-03 | -",
            "Told & Written | 2 | 0 | films/with nfo/film.mp4 | 1 | 1999-01-01 | A plot.",
            "song | 0 | 1 | music/song.flac | 1 | - | -",
            "IMG_0001 | 0 | 2 | photos/IMG_0001.png | 1 | - | -",
            "kept | 0 | 0 | rules/kept.mp4 | 1 | - | -",
        ]);
        let people = "select person.name, media_person.role, person.n_media from media_person \
            join person on person.id = person_id join media on media.id = media_id order by media.path, media_person.position";
        assert_eq!(world.texts(people).await?, ["Ada | artist | 2", "Ada | Herself | 2", "Bo | director | 1"]);
        assert_eq!(world.texts("select name, n_media from tag order by name").await?, ["Drama | 1", "Short | 1"]);
        assert_eq!(world.texts("select name, n_media from studio").await?, ["Studio One | 1"]);
        let codes = world.texts("select path_text, code from scan_failure order by path_text").await?;
        assert_eq!(codes, ["broken/broken.mp4 | MEDIA_CORRUPT", "crash.mp4 | MEDIA_CRASHED"]);
        let media = world.texts("select width, height, video_codec, audio_codec, container from media where path = 'films/tagged.mp4'").await?;
        assert_eq!(media, ["160 | 120 | h264 | aac | mp4"]);
        assert_eq!(world.texts("select count(*) from file where content_hash is null").await?, ["0"], "hashed in the background");

        let before = world.kernel.store.statements();
        let everything = world.texts("select id, updated_at from media order by id").await?;
        let report = world.scan().await?;
        let after = world.kernel.store.statements();
        assert_eq!((report.found, report.unchanged, report.failed, report.new), (8, 6, 2, 0), "{report:?}");
        assert_eq!(world.texts("select id, updated_at from media order by id").await?, everything);
        // The job's own rows, the report, when the library was last scanned, and the runner's claims and heartbeats, whose
        // number depends on the machine. Which tables they were is held elsewhere, row by row.
        println!("a rescan: {} statements, {} writes", after.statements - before.statements, after.writes - before.writes);
        assert!(after.writes - before.writes <= 12, "{} writes", after.writes - before.writes);
    }

    async fn films_get_their_keyframe_tables_in_the_background(world: World) {
        let film = |container: &str, seed| Synthetic { container: container.into(), duration_us: 5_000_000, ..Synthetic::clip(seed) };
        for (path, container) in [("a.mp4", "mp4"), ("b.mkv", "matroska"), ("c.ts", "mpegts")] {
            world.media(path, film(container, 3)).await?;
        }
        world.media("song.flac", Synthetic::sound("flac", 440.0)).await?;
        world.media("still.png", Synthetic::still("png", 3)).await?;
        world.scan().await?;
        let tables = "select file.path, case when is_from_index then 1 else 0 end, reorder_depth, reason, deltas, n_keyframes \
            from keyframe_table join file on file.id = file_id order by file.path";
        let mut facts = Vec::new();
        for row in world.rows(tables).await? {
            let deltas = entities::keyframe_table::unpack(&row.try_get_by_index::<Vec<u8>>(4)?);
            let n = deltas.map(|deltas| deltas.len() as i32);
            assert_eq!(n, Some(row.try_get_by_index::<i32>(5)?));
            assert!(n > Some(3), "a cut each 0.7 s: {n:?}");
            let text = |of: Option<String>| of.unwrap_or_default();
            facts.push((row.try_get_by_index::<String>(0)?, row.try_get_by_index::<i32>(1)?, text(row.try_get_by_index(3)?)));
        }
        let fact = |path: &str, is_from_index| (path.to_owned(), is_from_index, String::new());
        assert_eq!(facts, [fact("a.mp4", 1), fact("b.mkv", 1), fact("c.ts", 0)], "and none for what is no film");

        let before = world.texts("select made_at, n_keyframes from keyframe_table order by file_id").await?;
        world.media("song 2.flac", Synthetic::sound("flac", 550.0)).await?;
        world.scan().await?;
        assert_eq!(world.texts("select made_at, n_keyframes from keyframe_table order by file_id").await?, before, "once is enough");
        world.media("a.mp4", Synthetic { duration_us: 9_000_000, ..film("mp4", 4) }).await?;
        world.scan().await?;
        let stale = "select count(*) from keyframe_table made join file on file.id = file_id where made.size <> file.size or made.mtime_ns <> file.mtime_ns";
        assert_eq!(world.texts(stale).await?, ["0"], "other bytes, another table");
    }

    async fn moved_renamed_and_swapped_files_keep_their_rows(world: World) {
        world.media("base.mp4", clip(1)).await?;
        let base = world.read("base.mp4")?;
        for n in 0..40 {
            world.write(&format!("a/f{n:02}.mp4"), &variant(&base, n))?;
        }
        world.scan().await?;
        let named = |files: &[String]| -> std::collections::BTreeMap<String, String> {
            files.iter().map(|line| line.split(" | ").collect::<Vec<_>>()).map(|line| (line[0].to_owned(), line[1].to_owned())).collect()
        };
        let before = named(&world.texts(FILES).await?);
        let probed = world.texts("select id, probed_at from file order by id").await?;
        // A rotation of ten names, a new folder for ten, new names for ten, and a swap of two.
        world.rename("a/f00.mp4", "a/hold.mp4")?;
        for n in 1..10 {
            world.rename(&format!("a/f{n:02}.mp4"), &format!("a/f{:02}.mp4", n - 1))?;
        }
        world.rename("a/hold.mp4", "a/f09.mp4")?;
        for n in 10..20 {
            world.rename(&format!("a/f{n:02}.mp4"), &format!("b/c/f{n:02}.mp4"))?;
        }
        for n in 20..30 {
            world.rename(&format!("a/f{n:02}.mp4"), &format!("a/Renamed {n}.mp4"))?;
        }
        world.rename("a/f30.mp4", "hold")?;
        world.rename("a/f31.mp4", "a/f30.mp4")?;
        world.rename("hold", "a/f31.mp4")?;
        // A copy with another inode and time: only its bytes tell.
        let copied = world.read("a/f32.mp4")?;
        std::fs::remove_file(world.root.join("a/f32.mp4"))?;
        world.write("d/copied.mp4", &copied)?;
        let report = world.scan().await?;
        assert_eq!((report.moved, report.new, report.missing, report.changed), (33, 0, 0, 0), "{report:?}");
        let after = named(&world.texts(FILES).await?);
        let expected: std::collections::BTreeMap<String, String> = before
            .iter()
            .map(|(id, path)| {
                let n: Option<usize> = path.strip_prefix("a/f").and_then(|rest| rest[..2].parse().ok());
                let path = match n {
                    Some(0) => "a/f09.mp4".to_owned(),
                    Some(n @ 1..10) => format!("a/f{:02}.mp4", n - 1),
                    Some(n @ 10..20) => format!("b/c/f{n:02}.mp4"),
                    Some(n @ 20..30) => format!("a/Renamed {n}.mp4"),
                    Some(30) => "a/f31.mp4".to_owned(),
                    Some(31) => "a/f30.mp4".to_owned(),
                    Some(32) => "d/copied.mp4".to_owned(),
                    _ => path.clone(),
                };
                (id.clone(), path)
            })
            .collect();
        assert_eq!(after, expected);
        assert_eq!(world.texts("select id, probed_at from file order by id").await?, probed, "nothing was probed again");
        assert_eq!(world.texts("select title from media where path = 'a/Renamed 20.mp4'").await?, ["Renamed 20"]);
        let report = world.scan().await?;
        assert_eq!((report.unchanged, report.moved), (41, 0), "{report:?}");

        // One film takes another's place: the first keeps its row, the other is missing.
        world.rename("a/f33.mp4", "a/f34.mp4")?;
        let report = world.scan().await?;
        assert_eq!((report.moved, report.missing, report.new, report.changed), (1, 1, 0, 0), "{report:?}");
        assert_eq!(world.texts("select count(*) from file where status = 1 and path = 'a/f34.mp4'").await?, ["1"]);
    }

    async fn equal_bytes_are_files_of_one_item_and_nothing_is_deleted(world: World) {
        world.media("one.mp4", clip(1)).await?;
        world.media("two.mp4", clip(2)).await?;
        world.write("copies/one again.mp4", &world.read("one.mp4")?)?;
        std::fs::hard_link(world.root.join("two.mp4"), world.root.join("copies/two linked.mp4"))?;
        let report = world.scan().await?;
        assert_eq!((report.new, report.failed), (4, 0), "{report:?}");
        assert_eq!(world.texts("select path, n_files from media order by path").await?,
            ["copies/one again.mp4 | 2", "copies/two linked.mp4 | 2"]);

        std::fs::remove_dir_all(world.root.join("copies"))?;
        let report = world.scan().await?;
        assert_eq!((report.missing, report.moved), (2, 0), "{report:?}");
        assert_eq!(world.texts("select path, n_files from media order by path").await?, ["one.mp4 | 1", "two.mp4 | 1"]);
        world.check_totals().await?;
        let report = world.scan().await?;
        assert_eq!((report.missing, report.unchanged), (0, 2), "{report:?}");

        // Away and back under another name: the missing row returns.
        world.write("later/one.mp4", &world.read("one.mp4")?)?;
        let report = world.scan().await?;
        assert_eq!((report.moved, report.new), (1, 0), "{report:?}");
        assert_eq!(world.texts("select count(*) from file").await?, ["4"]);

        // The same path with other bytes stays its item.
        let id = world.texts("select id from media where path = 'two.mp4'").await?;
        world.media("two.mp4", clip(9)).await?;
        let report = world.scan().await?;
        assert_eq!((report.changed, report.new, report.moved), (1, 0, 0), "{report:?}");
        assert_eq!(world.texts("select id from media where path = 'two.mp4'").await?, id);
    }

    async fn hashes_that_were_written_count_as_progress_of_their_job(world: World) {
        world.media("one.mp4", clip(1)).await?;
        world.scan().await?;
        // Saving grants attempts anew: a server that ends often still gets through a large library.
        let hashed = "select max_attempts from job where kind = 'scan.hash' and state = 3 and checkpoint is not null";
        assert_eq!(world.texts(hashed).await?, ["20"]);
        assert_eq!(world.texts("select count(*) from file where content_hash is null").await?, ["0"]);
    }

    async fn a_root_that_went_away_changes_nothing(world: World) {
        for n in 0..3 {
            world.media(&format!("f{n}.mp4"), clip(n)).await?;
        }
        world.scan().await?;
        let before = world.texts(FILES).await?;
        let away = world.root.with_extension("away");
        for is_empty in [false, true] {
            std::fs::rename(&world.root, &away)?;
            if is_empty {
                std::fs::create_dir(&world.root)?;
            }
            let job = world.job(false).await?;
            assert_eq!(job.error.map(|error| error.code).as_deref(), Some("SCAN_LIBRARY_OFFLINE"));
            assert_eq!(world.texts(FILES).await?, before);
            let offline = world.texts("select offline_reason from library where not is_online").await?;
            assert!(offline.len() == 1 && offline[0].contains("library"), "{offline:?}");
            if is_empty {
                // Another disk in its place.
                world.media("foreign.mp4", clip(77)).await?;
                let job = world.job(false).await?;
                assert_eq!(job.error.map(|error| error.code).as_deref(), Some("SCAN_LIBRARY_OFFLINE"));
                assert_eq!(world.texts(FILES).await?, before);
                std::fs::remove_dir_all(&world.root)?;
            }
            std::fs::rename(&away, &world.root)?;
            let report = world.scan().await?;
            assert_eq!((report.unchanged, report.missing), (3, 0), "{report:?}");
            assert_eq!(world.texts("select offline_reason from library where is_online").await?, ["-"]);
        }
        // Everything under new names at once is still the same library.
        for n in 0..3 {
            world.rename(&format!("f{n}.mp4"), &format!("deep/down/g{n}.mp4"))?;
        }
        let report = world.scan().await?;
        assert_eq!((report.moved, report.missing), (3, 0), "{report:?}");
    }

    async fn a_scan_that_would_lose_much_stops_and_asks(world: World) {
        world.media("base.mp4", clip(1)).await?;
        let base = world.read("base.mp4")?;
        for n in 0..120 {
            world.write(&format!("some/f{n}.mp4"), &variant(&base, n))?;
        }
        world.scan().await?;
        std::fs::remove_dir_all(world.root.join("some"))?;
        let job = world.job(false).await?;
        assert_eq!(job.error.map(|error| error.code).as_deref(), Some("SCAN_TOO_MANY_MISSING"));
        assert_eq!(job.attempts, 1);
        assert_eq!(world.texts("select count(*) from file where status = 1").await?, ["0"]);
        let job = world.job(true).await?;
        assert_eq!(job.error.map(|error| error.code), None);
        assert_eq!(world.report(job.id).await?.missing, 120);
        world.check_totals().await?;
        let report = world.scan().await?;
        assert_eq!((report.missing, report.unchanged), (0, 1), "{report:?}");
        for n in 0..120 {
            world.write(&format!("some/f{n}.mp4"), &variant(&base, n))?;
        }
        let report = world.scan().await?;
        assert_eq!((report.restored + report.moved, report.new), (120, 0), "{report:?}");
    }

    async fn failures_come_and_go_with_their_files(world: World) {
        world.media("good.mp4", clip(1)).await?;
        let good = world.read("good.mp4")?;
        world.write("half.mp4", &good[..good.len() / 3])?;
        world.write("bad.mp4", b"nothing")?;
        let report = world.scan().await?;
        assert!(report.failed >= 1 && report.new + report.failed == 3, "{report:?}");
        let failed = world.texts("select path_text from scan_failure order by path_text").await?;
        assert!(failed.contains(&"bad.mp4".to_owned()));
        // Other files of the folder change; the broken one is not tried again.
        let tried = world.texts("select last_at from scan_failure where path_text = 'bad.mp4'").await?;
        world.write("new.mp4", &variant(&good, 5))?;
        world.scan().await?;
        assert_eq!(world.texts("select last_at from scan_failure where path_text = 'bad.mp4'").await?, tried);
        // Another FFmpeg may read what an earlier one could not: it tries once.
        world.change("update scan_failure set ffmpeg = 'an older one'").await?;
        world.scan().await?;
        let again = world.texts("select last_at from scan_failure where path_text = 'bad.mp4'").await?;
        assert_ne!(again, tried);
        assert_eq!(world.texts("select count(*) from scan_failure where ffmpeg = 'an older one'").await?, ["0"]);
        world.scan().await?;
        assert_eq!(world.texts("select last_at from scan_failure where path_text = 'bad.mp4'").await?, again);
        // Force tries everything.
        let forced = world.job(true).await?;
        assert!(forced.error.is_none(), "{forced:?}");
        assert_ne!(world.texts("select last_at from scan_failure where path_text = 'bad.mp4'").await?, again);
        world.write("bad.mp4", &variant(&good, 6))?;
        std::fs::remove_file(world.root.join("half.mp4"))?;
        world.scan().await?;
        assert_eq!(world.texts("select path_text from scan_failure").await?, Vec::<String>::new());
        // A recorded file that breaks keeps its item.
        world.write("good.mp4", b"broken now")?;
        world.scan().await?;
        assert_eq!(world.texts("select path_text from scan_failure where file_id is not null").await?, ["good.mp4"]);
        assert_eq!(world.texts("select n_files from media where path = 'good.mp4'").await?, ["1"]);
        let report = world.scan().await?;
        assert_eq!((report.failed, report.changed), (1, 0), "{report:?}");
    }

    async fn an_edited_sidecar_is_applied_once_and_a_person_wins(world: World) {
        world.media("film.mp4", clip(1)).await?;
        world.scan().await?;
        world.write("film.nfo", b"<movie><title>From the NFO</title><tag>One</tag></movie>")?;
        world.scan().await?;
        assert_eq!(world.texts("select title, title_origin from media").await?, ["From the NFO | 2"]);
        world.change("delete from media_tag").await?;
        world.change("update tag set n_media = 0").await?;
        world.media("other.mp4", Synthetic { video: Some(SyntheticVideo { codec: "h264".into(), width: 64, height: 48, frame_rate: (25, 1), seed: 2 }), ..clip(2) }).await?;
        world.scan().await?;
        assert_eq!(world.texts("select count(*) from media_tag").await?, ["0"], "the same sidecar is not applied again");
        world.change("update media set title = 'Mine', title_origin = 3 where path = 'film.mp4'").await?;
        world.write("film.nfo", b"<movie><title>Edited</title><plot>New plot</plot></movie>")?;
        world.scan().await?;
        assert_eq!(world.texts("select title, description from media where path = 'film.mp4'").await?, ["Mine | New plot"]);
    }

    async fn a_scan_that_is_cut_off_completes_with_the_same_rows(world: World) {
        world.media("base.mp4", clip(1)).await?;
        let base = world.read("base.mp4")?;
        for n in 0..150 {
            // Every third file is a copy of another one, in a folder that sorts before it.
            let name = if n % 3 == 0 { format!("a/copy{n}.mp4") } else { format!("b/f{n}.mp4") };
            world.write(&name, &variant(&base, if n % 3 == 0 { n + 1 } else { n }))?;
        }
        world.write("b/broken.mp4", b"broken")?;
        let job = plugin_scan::start(&world.kernel, world.library, &ScanOptions::default()).await?;
        for wait_ms in [20, 90, 150, 260, 310, 340, 380, 420] {
            tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
            world.cut_off().await;
            world.run();
        }
        tokio::time::timeout(std::time::Duration::from_secs(60), world.kernel.jobs.drain()).await??;
        let job = world.kernel.jobs.get(job).await?.ok_or_else(|| anyhow::anyhow!("no job"))?;
        assert!(job.error.is_none() && job.attempts > 1, "{job:?}");
        let job = job.id;
        let report = world.report(job).await?;
        assert_eq!((report.found, report.new, report.failed, report.unchanged), (152, 151, 1, 0), "{report:?}");
        let items = world.texts("select path, n_files from media order by path").await?;
        assert_eq!(items.len(), 101);
        assert!(items.iter().all(|line| line.ends_with("| 2") == line.starts_with("a/")), "{items:?}");
        assert_eq!(world.texts("select count(*) from stream").await?, ["302"]);
        assert_eq!(world.texts("select count(*) from folder where digest is not null").await?, ["3"]);
    }

    async fn parts_of_packages_and_sidecars_are_no_items(world: World) {
        world.media("hls/segment0.ts", Synthetic { container: "mpegts".into(), ..clip(1) }).await?;
        world.write("hls/index.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsegment0.ts\n")?;
        world.media("dash/init.mp4", clip(2)).await?;
        world.media("dash/chunk-00001.mp4", clip(3)).await?;
        world.media("dash/feature.mp4", clip(4)).await?;
        world.write("dash/a.mpd", b"<MPD><SegmentTemplate initialization=\"init.mp4\" media=\"chunk-$Number%05d$.mp4\"/></MPD>")?;
        world.media("songs/a.flac", Synthetic::sound("flac", 300.0)).await?;
        world.write("songs/list.m3u8", b"#EXTM3U\n#EXTINF:2,A\na.flac\n")?;
        let report = world.scan().await?;
        assert_eq!((report.new, report.failed), (2, 0), "{report:?}");
        assert_eq!(world.texts("select path from media order by path").await?, ["dash/feature.mp4", "songs/a.flac"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_still_written_to_is_left_until_it_rests() -> anyhow::Result<()> {
    let settings = plugin_scan::Config {
        settle_seconds: 0.6,
        ..Default::default()
    };
    let Some(world) = World::open_with(Backend::Sqlite, settings).await? else {
        return Ok(());
    };
    world.media("whole.mp4", clip(1)).await?;
    let whole = world.read("whole.mp4")?;
    let (path, growing) = (world.root.join("growing.mp4"), whole.clone());
    let write = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        use std::io::Write;
        let mut file = std::fs::File::create(path)?;
        for part in growing.chunks(growing.len() / 5 + 1) {
            file.write_all(part)?;
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        file.write_all(b"\0\0\0\x10free12345678")
    });
    // One that never rests while the scan waits.
    let (path, stop) = (
        world.root.join("endless.mp4"),
        std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)),
    );
    let stopped = std::sync::Arc::clone(&stop);
    let endless = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        use std::io::Write;
        let mut file = std::fs::File::create(path)?;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            file.write_all(b"more")?;
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Ok(())
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let report = world.scan().await?;
    write.await??;
    assert_eq!((report.found, report.new, report.failed), (3, 2, 1), "{report:?}");
    assert_eq!(
        world.texts("select path_text, code from scan_failure").await?,
        ["endless.mp4 | SCAN_FILE_BUSY"]
    );
    let size = world.texts("select size from file where path = 'growing.mp4'").await?;
    assert_eq!(
        size,
        [(whole.len() + 16).to_string()],
        "it was recorded as it was in the end"
    );
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    endless.await??;
    std::fs::write(world.root.join("endless.mp4"), variant(&whole, 3))?;
    let report = world.scan().await?;
    assert_eq!((report.new, report.failed), (1, 0), "{report:?}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_running_scan_has_passed_is_scanned_after_it() -> anyhow::Result<()> {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let settings = plugin_scan::Config {
            settle_seconds: 3.0,
            ..Default::default()
        };
        let Some(world) = World::open_with(backend, settings).await? else {
            continue;
        };
        world.media("first.mp4", clip(1)).await?;
        let ask = async |sees_news| {
            let options = ScanOptions {
                sees_news,
                ..ScanOptions::default()
            };
            plugin_scan::start(&world.kernel, world.library, &options).await
        };
        // It has walked, and waits for the file to rest.
        let running = ask(false).await?;
        let settles = async || {
            let job = world.kernel.jobs.get(running).await?.context("the job")?;
            anyhow::Ok(job.progress.step.as_deref() == Some("settle"))
        };
        while !settles().await? {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        world.media("second.mp4", clip(2)).await?;
        assert_eq!(ask(false).await?, running, "the same is not asked for twice");
        let next = ask(true).await?;
        assert!(settles().await?, "the first one has not ended meanwhile");
        assert_ne!(next, running);
        assert_eq!(
            ask(true).await?,
            next,
            "one is enough for all that ask before it begins"
        );
        tokio::time::timeout(std::time::Duration::from_secs(60), world.kernel.jobs.drain()).await??;
        let items = world.texts("select path from media order by path").await?;
        assert_eq!(items, ["first.mp4", "second.mp4"]);
        assert_eq!(world.report(running).await?.new, 1);
        assert_eq!(world.report(next).await?.new, 1);
        world.end().await?;
    }
    Ok(())
}
