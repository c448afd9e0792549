//! Ends uploads before they are finished.

use entities::id::UploadId;
use kernel::{error::Failure, plugin::Kernel, store::Durability};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    Upload, code, download,
    place::Place,
    row::{self, Row, State},
};

/// How long whoever writes may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a program may take to end; it is killed, but another process may be the one that does it.
const FETCHING_PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// Ends an upload: its bytes go, and a request that writes to it is sent away. Of one that has been taken in only the
/// entry goes, for its file is the library's now.
///
/// # Errors
/// `UPLOAD_LOCKED` when it is just being taken in, or when disk or database refuse.
pub async fn abort(upload: &Upload, row: &Row) -> Result<(), Failure> {
    let turn = upload.desk.turn(row.id, Instant::now() + PATIENCE).await?;
    if row.state == State::Fetching {
        stop_fetching(&upload.kernel, row.id).await?;
    }
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
        State::Fetching,
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
    let place = Place::of(kernel, row);
    if row.state == State::Fetching {
        let folder = place.page(row.id);
        place.run(move |root| root.remove_tree(&folder).map(drop)).await?;
    }
    place.remove(row.id).await
}

/// Cancels the job that fetches an upload, and waits until it has let go.
async fn stop_fetching(kernel: &Kernel, id: UploadId) -> Result<(), Failure> {
    let Some(job) = download::row::job(&kernel.store, id).await? else {
        return Ok(());
    };
    // It may have ended by itself just now.
    let _ = kernel.jobs.cancel(job).await;
    let deadline = Instant::now() + FETCHING_PATIENCE;
    while kernel
        .jobs
        .get(job)
        .await?
        .is_some_and(|view| !view.status.is_terminal())
    {
        if Instant::now() >= deadline {
            let message = format!("the program that fetches `{id}` does not end; try again in a moment");
            return Err(Failure::new(&code::LOCKED, message));
        }
        sleep(LOOK).await;
    }
    Ok(())
}
