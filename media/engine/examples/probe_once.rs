//! Probes files and prints what came out, for a look by hand: `cargo run -p media-engine --example probe_once -- FILE..`
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::job::ProbeHints;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await?;
    for path in std::env::args().skip(1) {
        let extension = Path::new(&path)
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned());
        let source = Source::new(File::open(&path)?)?;
        let probed = engine
            .probe(&source, ProbeHints { extension }, &CancellationToken::new())
            .await;
        println!("{path}: {probed:#?}");
    }
    println!("{:#?}", engine.check().await?.layers);
    engine.stop().await;
    Ok(())
}
