//! Waits for media work, and ends it when its job is paused, canceled or stopped.

use std::time::Duration;

use kernel::jobs::{JobCx, Step};

/// How often a wait looks for cancel and pause.
const TICK: Duration = Duration::from_millis(100);

/// The outcome of some work; dropping it ends it. `tick` is called now and then.
///
/// # Errors
/// When the job is to end.
pub async fn watched<S: Step, T>(
    cx: &JobCx<S>,
    work: impl Future<Output = T>,
    mut tick: impl FnMut(),
) -> anyhow::Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(TICK) => {
                cx.checkpoint().await?;
                tick();
            }
        }
    }
}
