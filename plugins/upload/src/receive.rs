//! Brings the body of a request to the writer, no faster than it writes, and gives up on one that hardly comes.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use kernel::error::Failure;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use tokio_util::sync::CancellationToken;

use crate::{Limits, code, writer::Piece};

/// What goes to the writer at once, in bytes.
const ENOUGH: usize = 256 * 1024;
/// Over how long the least rate is measured.
const WINDOW: Duration = Duration::from_secs(30);

/// Hands a body over. It ends well when the body came whole, or the writer had enough.
///
/// # Errors
/// `UPLOAD_TOO_SLOW`.
pub async fn feed(
    mut body: Body,
    pieces: mpsc::Sender<Piece>,
    limits: &Limits,
    leave: &CancellationToken,
) -> Result<(), Failure> {
    let (mut pending, mut n_pending): (Vec<Bytes>, usize) = (Vec::new(), 0);
    // Only the time that is spent waiting for the client counts.
    let (mut waited, mut n_came) = (Duration::ZERO, 0);
    loop {
        let begun = Instant::now();
        let Some(frame) = leave.run_until_cancelled(timeout(limits.idle, body.frame())).await else {
            hand(&pieces, &mut pending, &mut n_pending).await;
            return Ok(());
        };
        let frame = match frame {
            Err(_) => {
                hand(&pieces, &mut pending, &mut n_pending).await;
                return Err(slow(format!("no byte came for {} s", limits.idle.as_secs())));
            }
            Ok(None) => {
                hand(&pieces, &mut pending, &mut n_pending).await;
                // A writer that has gone says itself why.
                let _ = pieces.send(Piece::End).await;
                return Ok(());
            }
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "the body of an upload broke off");
                hand(&pieces, &mut pending, &mut n_pending).await;
                return Ok(());
            }
            Ok(Some(Ok(frame))) => frame,
        };
        waited += begun.elapsed();
        let Ok(bytes) = frame.into_data() else { continue };
        n_came += bytes.len() as u64;
        if waited >= WINDOW {
            if n_came < limits.min_rate * WINDOW.as_secs() {
                hand(&pieces, &mut pending, &mut n_pending).await;
                return Err(slow(format!("fewer than {} bytes came in a second", limits.min_rate)));
            }
            (waited, n_came) = (Duration::ZERO, 0);
        }
        n_pending += bytes.len();
        pending.push(bytes);
        if n_pending >= ENOUGH && !hand(&pieces, &mut pending, &mut n_pending).await {
            return Ok(());
        }
    }
}

async fn hand(pieces: &mpsc::Sender<Piece>, pending: &mut Vec<Bytes>, n_pending: &mut usize) -> bool {
    *n_pending = 0;
    let pending = std::mem::take(pending);
    pending.is_empty() || pieces.send(Piece::Bytes(pending)).await.is_ok()
}

fn slow(what: String) -> Failure {
    Failure::new(&code::TOO_SLOW, format!("{what}; what came is kept, go on from there"))
}
