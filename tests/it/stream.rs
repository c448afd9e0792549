//! Streaming: what playlists promise is what segments are, whoever made them and in whatever order they were asked for.

mod bench;
mod devices;
pub(crate) mod playlist;
mod sidecars;
mod tracks;

use anyhow::{Context, ensure};
use reqwest::header;
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

use self::playlist::{Master, Media, Track, duration_of, fetch, first_time_of, ticks_of};

const PLAYBACK: &str = "query($id: ID!, $capabilities: PlaybackCapabilities) { node(id: $id) { ... on Video { id
    playback(capabilities: $capabilities) { method reason hlsUrl dashUrl directUrl
        variants { name width height bitRate codecs isHardwareEncoded } } }
    ... on Audio { id playback(capabilities: $capabilities) { method hlsUrl dashUrl variants { name codecs } } } } }";

/// What a player is offered of the only item whose title is this.
pub(crate) async fn playback(client: &Client, title: &str, capabilities: Value) -> anyhow::Result<Value> {
    let found = client
        .query("{ media(first: 100) { nodes { id title } } }", json!({}))
        .await?;
    let nodes = found["media"]["nodes"].as_array().context("items")?;
    let item = nodes.iter().find(|item| item["title"] == title);
    let item = item.with_context(|| format!("no `{title}` in {nodes:?}"))?;
    let variables = json!({ "id": item["id"], "capabilities": capabilities });
    Ok(client.query(PLAYBACK, variables).await?["node"]["playback"].take())
}

fn url<'a>(playback: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    playback[field]
        .as_str()
        .with_context(|| format!("no {field} in {playback:#}"))
}

/// Every segment of a track, in this order, must begin and last as the playlist says.
async fn check_track(client: &Client, track: &Track, media: &Media, order: &[usize]) -> anyhow::Result<()> {
    let header = fetch(client, &media.init).await?.bytes().await?;
    ensure!(header.get(4..8) == Some(b"ftyp"), "no header: {header:?}");
    let mut begins = vec![0; media.segments.len()];
    let mut lasts = vec![0; media.segments.len()];
    let mut rates = Vec::new();
    for &n in order {
        let (length, uri) = &media.segments[n];
        let bytes = fetch(client, uri).await?.bytes().await?;
        begins[n] = first_time_of(&bytes).context("a time")?;
        lasts[n] = duration_of(&bytes, &header).context("samples")?;
        rates.push(bytes.len() as f64 * 8.0 / length);
    }
    let ticks = f64::from(ticks_of(&header).context("a clock")?);
    // A copied track begins with its first whole packet, which may be a few milliseconds late.
    let mut at = begins.first().copied().unwrap_or(0);
    ensure!(at as f64 <= ticks * 0.03, "{}: it begins at {at}", track.uri);
    let mut promised = 0.0;
    for (n, (length, _)) in media.segments.iter().enumerate() {
        ensure!(
            begins[n] == at,
            "{}: segment {n} begins at {} and not at {at}",
            track.uri,
            begins[n]
        );
        at += lasts[n];
        promised += length;
        let off = (at as f64 / ticks - promised).abs();
        ensure!(
            off <= 0.041,
            "{}: after segment {n} the playlist is {off} s off",
            track.uri
        );
    }
    let peak = rates.iter().copied().fold(0.0, f64::max);
    ensure!(
        peak <= track.bandwidth,
        "{}: {peak} bits a second exceed {}",
        track.uri,
        track.bandwidth
    );
    Ok(())
}

/// How streaming goes at this moment.
async fn figures(server: &TestServer) -> anyhow::Result<Value> {
    let query = "subscription { systemStats { streaming { activeHeads awaitedSegments madeSegments memoryHits diskHits misses } } }";
    let request = server.admin().request("POST", "/graphql")?;
    let request = request
        .header("accept", "text/event-stream")
        .json(&json!({ "query": query }));
    let mut response = request.send().await?;
    let mut text = String::new();
    while let Some(chunk) = response.chunk().await? {
        text.push_str(std::str::from_utf8(&chunk)?);
        let line = text.lines().find_map(|line| line.strip_prefix("data:"));
        let event = line.and_then(|line| serde_json::from_str::<Value>(line.trim()).ok());
        if let Some(mut event) = event.filter(|event| event["data"].is_object()) {
            return Ok(event["data"]["systemStats"]["streaming"].take());
        }
    }
    anyhow::bail!("no figures in {text}")
}

async fn segments(server: &TestServer, title: &str) -> anyhow::Result<Vec<String>> {
    let playback = playback(&server.viewer(), title, json!({})).await?;
    let anyone = server.anonymous();
    let master = Master::fetch(&anyone, url(&playback, "hlsUrl")?).await?;
    let media = Media::fetch(&anyone, &master.video[0].uri).await?;
    Ok(media.segments.into_iter().map(|(_, uri)| uri).collect())
}

on_both! {
    async fn all_who_want_a_segment_at_once_get_the_same_one(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mp4 h264 320x240 24s").await?;
        server.scan(&library).await?;
        let segments = segments(&server, "film").await?;
        let anyone = server.anonymous();
        let asked = (0..40).map(|_| async { anyhow::Ok(fetch(&anyone, &segments[2]).await?.bytes().await?) });
        let got = futures_util::future::try_join_all(asked).await?;
        ensure!(got.iter().all(|bytes| bytes == &got[0] && bytes.get(4..8) == Some(b"moof")));
        let figures = figures(&server).await?;
        // The one that was asked for, and at most the one after it.
        ensure!(figures["madeSegments"].as_i64() <= Some(2), "{figures:#}");
    }

    async fn ten_viewers_at_ten_places_all_get_on(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mp4 h264 320x240 160s").await?;
        server.scan(&library).await?;
        let segments = segments(&server, "film").await?;
        ensure!(segments.len() == 40, "{} segments", segments.len());
        let viewers = (0..10).map(|viewer| {
            let (anyone, mine) = (server.anonymous(), &segments[viewer * 4..viewer * 4 + 4]);
            async move {
                for uri in mine {
                    fetch(&anyone, uri).await?.bytes().await?;
                }
                anyhow::Ok(())
            }
        });
        futures_util::future::try_join_all(viewers).await?;
        let figures = figures(&server).await?;
        println!("ten viewers of four segments each: {figures}");
        // All of the film, and what heads make ahead, thirty seconds at most, before others come to the same place.
        ensure!(figures["madeSegments"].as_i64().is_some_and(|made| (40..=40 + 9 * 7).contains(&made)), "{figures:#}");
        ensure!(figures["awaitedSegments"] == 0, "{figures:#}");
    }

    async fn a_segment_is_given_away_while_it_is_made(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "medium")]).await?;
        let library = server.library("film.mp4 h264 1280x720 17s fps:60").await?;
        server.scan(&library).await?;
        let segments = segments(&server, "film").await?;
        let anyone = server.anonymous();
        // Whether one is made while it is asked for is a matter of time; of all of them, one is.
        let mut found = None;
        for (n, uri) in segments.iter().enumerate().skip(1).take(3) {
            let response = fetch(&anyone, uri).await?;
            if !response.headers().contains_key(header::CONTENT_LENGTH) {
                found = Some((n, response));
                break;
            }
        }
        let (n, mut first) = found.context("every length was known at once")?;
        let mut whole = first.chunk().await?.context("a first chunk")?.to_vec();
        ensure!(whole.get(4..8) == Some(b"moof"), "{:?}", whole.get(..8));
        // Somebody who comes meanwhile gets what there is, and the rest with the first.
        let joined = tokio::spawn({
            let request = anyone.request("GET", &segments[n])?;
            async move { request.send().await?.error_for_status()?.bytes().await }
        });
        while let Some(chunk) = first.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        ensure!(joined.await?? == whole, "who joins gets the same");
        let kept = fetch(&anyone, &segments[n]).await?;
        ensure!(kept.headers()[header::CONTENT_LENGTH] == whole.len().to_string().as_str(), "{kept:?}");
        ensure!(kept.bytes().await? == whole, "what is kept is what was given away");
        // A quarter of a second, three of a whole one, and the rest.
        let n_fragments = playlist::fragments(&whole).context("fragments")?.len();
        ensure!(n_fragments == 5, "{n_fragments} fragments");
        ensure!(playlist::n_samples(&whole) == Some(240), "{:?}", playlist::n_samples(&whole));
        let figures = figures(&server).await?;
        ensure!(figures["madeSegments"].as_i64() <= Some(2 * n as i64), "one head made it for all: {figures:#}");
    }

    async fn what_is_rendered_as_a_whole_is_played_at_once(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mkv hevc 640x480 9s aac").await?;
        server.scan(&library).await?;
        let (viewer, anyone) = (server.viewer(), server.anonymous());
        let offered = playback(&viewer, "film", json!({})).await?;
        let sizes = async || {
            let master = Master::fetch(&anyone, url(&offered, "hlsUrl")?).await?;
            anyhow::Ok(master.video)
        };
        let before = sizes().await?;
        let heights = |rungs: &[Track]| rungs.iter().map(|track| track.height).collect::<Vec<_>>();
        ensure!(heights(&before) == [480, 360, 240], "{before:?}");
        let film = viewer.query("{ media(first: 1) { nodes { id } } }", json!({})).await?["media"]["nodes"][0]["id"].take();
        let render = "mutation($input: RenderProxyInput!) { renderProxy(input: $input) { job { id } } }";
        let input = json!({ "input": { "mediaId": film, "kind": "PROXY_480P" } });
        let made = server.editor().query(render, input).await?;
        let done = server.finished(made["renderProxy"]["job"]["id"].as_str().context("a job")?).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");

        let after = sizes().await?;
        ensure!(heights(&after) == [480, 360, 240], "in its rung's place: {after:?}");
        ensure!(after[0].uri != before[0].uri && after[1].uri == before[1].uri, "{before:?} and {after:?}");
        let n_made = figures(&server).await?["madeSegments"].take();
        let media = Media::fetch(&anyone, &after[0].uri).await?;
        ensure!(media.segments.len() == 3, "{media:?}");
        check_track(&anyone, &after[0], &media, &[2, 0, 1]).await?;
        ensure!(figures(&server).await?["madeSegments"] == n_made, "nothing of it is made again");
    }

    async fn who_leaves_ends_the_work_that_only_they_waited_for(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "medium")]).await?;
        let library = server.library("film.mp4 h264 1920x1080 9s fps:60").await?;
        server.scan(&library).await?;
        let segments = segments(&server, "film").await?;
        let left = fetch(&server.anonymous(), &segments[0]).await?;
        drop(left);
        let begun = std::time::Instant::now();
        while figures(&server).await?["activeHeads"] != 0 {
            ensure!(begun.elapsed().as_secs() < 120, "nobody waits, and the head goes on");
            tokio::task::yield_now().await;
        }
        // A head that nobody told would have made the next one too.
        let figures = figures(&server).await?;
        ensure!(figures["madeSegments"].as_i64() <= Some(1), "{figures:#}");
    }

    async fn a_file_that_changed_since_its_scan_is_not_streamed_as_the_old_one(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mp4 h264 320x240 60s\nother.mp4 h264 160x120 5s").await?;
        server.scan(&library).await?;
        let before = segments(&server, "film").await?;
        fetch(&server.anonymous(), &before[0]).await?;
        std::fs::copy(server.media().join("other.mp4"), server.media().join("film.mp4"))?;
        let refused = server.anonymous().request("GET", &before[12])?.send().await?;
        ensure!(refused.status() == 503 && refused.headers().contains_key(header::RETRY_AFTER), "{refused:?}");
        server.scan(&library).await?;
        let found = server.viewer().query("{ media(first: 10) { nodes { title ... on Video { playback { hlsUrl } } } } }", json!({})).await?;
        let items = found["media"]["nodes"].as_array().context("items")?.iter();
        for item in items.filter(|item| item["playback"]["hlsUrl"].is_string()) {
            let master = Master::fetch(&server.anonymous(), url(&item["playback"], "hlsUrl")?).await?;
            ensure!(master.video[0].width == 160, "the file as it is now: {master:?}");
        }
    }

    async fn every_segment_of_every_track_is_what_its_playlist_promises(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mkv hevc 640x480 22s aac:6ch\nclip.mp4 h264 aac 1s").await?;
        server.scan(&library).await?;
        let viewer = server.viewer();
        let playback = playback(&viewer, "film", json!({})).await?;
        ensure!(playback["method"] == "TRANSCODE", "browsers decode no HEVC: {playback:#}");
        ensure!(playback["reason"].as_str().is_some_and(|reason| reason.contains("hevc")), "{playback:#}");
        let anyone = server.anonymous();
        let master = Master::fetch(&anyone, url(&playback, "hlsUrl")?).await?;
        let offered: Vec<_> = playback["variants"].as_array().context("variants")?.iter()
            .map(|variant| (variant["codecs"].as_str().unwrap_or_default().to_owned(), variant["width"].as_i64(), variant["height"].as_i64()))
            .collect();
        let found: Vec<_> = master.video.iter().map(|track| (track.codecs.clone(), Some(track.width), Some(track.height))).collect();
        ensure!(found == offered && found.len() == 3, "offered {offered:?}, found {found:?}");
        ensure!(master.audio.len() == 1, "{:?}", master.audio);
        for (at, track) in master.video.iter().chain(&master.audio).enumerate() {
            let media = Media::fetch(&anyone, &track.uri).await?;
            ensure!(media.segments.len() == 6, "{} segments", media.segments.len());
            let total: f64 = media.segments.iter().map(|(length, _)| length).sum();
            ensure!((total - 22.0).abs() < 0.05, "{total} s");
            // Each track in another order, so that heads begin anywhere.
            let orders = [[0, 1, 2, 3, 4, 5], [5, 2, 0, 4, 1, 3], [3, 4, 5, 0, 1, 2], [5, 4, 3, 2, 1, 0]];
            check_track(&anyone, track, &media, &orders[at % orders.len()]).await?;
        }
        let [scrub] = &master.keyframes[..] else { anyhow::bail!("{:?}", master.keyframes) };
        let list = fetch(&anyone, &scrub.uri).await?.text().await?;
        ensure!(list.contains("#EXT-X-I-FRAMES-ONLY"), "{list}");
        let media = Media::fetch(&anyone, &scrub.uri).await?;
        ensure!(media.segments.len() == 6, "{list}");
        for n in [4, 0, 5] {
            let picture = fetch(&anyone, &media.segments[n].1).await?.bytes().await?;
            ensure!(playlist::n_samples(&picture) == Some(1), "segment {n} for scrubbing has {:?} pictures", playlist::n_samples(&picture));
            ensure!(first_time_of(&picture) == Some(n as u64 * 4 * 90_000), "segment {n} is of another time");
        }
    }

    async fn what_a_player_asks_for_is_signed_kept_and_known_again(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mp4 h264 320x240 9s aac").await?;
        server.scan(&library).await?;
        let playback = playback(&server.viewer(), "film", json!({})).await?;
        ensure!(playback["method"] == "DIRECT" && playback["reason"].is_null(), "{playback:#}");
        let anyone = server.anonymous();
        let hls = url(&playback, "hlsUrl")?;
        let packed = anyone.request("GET", hls)?.header(header::ACCEPT_ENCODING, "gzip").send().await?;
        ensure!(packed.headers()[header::CONTENT_ENCODING] == "gzip", "{packed:?}");
        ensure!(packed.headers()[header::CONTENT_TYPE] == "application/vnd.apple.mpegurl", "{packed:?}");
        ensure!(packed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN] == "*", "{packed:?}");
        let tag = packed.headers()[header::ETAG].clone();
        let again = anyone.request("GET", hls)?.header(header::IF_NONE_MATCH, tag).send().await?;
        ensure!(again.status() == 304, "{again:?}");

        let master = Master::fetch(&anyone, hls).await?;
        let baseline = &playback["variants"][0]["codecs"];
        ensure!(baseline == &json!(format!("{},mp4a.40.2", master.video[0].codecs.split(',').next().unwrap_or_default())), "{baseline}");
        let media = Media::fetch(&anyone, &master.video[0].uri).await?;
        let (_, uri) = &media.segments[1];
        let first = fetch(&anyone, uri).await?;
        ensure!(first.headers()[header::CACHE_CONTROL] == "private, max-age=31536000, immutable", "{first:?}");
        let tag = first.headers()[header::ETAG].clone();
        ensure!(tag.to_str()?.starts_with("W/\""), "{tag:?}");
        let (first, second) = (first.bytes().await?, fetch(&anyone, uri).await?.bytes().await?);
        ensure!(first == second, "the same segment twice is the same bytes");
        let again = anyone.request("GET", uri)?.header(header::IF_NONE_MATCH, tag).send().await?;
        ensure!(again.status() == 304, "{again:?}");
        let head = anyone.request("HEAD", uri)?.send().await?;
        ensure!(head.status() == 200 && head.headers()[header::CONTENT_LENGTH] == first.len().to_string().as_str(), "{head:?}");

        let (path, query) = uri.split_once('?').context("a query")?;
        let folder = path.rsplit_once('/').context("a path")?.0;
        for (bad, status) in [
            (path.to_owned(), 403),
            (uri.replace("s=", "s=A"), 403),
            (format!("{folder}/99.m4s?{query}"), 404),
            (format!("{folder}/01.m4s?{query}"), 404),
            (format!("{folder}/-1.m4s?{query}"), 404),
            (format!("{folder}/master.m3u8?{query}"), 404),
            (format!("{folder}/1.ts?{query}"), 404),
        ] {
            let refused = anyone.request("GET", &bad)?.send().await?;
            ensure!(refused.status() == status, "{bad}: {refused:?}");
            ensure!(refused.headers()[header::CACHE_CONTROL] == "no-store", "{refused:?}");
        }
        let preflight = anyone.request("OPTIONS", uri)?.send().await?;
        ensure!(preflight.status() == 204 && preflight.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN] == "*", "{preflight:?}");
    }

    async fn a_ceiling_bounds_what_is_offered_and_sound_alone_is_streamed_too(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_STREAM_PRESET", "ultrafast")]).await?;
        let library = server.library("film.mp4 h264 640x480 2s\nsong.flac 1s").await?;
        server.scan(&library).await?;
        let (viewer, anyone) = (server.viewer(), server.anonymous());
        let film = playback(&viewer, "film", json!({ "maxHeight": 400 })).await?;
        ensure!(film["method"] == "TRANSCODE", "{film:#}");
        let master = Master::fetch(&anyone, url(&film, "hlsUrl")?).await?;
        let heights: Vec<_> = master.video.iter().map(|track| track.height).collect();
        ensure!(heights == [360, 240] && master.audio.is_empty(), "{heights:?}");
        let poor = playback(&viewer, "film", json!({ "maxBitRate": 1 })).await?;
        ensure!(poor["variants"].as_array().is_some_and(|rungs| rungs.len() == 1), "{poor:#}");

        let song = playback(&viewer, "song", json!({ "audioCodecs": ["aac"] })).await?;
        ensure!(song["method"] == "TRANSCODE" && song["variants"][0]["codecs"] == "mp4a.40.2", "{song:#}");
        let master = Master::fetch(&anyone, url(&song, "hlsUrl")?).await?;
        ensure!(master.video.is_empty() && master.audio.len() == 1, "{:?}", master.audio);
        let media = Media::fetch(&anyone, &master.audio[0].uri).await?;
        check_track(&anyone, &master.audio[0], &media, &[0]).await?;
        let manifest = fetch(&anyone, url(&song, "dashUrl")?).await?;
        ensure!(manifest.headers()[header::CONTENT_TYPE] == "application/dash+xml", "{manifest:?}");
    }

    async fn a_film_that_only_its_container_keeps_from_playing_is_copied(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let films = "film.mkv h264 640x480 22s aac srt:eng\nwide.mkv h264 320x240 10s ac3:6ch\nlow.mkv vp9 320x240 10s opus";
        let library = server.library(films).await?;
        server.scan(&library).await?;
        let (viewer, anyone) = (server.viewer(), server.anonymous());
        for (title, method, codecs, n) in [
            ("film", "REMUX", "avc1.,mp4a.40.2", 22.0),
            ("low", "REMUX", "vp09.,opus", 10.0),
            // Its sound is not for browsers; its pictures are, and stay as they are.
            ("wide", "TRANSCODE", "avc1.,mp4a.40.2", 10.0),
        ] {
            let offered = playback(&viewer, title, json!({})).await?;
            ensure!(offered["method"] == method && offered["reason"].is_string(), "{title}: {offered:#}");
            ensure!(url(&offered, "hlsUrl")?.contains("/copy"), "{offered:#}");
            ensure!(offered["variants"].as_array().is_some_and(|variants| variants.len() == 1), "{offered:#}");
            let master = Master::fetch(&anyone, url(&offered, "hlsUrl")?).await?;
            ensure!(master.video.len() == 1 && master.audio.len() == 1, "{title}: {master:?}");
            let told = &master.video[0].codecs;
            let families = |text: &str| text.split(',').map(|one| one.split('.').next().unwrap_or_default().to_owned()).collect::<Vec<_>>();
            ensure!(families(told) == families(codecs), "{title}: {told}");
            for track in master.video.iter().chain(&master.audio) {
                let media = Media::fetch(&anyone, &track.uri).await?;
                let total: f64 = media.segments.iter().map(|(length, _)| length).sum();
                ensure!((total - n).abs() < 0.1, "{title}: {total} s");
                let backward: Vec<usize> = (0..media.segments.len()).rev().collect();
                check_track(&anyone, track, &media, &backward).await?;
            }
        }
        let figures = figures(&server).await?;
        ensure!(figures["madeSegments"].as_i64() > Some(8), "{figures:#}");
    }

    async fn subtitles_inside_a_film_are_read_once_and_shown_over_it(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mkv h264 10s srt:eng\nbare.mp4 h264 2s").await?;
        server.scan(&library).await?;
        let query = "{ media(first: 10) { nodes { title ... on Video { subtitles { id language label url source isDefault isForced }
            files { streams { ... on SubtitleStream { isText url } } } playback { hlsUrl dashUrl } } } } }";
        let found = server.viewer().query(query, json!({})).await?;
        let items = found["media"]["nodes"].as_array().context("items")?;
        let item = |title: &str| items.iter().find(|item| item["title"] == title).context("an item");
        ensure!(item("bare")?["subtitles"] == json!([]), "{items:#?}");
        let film = item("film")?;
        let [text] = &film["subtitles"].as_array().context("subtitles")?[..] else { anyhow::bail!("{film:#}") };
        ensure!(text["language"] == "eng" && text["source"] == "EMBEDDED", "{text:#}");
        let streams = film["files"][0]["streams"].as_array().context("streams")?;
        ensure!(streams.iter().any(|stream| stream["isText"] == true && stream["url"] == text["url"]), "{streams:#?}");
        let anyone = server.anonymous();
        let place = url(text, "url")?;
        let read = fetch(&anyone, place).await?;
        ensure!(read.headers()[header::CONTENT_TYPE] == "text/vtt; charset=utf-8", "{read:?}");
        let tag = read.headers()[header::ETAG].clone();
        let read = read.text().await?;
        ensure!(read.starts_with("WEBVTT") && read.contains("-->"), "{read}");
        let again = anyone.request("GET", place)?.header(header::IF_NONE_MATCH, tag).send().await?;
        ensure!(again.status() == 304, "{again:?}");
        let master = fetch(&anyone, url(&film["playback"], "hlsUrl")?).await?.text().await?;
        let line = master.lines().find(|line| line.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES")).with_context(|| master.clone())?;
        ensure!(line.contains("LANGUAGE=\"eng\"") && master.contains("SUBTITLES=\"subtitles\""), "{master}");
        let manifest = fetch(&anyone, url(&film["playback"], "dashUrl")?).await?.text().await?;
        ensure!(manifest.contains("all.vtt"), "{manifest}");
        let (path, query) = place.split_once('?').context("a query")?;
        let folder = path.rsplit_once("/text-").context("a path")?.0;
        for bad in ["text-0", "text-99", "text-01", "text-x"] {
            let refused = anyone.request("GET", &format!("{folder}/{bad}/all.vtt?{query}"))?.send().await?;
            ensure!(refused.status() == 404, "{bad}: {refused:?}");
        }
    }

    async fn a_server_in_front_is_named_in_every_url(backend: Backend) {
        let environment = [("VITAGRAPH_STREAM_MEDIA_BASE_URL", "https://cdn.example/media/")];
        let server = TestServer::start_with(backend, &environment).await?;
        let library = server.library("film.mp4 h264 2s").await?;
        server.scan(&library).await?;
        let film = playback(&server.viewer(), "film", json!({})).await?;
        for field in ["hlsUrl", "dashUrl", "directUrl"] {
            ensure!(url(&film, field)?.starts_with("https://cdn.example/media/p/stream/"), "{film:#}");
        }
        let master = url(&film, "hlsUrl")?.trim_start_matches("https://cdn.example/media").to_owned();
        let anyone = server.anonymous();
        let master = Master::fetch(&anyone, &master).await?;
        let media = Media::fetch(&anyone, &master.video[0].uri).await?;
        let segment = fetch(&anyone, &media.segments[0].1).await?;
        ensure!(segment.headers()[header::CACHE_CONTROL] == "public, max-age=31536000, immutable", "{segment:?}");
    }
}
