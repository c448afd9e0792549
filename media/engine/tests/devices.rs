//! Heads on devices that fail: software goes on from the segment that is owed, and all that was made fits one header.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use media_engine::engine::{Engine, EngineConfig};
use media_engine::head::{HeadJob, Made};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::grid::Grid;
use media_proto::hardware::{Breaking, DeviceEncoder};
use media_proto::head::VideoHead;
use media_proto::job::Limits;
use media_proto::rendition::{Preset, Source as Shape, ladder};
use media_proto::synthetic::Synthetic;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const RATE: (i32, i32) = (25, 1);
const N_SEGMENTS: u32 = 4;
/// Frames of a segment.
const N_FRAMES: u32 = 50;

async fn engine(faults: bool) -> Arc<Engine> {
    let config = EngineConfig {
        uses_devices: true,
        faults,
        limits: Limits {
            // What hangs is found out soon.
            idle_ms: 3_000,
            ..Limits::default()
        },
        ..EngineConfig::default()
    };
    match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

fn head(encoder: Option<DeviceEncoder>) -> HeadJob {
    let shape = Shape {
        width: 160,
        height: 120,
        frame_rate: Some(RATE),
        bit_rate: None,
        is_hdr: false,
        is_interlaced: false,
    };
    let mut rendition = ladder(&shape, Preset::Veryfast).remove(0);
    rendition.is_self_describing = true;
    HeadJob::Video(VideoHead {
        extension: Some("mp4".to_owned()),
        stream: 0,
        time_base: (1, 12_800),
        start_pts: 0,
        reorder_depth: 2,
        keyframe_pts: None,
        rotation: 0,
        burn: None,
        rendition,
        encoder,
        grid: Grid::new(Some(RATE), 2000),
        first: 0,
        until: u32::MAX,
        n_segments: N_SEGMENTS,
    })
}

/// All that a head makes of eight seconds: its headers, and its segments in order.
async fn make(engine: &Engine, encoder: Option<DeviceEncoder>) -> Result<(Vec<Bytes>, Vec<Bytes>), MediaError> {
    let spec = Synthetic {
        duration_us: 8_000_000,
        ..Synthetic::clip(5)
    };
    let source = Source::new(engine.synthesize(spec).await.unwrap()).unwrap();
    let (send, mut made) = mpsc::channel(1);
    let (_allow, until) = watch::channel(u32::MAX);
    let (job, cancel) = (head(encoder), CancellationToken::new());
    let taking = async {
        let (mut headers, mut segments) = (Vec::new(), Vec::new());
        while let Some(made) = made.recv().await {
            match made {
                Made::Header(bytes) => headers.push(bytes),
                Made::Chunk(..) => {}
                Made::Segment(segment, bytes) => {
                    assert_eq!(segment.index as usize, segments.len());
                    segments.push(bytes);
                }
            }
        }
        (headers, segments)
    };
    let (ended, made) = tokio::join!(engine.head(&source, &job, send, until, &cancel), taking);
    ended.map(|()| made)
}

/// Whether the first sequence parameter set of a segment is that of the device, which is of the main profile.
fn is_of_device(segment: &[u8]) -> bool {
    let content = segment.windows(4).position(|kind| kind == b"mdat").expect("pictures");
    let content = &segment[content..];
    // A length of four bytes, and the type of the unit.
    let set = content
        .windows(5)
        .position(|bytes| bytes[..3] == [0, 0, 0] && bytes[3] < 64 && bytes[4] == 0x67);
    content[set.expect("a parameter set") + 5] == 77
}

/// Reads header and segments as one film.
async fn check_whole(engine: &Engine, header: &Bytes, segments: &[Bytes]) {
    let mut file = tempfile();
    for part in std::iter::once(header).chain(segments) {
        file.write_all(part).unwrap();
    }
    let verified = engine
        .verify(&Source::new(file).unwrap(), &CancellationToken::new())
        .await
        .unwrap();
    let [pictures] = &verified.streams[..] else {
        panic!("{verified:?}")
    };
    assert_eq!(pictures.n_packets, u64::from(N_FRAMES * N_SEGMENTS));
    assert_eq!(
        (pictures.n_keyframes, pictures.n_decoded),
        (8, 8),
        "two keyframes a segment, and all decode"
    );
}

fn tempfile() -> File {
    File::from(rustix::fs::memfd_create("film", rustix::fs::MemfdFlags::CLOEXEC).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_device_fails_in_the_middle_software_goes_on() {
    let engine = engine(true).await;
    let (plain, in_software) = make(&engine, None).await.unwrap();
    assert!(!in_software.iter().any(|segment| is_of_device(segment)));
    check_whole(&engine, &plain[0], &in_software).await;
    for how in [Breaking::Refuses, Breaking::Crashes, Breaking::Hangs] {
        // In the middle of the third segment: two are made by the device, which may still hold the end of the second.
        let encoder = DeviceEncoder::Broken(N_FRAMES * 5 / 2, how);
        engine.devices().offer(vec![encoder.clone()]);
        assert_eq!(engine.devices().choose(), Some(encoder.clone()));
        let (headers, segments) = make(&engine, Some(encoder.clone())).await.unwrap();
        assert_eq!(headers.len(), 2, "{how:?}: once from each");
        assert!(
            headers.iter().all(|header| header == &plain[0]),
            "{how:?}: the same header"
        );
        let of_device: Vec<bool> = segments.iter().map(|segment| is_of_device(segment)).collect();
        assert!(of_device == [true, true, false, false], "{how:?}: {of_device:?}");
        check_whole(&engine, &headers[0], &segments).await;
        let failure = engine.devices().failure(&encoder).expect("why");
        println!("{how:?}: {}", failure.reason);
        assert_eq!(engine.devices().choose(), None, "{how:?}: it rests");
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_without_its_device_is_replaced_before_its_first_picture() {
    let engine = engine(false).await;
    let nowhere = DeviceEncoder::Vaapi("/dev/dri/nowhere".to_owned());
    for encoder in [
        DeviceEncoder::Nvenc,
        DeviceEncoder::Qsv,
        nowhere,
        DeviceEncoder::Broken(9, Breaking::Crashes),
    ] {
        let (headers, segments) = make(&engine, Some(encoder.clone())).await.unwrap();
        check_whole(&engine, &headers[0], &segments).await;
        match engine.devices().failure(&encoder) {
            Some(failure) => {
                println!("{encoder:?}: {}", failure.reason);
                assert!(failure.reason.len() > 10, "{failure:?}");
            }
            // This machine has it.
            None => assert!(
                matches!(encoder, DeviceEncoder::Nvenc | DeviceEncoder::Qsv),
                "{encoder:?} works"
            ),
        }
    }
    engine.stop().await;
}
