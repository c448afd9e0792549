//! Nothing is left behind: no process and no descriptor, after crashes, under load, and after a stop.

use std::sync::Arc;
use std::time::Duration;

use media_engine::engine::EngineConfig;
use media_proto::error::MediaError;
use media_proto::fault::Fault;
use media_proto::job::Class;
use tokio_util::sync::CancellationToken;

use crate::kit::{Work, alone, file, good_file, leaves_nothing, probe, start, with_faults, work, workers};

#[test]
fn nothing_is_left_behind_by_crashes_and_a_stop() {
    if !alone("leaks::nothing_is_left_behind_by_crashes_and_a_stop") {
        return;
    }
    leaves_nothing(async {
        let engine = start(EngineConfig {
            quick_workers: 1,
            ..with_faults()
        })
        .await;
        let good = good_file(&engine).await;
        let bad = file(&Fault::Crash.file());
        let mut header = vec![0; 600];
        rustix::io::pread(&good, &mut header, 0).unwrap();
        let (damaged, hang) = (file(&header), file(&Fault::Hang.file()));
        for _ in 0..3 {
            assert!(probe(&engine, &bad).await.is_err());
            assert!(probe(&engine, &good).await.is_ok());
            // A caller that gives up by dropping the future ends the work as well.
            let hanging = probe(&engine, &hang);
            assert!(tokio::time::timeout(Duration::from_millis(50), hanging).await.is_err());
            // After damage the worker is replaced without waiting for its end.
            assert!(matches!(
                probe(&engine, &damaged).await,
                Err(MediaError::Corrupt { .. })
            ));
        }
        assert!(probe(&engine, &good).await.is_ok());
        let left = workers().len();
        assert_eq!(left, 1, "dead workers are not reaped, or live ones are forgotten");
        engine.stop().await;
    });
}

#[test]
fn twenty_jobs_at_once_all_end_as_they_must() {
    if !alone("leaks::twenty_jobs_at_once_all_end_as_they_must") {
        return;
    }
    leaves_nothing(async {
        let mut config = with_faults();
        config.limits.cpu_s = 1;
        let engine = start(config).await;
        let kinds = [Work::Probe, Work::Survey, Work::Keyframes];
        let faults = [
            Fault::Crash,
            Fault::Abort,
            Fault::StackOverflow,
            Fault::Memory,
            Fault::Hang,
            Fault::Oversized,
            Fault::Garbage,
            Fault::Truncated,
            Fault::Unsealed,
            Fault::Excessive,
        ];
        let good = Arc::new(good_file(&engine).await);
        let mut running = tokio::task::JoinSet::new();
        for (index, fault) in faults.into_iter().enumerate() {
            let kind = kinds[index % kinds.len()];
            let (one, bad) = (Arc::clone(&engine), file(&fault.file()));
            running.spawn(async move { (Some(fault), kind, work(&one, kind, &bad).await) });
            let (other, good) = (Arc::clone(&engine), Arc::clone(&good));
            running.spawn(async move { (None, kind, work(&other, kind, &good).await) });
        }
        let mut n_ended = 0;
        while let Some(ended) = running.join_next().await {
            let (fault, kind, result) = ended.unwrap();
            n_ended += 1;
            match fault {
                None => assert_eq!(result, Ok(()), "a good file in {kind:?}"),
                Some(fault) => {
                    let error = result.expect_err("a file that breaks workers");
                    assert!(error.blames_file(), "{fault:?} in {kind:?}: {error:?}");
                }
            }
        }
        assert_eq!(n_ended, 20);
        let stats = engine.stats();
        assert_eq!((stats.n_busy, stats.n_waiting), (0, 0), "{stats:?}");
        assert_eq!((stats.n_done, stats.n_failed), (11, 10), "{stats:?}");
        // Each of the broken is counted twice, whatever broke it.
        assert_eq!(stats.n_crashed + stats.n_hung + stats.n_malformed, 20, "{stats:?}");
        assert_eq!(
            workers().len(),
            stats.n_idle,
            "dead workers are not reaped, or live ones are forgotten"
        );
        engine.stop().await;
    });
}

#[test]
fn canceled_and_hardware_work_leaves_nothing_either() {
    if !alone("leaks::canceled_and_hardware_work_leaves_nothing_either") {
        return;
    }
    leaves_nothing(async {
        let engine = start(with_faults()).await;
        let (hang, cancel) = (file(&Fault::Hang.file()), CancellationToken::new());
        let wanted = crate::kit::long_survey();
        let (canceled, ()) = tokio::join!(engine.survey(&hang, &wanted, &cancel, None), async {
            while engine.stats().n_busy == 0 {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        });
        assert!(matches!(canceled, Err(MediaError::Canceled)), "{canceled:?}");
        assert!(engine.escape(Class::Hardware).await.is_ok());
        // One that is given up in the middle of its start.
        let given_up = engine.escape(Class::Hardware);
        assert!(tokio::time::timeout(Duration::from_millis(1), given_up).await.is_err());
        assert!(engine.escape(Class::Hardware).await.is_ok());
        engine.stop().await;
    });
}
