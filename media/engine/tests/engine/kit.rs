//! What all of these tests need: engines whose workers misbehave on demand, files, and counts of what is left behind.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::{NoQuarantine, Quarantine, Quarantined};
use media_engine::source::{Identity, Source};
use media_proto::error::MediaError;
use media_proto::job::{JobKind, Limits, ProbeHints};
use media_proto::keyframes::KeyframeMode;
use media_proto::message::Scheduling;
use media_proto::probe::Probe;
use media_proto::survey::{PictureFormat, SpriteSheet, Survey, Surveyed};
use media_proto::synthetic::Synthetic;
use tokio_util::sync::CancellationToken;

/// A quarantine in memory.
#[derive(Default)]
pub struct Remembered(pub Mutex<HashMap<(Identity, JobKind), Quarantined>>);

#[async_trait::async_trait]
impl Quarantine for Remembered {
    async fn load(&self, identity: Identity, kind: JobKind) -> Option<Quarantined> {
        self.0.lock().unwrap().get(&(identity, kind)).cloned()
    }

    async fn store(&self, identity: Identity, kind: JobKind, entry: Quarantined) {
        self.0.lock().unwrap().insert((identity, kind), entry);
    }
}

/// How long a worker may be silent here.
pub const IDLE_MS: u32 = 1_500;
/// How long a short job may take here.
pub const DEADLINE_MS: u32 = 3_000;

/// Two workers of each class, which misbehave on demand and are given up soon.
pub fn with_faults() -> EngineConfig {
    let limits = Limits {
        deadline_ms: DEADLINE_MS,
        idle_ms: IDLE_MS,
        memory: 512 << 20,
        ..Limits::default()
    };
    EngineConfig {
        faults: true,
        quick_workers: 2,
        stream_workers: 2,
        batch_workers: 2,
        batch_scheduling: Scheduling::Normal,
        limits,
        ..EngineConfig::default()
    }
}

/// The same, patient.
pub fn patient() -> EngineConfig {
    let limits = Limits {
        deadline_ms: 60_000,
        idle_ms: 60_000,
        ..with_faults().limits
    };
    EngineConfig {
        limits,
        ..with_faults()
    }
}

pub async fn start(config: EngineConfig) -> Arc<Engine> {
    match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

pub fn file(content: &[u8]) -> Source {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    Source::new(file).unwrap()
}

pub async fn made(engine: &Engine, spec: Synthetic) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = engine.synthesize(spec).await.unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

pub async fn good_file(engine: &Engine) -> Source {
    file(&made(engine, Synthetic::clip(7)).await)
}

pub async fn probe(engine: &Engine, source: &Source) -> Result<Probe, MediaError> {
    engine
        .probe(source, ProbeHints::default(), &CancellationToken::new())
        .await
}

/// What takes a worker of the batch class.
pub fn long_survey() -> Survey {
    Survey {
        sprite: Some(SpriteSheet {
            count: 4,
            columns: 2,
            tile_width: 64,
            format: PictureFormat::Jpeg,
        }),
        ..Survey::default()
    }
}

pub async fn survey(engine: &Engine, source: &Source) -> Result<Surveyed, MediaError> {
    let surveyed = engine
        .survey(source, &long_survey(), &CancellationToken::new(), None)
        .await;
    surveyed.map(|(surveyed, _)| surveyed)
}

/// The three kinds of work that read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Probe,
    Survey,
    Keyframes,
}

pub async fn work(engine: &Engine, work: Work, source: &Source) -> Result<(), MediaError> {
    match work {
        Work::Probe => probe(engine, source).await.map(drop),
        Work::Survey => survey(engine, source).await.map(drop),
        Work::Keyframes => {
            let cancel = CancellationToken::new();
            let table = engine.keyframes(source, None, None, KeyframeMode::Scan, &cancel).await;
            table.map(drop)
        }
    }
}

/// Children of this test's own process; other tests in the binary have theirs, so it runs in a process of its own.
pub fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// The workers of the one zygote there is.
pub fn workers() -> Vec<i32> {
    let [zygote] = children()[..] else {
        panic!("one child is expected: {:?}", children())
    };
    let list = std::fs::read_to_string(format!("/proc/{zygote}/task/{zygote}/children")).unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub fn n_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs the named test alone in a new process of this test binary, as it counts what belongs to the whole process.
pub fn alone(name: &str) -> bool {
    const MARK: &str = "VITAGRAPH_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed in its own process");
    false
}

/// Runs something in a runtime of its own and asserts that it leaves no process and no descriptor behind.
pub fn leaves_nothing(work: impl Future<Output = ()>) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    // Tokio's first runtime makes a pipe for signals that stays for the process.
    drop(runtime());
    let before = n_descriptors();
    let runtime = runtime();
    runtime.block_on(work);
    assert_eq!(children(), Vec::<i32>::new());
    drop(runtime);
    assert_eq!(n_descriptors(), before);
}
