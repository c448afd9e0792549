//! Every container and codec that can be made, probed again: what was asked for is what is found.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::job::ProbeHints;
use media_proto::probe::{MediaKind, Probe, StreamKind};
use media_proto::synthetic::{Synthetic, SyntheticAudio, SyntheticChapter};
use tokio_util::sync::CancellationToken;

async fn engine() -> Arc<Engine> {
    Engine::start(EngineConfig::default(), Arc::new(NoQuarantine))
        .await
        .unwrap()
}

async fn round_trip(engine: &Engine, spec: &Synthetic) -> Result<Probe, MediaError> {
    let made = engine.synthesize(spec.clone()).await?;
    let extension = Some(spec.container.clone());
    engine
        .probe(
            &Source::new(made).unwrap(),
            ProbeHints { extension },
            &CancellationToken::new(),
        )
        .await
}

/// Container, video codec, audio codec; the container's name and both codec strings as probed.
type Film = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

const FILMS: &[Film] = &[
    ("mp4", "h264", "aac", "mp4", Some("avc1.64000c"), Some("mp4a.40.2")),
    ("mp4", "hevc", "aac", "mp4", Some("hvc1.1.6.L60.90"), Some("mp4a.40.2")),
    ("mp4", "av1", "opus", "mp4", Some("av01.0.00M.08"), Some("opus")),
    ("mp4", "vp9", "flac", "mp4", Some("vp09.00.10.08"), Some("flac")),
    ("mp4", "mpeg4", "mp3", "mp4", Some("mp4v.20.1"), Some("mp4a.6B")),
    ("mp4", "h264", "ac3", "mp4", Some("avc1.64000c"), Some("ac-3")),
    ("mov", "h264", "pcm_s16le", "mov", Some("avc1.64000c"), None),
    ("mov", "mjpeg", "aac", "mov", None, Some("mp4a.40.2")),
    (
        "matroska",
        "h264",
        "flac",
        "matroska",
        Some("avc1.64000c"),
        Some("flac"),
    ),
    (
        "matroska",
        "hevc",
        "vorbis",
        "matroska",
        Some("hvc1.1.6.L60.90"),
        Some("vorbis"),
    ),
    ("webm", "vp8", "vorbis", "webm", Some("vp8"), Some("vorbis")),
    ("webm", "vp9", "opus", "webm", Some("vp09.00.10.08"), Some("opus")),
    ("webm", "av1", "opus", "webm", Some("av01.0.00M.08"), Some("opus")),
    (
        "mpegts",
        "h264",
        "aac",
        "mpegts",
        Some("avc1.64000c"),
        Some("mp4a.40.2"),
    ),
    ("mpegts", "mpeg2video", "mp3", "mpegts", None, Some("mp3")),
    ("avi", "mpeg4", "mp3", "avi", Some("mp4v.20.1"), Some("mp3")),
];

#[tokio::test]
async fn films_are_what_was_asked_for() {
    let engine = engine().await;
    let mut strings = Vec::new();
    for &(container, video, audio, name, video_string, audio_string) in FILMS {
        let mut spec = Synthetic::clip(3);
        spec.container = container.to_owned();
        let picture = spec.video.as_mut().unwrap();
        picture.codec = video.to_owned();
        spec.audio.as_mut().unwrap().codec = audio.to_owned();
        let what = format!("{container} {video} {audio}");
        let probe = round_trip(&engine, &spec)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (probe.container.as_str(), probe.kind),
            (name, MediaKind::Video),
            "{what}"
        );
        let (pictures, sound) = (&probe.streams[0], &probe.streams[1]);
        assert_eq!(
            (pictures.codec.as_str(), sound.codec.as_str()),
            (video, audio),
            "{what}"
        );
        assert_eq!((pictures.width, pictures.height), (Some(160), Some(120)), "{what}");
        assert_eq!((sound.channels, sound.sample_rate), (Some(2), Some(48_000)), "{what}");
        let (num, den) = pictures.frame_rate.unwrap();
        assert!(
            (f64::from(num) / f64::from(den) - 25.0).abs() < 0.1,
            "{what}: {num}/{den}"
        );
        // Audio comes in whole frames, and mp3 and mpegts add their own delay.
        let duration = probe.duration_us.unwrap();
        assert!((980_000..1_120_000).contains(&duration), "{what}: {duration}");
        let found = [pictures, sound].map(|stream| stream.codec_string.clone());
        if [found[0].as_deref(), found[1].as_deref()] != [video_string, audio_string] {
            strings.push(format!("{what}: {found:?}"));
        }
    }
    assert!(
        strings.is_empty(),
        "other codec strings than expected:\n{}",
        strings.join("\n")
    );
    engine.stop().await;
}

#[tokio::test]
async fn sounds_and_stills_are_what_was_asked_for() {
    let engine = engine().await;
    for (container, codec) in [
        ("flac", "flac"),
        ("mp3", "mp3"),
        ("ogg", "vorbis"),
        ("opus", "opus"),
        ("wav", "pcm_s16le"),
        ("m4a", "aac"),
        ("aac", "aac"),
    ] {
        let mut spec = Synthetic::sound(container, 440.0);
        spec.tags = vec![("title".to_owned(), "A tone".to_owned())];
        let probe = round_trip(&engine, &spec)
            .await
            .unwrap_or_else(|error| panic!("{container}: {error}"));
        assert_eq!(
            (probe.kind, probe.streams[0].codec.as_str()),
            (MediaKind::Audio, codec),
            "{container}"
        );
        // A raw ADTS stream has no length but its bytes over its rate.
        let slack = if container == "aac" { 200_000 } else { 60_000 };
        assert!(
            (probe.duration_us.unwrap() - 2_000_000).abs() < slack,
            "{container}: {:?}",
            probe.duration_us
        );
    }
    for container in ["jpeg", "png", "webp", "gif"] {
        let probe = round_trip(&engine, &Synthetic::still(container, 5)).await.unwrap();
        assert_eq!((probe.kind, probe.container.as_str()), (MediaKind::Image, container));
        assert_eq!(
            (probe.streams[0].width, probe.streams[0].height),
            (Some(320), Some(240)),
            "{container}"
        );
    }
    let mut moving = Synthetic::still("gif", 5);
    moving.duration_us = 1_000_000;
    let probe = round_trip(&engine, &moving).await.unwrap();
    assert_eq!((probe.kind, probe.duration_us), (MediaKind::Image, Some(1_000_000)));
    engine.stop().await;
}

#[tokio::test]
async fn text_chapters_tags_rotation_and_fragments_come_back() {
    let engine = engine().await;
    let chapter = |title: &str, start_us, end_us| SyntheticChapter {
        title: title.to_owned(),
        start_us,
        end_us,
    };
    for container in ["mp4", "matroska"] {
        let mut spec = Synthetic::clip(9);
        spec.container = container.to_owned();
        spec.duration_us = 2_000_000;
        spec.subtitles = Some("fra".to_owned());
        spec.chapters = vec![chapter("Début", 0, 1_200_000), chapter("Fin", 1_200_000, 2_000_000)];
        spec.tags = vec![("title".to_owned(), "Ein schöner Titel".to_owned())];
        let probe = round_trip(&engine, &spec).await.unwrap();
        let text = probe
            .streams
            .iter()
            .find(|stream| stream.kind == StreamKind::Subtitle)
            .unwrap();
        assert_eq!(
            (text.language.as_deref(), text.is_text),
            (Some("fra"), true),
            "{container}"
        );
        let found: Vec<_> = probe
            .chapters
            .iter()
            .map(|c| (c.title.as_deref(), c.start_us, c.end_us))
            .collect();
        assert_eq!(
            found,
            [(Some("Début"), 0, 1_200_000), (Some("Fin"), 1_200_000, 2_000_000)],
            "{container}"
        );
        let title = probe.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case("title"));
        assert_eq!(
            title.map(|(_, value)| value.as_str()),
            Some("Ein schöner Titel"),
            "{container}"
        );
    }
    for rotation in [0, 90, 180, 270] {
        let spec = Synthetic {
            rotation,
            ..Synthetic::clip(2)
        };
        assert_eq!(round_trip(&engine, &spec).await.unwrap().streams[0].rotation, rotation);
    }
    let fragmented = Synthetic {
        fragmented: true,
        ..Synthetic::clip(4)
    };
    let probe = round_trip(&engine, &fragmented).await.unwrap();
    assert!(
        (980_000..1_120_000).contains(&probe.duration_us.unwrap()),
        "{:?}",
        probe.duration_us
    );
    engine.stop().await;
}

#[tokio::test]
async fn surround_is_kept_and_nonsense_is_refused() {
    let engine = engine().await;
    let audio = SyntheticAudio {
        codec: "ac3".to_owned(),
        channels: 6,
        sample_rate: 48_000,
        frequency: 110.0,
    };
    let spec = Synthetic {
        container: "matroska".to_owned(),
        audio: Some(audio),
        ..Synthetic::clip(1)
    };
    let probe = round_trip(&engine, &spec).await.unwrap();
    assert_eq!(probe.streams[1].channel_layout.as_deref(), Some("5.1(side)"));
    for nonsense in [
        Synthetic {
            container: "../etc/passwd".to_owned(),
            ..Synthetic::clip(1)
        },
        Synthetic {
            container: "webm".to_owned(),
            ..Synthetic::clip(1)
        },
        Synthetic {
            rotation: 45,
            ..Synthetic::clip(1)
        },
        Synthetic {
            video: None,
            audio: None,
            ..Synthetic::clip(1)
        },
        Synthetic {
            duration_us: -1,
            ..Synthetic::clip(1)
        },
    ] {
        let made = engine.synthesize(nonsense.clone()).await;
        assert!(
            matches!(made, Err(MediaError::Invalid { .. })),
            "{nonsense:?}: {made:?}"
        );
    }
    assert_eq!(engine.stats().n_crashed, 0);
    engine.stop().await;
}

#[tokio::test]
async fn seeds_look_different_and_repeat() {
    let engine = engine().await;
    let mut made = Vec::new();
    for seed in [1, 1, 2] {
        let mut bytes = Vec::new();
        let mut file = engine.synthesize(Synthetic::still("png", seed)).await.unwrap();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        made.push(bytes);
    }
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0], made[2]);
    engine.stop().await;
}
