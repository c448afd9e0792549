//! `vitagraph serve`.

use std::process::ExitCode;

use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::print_line;
use crate::{compose::Server, settings::Settings};

/// Runs the server until it is told to stop. A second signal ends it at once.
pub async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let listen = settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}; is another server there? choose another with --listen"))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(on_signals(stop.clone()));
    let server = Server::boot(settings).await?;
    if let Some(code) = server.edge.setup_code().await? {
        print_line(&format!(
            "There is no account yet. Open http://{address}/setup and enter this one-time code: {code}"
        ))?;
    }
    print_line(&format!("Vitagraph is at http://{address}/"))?;
    tracing::info!(%address, data = %server.kernel.data_dir.display(), "serving");
    let served = server.serve(listener, stop).await;
    let ended = server.shutdown().await;
    signals.abort();
    served.and(ended)?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; a second signal ends it at once");
    stop.cancel();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    std::process::exit(130);
}
