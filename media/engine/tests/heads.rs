//! Heads through the engine: what they made comes out as it is ready, and they wait, end and are replaced as told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::head::{HeadJob, Made};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::grid::Grid;
use media_proto::head::{AudioHead, Segment, VideoHead};
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
        rendition: ladder(&shape, Preset::Ultrafast).remove(0),
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
    async fn segment(&mut self) -> Segment {
        match self.made.recv().await.expect("something made") {
            Made::Segment(segment, bytes) => {
                assert_eq!(&bytes[4..8], b"moof");
                segment
            }
            Made::Header(_) => panic!("a second header"),
        }
    }

    async fn header(&mut self) {
        match self.made.recv().await.expect("something made") {
            Made::Header(bytes) => assert_eq!(&bytes[4..8], b"ftyp"),
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
