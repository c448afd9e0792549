//! Streams that devices encode: a device that fails is no matter of the viewer's, and administrators see why.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use media_proto::hardware::{Breaking, DeviceEncoder};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use super::{
    check_track, playback,
    playlist::{Master, Media},
    url,
};

/// Nothing takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(300);
const ENCODERS: &str = "{ system { hardware { encoders { name isWorking isUsed failure failedAt } } } }";

/// What is told of the encoders, which may take a while to be tried.
async fn encoders(server: &TestServer) -> anyhow::Result<Vec<Value>> {
    let begun = Instant::now();
    loop {
        let mut answer = server.admin().send(ENCODERS, json!({})).await?;
        match answer["data"]["system"]["hardware"]["encoders"].take() {
            Value::Array(encoders) => return Ok(encoders),
            _ => ensure!(begun.elapsed() < PATIENCE, "{answer:#}"),
        }
    }
}

async fn encoder(server: &TestServer, name: &str) -> anyhow::Result<Value> {
    let all = encoders(server).await?;
    let found = all.iter().find(|encoder| encoder["name"] == name);
    Ok(found.with_context(|| format!("no {name} in {all:?}"))?.clone())
}

on_both! {
    async fn a_device_that_fails_in_the_middle_costs_no_viewer_anything(backend: Backend) {
        let settings = [("VITAGRAPH_MEDIA_HARDWARE", "auto"), ("VITAGRAPH_STREAM_PRESET", "superfast")];
        let server = TestServer::start_with(backend, &settings).await?;
        let library = server.library("film.mkv hevc 320x240 24s\nother.mkv hevc 160x120 8s aac").await?;
        server.scan(&library).await?;
        // The machine is tried once, and remembered.
        encoder(&server, "h264_nvenc").await?;
        let devices = server.server().engine.devices();
        let broken = DeviceEncoder::Broken(260, Breaking::Crashes);
        devices.offer(vec![broken.clone()]);

        let (viewer, anyone) = (server.viewer(), server.anonymous());
        let film = playback(&viewer, "film", json!({})).await?;
        ensure!(film["variants"][0]["isHardwareEncoded"] == true, "{film:#}");
        let codecs = film["variants"][0]["codecs"].as_str().context("codecs")?;
        let master = Master::fetch(&anyone, url(&film, "hlsUrl")?).await?;
        ensure!(codecs.starts_with("avc3.64") && master.video[0].codecs == codecs, "{codecs}, {master:?}");
        let media = Media::fetch(&anyone, &master.video[0].uri).await?;
        // Each segment, and the head that makes them runs into its failure in the third.
        check_track(&anyone, &master.video[0], &media, &[0, 1, 2, 3, 4, 5]).await?;
        let failure = devices.failure(&broken).context("it has not failed")?;
        ensure!(failure.reason.contains("SIGSEGV"), "{failure:?}");
        let film = playback(&viewer, "film", json!({})).await?;
        ensure!(film["variants"][0]["isHardwareEncoded"] == false, "{film:#}");

        // One that was there when it was tried, and is not when it is needed.
        devices.offer(vec![DeviceEncoder::Nvenc]);
        ensure!(encoder(&server, "h264_nvenc").await?["isUsed"] == true);
        let other = playback(&viewer, "other", json!({})).await?;
        let master = Master::fetch(&anyone, url(&other, "hlsUrl")?).await?;
        let media = Media::fetch(&anyone, &master.video[0].uri).await?;
        check_track(&anyone, &master.video[0], &media, &[1, 0]).await?;
        let told = encoder(&server, "h264_nvenc").await?;
        if told["isWorking"] == false {
            ensure!(told["isUsed"] == false && told["failedAt"].is_string(), "{told:#}");
            ensure!(told["failure"].as_str().is_some_and(|reason| reason.len() > 10), "{told:#}");
        }
        // Whoever has it tried again gives it another chance.
        server.admin().send("mutation { refreshHardware { hardware { checkedAt } } }", json!({})).await?;
        let begun = Instant::now();
        while encoders(&server).await?.iter().any(|encoder| !encoder["failure"].is_null()) {
            ensure!(begun.elapsed() < PATIENCE, "it is not tried again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
