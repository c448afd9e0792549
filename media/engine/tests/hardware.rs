//! Trials of encoders and decoders: what runs on every machine works, and what does not says why.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows what it found"
)]

use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_proto::hardware::{Direction, Trial};

#[tokio::test]
async fn software_works_and_what_does_not_says_why() {
    let engine = match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    };
    let trials = engine.hardware().await.unwrap().trials;
    for Trial {
        direction,
        name,
        device,
        is_working,
        reason,
        ..
    } in &trials
    {
        eprintln!(
            "{direction:?} {name} on {device}: {}",
            reason.as_deref().unwrap_or("works")
        );
        assert_eq!(*is_working, reason.is_none(), "{name}");
    }
    let works = |direction: Direction, name: &str| {
        let trial = trials
            .iter()
            .find(|trial| trial.direction == direction && trial.name == name && trial.device == "software");
        trial.unwrap_or_else(|| panic!("{name} was not tried")).is_working
    };
    for encoder in ["libx264", "libx265", "libvpx-vp9", "mjpeg", "libwebp"] {
        assert!(works(Direction::Encode, encoder), "{encoder}");
    }
    assert!(
        works(Direction::Encode, "libsvtav1") || works(Direction::Encode, "libaom-av1"),
        "no encoder of AV1"
    );
    for decoder in ["h264", "hevc", "vp9", "libdav1d", "mjpeg", "webp"] {
        assert!(works(Direction::Decode, decoder), "{decoder}");
    }
    // Whatever this machine has, it cannot have all: an Intel, an AMD and an NVIDIA device at once.
    let lacking: Vec<&Trial> = trials.iter().filter(|trial| !trial.is_working).collect();
    assert!(!lacking.is_empty());
    assert!(
        lacking
            .iter()
            .all(|trial| trial.device != "software" || trial.name.contains("av1")),
        "{lacking:?}"
    );
    assert!(
        lacking
            .iter()
            .all(|trial| trial.reason.as_ref().is_some_and(|reason| reason.len() > 10)),
        "{lacking:?}"
    );
    engine.stop().await;
}
