//! Playlists and segments as a client reads them: a second reading of both formats, so that tests share no mistake with
//! what they test.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::{Response, StatusCode, header};
use tests::client::Client;

/// Nothing is made in more time than this, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A playlist of tracks.
#[derive(Debug)]
pub struct Master {
    pub video: Vec<Track>,
    pub audio: Vec<Track>,
    /// Pictures for scrubbing.
    pub keyframes: Vec<Track>,
}

/// What a playlist of tracks says of one.
#[derive(Debug, Clone)]
pub struct Track {
    pub uri: String,
    pub codecs: String,
    pub width: i64,
    pub height: i64,
    pub bandwidth: f64,
}

/// A playlist of segments.
#[derive(Debug)]
pub struct Media {
    pub init: String,
    /// Seconds and place of each.
    pub segments: Vec<(f64, String)>,
}

/// A response that must be good. What is not ready yet is asked for again when the server says so, as players do.
pub async fn fetch(client: &Client, uri: &str) -> anyhow::Result<Response> {
    let begun = Instant::now();
    loop {
        let response = client.request("GET", uri)?.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let again = response.headers().get(header::RETRY_AFTER).cloned();
        match again.filter(|_| status == StatusCode::SERVICE_UNAVAILABLE && begun.elapsed() < PATIENCE) {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.to_str()?.parse()?)).await,
            None => bail!("{uri}: {status}: {}", response.text().await?),
        }
    }
}

impl Master {
    pub async fn fetch(client: &Client, uri: &str) -> anyhow::Result<Self> {
        let text = fetch(client, uri).await?.text().await?;
        let (mut video, mut audio, mut keyframes) = (Vec::new(), Vec::new(), Vec::new());
        let mut lines = text.lines();
        ensure!(lines.next() == Some("#EXTM3U"), "{text}");
        while let Some(line) = lines.next() {
            if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                let place = lines.next().context("a place")?;
                let track = track(list, uri, place)?;
                let (width, height) = attribute(list, "RESOLUTION")
                    .and_then(|size| size.split_once('x'))
                    .unwrap_or(("0", "0"));
                let track = Track {
                    width: width.parse()?,
                    height: height.parse()?,
                    ..track
                };
                match attribute(list, "RESOLUTION") {
                    Some(_) => video.push(track),
                    None => audio.push(track),
                }
            } else if let Some(list) = line.strip_prefix("#EXT-X-I-FRAME-STREAM-INF:") {
                keyframes.push(track(list, uri, attribute(list, "URI").context("a place")?)?);
            } else if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,") {
                let place = attribute(list, "URI").context("a place")?;
                let found = track(list, uri, place)?;
                audio.push(Track {
                    bandwidth: f64::INFINITY,
                    ..found
                });
            }
        }
        // A variant of sound alone names the rendition of the group once more.
        audio.dedup_by(|one, other| one.uri == other.uri);
        Ok(Self {
            video,
            audio,
            keyframes,
        })
    }
}

impl Media {
    pub async fn fetch(client: &Client, uri: &str) -> anyhow::Result<Self> {
        let text = fetch(client, uri).await?.text().await?;
        let (mut init, mut segments, mut target) = (None, Vec::new(), 0.0);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(seconds) = line.strip_prefix("#EXTINF:") {
                let seconds: f64 = seconds.trim_end_matches(',').parse()?;
                let place = lines.next().context("a place")?;
                ensure!(seconds.round() <= target, "{seconds} s in a playlist of {target} s");
                segments.push((seconds, resolve(uri, place)));
            } else if let Some(list) = line.strip_prefix("#EXT-X-MAP:") {
                init = attribute(list, "URI").map(|place| resolve(uri, place));
            } else if let Some(seconds) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
                target = seconds.parse()?;
            }
        }
        ensure!(text.trim_end().ends_with("#EXT-X-ENDLIST"), "{text}");
        Ok(Self {
            init: init.context("a header")?,
            segments,
        })
    }
}

fn track(list: &str, base: &str, place: &str) -> anyhow::Result<Track> {
    Ok(Track {
        uri: resolve(base, place),
        codecs: attribute(list, "CODECS").unwrap_or_default().to_owned(),
        width: 0,
        height: 0,
        bandwidth: attribute(list, "BANDWIDTH").unwrap_or("0").parse()?,
    })
}

/// The value of an attribute, without its quotes.
pub fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while let Some((found, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found.trim_start_matches(',') == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// A relative place after RFC 3986, as far as playlists use it.
fn resolve(base: &str, place: &str) -> String {
    let path = base.split('?').next().unwrap_or(base);
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    let mut place = place;
    while let Some(rest) = place.strip_prefix("../") {
        folders.pop();
        place = rest;
    }
    folders.push(place);
    folders.join("/")
}

/// The content of the first box of this kind, wherever it lies.
fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let at = bytes.windows(4).position(|four| four == kind)?;
    let size = u32::from_be_bytes(bytes.get(at.checked_sub(4)?..at)?.try_into().ok()?) as usize;
    bytes.get(at + 4..at - 4 + size)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Ticks a second of a track's times.
pub fn ticks_of(header: &[u8]) -> Option<u32> {
    let times = find(header, b"mdhd")?;
    word(times, if times.first()? == &1 { 20 } else { 12 })
}

/// The decode time that a segment begins at.
pub fn first_time_of(segment: &[u8]) -> Option<u64> {
    let time = find(segment, b"tfdt")?;
    match time.first()? {
        1 => Some(u64::from_be_bytes(time.get(4..12)?.try_into().ok()?)),
        _ => word(time, 4).map(u64::from),
    }
}

/// The fragments of a segment: each `moof` with its `mdat`.
pub fn fragments(mut segment: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !segment.is_empty() {
        let (moof, mdat) = (
            word(segment, 0)? as usize,
            word(segment, word(segment, 0)? as usize)? as usize,
        );
        found.push(segment.get(..moof + mdat)?);
        segment = &segment[moof + mdat..];
    }
    Some(found)
}

/// How many samples a segment has.
pub fn n_samples(segment: &[u8]) -> Option<u32> {
    fragments(segment)?
        .into_iter()
        .map(|fragment| word(find(fragment, b"trun")?, 4))
        .sum()
}

/// The sum of a segment's sample durations, if each of its fragments begins where the one before ends.
pub fn duration_of(segment: &[u8], header: &[u8]) -> Option<u64> {
    let begins = first_time_of(segment)?;
    let mut lasts = 0;
    for fragment in fragments(segment)? {
        (first_time_of(fragment)? == begins + lasts).then_some(())?;
        lasts += fragment_duration(fragment, header)?;
    }
    Some(lasts)
}

fn fragment_duration(segment: &[u8], header: &[u8]) -> Option<u64> {
    let moof = find(segment, b"moof")?;
    let fragment = find(moof, b"tfhd")?;
    let flags = word(fragment, 0)? & 0xff_ffff;
    let skipped = [(0x1, 8), (0x2, 4)]
        .iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, size)| size);
    let at = 8 + skipped.sum::<usize>();
    let usual = match flags & 0x8 {
        0 => word(find(header, b"trex")?, 12)?,
        _ => word(fragment, at)?,
    };
    let run = find(moof, b"trun")?;
    let flags = word(run, 0)? & 0xff_ffff;
    let n_samples = word(run, 4)? as usize;
    let first = 8 + [0x1, 0x4].iter().filter(|flag| flags & *flag != 0).count() * 4;
    let per_sample = [0x100, 0x200, 0x400, 0x800]
        .iter()
        .filter(|flag| flags & *flag != 0)
        .count()
        * 4;
    let duration = |n: usize| match flags & 0x100 {
        0 => Some(usual),
        _ => word(run, first + n * per_sample),
    };
    (0..n_samples).map(|n| duration(n).map(u64::from)).sum()
}
