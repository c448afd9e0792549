//! The sandbox: what a worker of each class tries in vain, by each layer alone.

use std::collections::HashMap;

use media_engine::engine::{Engine, EngineConfig};
use media_proto::error::MediaError;
use media_proto::job::Class;
use media_proto::message::Layer;

use crate::kit::{good_file, probe, start, survey, with_faults};

const FORKED: [Class; 3] = [Class::Quick, Class::Stream, Class::Batch];

async fn attempts(engine: &Engine, class: Class) -> HashMap<String, Option<i32>> {
    engine.escape(class).await.unwrap().into_iter().collect()
}

fn without(layers: &[Layer]) -> EngineConfig {
    EngineConfig {
        without: layers.to_vec(),
        ..with_faults()
    }
}

#[tokio::test]
async fn all_layers_hold_and_nothing_gets_out() {
    let engine = start(with_faults()).await;
    let health = engine.check().await.unwrap();
    for layer in [
        Layer::Seccomp,
        Layer::ResourceLimits,
        Layer::NoNewPrivileges,
        Layer::NotDumpable,
    ] {
        let name = layer.name();
        assert!(
            health.layers.contains(&layer),
            "{name} is missing: {:?}",
            health.warnings
        );
    }
    for class in FORKED {
        for (name, error) in attempts(&engine, class).await {
            assert!(error.is_some(), "{name} succeeded in a {} worker", class.name());
        }
    }
    engine.stop().await;
}

#[tokio::test]
async fn seccomp_alone_holds() {
    let engine = start(without(&[Layer::Landlock])).await;
    for class in FORKED {
        for (name, error) in attempts(&engine, class).await {
            assert_eq!(
                error,
                Some(1),
                "{name} in a {} worker under seccomp alone",
                class.name()
            );
        }
    }
    let good = good_file(&engine).await;
    assert!(probe(&engine, &good).await.is_ok());
    assert!(survey(&engine, &good).await.is_ok());
    engine.stop().await;
}

#[tokio::test]
async fn landlock_alone_holds() {
    let engine = start(without(&[Layer::Seccomp])).await;
    if !engine.check().await.unwrap().layers.contains(&Layer::Landlock) {
        eprintln!("skipped: no Landlock here");
        return;
    }
    for class in FORKED {
        let attempts = attempts(&engine, class).await;
        for name in ["open", "create", "connect", "exec"] {
            let class = class.name();
            assert_eq!(
                attempts[name],
                Some(13),
                "{name} in a {class} worker under Landlock alone"
            );
        }
    }
    engine.stop().await;
}

#[tokio::test]
async fn the_attempts_are_real() {
    // Without both, exec works: the worker is replaced by another program and never answers.
    let engine = start(without(&[Layer::Seccomp, Layer::Landlock])).await;
    let escaped = engine.escape(Class::Quick).await;
    assert!(matches!(escaped, Err(MediaError::Crashed { .. })), "{escaped:?}");
    engine.stop().await;
}

#[tokio::test]
async fn a_hardware_worker_reads_files_and_does_nothing_else() {
    let both = start(with_faults()).await;
    let has_landlock = both.check().await.unwrap().layers.contains(&Layer::Landlock);
    let found = attempts(&both, Class::Hardware).await;
    assert_eq!(found["open"], None, "drivers load libraries");
    for name in ["create", "socket", "connect", "fork", "exec", "kill", "ptrace"] {
        assert!(found[name].is_some(), "{name} succeeded in a hardware worker");
    }
    both.stop().await;

    let seccomp_alone = start(without(&[Layer::Landlock])).await;
    let found = attempts(&seccomp_alone, Class::Hardware).await;
    for name in ["socket", "connect", "fork", "exec", "kill", "ptrace"] {
        assert_eq!(found[name], Some(1), "{name} in a hardware worker under seccomp alone");
    }
    seccomp_alone.stop().await;

    if has_landlock {
        let landlock_alone = start(without(&[Layer::Seccomp])).await;
        let found = attempts(&landlock_alone, Class::Hardware).await;
        for name in ["create", "connect", "exec"] {
            assert_eq!(
                found[name],
                Some(13),
                "{name} in a hardware worker under Landlock alone"
            );
        }
        landlock_alone.stop().await;
    }
}

#[tokio::test]
async fn layers_are_left_out_only_where_faults_are_on() {
    let engine = start(EngineConfig {
        without: vec![Layer::Seccomp],
        ..EngineConfig::default()
    })
    .await;
    assert!(engine.check().await.unwrap().layers.contains(&Layer::Seccomp));
    let escaped = engine.escape(Class::Quick).await;
    assert!(matches!(escaped, Err(MediaError::Invalid { .. })), "{escaped:?}");
    engine.stop().await;
}
