//! What a film is offered with besides its ladder: subtitles in its pictures, stills for scrubbing, sound as it is.

use anyhow::{Context, ensure};
use reqwest::header;
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

use super::{
    check_track,
    playlist::{Master, Media, attribute, fetch, n_samples},
    url,
};

const BURNED: &str = "query($burn: Int) { media(first: 10) { nodes { title ... on Video {
    files { streams { __typename index ... on SubtitleStream { isText } } }
    playback(burn: $burn) { method reason hlsUrl dashUrl variants { name } } } } } }";
const DRAWN: &str =
    "{ media(first: 10) { nodes { ... on Video { sprite { url columns rows interval tileWidth tileHeight }
    playback { hlsUrl dashUrl } } } } }";

async fn only(client: &Client, query: &str, variables: Value) -> anyhow::Result<Value> {
    let found = client.query(query, variables).await?;
    Ok(found["media"]["nodes"][0].clone())
}

on_both! {
    async fn image_subtitles_are_drawn_into_pictures_that_are_asked_for_with_them(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mkv h264 320x240 22s srt:eng pgs:ger").await?;
        server.scan(&library).await?;
        let (viewer, anyone) = (server.viewer(), server.anonymous());
        let plain = only(&viewer, BURNED, json!({})).await?;
        let streams = plain["files"][0]["streams"].as_array().context("streams")?;
        let images = streams.iter().find(|stream| stream["isText"] == false).context("image subtitles")?;
        let burned = only(&viewer, BURNED, json!({ "burn": images["index"] })).await?;
        let offered = &burned["playback"];
        ensure!(offered["method"] == "TRANSCODE" && offered["reason"].is_string(), "{burned:#}");
        let master = Master::fetch(&anyone, url(offered, "hlsUrl")?).await?;
        ensure!(master.video.len() == offered["variants"].as_array().context("variants")?.len(), "{master:?}");
        let before = Master::fetch(&anyone, &url(&plain["playback"], "hlsUrl")?.replace("/copy-pictures/", "/all/").replace("/copy/", "/all/")).await?;
        for (with, without) in master.video.iter().zip(&before.video) {
            ensure!(with.uri != without.uri && with.codecs == without.codecs, "{with:?} {without:?}");
        }
        let media = Media::fetch(&anyone, &master.video[0].uri).await?;
        check_track(&anyone, &master.video[0], &media, &[3, 1, 5, 0, 2, 4]).await?;
        let without = Media::fetch(&anyone, &before.video[0].uri).await?;
        let both = [&media.segments[2].1, &without.segments[2].1];
        let [with, without] = [fetch(&anyone, both[0]).await?.bytes().await?, fetch(&anyone, both[1]).await?.bytes().await?];
        ensure!(with != without && n_samples(&with) == n_samples(&without), "the box is in the pictures");
        // Known after the server forgot what it had made up.
        ensure!(fetch(&anyone, url(offered, "dashUrl")?).await?.text().await?.contains("<Representation"));

        for stream in streams.iter().filter(|stream| stream["isText"] != false).map(|stream| &stream["index"]).chain([&json!(99)]) {
            let code = viewer.error_code(BURNED, json!({ "burn": stream })).await?;
            ensure!(code == "BAD_INPUT", "stream {stream}: {code}");
        }
        for bad in ["all-burn0", "all-burn99", "all-burnx"] {
            let place = url(offered, "hlsUrl")?;
            let (folder, query) = place.split_once("/all-burn").context("a choice")?;
            let query = query.split_once('?').context("a query")?.1;
            let refused = anyone.request("GET", &format!("{folder}/{bad}/master.m3u8?{query}"))?.send().await?;
            ensure!(refused.status() == 404, "{bad}: {refused:?}");
        }
    }

    async fn playlists_lead_to_the_stills_for_scrubbing_once_they_are_drawn(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 h264 320x240 20s").await?;
        server.scan(&library).await?;
        let (viewer, anyone) = (server.viewer(), server.anonymous());
        let film = only(&viewer, DRAWN, json!({})).await?;
        let master = fetch(&anyone, url(&film["playback"], "hlsUrl")?).await?.text().await?;
        ensure!(film["sprite"].is_null() && !master.contains("IMAGE-STREAM"), "{master}");

        let generate = "mutation { generatePictures(input: {}) { job { id } } }";
        let made = server.editor().query(generate, json!({})).await?;
        server.finished(made["generatePictures"]["job"]["id"].as_str().context("a job")?).await?;
        let film = only(&viewer, DRAWN, json!({})).await?;
        let sprite = &film["sprite"];
        let layout = format!("{}x{}", sprite["columns"], sprite["rows"]);
        let hls = url(&film["playback"], "hlsUrl")?;
        let master = fetch(&anyone, hls).await?.text().await?;
        let line = master.lines().find(|line| line.starts_with("#EXT-X-IMAGE-STREAM-INF:")).with_context(|| master.clone())?;
        let size = format!("{}x{}", sprite["tileWidth"], sprite["tileHeight"]);
        ensure!(attribute(line, "RESOLUTION") == Some(&size), "{line}");
        let list = attribute(line, "URI").context("a URI")?;
        let list = fetch(&anyone, &playlist_place(hls, list)).await?.text().await?;
        ensure!(list.contains("#EXT-X-IMAGES-ONLY") && list.contains(&format!("LAYOUT={layout}")), "{list}");
        let tiles = list.lines().find(|line| line.starts_with("#EXT-X-TILES:")).context("tiles")?;
        let apart: f64 = attribute(tiles, "DURATION").context("a time")?.parse()?;
        ensure!(Some(apart) == sprite["interval"].as_f64(), "{list} {sprite:#}");
        let image = list.lines().find(|line| line.starts_with('/')).context("a picture")?;
        let image = fetch(&anyone, image).await?;
        ensure!(image.headers()[header::CONTENT_TYPE] == "image/webp", "{image:?}");
        let manifest = fetch(&anyone, url(&film["playback"], "dashUrl")?).await?.text().await?;
        let value = format!("schemeIdUri=\"http://dashif.org/guidelines/thumbnail_tile\" value=\"{layout}\"");
        ensure!(manifest.contains(&value) && manifest.contains("contentType=\"image\""), "{manifest}");
    }

    async fn sound_that_players_take_stays_as_it_is(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("as-it-is.mp4 hevc 160x120 22s aac\nsix.mp4 hevc 160x120 10s aac:6ch").await?;
        server.scan(&library).await?;
        let anyone = server.anonymous();
        for (title, is_copied) in [("as-it-is", true), ("six", false)] {
            let offered = super::playback(&server.viewer(), title, json!({})).await?;
            ensure!(offered["method"] == "TRANSCODE", "{offered:#}");
            let text = fetch(&anyone, url(&offered, "hlsUrl")?).await?.text().await?;
            ensure!(text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), "{text}");
            let master = Master::fetch(&anyone, url(&offered, "hlsUrl")?).await?;
            let [track] = &master.audio[..] else { anyhow::bail!("{master:?}") };
            ensure!(master.video[0].codecs.ends_with(",mp4a.40.2"), "{master:?}");
            let media = Media::fetch(&anyone, &track.uri).await?;
            let backward: Vec<usize> = (0..media.segments.len()).rev().collect();
            check_track(&anyone, track, &media, &backward).await?;
            let source = std::fs::read(server.media().join(format!("{title}.mp4")))?;
            let mut n_frames = 0;
            for (_, uri) in &media.segments {
                let bytes = fetch(&anyone, uri).await?.bytes().await?;
                n_frames += n_samples(&bytes).context("samples")?;
                let at = bytes.windows(4).position(|four| four == b"mdat").context("bytes of sound")? + 4;
                let first = &bytes[at..at + 64];
                let is_there = source.windows(first.len()).any(|window| window == first);
                ensure!(is_there == is_copied, "{title}: {uri}");
            }
            if is_copied {
                // Every frame but the one that primes the decoder, whose sound nobody is to hear.
                ensure!(n_frames == 22 * 48_000 / 1024 + 1, "{n_frames} frames");
            }
        }
    }
}

/// A place relative to a playlist.
fn playlist_place(playlist: &str, relative: &str) -> String {
    let folder = playlist.split('?').next().unwrap_or_default();
    let folder = folder.rsplitn(3, '/').nth(2).unwrap_or_default();
    format!("{folder}/{}", relative.trim_start_matches("../"))
}
