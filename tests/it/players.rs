//! Players and parsers that none of us wrote, against a real server: the programs lie in `tests/players`, and Node runs
//! them; FFmpeg, mpv and GStreamer read every frame as clients, and MediaInfo reads what they get.

mod readers;

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{database::Backend, server::TestServer, shared};
use tokio::io::AsyncWriteExt;

use crate::stream::playback;

/// Sources that differ in what players and heads have to cope with; all last twenty seconds.
const FILMS: &str = "
    h264.mp4      h264 640x360 20s aac
    hevc.mkv      hevc 320x240 20s aac:6ch
    vp9.webm      vp9 320x240 20s opus
    mpeg2.ts      mpeg2video 352x288 20s mp3
    mpeg4.avi     mpeg4 320x240 20s mp3
    turned.mp4    h264 320x240 20s aac rotate:90
    silent.mov    h264 320x240 20s
    song.flac     flac 20s
    fast.mkv      h264 320x240 20s fps:60 vorbis
";
/// What another program of the machine makes: two sounds, a rate that varies, ten bits of high dynamic range.
const MADE: &[(&str, &[&str])] = &[
    (
        "sounds.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x240:r=24000/1001:d=20",
            "-f",
            "lavfi",
            "-i",
            "sine=440:r=44100:d=20",
            "-f",
            "lavfi",
            "-i",
            "sine=880:r=48000:d=20",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-map",
            "2:a",
            "-c:v",
            "libx264",
            "-g",
            "50",
            "-c:a:0",
            "aac",
            "-c:a:1",
            "libvorbis",
            "-metadata:s:a:0",
            "language=eng",
            "-metadata:s:a:1",
            "language=deu",
        ],
    ),
    (
        "varies.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x240:r=30:d=20",
            "-vf",
            "select='not(mod(n,3))+lt(mod(n,90),45)'",
            "-fps_mode",
            "vfr",
            "-c:v",
            "libx264",
        ],
    ),
    (
        "bright.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x180:r=25:d=20",
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p10le",
            "-color_primaries",
            "bt2020",
            "-color_trc",
            "smpte2084",
            "-colorspace",
            "bt2020nc",
            "-x265-params",
            "log-level=none",
        ],
    ),
];

/// Whether a program of the system is there; says so when it is not.
pub(crate) fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: there is no `{program}`; `make test` installs it");
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test runs foreign clients; the product does not"
)]
pub(crate) fn command(program: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) async fn node(script: &str, input: &Value) -> anyhow::Result<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("players");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the players are not installed; run `npm ci` in {}",
        folder.display()
    );
    let mut child = command("node")
        .arg(script)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    stdin.write_all(input.to_string().as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} printed {output:?}"))
}

/// A server with all films, and what each is offered as: title, HLS, DASH, whether it has pictures.
async fn cinema() -> anyhow::Result<(TestServer, Vec<(String, String, String, bool)>)> {
    // With `auto` players get segments that describe themselves, as where devices encode.
    let hardware = std::env::var("VITAGRAPH_PLAYERS_HARDWARE").unwrap_or_else(|_| "off".to_owned());
    let settings = [
        ("VITAGRAPH_STREAM_PRESET", "ultrafast"),
        ("VITAGRAPH_MEDIA_HARDWARE", &hardware),
    ];
    let server = TestServer::start_with(Backend::Sqlite, &settings).await?;
    if has("ffmpeg") {
        for (name, arguments) in MADE {
            let path = server.media().join(name);
            let made = command("ffmpeg")
                .args(["-nostdin", "-v", "error"])
                .args(*arguments)
                .arg(&path)
                .output()
                .await?;
            ensure!(
                made.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
    }
    let library = server.library(FILMS).await?;
    server.scan(&library).await?;
    let viewer = server.viewer();
    let found = viewer
        .query("{ media(first: 100) { nodes { __typename title } } }", json!({}))
        .await?;
    let mut offered = Vec::new();
    for item in found["media"]["nodes"].as_array().context("items")? {
        let title = item["title"].as_str().context("a title")?;
        let playback = playback(&viewer, title, json!({})).await?;
        let place = |field: &str| Some(format!("{}{}", server.address(), playback[field].as_str()?));
        let (hls, dash) = place("hlsUrl")
            .zip(place("dashUrl"))
            .with_context(|| format!("{title}: {playback:#}"))?;
        offered.push((title.to_owned(), hls, dash, item["__typename"] == "Video"));
    }
    offered.sort();
    Ok((server, offered))
}

#[track_caller]
fn check_watched(saw: &Value) {
    let who = format!("{} in {}", saw["name"], saw["player"]);
    assert_eq!(
        (&saw["problems"], &saw["refused"]),
        (&json!([]), &json!([])),
        "{who}: {saw:#}"
    );
    // Every seek arrived; `VITAGRAPH_TEST_SEEKS` says how many there are, as in `play.mjs`.
    let n_seeks = std::env::var("VITAGRAPH_TEST_SEEKS").map_or(20, |text| text.parse().expect("a number"));
    assert_eq!(
        (saw["ended"].as_bool(), saw["found"].as_u64()),
        (Some(true), Some(n_seeks)),
        "{who}: {saw:#}"
    );
    assert!(saw["nAgain"].as_u64() <= Some(2), "{who} lost its way: {saw:#}");
    let ranges = saw["buffered"].as_array().expect("ranges");
    assert_eq!(ranges.len(), 1, "{who} has a gap: {saw:#}");
    let (from, to) = (
        ranges[0][0].as_f64().expect("a time"),
        ranges[0][1].as_f64().expect("a time"),
    );
    assert!(from < 0.1 && to > 19.8, "{who} buffered {from} to {to}");
    let duration = saw["duration"].as_f64().expect("a duration");
    assert!((duration - 20.0).abs() < 0.2, "{who} lasts {duration} s");
    if let Some(size) = saw["size"].as_array() {
        assert!(size[0].as_u64() > Some(0), "{who} shows nothing: {saw:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_players_play_every_kind_of_film_and_seek_in_it() -> anyhow::Result<()> {
    let (_server, films) = cinema().await?;
    let mut wishes = Vec::new();
    for (name, hls, dash, has_pictures) in &films {
        // The one that our own pages use plays all; the others what differs for a player.
        let others: &[_] = match name.as_str() {
            "h264" | "song" | "sounds" | "varies" => &[("shaka", dash), ("shaka-hls", hls), ("dash", dash)],
            _ => &[],
        };
        for (player, url) in [("hls", hls)].iter().chain(others) {
            wishes.push(json!({ "name": name, "player": player, "url": url, "hasPictures": has_pictures }));
        }
    }
    let seen = node("play.mjs", &json!(wishes)).await?;
    assert_eq!(seen.len(), wishes.len());
    for saw in &seen {
        println!(
            "{} in {}: {} ms, {} frames, seeks {} ms, {} sought again, {} waits",
            saw["name"], saw["player"], saw["ms"], saw["frames"], saw["waits"], saw["nAgain"], saw["waited"]
        );
        check_watched(saw);
    }
    let turned = seen
        .iter()
        .find(|saw| saw["name"] == "turned")
        .context("a turned film")?;
    assert_eq!(turned["size"], json!([240, 320]), "a turned film is shown upright");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_parsers_find_nothing_wrong() -> anyhow::Result<()> {
    let (server, films) = cinema().await?;
    for (name, hls, _, _) in &films {
        readers::check_by_media_info(&server.anonymous(), name, hls).await?;
    }
    let asked: Vec<_> = films
        .iter()
        .map(|(name, hls, dash, _)| json!({ "name": name, "hls": hls, "dash": dash }))
        .collect();
    for saw in node("read.mjs", &json!(asked)).await? {
        assert_eq!(saw["complaints"], json!([]), "{saw:#}");
        let variants = saw["variants"].as_array().context("variants")?;
        assert!(!variants.is_empty(), "{saw:#}");
        for variant in variants {
            let track = &variant["track"];
            assert_eq!(
                (&track["isFragmented"], &track["firstIsSync"]),
                (&json!(true), &json!(true)),
                "{saw:#}"
            );
            assert!(
                (variant["lasts"].as_f64().context("a length")? - 20.0).abs() < 0.2,
                "{saw:#}"
            );
            let codec = track["codec"].as_str().context("a codec")?;
            let named = variant["codecs"].as_str().unwrap_or(codec);
            assert!(
                named.split(',').any(|named| named.eq_ignore_ascii_case(codec)),
                "{codec} is not {named}: {saw:#}"
            );
        }
        let segments = saw["dash"]["segments"].as_array().context("segments")?;
        assert!(segments.iter().all(|n| n.as_u64() >= Some(2)), "{saw:#}");
        assert!(
            (saw["dash"]["duration"].as_f64().context("a duration")? - 20.0).abs() < 0.2,
            "{saw:#}"
        );
    }
    Ok(())
}

/// The frames of each stream, as ffprobe counts them.
async fn count(input: &str, kind: &str) -> anyhow::Result<u64> {
    let arguments = [
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        kind,
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
    ];
    let output = command("ffprobe").args(arguments).arg(input).output().await?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && complaints.is_empty(),
        "{input}: {complaints}"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.split_whitespace().next().context("a number")?;
    Ok(first.trim_matches(',').parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_other_makers_read_every_frame() -> anyhow::Result<()> {
    if !has("ffprobe") {
        return Ok(());
    }
    let (server, films) = cinema().await?;
    let files = server
        .viewer()
        .query("{ media(first: 100) { nodes { title files { path } } } }", json!({}))
        .await?;
    for (name, hls, _, _) in films.iter().filter(|(.., has_pictures)| *has_pictures) {
        let items = files["media"]["nodes"].as_array().context("items")?;
        let item = items
            .iter()
            .find(|item| item["title"] == name.as_str())
            .context("the item")?;
        let path = server
            .media()
            .join(item["files"][0]["path"].as_str().context("a path")?);
        let source = count(&path.display().to_string(), "v:0").await?;
        for (client, streamed) in [
            ("FFmpeg", Some(count(hls, "v:0").await?)),
            ("mpv", readers::by_mpv(hls).await?),
            ("GStreamer", readers::by_gstreamer(hls).await?),
        ] {
            println!("{name}: {source} frames, {streamed:?} by {client}");
            ensure!(
                streamed.is_none_or(|streamed| streamed == source),
                "{name}: {source} frames in the file, {streamed:?} by {client}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_films_of_many_makers_play() -> anyhow::Result<()> {
    let Some(folder) = shared::folder("media") else {
        return Ok(());
    };
    let names = std::env::var("VITAGRAPH_TEST_FILMS").unwrap_or_default();
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        eprintln!("skipped: VITAGRAPH_TEST_FILMS names no files of shared/media/video");
        return Ok(());
    }
    let server = TestServer::start_with(Backend::Sqlite, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
    for name in &names {
        std::fs::copy(folder.join("video").join(name), server.media().join(name))?;
    }
    let library = server.library_over(server.media()).await?;
    server.scan(&library).await?;
    let found = server
        .viewer()
        .query("{ media(first: 100) { nodes { title } } }", json!({}))
        .await?;
    let mut wishes = Vec::new();
    for item in found["media"]["nodes"].as_array().context("items")? {
        let title = item["title"].as_str().context("a title")?;
        let playback = playback(&server.viewer(), title, json!({})).await?;
        let url = playback["hlsUrl"]
            .as_str()
            .with_context(|| format!("{title}: {playback:#}"))?;
        let url = format!("{}{url}", server.address());
        wishes.push(json!({ "name": title, "player": "hls", "url": url, "hasPictures": true }));
    }
    let mut n_wrong = 0;
    for saw in node("play.mjs", &json!(wishes)).await? {
        let is_right = saw["problems"] == json!([])
            && saw["ended"] == true
            && saw["found"] == 20
            && saw["buffered"].as_array().is_some_and(|ranges| ranges.len() == 1);
        println!("{} {saw}", if is_right { "right" } else { "WRONG" });
        n_wrong += usize::from(!is_right);
    }
    ensure!(n_wrong == 0, "{n_wrong} of {} films", wishes.len());
    Ok(())
}
