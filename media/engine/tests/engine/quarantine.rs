//! Files that broke a worker twice, and deaths for which no file is to blame.

use std::sync::Arc;
use std::time::Duration;

use media_engine::engine::Engine;
use media_engine::quarantine::{Quarantine, Quarantined};
use media_proto::error::MediaError;
use media_proto::fault::Fault;
use media_proto::job::JobKind;

use crate::kit::{Remembered, alone, children, file, good_file, probe, survey, with_faults};

#[tokio::test]
async fn a_second_crash_is_quarantined_until_ffmpeg_changes() {
    let quarantine = Arc::new(Remembered::default());
    let engine = Engine::start(with_faults(), Arc::clone(&quarantine) as Arc<dyn Quarantine>)
        .await
        .unwrap();
    let bad = file(&Fault::Crash.file());
    assert_eq!(
        probe(&engine, &bad).await,
        Err(MediaError::Crashed { signal: Some(11) })
    );
    let entry = quarantine.load(bad.identity(), JobKind::Probe).await.unwrap();
    assert_eq!(
        (entry.signal, entry.ffmpeg.as_str()),
        (Some(11), engine.ffmpeg().ffmpeg_hash.as_str())
    );
    assert!(entry.reason.contains("SIGSEGV"), "{}", entry.reason);

    assert_eq!(
        probe(&engine, &bad).await,
        Err(MediaError::Quarantined {
            reason: entry.reason.clone()
        })
    );
    assert_eq!(engine.stats().n_crashed, 2, "a quarantined file is not tried");
    // Another kind of work may well succeed, and is tried.
    assert!(matches!(survey(&engine, &bad).await, Err(MediaError::Crashed { .. })));

    let other = Quarantined {
        ffmpeg: "another build".to_owned(),
        ..entry
    };
    quarantine.store(bad.identity(), JobKind::Probe, other).await;
    assert_eq!(
        probe(&engine, &bad).await,
        Err(MediaError::Crashed { signal: Some(11) })
    );
    engine.stop().await;
}

#[test]
fn a_dead_zygote_is_replaced_and_blames_no_file() {
    if !alone("quarantine::a_dead_zygote_is_replaced_and_blames_no_file") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let quarantine = Arc::new(Remembered::default());
        let engine = Engine::start(with_faults(), Arc::clone(&quarantine) as Arc<dyn Quarantine>)
            .await
            .unwrap();
        let good = good_file(&engine).await;
        let kill_zygote = || {
            let [zygote] = children()[..] else {
                panic!("one child is expected: {:?}", children())
            };
            let pid = rustix::process::Pid::from_raw(zygote).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        };
        // At rest: the next job finds its worker dead.
        kill_zygote();
        assert!(probe(&engine, &good).await.is_ok());
        // At work, twice: were it the file's fault, it would be given up.
        let working = file(&Fault::Hang.file());
        let kill_twice = async {
            for _ in 0..2 {
                let n_spawned = engine.stats().n_spawned;
                tokio::time::sleep(Duration::from_millis(50)).await;
                kill_zygote();
                while engine.stats().n_spawned == n_spawned {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::select! {
            given_up = probe(&engine, &working) => panic!("{given_up:?}"),
            () = kill_twice => {}
        }
        assert!(quarantine.0.lock().unwrap().is_empty());
        assert_eq!(engine.stats().n_crashed, 0);
        engine.stop().await;
    });
}
