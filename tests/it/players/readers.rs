//! Programs of the system as clients: how many frames each of them reads, and what they say of segments.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::client::Client;

use super::{command, has};
use crate::stream::playlist::{Master, Media, fetch};

/// The frames that mpv shows of a stream; none where it is not installed.
pub async fn by_mpv(url: &str) -> anyhow::Result<Option<u64>> {
    if !has("mpv") {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let sums = folder.path().join("frames");
    // One line for each frame that is encoded to a checksum.
    let output = command("mpv")
        .args([
            "--no-config",
            "--really-quiet",
            "--no-audio",
            "--no-sub",
            "--of=framecrc",
            "--ovc=rawvideo",
        ])
        .arg(format!("--o={}", sums.display()))
        .arg(url)
        .output()
        .await?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaints.is_empty(), "mpv: {complaints}");
    let text = std::fs::read_to_string(&sums)?;
    let n_frames = text.lines().filter(|line| !line.starts_with('#')).count();
    Ok(Some(n_frames as u64))
}

/// The frames that GStreamer decodes of a stream; none where it is not installed.
pub async fn by_gstreamer(url: &str) -> anyhow::Result<Option<u64>> {
    if !has("gst-launch-1.0") {
        return Ok(None);
    }
    let source = format!("uri={url}");
    let pipeline = [
        "uridecodebin",
        &source,
        "!",
        "queue",
        "!",
        "videoconvert",
        "!",
        "fakesink",
        "silent=false",
        "sync=false",
    ];
    let output = command("gst-launch-1.0").arg("-v").args(pipeline).output().await?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "GStreamer: {complaints}");
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("ERROR"), "GStreamer: {text}");
    Ok(Some(text.matches("last-message = chain").count() as u64))
}

/// What MediaInfo reads in header and segments of each track must be what the playlists say.
pub async fn check_by_media_info(client: &Client, name: &str, hls: &str) -> anyhow::Result<()> {
    if !has("mediainfo") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let place = hls.find("/p/").context("a place")?;
    let master = Master::fetch(client, &hls[place..]).await?;
    for (n, track) in master.video.iter().chain(&master.audio).enumerate() {
        let media = Media::fetch(client, &track.uri).await?;
        let mut whole = fetch(client, &media.init).await?.bytes().await?.to_vec();
        for (_, uri) in &media.segments {
            whole.extend_from_slice(&fetch(client, uri).await?.bytes().await?);
        }
        let path = folder.path().join(format!("{n}.mp4"));
        std::fs::write(&path, &whole)?;
        let output = command("mediainfo").arg("--Output=JSON").arg(&path).output().await?;
        let told: Value = serde_json::from_slice(&output.stdout).context("what MediaInfo prints")?;
        // Its checks of mp4, AVC and AAC streams, where it finds anything.
        ensure!(!told.to_string().contains("Conformance"), "{name}: {told:#}");
        let tracks = told["media"]["track"].as_array().context("tracks")?;
        ensure!(tracks.len() == 2, "{name}: one stream, {told:#}");
        let number = |field: &str| tracks[1][field].as_str().and_then(|text| text.parse::<f64>().ok());
        let listed: f64 = media.segments.iter().map(|(length, _)| length).sum();
        let lasts = number("Duration").context("a duration")?;
        ensure!(
            (lasts - listed).abs() < 0.11,
            "{name}: {lasts} s of {listed} s, {told:#}"
        );
        if track.width > 0 {
            let size = (number("Width"), number("Height"));
            ensure!(
                size == (Some(track.width as f64), Some(track.height as f64)),
                "{name}: {told:#}"
            );
            ensure!(
                tracks[1]["Format"] == "AVC" && tracks[1]["ScanType"] == "Progressive",
                "{name}: {told:#}"
            );
        }
    }
    Ok(())
}
