//! What a survey draws of media that the worker itself made, and of real ones where they are at hand.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "it panics, and says what it skips"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::job::ProbeHints;
use media_proto::message::Scheduling;
use media_proto::probe::MediaKind;
use media_proto::survey::{
    Artifact, ArtifactKind, PictureFormat, Poster, PosterSource, Preview, SpriteSheet, Stills, Survey, Surveyed,
};
use media_proto::synthetic::{Synthetic, SyntheticVideo};
use tokio_util::sync::CancellationToken;

async fn engine() -> Arc<Engine> {
    let config = EngineConfig {
        // Whoever waits for what is done in the background is not to wait for everybody else.
        batch_scheduling: Scheduling::Normal,
        ..EngineConfig::default()
    };
    match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

fn file(content: &[u8]) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    Source::new(file).unwrap()
}

async fn made(engine: &Engine, spec: Synthetic) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.synthesize(spec).await.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn film(seed: u64, width: u32, height: u32, duration_us: i64) -> Synthetic {
    let video = SyntheticVideo {
        codec: "h264".to_owned(),
        width,
        height,
        frame_rate: (25, 1),
        seed,
    };
    Synthetic {
        video: Some(video),
        audio: None,
        duration_us,
        ..Synthetic::clip(seed)
    }
}

async fn survey(engine: &Engine, content: &[u8], wanted: &Survey) -> Result<(Surveyed, Option<File>), MediaError> {
    let cancel = CancellationToken::new();
    engine.survey(&file(content), wanted, &cancel, None).await
}

fn bytes_of(artifact: &Artifact, memory: Option<&File>) -> Vec<u8> {
    let mut bytes = vec![0; artifact.len as usize];
    memory.unwrap().read_exact_at(&mut bytes, artifact.offset).unwrap();
    bytes
}

fn poster(widths: &[u32], format: PictureFormat) -> Survey {
    Survey {
        poster: Some(Poster {
            at_us: None,
            widths: widths.to_vec(),
            formats: vec![format],
        }),
        ..Survey::default()
    }
}

fn phash() -> Survey {
    Survey {
        phash: true,
        ..Survey::default()
    }
}

async fn hash(engine: &Engine, content: &[u8]) -> u64 {
    let (surveyed, _) = survey(engine, content, &phash()).await.unwrap();
    surveyed
        .phash
        .unwrap_or_else(|| panic!("no hash: {:?}", surveyed.failures))
}

/// The poster as a JPEG.
async fn jpeg(engine: &Engine, content: &[u8]) -> (Artifact, Vec<u8>) {
    let (surveyed, memory) = survey(engine, content, &poster(&[320], PictureFormat::Jpeg))
        .await
        .unwrap();
    let artifact = surveyed
        .artifacts
        .first()
        .unwrap_or_else(|| panic!("{:?}", surveyed.failures))
        .clone();
    let bytes = bytes_of(&artifact, memory.as_ref());
    (artifact, bytes)
}

/// A JPEG with an Exif orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut block = b"\xff\xe1\0\x22Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    [&jpeg[..2], &block, &jpeg[2..]].concat()
}

fn distance(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

#[tokio::test]
async fn posters_come_in_the_sizes_that_the_picture_reaches() {
    let engine = engine().await;
    for (width, height, expected) in [
        (1920, 1080, vec![(1280, 720), (640, 360), (320, 180)]),
        (854, 480, vec![(854, 480), (640, 360), (320, 180)]),
        (160, 120, vec![(160, 120)]),
    ] {
        let content = made(&engine, film(3, width, height, 1_000_000)).await;
        for format in [PictureFormat::Webp, PictureFormat::Jpeg] {
            let (surveyed, memory) = survey(&engine, &content, &poster(&[320, 1280, 640], format))
                .await
                .unwrap();
            let sizes: Vec<_> = surveyed.artifacts.iter().map(|a| (a.width, a.height)).collect();
            assert_eq!(sizes, expected, "{width}x{height}");
            for artifact in &surveyed.artifacts {
                let probe = engine
                    .probe(
                        &file(&bytes_of(artifact, memory.as_ref())),
                        ProbeHints::default(),
                        &CancellationToken::new(),
                    )
                    .await
                    .unwrap();
                let stream = &probe.streams[0];
                assert_eq!(probe.kind, MediaKind::Image);
                assert_eq!(
                    (stream.width, stream.height),
                    (Some(artifact.width), Some(artifact.height))
                );
            }
            assert!(matches!(surveyed.poster, Some(PosterSource::Frame(_))));
            assert!((5..=25).contains(&surveyed.thumbhash.unwrap().len()));
        }
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_turned_film_has_an_upright_poster() {
    let engine = engine().await;
    let upright = jpeg(&engine, &made(&engine, film(5, 640, 360, 1_000_000)).await)
        .await
        .1;
    let expected = hash(&engine, &upright).await;
    // What the player turns clockwise, Exif's number turns back.
    for (rotation, back, size) in [(90, 8, (202, 360)), (180, 3, (320, 180)), (270, 6, (202, 360))] {
        let spec = Synthetic {
            rotation,
            ..film(5, 640, 360, 1_000_000)
        };
        let (artifact, turned) = jpeg(&engine, &made(&engine, spec).await).await;
        let ratio = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
        let found = (artifact.width, artifact.height);
        assert!((ratio(found) - ratio(size)).abs() < 0.02, "{rotation}: {found:?}");
        let undone = hash(&engine, &oriented(&turned, back)).await;
        assert!(
            distance(undone, expected) <= 6,
            "{rotation}: {}",
            distance(undone, expected)
        );
        let left = hash(&engine, &turned).await;
        assert!(
            distance(left, expected) > 12,
            "{rotation}: {}",
            distance(left, expected)
        );
    }
    engine.stop().await;
}

#[tokio::test]
async fn the_poster_is_not_black_where_the_film_is_not() {
    let engine = engine().await;
    for (duration_us, black_us) in [(4_000_000, 2_000_000), (8_000_000, 5_500_000)] {
        let spec = Synthetic {
            black_us,
            ..film(7, 320, 240, duration_us)
        };
        let content = made(&engine, spec).await;
        let (surveyed, _) = survey(&engine, &content, &poster(&[320], PictureFormat::Webp))
            .await
            .unwrap();
        let Some(PosterSource::Frame(at_us)) = surveyed.poster else {
            panic!("{:?}", surveyed.failures)
        };
        assert!(at_us >= black_us, "{at_us} is within the black");
        let luma = surveyed.thumbhash.unwrap()[0] & 63;
        assert!(luma > 12, "luma {luma} of 63");
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_cover_is_the_poster_of_sound() {
    let engine = engine().await;
    let picture = made(&engine, Synthetic::still("jpeg", 11)).await;
    let sound = made(&engine, Synthetic::sound("mp3", 440.0)).await;
    let (surveyed, _) = survey(&engine, &sound, &poster(&[320], PictureFormat::Jpeg))
        .await
        .unwrap();
    assert_eq!(
        (surveyed.poster, surveyed.failures.len()),
        (None, 0),
        "no cover is no failure"
    );

    // ID3v2.3 with an APIC frame before the sound.
    let body = [&b"\0image/jpeg\0\x03\0"[..], &picture].concat();
    let frame = [&b"APIC"[..], &(body.len() as u32).to_be_bytes(), &[0, 0], &body].concat();
    let size = [21, 14, 7, 0].map(|shift| (frame.len() >> shift & 0x7f) as u8);
    let covered = [&b"ID3\x03\0\0"[..], &size, &frame, &sound].concat();
    let (surveyed, memory) = survey(&engine, &covered, &poster(&[320], PictureFormat::Jpeg))
        .await
        .unwrap();
    assert_eq!(surveyed.poster, Some(PosterSource::Cover), "{:?}", surveyed.failures);
    let drawn = bytes_of(&surveyed.artifacts[0], memory.as_ref());
    let distance = distance(hash(&engine, &drawn).await, hash(&engine, &picture).await);
    assert!(distance <= 4, "another picture than the cover: {distance}");
    engine.stop().await;
}

#[tokio::test]
async fn a_sheet_has_a_still_for_each_stretch() {
    let engine = engine().await;
    let content = made(&engine, film(13, 640, 480, 6_000_000)).await;
    let wanted = Survey {
        sprite: Some(SpriteSheet {
            count: 11,
            columns: 4,
            tile_width: 96,
            format: PictureFormat::Webp,
        }),
        ..Survey::default()
    };
    let (surveyed, _) = survey(&engine, &content, &wanted).await.unwrap();
    let layout = surveyed.sprite.unwrap_or_else(|| panic!("{:?}", surveyed.failures));
    assert_eq!((layout.count, layout.columns, layout.rows), (11, 4, 3));
    assert_eq!((layout.tile_width, layout.tile_height), (96, 72));
    assert!((layout.interval_us - 6_000_000 / 11).abs() < 1_000);
    let sheet = &surveyed.artifacts[0];
    assert_eq!(
        (sheet.kind, sheet.width, sheet.height),
        (ArtifactKind::Sprite, 384, 216)
    );
    engine.stop().await;
}

#[tokio::test]
async fn hashes_agree_over_containers_and_sizes_and_tell_films_apart() {
    let engine = engine().await;
    let mut hashes = Vec::new();
    for seed in 20..26 {
        let mp4 = hash(&engine, &made(&engine, film(seed, 1280, 720, 4_000_000)).await).await;
        let mkv = Synthetic {
            container: "matroska".to_owned(),
            ..film(seed, 1280, 720, 4_000_000)
        };
        assert_eq!(
            hash(&engine, &made(&engine, mkv).await).await,
            mp4,
            "the same packets in Matroska"
        );
        let small = hash(&engine, &made(&engine, film(seed, 854, 480, 4_000_000)).await).await;
        assert!(distance(small, mp4) <= 8, "{} at 480p", distance(small, mp4));
        hashes.push(mp4);
    }
    for (i, &one) in hashes.iter().enumerate() {
        for &other in &hashes[..i] {
            assert!(distance(one, other) > 14, "{}", distance(one, other));
        }
    }
    engine.stop().await;
}

#[tokio::test]
async fn previews_play_and_begin_with_their_index() {
    let engine = engine().await;
    let content = made(&engine, film(31, 640, 360, 12_000_000)).await;
    let wanted = Survey {
        preview: Some(Preview {
            pieces: 4,
            piece_us: 500_000,
            width: 320,
            formats: vec![PictureFormat::Mp4, PictureFormat::AnimatedWebp],
        }),
        stills: Some(Stills {
            at_us: vec![0, 7_900_000, 11_990_000],
            width: 200,
            format: PictureFormat::Jpeg,
            is_exact: true,
        }),
        ..Survey::default()
    };
    let (surveyed, memory) = survey(&engine, &content, &wanted).await.unwrap();
    assert_eq!(surveyed.failures, []);
    let of = |kind, format| {
        let found = surveyed
            .artifacts
            .iter()
            .find(|a| a.kind == kind && a.format == Some(format));
        bytes_of(found.unwrap_or_else(|| panic!("no {kind:?}")), memory.as_ref())
    };
    let mp4 = of(ArtifactKind::Preview, PictureFormat::Mp4);
    let place = |name: &[u8]| mp4.windows(4).position(|window| window == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index comes first");
    let probe = engine
        .probe(&file(&mp4), ProbeHints::default(), &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(
        (probe.streams[0].width, probe.streams[0].height),
        (Some(320), Some(180))
    );
    let duration_us = probe.duration_us.unwrap();
    assert!((1_900_000..=2_100_000).contains(&duration_us), "{duration_us}");
    // Its frames decode: another survey hashes them.
    hash(&engine, &mp4).await;
    let webp = of(ArtifactKind::Preview, PictureFormat::AnimatedWebp);
    let n_frames = webp.windows(4).filter(|window| window == b"ANMF").count();
    assert!((15..=21).contains(&n_frames), "{n_frames} frames");
    for index in 0..3 {
        assert!(of(ArtifactKind::Still(index), PictureFormat::Jpeg).starts_with(&[0xff, 0xd8]));
    }
    engine.stop().await;
}

#[tokio::test]
async fn what_is_no_media_is_refused() {
    let engine = engine().await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"file:///etc/passwd\"/></svg>";
    let hls = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n";
    for content in [&svg[..], hls, concat] {
        let surveyed = survey(&engine, content, &poster(&[320], PictureFormat::Webp)).await;
        assert!(matches!(surveyed, Err(MediaError::Unsupported { .. })), "{surveyed:?}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn real_media_have_a_poster_or_a_stated_reason() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    if !shared.is_dir() {
        eprintln!("skipped: {} is not here", shared.display());
        return;
    }
    let engine = engine().await;
    let (mut n_posters, mut without) = (0, Vec::new());
    for folder in ["video", "image", "odd-names"] {
        for entry in std::fs::read_dir(shared.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let wanted = Survey {
                extension: path
                    .extension()
                    .map(|extension| extension.to_string_lossy().into_owned()),
                ..poster(&[320], PictureFormat::Webp)
            };
            let source = Source::new(File::open(&path).unwrap()).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match engine.survey(&source, &wanted, &CancellationToken::new(), None).await {
                Ok((surveyed, _)) if surveyed.poster.is_some() => {
                    assert!(!surveyed.artifacts.is_empty() && surveyed.thumbhash.is_some(), "{name}");
                    n_posters += 1;
                }
                // Sound and subtitles in a film's clothes have nothing to draw and nothing to explain.
                Ok((surveyed, _)) => without.push(format!("{name}: {:?}", surveyed.failures)),
                Err(error) => {
                    let is_stated = error.blames_file()
                        && !matches!(error, MediaError::Crashed { .. } | MediaError::Deadline { .. });
                    assert!(is_stated, "{name}: {error}");
                    without.push(format!("{name}: {error}"));
                }
            }
        }
    }
    assert!(
        n_posters >= 220,
        "{n_posters} posters; none for:\n{}",
        without.join("\n")
    );
    engine.stop().await;
}

#[tokio::test]
async fn what_cannot_be_drawn_says_what_is_wrong_with_it() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    if !shared.is_dir() {
        eprintln!("skipped: {} is not here", shared.display());
        return;
    }
    let engine = engine().await;
    let locked = "not a supported media file: its content is encrypted, and there is no key";
    let empty = "the file is damaged: the coded picture does not decode (";
    for (name, expected) in [
        (
            "video/media--sample_vvc.mp4",
            "not a supported media file: this FFmpeg has no decoder for `vvc1`",
        ),
        ("video/media--subsample_encrypted_altref.webm", locked),
        ("video/media--subsample_encrypted_noaltref.webm", locked),
        ("video/mp4parse-rust--short-cenc.mp4", locked),
        (
            "video/mp4parse-rust--bipbop_480wp_1001kbps-cenc-video-key1-init.mp4",
            locked,
        ),
        ("video/mp4parse-rust--bipbop_cbcs_video_init.mp4", locked),
        // What they hold of a picture is an empty unit.
        ("image/mp4parse-rust--imir-missing-essential.avif", empty),
        ("broken/mp4parse-rust--imir-before-clap.avif", empty),
        ("broken/mp4parse-rust--transformation-before-ispe.avif", empty),
        // Its samples lie beyond its end.
        (
            "video/mp4parse-rust--bipbop_nonfragment_header.mp4",
            "the file is damaged: no frame could be decoded",
        ),
    ] {
        let source = Source::new(File::open(shared.join(name)).unwrap()).unwrap();
        let wanted = poster(&[320], PictureFormat::Webp);
        let said = match engine.survey(&source, &wanted, &CancellationToken::new(), None).await {
            Ok((surveyed, _)) => surveyed
                .failures
                .into_iter()
                .map(|failure| failure.1)
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        };
        assert!(said.starts_with(expected), "{name}: {said}");
        assert!(!said.contains("moov"), "{name}: {said}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_jpeg_that_ends_early_is_cut_or_refused() {
    let engine = engine().await;
    let content = made(&engine, film(17, 1280, 720, 1_000_000)).await;
    let (surveyed, memory) = survey(&engine, &content, &poster(&[1280], PictureFormat::Jpeg))
        .await
        .unwrap();
    let whole = bytes_of(&surveyed.artifacts[0], memory.as_ref());
    let height_of = async |percent: usize| {
        let part = &whole[..whole.len() * percent / 100];
        let (surveyed, _) = survey(&engine, part, &poster(&[320], PictureFormat::Jpeg)).await?;
        Ok::<u32, MediaError>(surveyed.artifacts[0].height)
    };
    assert_eq!(height_of(100).await.unwrap(), 180);
    let cut = height_of(80).await.unwrap();
    assert!((90..175).contains(&cut), "only what is there is shown: {cut} rows");
    let refused = height_of(25).await.unwrap_err();
    assert!(
        matches!(&refused, MediaError::Corrupt { reason } if reason.contains("% of the picture")),
        "{refused}"
    );
}
