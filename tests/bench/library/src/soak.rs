//! People browse for long at a share of what the server can do. A server that forgets to let go of something takes more
//! memory or files each minute, or becomes slower.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::ensure;

use crate::{
    http::{Target, Times},
    process,
    replay::{CLIENTS, all_browse},
    say,
};

/// How long it is measured what the server can do.
const TRIAL: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);
/// Minutes that are compared: the second so many, and the last.
const SPAN: usize = 5;

/// A minute of it.
struct Minute {
    times: Times,
    /// Anonymous memory in MiB.
    anonymous: u64,
    n_files: usize,
}

/// Measures and prints all.
pub async fn measure(target: &Target, pid: u32, minutes: u32, share: f64) -> anyhow::Result<()> {
    let trial = all_browse(target, TRIAL, None, |_| {}).await?;
    let most = trial.len() as f64 / TRIAL.as_secs_f64();
    let beat = Duration::from_secs_f64(CLIENTS as f64 / (most * share));
    say(&format!(
        "{most:.0} requests a second at most, {:.0} from now on",
        most * share
    ));

    let heard = Arc::new(Mutex::new(Times::default()));
    let hear = {
        let heard = Arc::clone(&heard);
        move |time| heard.lock().unwrap_or_else(PoisonError::into_inner).0.push(time)
    };
    let mut all: Vec<Minute> = Vec::new();
    let watch = async {
        for minute in 1..=minutes {
            tokio::time::sleep(MINUTE).await;
            let times = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
            let ((resident, anonymous), n_files) = (process::resident(pid)?, process::n_files(pid)?);
            say(&format!(
                "minute {minute:3}: {:6} requests, {}  {resident} MiB resident, {anonymous} MiB anonymous, {n_files} files open",
                times.0.len(),
                times.show()
            ));
            all.push(Minute {
                times,
                anonymous,
                n_files,
            });
        }
        anyhow::Ok(())
    };
    tokio::try_join!(all_browse(target, MINUTE * minutes, Some(beat), hear), watch)?;

    ensure!(all.len() >= 3 * SPAN, "fewer than {} minutes say little", 3 * SPAN);
    let span = |minutes: &[Minute]| {
        Times(
            minutes
                .iter()
                .flat_map(|minute| minute.times.0.iter().copied())
                .collect(),
        )
    };
    let (second, last) = (&all[SPAN..2 * SPAN], &all[all.len() - SPAN..]);
    let (early, late) = (span(second).at(990), span(last).at(990));
    say(&format!(
        "p99 of minutes {} to {}: {early:.2} ms; of the last {SPAN}: {late:.2} ms, {:.2} times (goal: at most 1.2)",
        SPAN + 1,
        2 * SPAN,
        late / early.max(1e-9)
    ));
    let most = |minutes: &[Minute]| {
        let anonymous = minutes.iter().map(|minute| minute.anonymous).max();
        let n_files = minutes.iter().map(|minute| minute.n_files).max();
        (anonymous.unwrap_or_default(), n_files.unwrap_or_default())
    };
    let (early, late) = (most(second), most(last));
    say(&format!(
        "anonymous memory {} to {} MiB, open files {} to {}",
        early.0, late.0, early.1, late.1
    ));
    Ok(())
}
