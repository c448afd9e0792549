//! What a call to a worker costs: a job that does nothing, there and back through the whole engine.
//!
//! `cargo bench -p media-engine --bench call -- [CALLS]`, after `cargo build --release -p media-worker`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints and panics")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;

/// The most that a call may cost in the middle of all calls.
const BUDGET: Duration = Duration::from_micros(50);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let n_calls = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let n_calls: usize = n_calls.map_or(20_000, |text| text.parse().unwrap());
    let config = EngineConfig {
        quick_workers: 1,
        ..EngineConfig::default()
    };
    let engine = Engine::start(config, Arc::new(NoQuarantine)).await.unwrap();
    // The first calls fork a worker and fault its memory in.
    for _ in 0..100 {
        engine.ping().await.unwrap();
    }
    let mut times = Vec::with_capacity(n_calls);
    for _ in 0..n_calls {
        let begun = Instant::now();
        engine.ping().await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!(
        "{n_calls} calls: median {:?}, 90 % below {:?}, 99 % below {:?}",
        at(50),
        at(90),
        at(99)
    );
    println!("within {BUDGET:?}: {}", if at(50) <= BUDGET { "yes" } else { "no" });
    engine.stop().await;
}
