//! Heads through the engine: what they made comes out as it is ready, and they wait, end and are replaced as told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::head::{HeadJob, Made};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::copy::{self, CopyHead};
use media_proto::error::MediaError;
use media_proto::grid::Grid;
use media_proto::head::{AudioHead, Segment, VideoHead};
use media_proto::keyframes::KeyframeMode;
use media_proto::rendition::{AudioRendition, Preset, Source as Shape, ladder};
use media_proto::synthetic::Synthetic;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const RATE: (i32, i32) = (25, 1);

async fn engine() -> Arc<Engine> {
    match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

/// Eight seconds, in four segments.
async fn film(engine: &Engine) -> File {
    let spec = Synthetic {
        duration_us: 8_000_000,
        ..Synthetic::clip(5)
    };
    engine.synthesize(spec).await.unwrap()
}

fn video(first: u32) -> HeadJob {
    let shape = Shape {
        width: 160,
        height: 120,
        frame_rate: Some(RATE),
        bit_rate: None,
        is_hdr: false,
        is_interlaced: false,
    };
    HeadJob::Video(VideoHead {
        extension: Some("mp4".to_owned()),
        stream: 0,
        time_base: (1, 12_800),
        start_pts: 0,
        reorder_depth: 2,
        keyframe_pts: None,
        rotation: 0,
        burn: None,
        rendition: ladder(&shape, Preset::Ultrafast).remove(0),
        encoder: None,
        grid: Grid::new(Some(RATE), 2000),
        first,
        until: 0,
        n_segments: 4,
    })
}

struct Running {
    made: mpsc::Receiver<Made>,
    until: watch::Sender<u32>,
    cancel: CancellationToken,
    ended: tokio::task::JoinHandle<Result<(), MediaError>>,
}

fn start(engine: &Arc<Engine>, file: File, head: HeadJob, until: u32) -> Running {
    let (send, made) = mpsc::channel(1);
    let (allow, allowed) = watch::channel(until);
    let cancel = CancellationToken::new();
    let (engine, token) = (Arc::clone(engine), cancel.clone());
    let ended = tokio::spawn(async move {
        let source = Source::new(file).unwrap();
        engine.head(&source, &head, send, allowed, &token).await
    });
    Running {
        made,
        until: allow,
        cancel,
        ended,
    }
}

impl Running {
    /// The next segment, which is what its chunks were with the rest of it.
    async fn segment(&mut self) -> Segment {
        let mut chunks = Vec::new();
        loop {
            match self.made.recv().await.expect("something made") {
                Made::Chunk(_, bytes) => {
                    assert_eq!(&bytes[4..8], b"moof");
                    chunks.extend_from_slice(&bytes);
                }
                Made::Segment(segment, bytes) => {
                    assert_eq!(&bytes[4..8], b"moof");
                    assert!(
                        bytes.starts_with(&chunks) && bytes.len() > chunks.len(),
                        "{} chunked bytes",
                        chunks.len()
                    );
                    return segment;
                }
                Made::Header(_) => panic!("a second header"),
            }
        }
    }

    async fn header(&mut self) {
        match self.made.recv().await.expect("something made") {
            Made::Header(bytes) => assert_eq!(&bytes[4..8], b"ftyp"),
            Made::Chunk(index, _) => panic!("a chunk of {index} before the header"),
            Made::Segment(segment, _) => panic!("{segment:?} before the header"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_goes_as_far_as_it_may_and_then_to_the_end() {
    let engine = engine().await;
    let file = film(&engine).await;
    let mut running = start(&engine, file, video(1), 2);
    running.header().await;
    assert_eq!(running.segment().await.index, 1);
    let more = tokio::time::timeout(Duration::from_millis(700), running.made.recv()).await;
    assert!(more.is_err(), "it goes on without leave: {more:?}");
    running.until.send_replace(3);
    assert_eq!(running.segment().await.index, 2);
    running.until.send_replace(100);
    let last = running.segment().await;
    assert_eq!((last.index, last.first_pts, last.duration), (3, 540_000, 180_000));
    assert!(running.made.recv().await.is_none());
    running.ended.await.unwrap().unwrap();
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_waits_ends_when_it_is_canceled() {
    let engine = engine().await;
    let file = film(&engine).await;
    let mut running = start(&engine, file, video(0), 1);
    running.header().await;
    assert_eq!(running.segment().await.index, 0);
    running.cancel.cancel();
    assert_eq!(running.ended.await.unwrap(), Err(MediaError::Canceled));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_has_heads_of_its_own() {
    let engine = engine().await;
    let file = film(&engine).await;
    let head = HeadJob::Audio(AudioHead {
        extension: Some("mp4".to_owned()),
        start_us: 0,
        rendition: AudioRendition {
            stream: 1,
            channels: 2,
            sample_rate: 48_000,
            bit_rate: 96_000,
        },
        grid: Grid::new(Some(RATE), 2000),
        first: 2,
        until: 0,
        n_frames: 375,
    });
    let mut running = start(&engine, file, head, u32::MAX);
    running.header().await;
    let segments = [running.segment().await, running.segment().await];
    assert_eq!(segments.map(|segment| segment.index), [2, 3]);
    assert_eq!(segments[0].first_pts + segments[0].duration, segments[1].first_pts);
    assert_eq!(segments[1].first_pts + segments[1].duration, 375 * 1024);
    running.ended.await.unwrap().unwrap();
    engine.stop().await;
}

/// Processes that the zygote, a child of this process, has forked.
fn workers() -> Vec<i32> {
    let parents: Vec<(i32, i32)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold anything; state and parent follow.
            let parent = stat[stat.rfind(')')? + 2..].split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let own = std::process::id() as i32;
    let children = |of: i32| {
        parents
            .iter()
            .filter(move |(_, parent)| *parent == of)
            .map(|(pid, _)| *pid)
    };
    children(own)
        .flat_map(|zygote| children(zygote).collect::<Vec<_>>())
        .collect()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// Its header and its segments up to an end, which the death of its worker may come before.
async fn collect(running: &mut Running, until: u32) -> (Vec<bytes::Bytes>, Vec<Segment>) {
    let (mut headers, mut segments) = (Vec::new(), Vec::new());
    while let Some(made) = running.made.recv().await {
        match made {
            Made::Header(bytes) => headers.push(bytes),
            Made::Chunk(..) => {}
            Made::Segment(segment, _) => {
                segments.push(segment);
                if segment.index + 1 == until {
                    break;
                }
            }
        }
    }
    (headers, segments)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_dies_is_replaced_at_the_segment_that_it_owes() {
    // Other tests of this file run in this process at the same time, so this one has a process of its own.
    if std::env::var_os("VITAGRAPH_ALONE").is_none() {
        let me = std::env::current_exe().unwrap();
        #[expect(clippy::disallowed_methods, reason = "this very test again, by itself")]
        let status = std::process::Command::new(me)
            .args(["--exact", "a_head_that_dies_is_replaced_at_the_segment_that_it_owes"])
            .env("VITAGRAPH_ALONE", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let engine = engine().await;
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut film(&engine).await, &mut content).unwrap();
    let again = || {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &content).unwrap();
        file
    };
    let mut whole = start(&engine, again(), video(0), 100);
    let expected = collect(&mut whole, 4).await;

    let mut running = start(&engine, again(), video(0), 2);
    let (headers, before) = collect(&mut running, 2).await;
    workers().into_iter().for_each(kill);
    running.until.send_replace(100);
    let (again_headers, after) = collect(&mut running, 4).await;
    assert_eq!(
        after.first().map(|segment| segment.index),
        Some(2),
        "nothing is made twice"
    );
    assert_eq!([before, after].concat(), expected.1);
    assert_eq!(
        [headers, again_headers],
        [expected.0.clone(), expected.0],
        "the same header from both"
    );
    assert_eq!(running.ended.await.unwrap(), Ok(()));

    // Who dies twice has an end that says so, and the next head is none the worse.
    let mut running = start(&engine, again(), video(0), 1);
    collect(&mut running, 1).await;
    workers().into_iter().for_each(kill);
    running.until.send_replace(2);
    assert_eq!(collect(&mut running, 2).await.1.len(), 1);
    workers().into_iter().for_each(kill);
    assert_eq!(
        running.ended.await.unwrap(),
        Err(MediaError::Crashed { signal: Some(9) })
    );
    let mut running = start(&engine, again(), video(3), 100);
    assert_eq!(collect(&mut running, 4).await.1.len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_are_copied_by_heads_that_can_begin_anywhere() {
    let engine = engine().await;
    let file = film(&engine).await;
    let source = Source::new(file.try_clone().unwrap()).unwrap();
    let cancel = CancellationToken::new();
    let table = engine
        .keyframes(&source, Some("mp4".to_owned()), None, KeyframeMode::Index, &cancel)
        .await
        .unwrap()
        .unwrap();
    let cuts = copy::cuts(&table, 3000).unwrap();
    let lengths = copy::lengths_us(&cuts, table.end_pts.unwrap() - table.start_pts, table.time_base);
    assert_eq!(lengths.iter().sum::<i64>(), 8_000_000);
    assert!(lengths.len() > 1 && lengths[0] >= 3_000_000, "{lengths:?}");
    let head = |first| {
        HeadJob::Copy(CopyHead {
            extension: Some("mp4".to_owned()),
            stream: table.stream,
            time_base: table.time_base,
            ticks_per_second: copy::video_ticks(table.time_base),
            start: table.start_pts,
            cut_base: table.time_base,
            cuts: cuts.clone(),
            first_cut: 0,
            is_whole: true,
            first,
            until: 0,
        })
    };
    let mut whole = start(&engine, file.try_clone().unwrap(), head(0), 100);
    let n = cuts.len() as u32;
    let (headers, segments) = collect(&mut whole, n).await;
    assert_eq!(whole.ended.await.unwrap(), Ok(()));
    let second = i64::from(copy::video_ticks(table.time_base));
    let made: Vec<i64> = segments
        .iter()
        .map(|segment| segment.duration * 1_000_000 / second)
        .collect();
    assert_eq!(made, lengths, "what a playlist says of them");
    assert_eq!(
        segments.iter().map(|segment| segment.first_pts).collect::<Vec<_>>(),
        cuts
    );
    let mut second = start(&engine, file, head(1), 100);
    assert_eq!(collect(&mut second, n).await, (headers, segments[1..].to_vec()));
    engine.stop().await;
}
