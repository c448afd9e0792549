//! Renditions as players get them: as HLS by ranges of one file, and track by track for whoever serves them beside others.

use anyhow::{Context, ensure};
use bytes::Bytes;
use kernel::stored::Stored;
use media_engine::{engine::Engine, source::Source};
use media_proto::head::{AudioHead, VideoHead};
use reqwest::StatusCode;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};
use tokio_util::sync::CancellationToken;

use super::{RENDER, item};

const FILES: &str = "query($id: ID!) { node(id: $id) { ... on Video { renditions { kind label status url hlsUrl size height error { code message } } } } }";

async fn render(server: &TestServer, film: &Value, input: Value) -> anyhow::Result<Value> {
    let mut input = input;
    input["mediaId"] = film["id"].clone();
    let made = server.editor().query(RENDER, json!({ "input": input })).await?;
    let job = made["renderProxy"]["job"]["id"].as_str().context("a job")?;
    let done = server.finished(job).await?;
    ensure!(done["status"] == "SUCCEEDED", "{done:#}");
    let mut found = server.viewer().query(FILES, json!({ "id": film["id"] })).await?;
    let list = found["node"]["renditions"].as_array_mut().context("a list")?;
    list.pop().context("a rendition")
}

/// What the engine finds in bytes: packets and keyframes of each stream.
async fn found(server: &TestServer, bytes: &[u8]) -> anyhow::Result<Vec<(bool, u64, u64)>> {
    let mut file = tempfile::tempfile()?;
    std::io::Write::write_all(&mut file, bytes)?;
    let engine = server.server().kernel.parts.get::<Engine>().context("an engine")?;
    let verified = engine.verify(&Source::new(file)?, &CancellationToken::new()).await?;
    let streams = verified.streams.iter();
    Ok(streams
        .map(|one| (one.is_video, one.n_packets, one.n_decoded))
        .collect())
}

/// The ranges that a playlist names, header first, and how long they last.
fn ranges(playlist: &str) -> anyhow::Result<(Vec<(usize, usize)>, f64)> {
    let mut ranges = Vec::new();
    let mut seconds = 0.0;
    for line in playlist.lines() {
        let range = match line.split_once("BYTERANGE") {
            Some((_, range)) => range.trim_start_matches(['=', ':', '"']).trim_end_matches('"'),
            None => {
                let length = line.strip_prefix("#EXTINF:").and_then(|text| text.strip_suffix(','));
                seconds += length.map_or(Ok(0.0), str::parse::<f64>)?;
                continue;
            }
        };
        let (n_bytes, at) = range.split_once('@').context("a range")?;
        ranges.push((at.parse()?, n_bytes.parse()?));
    }
    Ok((ranges, seconds))
}

on_both! {
    async fn a_rendition_plays_as_hls_by_ranges_and_track_by_track(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mkv h264 320x240 9s aac:2ch").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let made = render(&server, &film, json!({ "kind": "PROXY_480P" })).await?;
        let at = |name: &str| format!("{}{}", server.address(), made[name].as_str().unwrap_or_default());
        let whole = reqwest::get(at("url")).await?.bytes().await?;
        let playlist = reqwest::get(at("hlsUrl")).await?;
        ensure!(playlist.status() == StatusCode::OK && playlist.headers()["content-type"] == "application/vnd.apple.mpegurl");
        let playlist = playlist.text().await?;
        let (parts, seconds) = ranges(&playlist)?;
        ensure!(parts.len() == 4 && (seconds - 9.0).abs() < 0.05, "{playlist}");
        let (header, segments) = parts.split_first().context("a header")?;
        ensure!(whole.get(4..8) == Some(b"ftyp") && header.0 == 0, "{playlist}");
        let mut next = segments[0].0;
        for (at, n_bytes) in segments {
            ensure!(*at == next && whole.get(at + 4..at + 8) == Some(b"moof"), "{playlist}");
            next = at + n_bytes;
        }
        ensure!(next == whole.len(), "every byte behind the index is in a segment: {playlist}");
        // Header and one segment are enough to play it.
        let (at, n_bytes) = segments[1];
        let alone = [&whole[..header.1], &whole[at..at + n_bytes]].concat();
        let streams = self::found(&server, &alone).await?;
        ensure!(streams.len() == 2 && streams[0].0 && streams[0].1 == 100, "{streams:?}");
        // The URL in it is one that opens, beside the playlist.
        let name = playlist.lines().find(|line| line.contains(".mp4?") && !line.starts_with('#')).context("a URL")?;
        let beside = self::at_folder(&made["hlsUrl"])?;
        let part = reqwest::Client::new().get(format!("{}{beside}{name}", server.address())).header("range", "bytes=4-7").send().await?;
        ensure!(part.status() == StatusCode::PARTIAL_CONTENT && part.bytes().await?.as_ref() == b"ftyp");
        let tampered = self::at_folder(&made["hlsUrl"])?;
        let unsigned = reqwest::get(format!("{}{tampered}nothing.m3u8", server.address())).await?;
        ensure!(unsigned.status() == StatusCode::FORBIDDEN);

        let kernel = &server.server().kernel;
        let stored = kernel.parts.get::<Stored>().context("the contract")?;
        let file = entities::file::Entity::find().one(kernel.store.reader()).await?.context("a file")?;
        let tracks = stored.0.of_file(&kernel.store, file.id, file.size, file.mtime_ns).await?;
        ensure!(tracks.len() == 2 && tracks[0].is_video && !tracks[1].is_video);
        let head: VideoHead = serde_json::from_str(&tracks[0].settings)?;
        ensure!(head.rendition.height == 240 && head.n_segments as usize == tracks[0].segments.len(), "{head:?}");
        let sound: AudioHead = serde_json::from_str(&tracks[1].settings)?;
        ensure!(sound.rendition.channels == 2, "{sound:?}");
        for track in &tracks {
            let mut alone = track.header.to_vec();
            let mut ticks = 0;
            for (n, segment) in track.segments.iter().enumerate() {
                let bytes: Bytes = stored.0.segment(track, n as u32).await?.context("a segment")?;
                ensure!(bytes.len() == segment.n_bytes as usize);
                alone.extend_from_slice(&bytes);
                ticks += segment.duration;
            }
            let streams = self::found(&server, &alone).await?;
            // 25 frames a second, and packets of 1024 samples.
            let n_sounds = sound.n_frames;
            let wanted = if track.is_video { (225, 9 * 90_000) } else { (n_sounds, n_sounds as u32 * 1024) };
            ensure!(streams.len() == 1 && (streams[0].1, ticks) == wanted, "{streams:?} in {ticks} ticks");
        }
        ensure!(stored.0.segment(&tracks[0], 99).await?.is_none());
        let other = stored.0.of_file(&kernel.store, file.id, file.size + 1, file.mtime_ns).await?;
        ensure!(other.is_empty(), "a file that has changed has no renditions");
    }

    async fn renditions_of_own_settings_are_checked_and_made(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 320x240 6s aac:2ch").await?;
        server.scan(&library).await?;
        let film = item(&server).await?;
        let own = json!({ "lines": 160, "bitRate": 200_000, "audioBitRate": 64_000, "effort": "DRAFT" });
        let made = render(&server, &film, json!({ "kind": "OWN", "own": own })).await?;
        ensure!(made["label"] == "160p, 200 kbit/s" && made["status"] == "READY" && made["height"] == 160, "{made:#}");
        let modern = render(&server, &film, json!({ "kind": "OWN", "own": { "lines": 160, "codec": "AV1", "effort": "DRAFT" } })).await?;
        ensure!(modern["label"] == "160p AV1" && modern["status"] == "READY", "{modern:#}");
        let url = format!("{}{}", server.address(), modern["url"].as_str().context("a URL")?);
        let bytes = reqwest::get(url).await?.bytes().await?;
        ensure!(bytes.windows(4).any(|four| four == b"av1C"), "it is no AV1");
        let streams = self::found(&server, &bytes).await?;
        ensure!(streams[0] == (true, 150, 2), "{streams:?}");
        for (input, field) in [
            (json!({ "kind": "OWN" }), "input.own"),
            (json!({ "own": { "lines": 240 } }), "input.own"),
            (json!({ "kind": "OWN", "own": { "lines": 145 } }), "input.own.lines"),
            (json!({ "kind": "OWN", "own": { "lines": 9000 } }), "input.own.lines"),
            (json!({ "kind": "OWN", "own": { "lines": 240, "bitRate": 1 } }), "input.own.bitRate"),
            (json!({ "kind": "OWN", "own": { "bitRate": 200_000 } }), "input.own.bitRate"),
        ] {
            let mut input = input;
            input["mediaId"] = film["id"].clone();
            let refused = server.editor().send(RENDER, json!({ "input": input })).await?;
            ensure!(refused["errors"][0]["extensions"]["fields"][0]["path"] == field, "{refused:#}");
        }
    }
}

/// The folder of a URL's path.
fn at_folder(url: &Value) -> anyhow::Result<&str> {
    let url = url.as_str().context("a URL")?;
    let (path, _) = url.split_once('?').context("a signature")?;
    Ok(&path[..=path.rfind('/').context("a folder")?])
}
