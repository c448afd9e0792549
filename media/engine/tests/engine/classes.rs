//! Classes of work: who stands behind whom, at which priority, and what the machine is found to bear.

use std::collections::HashMap;
use std::sync::Mutex;

use media_engine::budget::Demand;
use media_engine::calibration::{Calibration, Calibrations};
use media_engine::engine::EngineConfig;
use media_proto::fault::Fault;
use media_proto::job::Class;
use media_proto::message::Scheduling;
use tokio_util::sync::CancellationToken;

use crate::kit::{alone, file, good_file, long_survey, patient, probe, start, survey, with_faults, workers};

#[tokio::test]
async fn a_batch_does_not_hold_up_what_somebody_waits_for() {
    let engine = start(EngineConfig {
        quick_workers: 1,
        batch_workers: 1,
        ..patient()
    })
    .await;
    let (good, diligent) = (good_file(&engine).await, file(&Fault::Diligent.file()));
    let (cancel, wanted) = (CancellationToken::new(), long_survey());
    let (_, ()) = tokio::join!(engine.survey(&diligent, &wanted, &cancel, None), async {
        while engine.stats().n_busy == 0 {
            tokio::task::yield_now().await;
        }
        assert!(probe(&engine, &good).await.is_ok());
        let stats = engine.stats();
        assert_eq!(stats.classes[Class::Batch.index()].n_busy, 1);
        cancel.cancel();
    });
    let stats = engine.stats();
    assert_eq!(stats.classes[Class::Batch.index()].n_failed, 1);
    assert_eq!(stats.classes[Class::Quick.index()].n_failed, 0);
    assert!(stats.classes[Class::Quick.index()].mean().is_some());
    assert_eq!(stats.classes[Class::Stream.index()].mean(), None);
    engine.stop().await;
}

/// Nice value and scheduling policy of a process (proc(5), fields 19 and 41 of `stat`).
fn priority(pid: i32) -> (i32, i32) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    (fields[19 - 3].parse().unwrap(), fields[41 - 3].parse().unwrap())
}

#[test]
fn batches_run_only_when_nothing_else_wants_the_processor() {
    if !alone("classes::batches_run_only_when_nothing_else_wants_the_processor") {
        return;
    }
    const SCHED_OTHER: i32 = 0;
    const SCHED_IDLE: i32 = 5;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let engine = start(EngineConfig {
            batch_scheduling: Scheduling::Idle,
            ..patient()
        })
        .await;
        let good = good_file(&engine).await;
        let quick = workers();
        assert!(!quick.is_empty());
        for &worker in &quick {
            assert_eq!(priority(worker), (0, SCHED_OTHER));
        }
        assert!(survey(&engine, &good).await.is_ok());
        let batch: Vec<i32> = workers().into_iter().filter(|pid| !quick.contains(pid)).collect();
        assert_eq!(batch.len(), 1);
        assert_eq!(priority(batch[0]), (10, SCHED_IDLE));
        engine.stop().await;
    });
}

#[tokio::test]
async fn workers_are_replaced_after_their_share_of_jobs() {
    let engine = start(with_faults()).await;
    let good = good_file(&engine).await;
    for _ in 0..9 {
        assert!(survey(&engine, &good).await.is_ok());
    }
    let stats = engine.stats();
    let batch = &stats.classes[Class::Batch.index()];
    assert_eq!(
        (batch.n_done, batch.n_spawned, batch.n_recycled),
        (9, 2, 1),
        "{batch:?}"
    );
    engine.stop().await;
}

#[derive(Default)]
struct Remembered(Mutex<HashMap<String, Calibration>>);

#[async_trait::async_trait]
impl Calibrations for Remembered {
    async fn load(&self, key: &str) -> Option<Calibration> {
        self.0.lock().unwrap().get(key).copied()
    }

    async fn store(&self, key: &str, calibration: Calibration) {
        self.0.lock().unwrap().insert(key.to_owned(), calibration);
    }
}

#[tokio::test]
async fn a_machine_is_measured_once_and_its_speed_decides_how_many_streams_fit() {
    let (engine, remembered) = (start(patient()).await, Remembered::default());
    assert_eq!(engine.budget().calibration(), Calibration::UNKNOWN);
    let cancel = CancellationToken::new();
    let measured = engine.calibrate(&remembered, &cancel).await.unwrap();
    assert!(
        measured.decode_fps > measured.encode_fps,
        "decoding is the lesser work: {measured:?}"
    );
    assert_eq!(engine.budget().calibration(), measured);
    let n_measured = || engine.stats().classes[Class::Stream.index()].n_done;
    assert_eq!(n_measured(), 1);
    assert_eq!(engine.calibrate(&remembered, &cancel).await.unwrap(), measured);
    assert_eq!(n_measured(), 1, "a known machine is measured again");

    let all = Demand {
        encode_fps: measured.encode_fps * 1_000.0,
        ..Demand::default()
    };
    assert!(engine.budget().acquire(all).is_err());
    let little = Demand {
        encode_fps: measured.encode_fps / 10.0,
        ..Demand::default()
    };
    let share = engine.budget().acquire(little).unwrap();
    assert!((share.processors() - 0.1).abs() < 1e-9);
    // Nonsense that was stored is not believed.
    let nonsense = Calibration {
        decode_fps: f64::NAN,
        encode_fps: -1.0,
    };
    for value in remembered.0.lock().unwrap().values_mut() {
        *value = nonsense;
    }
    assert!(engine.calibrate(&remembered, &cancel).await.unwrap().check().is_ok());
    engine.stop().await;
}
