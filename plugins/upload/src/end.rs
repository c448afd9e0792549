//! Ends uploads before they are finished.

use kernel::{error::Failure, store::Durability};
use tokio::time::{Duration, Instant};

use crate::{
    Upload, code,
    place::Place,
    row::{self, Row, State},
};

/// How long whoever writes may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends an upload: its bytes go, and a request that writes to it is sent away. Of one that has been taken in only the
/// entry goes, for its file is the library's now.
///
/// # Errors
/// `UPLOAD_LOCKED` when it is just being taken in, or when disk or database refuse.
pub async fn abort(upload: &Upload, row: &Row) -> Result<(), Failure> {
    let turn = upload.desk.turn(row.id, Instant::now() + PATIENCE).await?;
    remove(upload, row).await?;
    drop(turn);
    Ok(())
}

/// Forgets an upload, then removes its bytes: what a crash leaves in between is swept.
///
/// # Errors
/// As [`abort`].
pub async fn remove(upload: &Upload, row: &Row) -> Result<(), Failure> {
    let kernel = &upload.kernel;
    let tx = kernel.store.begin(Durability::Full).await?;
    let states = [
        State::Receiving,
        State::Ready,
        State::Duplicate,
        State::Failed,
        State::Placed,
    ];
    let is_gone = row::forget(&tx, row.id, &states).await?;
    tx.commit().await?;
    if !is_gone {
        if row::find(kernel.store.reader(), row.id).await?.is_none() {
            return Ok(());
        }
        let message = format!("`{}` is being taken in; wait until that has ended", row.id);
        return Err(Failure::new(&code::LOCKED, message));
    }
    Place::of(kernel, row).remove(row.id).await
}
