//! Real media from many makers, through the server: what clients are told of each file of the manifest, against what
//! ffprobe 5.1 recorded; each difference has its reason. The engine's own test compares the finer facts of streams.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{database::Backend, server::TestServer, shared};

/// What the manifest expects of a file, and what ffprobe says of it.
struct Expected {
    path: String,
    class: String,
    ffprobe: Value,
}

fn expected(root: &Path) -> anyhow::Result<Vec<Expected>> {
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv"))?;
    let facts: Value = serde_json::from_slice(&std::fs::read(root.join("expected.json"))?)?;
    let of_file = |entry: &Value| Some((entry["file"].as_str()?.to_owned(), entry["ffprobe"].clone()));
    let mut facts: BTreeMap<String, Value> = facts["files"]
        .as_array()
        .context("no list of files")?
        .iter()
        .filter_map(of_file)
        .collect();
    let read = |line: &str| {
        let mut cells = line.split('\t');
        let path = cells.next().context("no path")?.to_owned();
        let class = cells.next().context("no class")?.to_owned();
        let ffprobe = facts
            .remove(&path)
            .with_context(|| format!("{path} has no recorded facts"))?;
        Ok(Expected { path, class, ffprobe })
    };
    manifest.lines().skip(1).map(read).collect()
}

const FILES: &str = "query($after: String) { media(first: 50, after: $after, sort: [{ field: ID }]) {
    pageInfo { hasNextPage endCursor }
    nodes { id kind title files { path status size container duration streams { __typename index codec language
        ... on VideoStream { width height } ... on AudioStream { channels sampleRate } } } } } }";
const FAILURES: &str =
    "query($library: ID!, $after: String) { scanFailures(libraryId: $library, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { path code reason } } }";

/// All nodes of a list that is read page by page.
async fn pages(server: &TestServer, document: &str, list: &str, library: &str) -> anyhow::Result<Vec<Value>> {
    let (mut nodes, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut data = server
            .viewer()
            .query(document, json!({ "after": after, "library": library }))
            .await?;
        let Value::Array(page) = data[list]["nodes"].take() else {
            anyhow::bail!("no list: {data}")
        };
        nodes.extend(page);
        after = data[list]["pageInfo"]["endCursor"].take();
        if data[list]["pageInfo"]["hasNextPage"] != true {
            return Ok(nodes);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_of_the_manifest_is_what_it_is() -> anyhow::Result<()> {
    let Some(root) = shared::folder("media") else {
        return Ok(());
    };
    let server = TestServer::start(Backend::Sqlite).await?;
    let library = server.library_over(&root).await?;
    let expected = expected(&root)?;
    ensure!(
        expected.len() > 600,
        "the manifest is not whole: {} files",
        expected.len()
    );
    server.scan(&library).await?;

    let media = pages(&server, FILES, "media", &library).await?;
    let mut files = BTreeMap::new();
    for item in &media {
        for file in item["files"].as_array().context("no files")? {
            ensure!(file["status"] == "PRESENT", "{file:#}");
            files.insert(file["path"].as_str().context("no path")?.to_owned(), (item, file));
        }
    }
    let failures: BTreeMap<String, (String, String)> = pages(&server, FAILURES, "scanFailures", &library)
        .await?
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("path"), (text("code"), text("reason")))
        })
        .collect();

    let mut unexplained = Vec::new();
    let mut unused: Vec<&str> = DIFFERENCES.iter().map(|known| known.0).collect();
    for file in &expected {
        let told = files.get(&file.path);
        let failure = failures.get(&file.path);
        let Some(difference) = difference(file, told.copied(), failure) else {
            continue;
        };
        match DIFFERENCES
            .iter()
            .find(|known| known.0 == file.path && difference.starts_with(known.1))
        {
            Some(known) => unused.retain(|path| *path != known.0),
            None => unexplained.push(format!("{} ({}): {difference}", file.path, file.class)),
        }
    }
    ensure!(
        unexplained.is_empty(),
        "{} differences without a reason:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    ensure!(unused.is_empty(), "differences that are none any more: {unused:?}");
    let known: Vec<&str> = expected.iter().map(|file| file.path.as_str()).collect();
    let extra: Vec<_> = files.keys().filter(|path| !known.contains(&path.as_str())).collect();
    ensure!(extra.is_empty(), "items that the manifest does not know: {extra:?}");

    // No file, however hostile, cost a worker or the server; and all this is found again without opening anything.
    let stats = server.server().engine.stats();
    ensure!(
        (stats.n_crashed, stats.n_hung, stats.n_malformed) == (0, 0, 0),
        "a file broke a worker"
    );
    let job = server.scan(&library).await?;
    let document = "query($id: ID!) { scanReport(jobId: $id) { found new changed moved missing failed } }";
    let told = server.viewer().query(document, json!({ "id": job["id"] })).await?["scanReport"].take();
    ensure!(
        told["new"] == 0 && told["changed"] == 0 && told["moved"] == 0 && told["missing"] == 0,
        "{told:#}"
    );
    ensure!(told["failed"].as_u64() == Some(failures.len() as u64), "{told:#}");
    Ok(())
}

/// What a client is told of a file, where it is not what was expected; none where it is.
fn difference(file: &Expected, told: Option<(&Value, &Value)>, failure: Option<&(String, String)>) -> Option<String> {
    if failure.is_some_and(|(code, reason)| code.is_empty() || reason.is_empty()) {
        return Some("a failure without code or reason".to_owned());
    }
    let is_item = told.is_some();
    match file.class.as_str() {
        "package-part" | "playlist" | "sidecar" => {
            if is_item {
                return Some("item".to_owned());
            }
            failure.map(|(code, reason)| format!("failed, {code} {reason}"))
        }
        // Whatever it is, it is said: an item or a failure, never both and never nothing.
        class => match (told, failure) {
            (Some(_), Some((code, _))) => Some(format!("both an item and a failure, {code}")),
            (None, None) => Some("neither an item nor a failure".to_owned()),
            (Some((item, told)), None) if class == "index" => facts(item, told, &file.ffprobe),
            (None, Some((code, reason))) if class == "index" => Some(format!("failed, {code} {reason}")),
            _ => None,
        },
    }
}

/// The first difference between what a client is told and what ffprobe says.
fn facts(item: &Value, told: &Value, ffprobe: &Value) -> Option<String> {
    let (Some(ours), Some(theirs)) = (told["streams"].as_array(), ffprobe["streams"].as_array()) else {
        return Some("no streams".to_owned());
    };
    if ours.len() != theirs.len() {
        return Some(format!("streams, {} against {}", ours.len(), theirs.len()));
    }
    for (ours, theirs) in ours.iter().zip(theirs) {
        let codec = theirs["codec_name"].as_str().unwrap_or("unknown");
        if ours["codec"] != codec {
            return Some(format!("codec, {} against {codec}", ours["codec"]));
        }
        let kind = match theirs["codec_type"].as_str() {
            Some("video") => "VideoStream",
            Some("audio") => "AudioStream",
            Some("subtitle") => "SubtitleStream",
            Some("attachment") => "AttachmentStream",
            _ => "DataStream",
        };
        if ours["__typename"] != kind {
            return Some(format!("kind, {} against {kind}", ours["__typename"]));
        }
        if kind == "AudioStream" && theirs["channels"].as_u64() > Some(0) && ours["channels"] != theirs["channels"] {
            return Some(format!("channels, {} against {}", ours["channels"], theirs["channels"]));
        }
        let size = |stream: &Value| {
            (
                stream["width"].as_u64().filter(|n| *n > 0),
                stream["height"].as_u64().filter(|n| *n > 0),
            )
        };
        if kind == "VideoStream" && size(ours) != size(theirs) {
            return Some(format!("size, {:?} against {:?}", size(ours), size(theirs)));
        }
    }
    let theirs = ffprobe["duration"].as_str().and_then(|text| text.parse::<f64>().ok());
    match (told["duration"].as_f64(), theirs) {
        (None, None | Some(0.0)) => None,
        // ffprobe gives a still the length of one frame of 25 in a second; a still has no length.
        (None, Some(0.04)) if item["kind"] == "IMAGE" => None,
        (Some(ours), Some(theirs)) if (ours - theirs).abs() < 0.002 => None,
        (ours, theirs) => Some(format!("duration, {ours:?} against {theirs:?}")),
    }
}

/// Which files differ, how the difference starts, and why it is right.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "audio/mutagen--64bit.mp4",
        "failed, MEDIA_NO_STREAM",
        "ffprobe finds no stream either: there is nothing to play",
    ),
    (
        "smallest/exiftool--XMP.svg",
        "neither",
        "a vector drawing is a program's input, not media; its name is not looked at",
    ),
    (
        "video/media--full_blocks.mkv",
        "failed, SCAN_NO_MEDIA",
        "it holds subtitles alone",
    ),
    (
        "video/media--sample_ac4.ts",
        "failed, SCAN_NO_MEDIA",
        "FFmpeg 5.1 knows its AC-4 sound only as data",
    ),
    (
        "video/media--sample_fragmented.mp4",
        "duration, Some(",
        "the header's duration is the placeholder for unknown, which ffprobe takes for 40 hours; ours is measured",
    ),
    (
        "video/subtitleedit--sample_MKV_ffmpeg_VobSub_no_duration.mkv",
        "failed, SCAN_NO_MEDIA",
        "it holds subtitles alone",
    ),
    (
        "video/subtitleedit--sample_MP4.mp4",
        "failed, SCAN_NO_MEDIA",
        "it holds subtitles alone",
    ),
    (
        "video/subtitleedit--sample_MP4_stz2_compact.mp4",
        "failed, SCAN_NO_MEDIA",
        "it holds subtitles alone",
    ),
    (
        "video/subtitleedit--sample_TS_with_graphics.ts",
        "failed, SCAN_NO_MEDIA",
        "it holds subtitles alone",
    ),
    (
        "video/subtitleedit--sample_TS_with_teletext.ts",
        "failed, SCAN_NO_MEDIA",
        "it holds teletext alone",
    ),
];
