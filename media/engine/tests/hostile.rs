//! Files that name other files and hosts, under every name that could make libav believe them: they are read, and nothing
//! that they name is opened or called.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{ErrorKind, Seek, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::job::ProbeHints;
use media_proto::keyframes::KeyframeMode;
use media_proto::message::Layer;
use media_proto::survey::{PictureFormat, Poster, SpriteSheet, Stills, Survey};
use media_proto::synthetic::Synthetic;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio_util::sync::CancellationToken;

/// What a hostile file names: a real film with a watch on it, and a port that listens.
struct Bait {
    folder: tempfile::TempDir,
    watch: OwnedFd,
    listener: TcpListener,
}

impl Bait {
    /// Films that play, so that whoever opens one would go on with it.
    async fn lay(engine: &Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (container, name) in [("mpegts", "canary.ts"), ("mp4", "canary.mp4")] {
            let spec = Synthetic {
                container: container.to_owned(),
                ..Synthetic::clip(1)
            };
            let mut film = engine.synthesize(spec).await.unwrap();
            std::io::copy(&mut film, &mut File::create(folder.path().join(name)).unwrap()).unwrap();
        }
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, folder.path(), WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let bait = Self {
            folder,
            watch,
            listener,
        };
        // Whatever the watch says of ourselves is over.
        bait.was_touched();
        bait
    }

    /// Whether anybody opened or read a film, or called the port, since the last time.
    fn was_touched(&self) -> Option<&'static str> {
        let mut events = [0u8; 4096];
        let mut touched = None;
        while matches!(rustix::io::read(&self.watch, &mut events), Ok(n) if n > 0) {
            touched = Some("a file was opened");
        }
        match self.listener.accept() {
            Ok(_) => Some("the port was called"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => touched,
            Err(error) => panic!("{error}"),
        }
    }

    fn film(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// Hostile files: what they are, the name that goes with them, their content.
fn traps(bait: &Bait) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (ts, mp4) = (bait.film("canary.ts"), bait.film("canary.mp4"));
    let port = bait.listener.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let playlist = |segment: &str, extra: &str| {
        format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n{extra}#EXTINF:1.0,\n{segment}\n#EXT-X-ENDLIST\n")
    };
    let texts = [
        ("hls with a path", "m3u8", playlist(&ts, "")),
        ("hls with a file url", "m3u8", playlist(&format!("file://{ts}"), "")),
        ("hls with a relative path", "m3u8", playlist("canary.ts", "")),
        ("hls with a host", "m3u8", playlist(&format!("{url}/segment.ts"), "")),
        (
            "hls with a key at a host",
            "m3u8",
            playlist(&ts, &format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{url}/key\"\n")),
        ),
        (
            "hls with an init at a path",
            "m3u8",
            playlist(&mp4, &format!("#EXT-X-MAP:URI=\"{mp4}\"\n")),
        ),
        (
            "hls with a child playlist",
            "m3u8",
            format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\n{url}/child.m3u8\n"),
        ),
        (
            "hls by subfile",
            "m3u8",
            playlist(&format!("subfile,,start,0,end,100000,,:{ts}"), ""),
        ),
        ("hls by concat", "m3u8", playlist(&format!("concat:{ts}|{ts}"), "")),
        ("hls by crypto", "m3u8", playlist(&format!("crypto+file:{ts}"), "")),
        (
            "hls by gopher",
            "m3u8",
            playlist(&format!("gopher://127.0.0.1:{port}/x.ts"), ""),
        ),
        (
            "ffconcat with a path",
            "ffconcat",
            format!("ffconcat version 1.0\nfile '{ts}'\nduration 1\n"),
        ),
        (
            "ffconcat with a host",
            "ffconcat",
            format!("ffconcat version 1.0\nfile '{url}/x.ts'\n"),
        ),
        (
            "dash with a path",
            "mpd",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT1S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><Period>\
                 <AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1000\" codecs=\"avc1.64000c\">\
                 <BaseURL>{mp4}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "dash with a host",
            "mpd",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT1S\"><Period><BaseURL>{url}/</BaseURL><AdaptationSet \
                 mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><SegmentTemplate media=\"$Number$.m4s\" \
                 initialization=\"init.mp4\" duration=\"1\"/></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "sdp",
            "sdp",
            format!(
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
            ),
        ),
        ("ram", "ram", format!("rtsp://127.0.0.1:{port}/film\n")),
        (
            "asx",
            "asx",
            format!("<asx version=\"3.0\"><entry><ref href=\"{url}/a.asf\"/></entry></asx>"),
        ),
        (
            "rtsp by reference",
            "mov",
            format!("rtsptext\nrtsp://127.0.0.1:{port}/film\n"),
        ),
        ("strm", "strm", format!("{url}/film.mp4\n")),
        ("m3u", "m3u", format!("{ts}\n{url}/x.mp3\n")),
        (
            "cue",
            "cue",
            format!("FILE \"{ts}\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n"),
        ),
        (
            "imf",
            "xml",
            format!(
                "<?xml version=\"1.0\"?><CompositionPlaylist xmlns=\"http://www.smpte-ra.org/schemas/2067-3/2016\"><Id>{url}</Id>\
                 </CompositionPlaylist>"
            ),
        ),
        (
            "svg",
            "svg",
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"100\" \
                 height=\"100\"><image xlink:href=\"file://{mp4}\" width=\"10\" height=\"10\"/><image href=\"{url}/x.png\"/></svg>"
            ),
        ),
        ("numbered pictures", "jpg", "%03d.jpg\n".to_owned()),
    ];
    texts
        .into_iter()
        .map(|(what, extension, text)| (what, extension, text.into_bytes()))
        .collect()
}

fn source(content: &[u8]) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    Source::new(file).unwrap()
}

fn everything(extension: &str) -> Survey {
    let sheet = SpriteSheet {
        count: 4,
        columns: 2,
        tile_width: 80,
        format: PictureFormat::Jpeg,
    };
    Survey {
        extension: Some(extension.to_owned()),
        poster: Some(Poster {
            at_us: None,
            widths: vec![160],
            formats: vec![PictureFormat::Jpeg],
        }),
        sprite: Some(sheet),
        stills: Some(Stills {
            at_us: vec![0],
            width: 80,
            format: PictureFormat::Jpeg,
            is_exact: true,
        }),
        peaks_per_second: Some(10),
        loudness: true,
        phash: true,
        fingerprint: true,
        ..Survey::default()
    }
}

/// Every job that opens a file, under that name. Gives the names of jobs that found anything in it.
async fn open_all(engine: &Engine, source: &Source, extension: &str) -> Vec<String> {
    let cancel = CancellationToken::new();
    let hints = ProbeHints {
        extension: Some(extension.to_owned()),
    };
    let mut found = Vec::new();
    let mut note = |job: &str, outcome: Result<bool, MediaError>| match outcome {
        Ok(false) => {}
        Ok(true) => found.push(format!("{job} as .{extension} found something")),
        Err(error) if error.blames_file() => {}
        Err(error) => found.push(format!("{job} as .{extension}: {error}")),
    };
    note("probe", engine.probe(source, hints, &cancel).await.map(|_| true));
    let surveyed = engine.survey(source, &everything(extension), &cancel, None).await;
    note("survey", surveyed.map(|(surveyed, _)| !surveyed.artifacts.is_empty()));
    for mode in [KeyframeMode::Index, KeyframeMode::Scan] {
        let table = engine
            .keyframes(source, Some(extension.to_owned()), None, mode, &cancel)
            .await;
        note("keyframes", table.map(|table| table.is_some()));
    }
    found
}

async fn spring(config: EngineConfig) {
    let engine = match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    };
    let bait = Bait::lay(&engine).await;
    let mut complaints = Vec::new();
    for (what, extension, content) in traps(&bait) {
        for name in [extension, "mp4", "mkv", "ts", "mp3", "jpg"] {
            // Whoever called the port would wait for an answer.
            let source = source(&content);
            let opened = tokio::time::timeout(Duration::from_secs(30), open_all(&engine, &source, name)).await;
            let found = opened.unwrap_or_else(|_| panic!("{what} as .{name} does not end: {:?}", bait.was_touched()));
            complaints.extend(found.into_iter().map(|text| format!("{what}: {text}")));
            if let Some(touched) = bait.was_touched() {
                complaints.push(format!("{what} as .{name}: {touched}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(engine.stats().n_crashed, 0);
    // The bait works: a real opening and a real call show.
    drop(fs::read(Path::new(&bait.film("canary.ts"))).unwrap());
    assert_eq!(bait.was_touched(), Some("a file was opened"));
    drop(std::net::TcpStream::connect(bait.listener.local_addr().unwrap()).unwrap());
    assert_eq!(bait.was_touched(), Some("the port was called"));
    engine.stop().await;
}

#[tokio::test]
async fn nothing_that_a_file_names_is_opened() {
    spring(EngineConfig::default()).await;
}

/// The rules of opening alone, with neither Landlock nor seccomp around them.
#[tokio::test]
async fn nothing_that_a_file_names_is_opened_even_without_a_sandbox() {
    spring(EngineConfig {
        faults: true,
        without: vec![Layer::Landlock, Layer::Seccomp],
        ..EngineConfig::default()
    })
    .await;
}
