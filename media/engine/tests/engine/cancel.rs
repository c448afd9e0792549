//! Canceling: the worker is asked first and stays if it obeys, and is killed half a second later if it does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::progress::Progress;
use media_proto::error::MediaError;
use media_proto::fault::Fault;
use media_proto::job::ProbeHints;
use media_proto::survey::{PictureFormat, Preview, Survey};
use media_proto::synthetic::{Synthetic, SyntheticVideo};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::kit::{file, good_file, long_survey, made, patient, probe, start, survey};

fn one_worker() -> EngineConfig {
    EngineConfig {
        quick_workers: 1,
        batch_workers: 1,
        ..patient()
    }
}

#[tokio::test]
async fn a_worker_that_obeys_a_cancel_is_used_again() {
    let engine = start(one_worker()).await;
    let good = good_file(&engine).await;
    assert!(survey(&engine, &good).await.is_ok());
    let before = engine.stats().n_spawned;
    let (diligent, cancel) = (file(&Fault::Diligent.file()), CancellationToken::new());
    let (sender, mut receiver) = watch::channel(Progress::default());
    let wanted = long_survey();
    let (canceled, seen) = tokio::join!(engine.survey(&diligent, &wanted, &cancel, Some(&sender)), async {
        let seen = *receiver.wait_for(|progress| progress.done > 0).await.unwrap();
        cancel.cancel();
        seen
    });
    assert_eq!(canceled.map(drop), Err(MediaError::Canceled));
    assert_eq!(seen.total, 1_000_000);
    assert!(
        seen.fraction().is_some_and(|part| part > 0.0 && part <= 1.0),
        "{seen:?}"
    );
    assert!(survey(&engine, &good).await.is_ok());
    let stats = engine.stats();
    assert_eq!((stats.n_spawned, stats.n_hung), (before, 0), "the worker was replaced");
    engine.stop().await;
}

#[tokio::test]
async fn a_cancel_ends_real_work_between_frames() {
    let engine = start(one_worker()).await;
    let spec = Synthetic {
        video: Some(SyntheticVideo {
            codec: "h264".to_owned(),
            width: 320,
            height: 240,
            frame_rate: (25, 1),
            seed: 3,
        }),
        duration_us: 20_000_000,
        ..Synthetic::clip(3)
    };
    let film = file(&made(&engine, spec).await);
    // The whole film, several times over.
    let wanted = Survey {
        preview: Some(Preview {
            pieces: 20,
            piece_us: 1_000_000,
            width: 320,
            formats: vec![PictureFormat::Mp4, PictureFormat::AnimatedWebp],
        }),
        scenes: true,
        ..Survey::default()
    };
    assert!(survey(&engine, &film).await.is_ok());
    let (before, cancel) = (engine.stats(), CancellationToken::new());
    let (sender, mut receiver) = watch::channel(Progress::default());
    let (canceled, seen) = tokio::join!(engine.survey(&film, &wanted, &cancel, Some(&sender)), async {
        let seen = *receiver.wait_for(|progress| progress.done > 0).await.unwrap();
        cancel.cancel();
        seen
    });
    assert_eq!(canceled.map(drop), Err(MediaError::Canceled));
    assert_eq!(seen.total, film.identity().size, "how far it is, in bytes of the file");
    assert!(seen.done <= seen.total, "{seen:?}");
    assert!(survey(&engine, &film).await.is_ok());
    assert_eq!(engine.stats().n_spawned, before.n_spawned, "the worker was killed");
    engine.stop().await;
}

#[tokio::test]
async fn a_worker_that_ignores_a_cancel_is_killed_and_its_boasts_are_not_believed() {
    for fault in [Fault::Hang, Fault::Endless, Fault::Boastful] {
        let engine = start(one_worker()).await;
        let (stubborn, cancel) = (file(&fault.file()), CancellationToken::new());
        let (sender, receiver) = watch::channel(Progress::default());
        let wanted = long_survey();
        let (canceled, ended_in) = tokio::join!(engine.survey(&stubborn, &wanted, &cancel, Some(&sender)), async {
            while engine.stats().n_busy == 0 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            let begun = Instant::now();
            cancel.cancel();
            while engine.stats().n_busy > 0 {
                tokio::task::yield_now().await;
            }
            begun.elapsed()
        });
        assert_eq!(canceled.map(drop), Err(MediaError::Canceled), "{fault:?}");
        assert!(
            ended_in < Duration::from_secs(5),
            "{fault:?} was waited for: {ended_in:?}"
        );
        // Nothing was done, and nonsense was said about another job: none of it is progress.
        assert_eq!(*receiver.borrow(), Progress::default(), "{fault:?}");
        let stats = engine.stats();
        assert_eq!(
            (stats.n_crashed, stats.n_hung, stats.n_quarantined),
            (0, 0, 0),
            "{fault:?} is blamed"
        );
        assert!(probe(&engine, &good_file(&engine).await).await.is_ok());
        engine.stop().await;
    }
}

#[tokio::test]
async fn what_waits_for_a_worker_is_canceled_at_once() {
    let engine = start(one_worker()).await;
    let (hanging, waiting) = (CancellationToken::new(), CancellationToken::new());
    let (hang, good) = (file(&Fault::Hang.file()), file(b"anything"));
    let (first, second, ()) = tokio::join!(
        engine.probe(&hang, ProbeHints::default(), &hanging),
        engine.probe(&good, ProbeHints::default(), &waiting),
        async {
            while engine.stats().n_waiting == 0 {
                tokio::task::yield_now().await;
            }
            waiting.cancel();
            while engine.stats().n_waiting > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(engine.stats().n_busy, 1);
            hanging.cancel();
        }
    );
    assert_eq!((first, second), (Err(MediaError::Canceled), Err(MediaError::Canceled)));
    engine.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_so_and_a_stopped_engine_cancels() {
    let engine = start(EngineConfig {
        max_waiting: 1,
        ..one_worker()
    })
    .await;
    let hang = |engine: Arc<Engine>| async move { probe(&engine, &file(&Fault::Hang.file())).await };
    let first = tokio::spawn(hang(Arc::clone(&engine)));
    while engine.stats().n_busy == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(hang(Arc::clone(&engine)));
    while engine.stats().n_waiting == 0 {
        tokio::task::yield_now().await;
    }
    let refused = probe(&engine, &file(b"anything")).await;
    assert_eq!(refused, Err(MediaError::Busy { n_waiting: 1 }));
    engine.stop().await;
    assert_eq!(first.await.unwrap(), Err(MediaError::Canceled));
    assert_eq!(second.await.unwrap(), Err(MediaError::Canceled));
    assert_eq!(probe(&engine, &file(b"anything")).await, Err(MediaError::Canceled));
}
