//! The byte routes below `/p/stream`: files as they are, and what is made of them for players.

mod answer;
mod file;
mod play;

use std::sync::Arc;

use axum::{Router, routing::get};
use kernel::plugin::Kernel;

use crate::Stream;

/// All routes.
pub fn router(stream: Arc<Stream>, kernel: &Kernel) -> Router {
    let files = Router::new()
        .route(
            "/file/{file_id}/{filename}",
            get(file::serve).options(answer::preflight),
        )
        .with_state(kernel.clone());
    Router::new()
        .route(
            "/play/{file_id}/{part}/{name}",
            get(play::serve).options(answer::preflight),
        )
        .with_state(stream)
        .merge(files)
        .layer(axum::middleware::map_response(answer::for_any_origin))
}
