//! Each way in which a worker can fail the server, in each kind of work: a stated result, and no harm to others.

use media_engine::engine::EngineConfig;
use media_engine::stats::EngineStats;
use media_proto::error::MediaError;
use media_proto::fault::Fault;
use media_proto::job::{Class, Limits};

use crate::kit::{DEADLINE_MS, IDLE_MS, Work, file, good_file, patient, probe, start, survey, with_faults, work};

/// What a job on a file with this fault must end with, and how often a worker has crashed, hung and lied by then.
fn expected(fault: Fault, work: Work) -> (Result<MediaError, &'static str>, [u64; 3]) {
    let crashed = |signal| (Ok(MediaError::Crashed { signal }), [2, 0, 0]);
    match fault {
        Fault::Crash => crashed(Some(11)),
        Fault::Abort | Fault::StackOverflow | Fault::Memory => crashed(Some(6)),
        Fault::Truncated => crashed(None),
        Fault::Hang => (Ok(MediaError::Deadline { ms: IDLE_MS }), [0, 2, 0]),
        // A heartbeat keeps a worker alive until its deadline, or until its processor time is used up.
        Fault::Endless | Fault::Boastful if work == Work::Probe => {
            (Ok(MediaError::Deadline { ms: DEADLINE_MS }), [0, 2, 0])
        }
        Fault::Endless | Fault::Boastful => (Ok(MediaError::ProcessorTime { seconds: 1 }), [0, 1, 0]),
        Fault::Oversized | Fault::Garbage | Fault::Excessive | Fault::Unsealed => (Err("MEDIA_PROTOCOL"), [0, 0, 2]),
        Fault::Diligent | Fault::CrashOnce => unreachable!("tested by themselves"),
    }
}

fn counted(stats: &EngineStats) -> [u64; 3] {
    [stats.n_crashed, stats.n_hung, stats.n_malformed]
}

async fn check(kind: Work) {
    let mut config = with_faults();
    if kind != Work::Probe {
        config.limits.cpu_s = 1;
    }
    for (name, fault) in Fault::ALL {
        if matches!(fault, Fault::Diligent | Fault::CrashOnce) {
            continue;
        }
        // To fill memory may take long on a busy machine.
        let limits = match fault {
            Fault::Memory => patient().limits,
            _ => config.limits,
        };
        // An engine for each, as one slows down the more of its workers die.
        let engine = start(EngineConfig {
            limits,
            ..config.clone()
        })
        .await;
        let (good, bad) = (good_file(&engine).await, file(&fault.file()));
        let (broken, one, two) = tokio::join!(
            work(&engine, kind, &bad),
            work(&engine, kind, &good),
            probe(&engine, &good)
        );
        assert!(
            one.is_ok() && two.is_ok(),
            "{name} in {kind:?} disturbed others: {one:?} {two:?}"
        );
        let (error, (wanted, counts)) = (broken.unwrap_err(), expected(fault, kind));
        match wanted {
            Ok(wanted) => assert_eq!(error, wanted, "{name} in {kind:?}"),
            Err(code) => assert_eq!(error.code(), code, "{name} in {kind:?} gave {error:?}"),
        }
        let stats = engine.stats();
        assert_eq!(counted(&stats), counts, "{name} in {kind:?}: {stats:?}");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_probe_that_breaks_workers_costs_that_file_only() {
    check(Work::Probe).await;
}

#[tokio::test]
async fn a_survey_that_breaks_workers_costs_that_file_only() {
    check(Work::Survey).await;
}

#[tokio::test]
async fn a_scan_of_packets_that_breaks_workers_costs_that_file_only() {
    check(Work::Keyframes).await;
}

#[tokio::test]
async fn one_crash_is_forgiven_by_a_fresh_worker_with_one_thread() {
    let engine = start(with_faults()).await;
    assert_eq!(probe(&engine, &file(&Fault::CrashOnce.file())).await.map(drop), Ok(()));
    assert_eq!(survey(&engine, &file(&Fault::CrashOnce.file())).await.map(drop), Ok(()));
    assert_eq!(engine.stats().n_crashed, 2);
    assert_eq!(engine.stats().n_quarantined, 0);
    engine.stop().await;
}

#[tokio::test]
async fn a_class_whose_workers_die_slows_only_itself() {
    let engine = start(with_faults()).await;
    let (good, bad) = (good_file(&engine).await, file(&Fault::Crash.file()));
    for _ in 0..4 {
        assert!(survey(&engine, &bad).await.is_err());
    }
    let stats = engine.stats();
    let slowed: Vec<bool> = stats.classes.iter().map(|class| class.is_slowed).collect();
    let batch = Class::ALL.map(|class| class == Class::Batch);
    assert_eq!(slowed, batch, "{stats:?}");
    let begun = std::time::Instant::now();
    assert!(probe(&engine, &good).await.is_ok());
    assert!(
        begun.elapsed().as_millis() < 1500,
        "others wait for the class that dies"
    );
    engine.stop().await;
}

#[tokio::test]
async fn faults_are_ignored_where_they_are_off() {
    let engine = start(EngineConfig {
        limits: Limits::default(),
        ..EngineConfig::default()
    })
    .await;
    let probed = probe(&engine, &file(&Fault::Crash.file())).await;
    assert!(matches!(probed, Err(MediaError::Unsupported { .. })), "{probed:?}");
    assert_eq!(engine.stats().n_crashed, 0);
    engine.stop().await;
}
