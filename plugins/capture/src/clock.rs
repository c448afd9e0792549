//! Begins captures that are due, and removes what has been kept as long as its source's rule says.

use std::{collections::HashMap, sync::Arc, time::Duration};

use entities::id::{CaptureId, CapturePartId, CaptureSourceId, JobId};
use kernel::{
    cron::Pattern,
    error::Failure,
    events::FilesAdded,
    jobs::{Enqueue, Priority},
    plugin::Kernel,
    sql,
    store::Durability,
};
use schema::kit::error::violates;
use tokio_util::sync::CancellationToken;

use crate::{
    code,
    desk::Desk,
    jobs::record::Record,
    place,
    row::{self, Source},
};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// After how many of these sources are read again though nobody said that they changed, and old recordings looked for.
const ROUND: u32 = 60;
/// A continuous capture that has ended is begun again after so many.
const AGAIN: u32 = 10;

/// Keeps time until the server stops.
pub async fn run(kernel: Kernel, desk: Arc<Desk>, stop: CancellationToken) {
    let work = async {
        let mut sources = Vec::new();
        let mut n = 0u32;
        loop {
            if n.is_multiple_of(ROUND) {
                match row::sources(kernel.store.reader(), None).await {
                    Ok(read) => sources = read,
                    Err(error) => tracing::warn!(%error, "live sources could not be read"),
                }
                sweep(&kernel, &sources).await;
            }
            begin(&kernel, &mut sources, n).await;
            n = n.wrapping_add(1);
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = desk.changed.notified() => n = 0,
            }
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn begin(kernel: &Kernel, sources: &mut [Source], n: u32) {
    let now = kernel.clock.now_ms();
    for source in sources.iter_mut().filter(|source| source.is_enabled) {
        let tick = source
            .schedule
            .as_deref()
            .and_then(|pattern| Pattern::parse(pattern).ok()?.next_after(source.last_tick));
        let is_due = tick.is_some_and(|tick| tick <= now);
        let is_wanted = source.is_continuous && n.is_multiple_of(AGAIN);
        if !is_due && !is_wanted {
            continue;
        }
        if is_due {
            source.last_tick = now;
        }
        let duration_s = source.duration_s.filter(|_| is_due);
        match start(kernel, source, duration_s, Priority::Background).await {
            Ok(_) => {}
            Err(failure) if failure.code == &code::ALREADY_RUNNING => {}
            Err(error) => tracing::warn!(source = %source.id, %error, "a capture that is due could not begin"),
        }
    }
}

/// Begins a capture of a source, for so many seconds or until it is stopped.
///
/// # Errors
/// The source is being captured already, or the database fails.
pub async fn start(
    kernel: &Kernel,
    source: &Source,
    duration_s: Option<i32>,
    priority: Priority,
) -> Result<(CaptureId, JobId), Failure> {
    let running = || {
        let message = format!("`{}` is being captured already", source.name);
        Failure::new(&code::ALREADY_RUNNING, message)
    };
    let (id, now) = (CaptureId::new(), kernel.clock.now_ms());
    let tx = kernel.store.begin(Durability::Full).await?;
    let live = "select id from capture where source_id = $1 and status < 3";
    if !sql::rows(&*tx, live, [source.id.0.into()]).await?.is_empty() {
        return Err(running());
    }
    let ends_at = duration_s.map(|seconds| now + i64::from(seconds) * 1000);
    match row::insert(&*tx, id, source.id, ends_at, now).await {
        Err(error) if violates(&error, "capture_live_key") => return Err(running()),
        other => other?,
    }
    let text = "update capture_source set last_tick = $2 where id = $1";
    sql::execute(&*tx, text, [source.id.0.into(), now.into()]).await?;
    let record = Record {
        capture: id,
        name: source.name.clone(),
    };
    let options = Enqueue {
        priority,
        ..Enqueue::default()
    };
    let enqueued = kernel.jobs.enqueue(&tx, &record, options).await?;
    row::set_job(&*tx, id, enqueued.job).await?;
    tx.commit().await?;
    Ok((id, enqueued.job))
}

/// Removes recordings that are older, or more, than the rule of their source allows. Without a rule nothing is removed.
async fn sweep(kernel: &Kernel, sources: &[Source]) {
    for source in sources {
        if source.keep_days.is_none() && source.keep_bytes.is_none() {
            continue;
        }
        if let Err(error) = forget(kernel, source).await {
            tracing::warn!(source = %source.id, %error, "old recordings could not be removed");
        }
    }
}

async fn forget(kernel: &Kernel, source: &Source) -> Result<(), Failure> {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let now = kernel.clock.now_ms();
    let text = "select part.id, part.file_name, part.ended_at, part.n_bytes from capture_part as part \
        join capture on capture.id = part.capture_id where capture.source_id = $1 and part.status in (1, 2) \
        order by part.id desc";
    let mut kept: i64 = 0;
    let mut old: HashMap<CapturePartId, String> = HashMap::new();
    for row in sql::rows(kernel.store.reader(), text, [source.id.0.into()]).await? {
        let (ended_at, n_bytes): (Option<i64>, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        kept = kept.saturating_add(n_bytes);
        let age = now - ended_at.unwrap_or(now);
        let is_old = source.keep_days.is_some_and(|days| age > i64::from(days) * DAY_MS);
        if is_old || source.keep_bytes.is_some_and(|most| kept > most) {
            old.insert(CapturePartId(row.try_get_by_index(0)?), row.try_get_by_index(1)?);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    let (names, library): (Vec<String>, _) = (old.values().cloned().collect(), source.library);
    let removed = place::below(kernel, move |root| {
        for name in names {
            root.remove_file(&place::placed(library, &name))?;
        }
        Ok(())
    });
    removed.await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    let text = format!(
        "update capture_part set status = 3 where id in ({})",
        sql::ids(old.keys().copied())
    );
    sql::execute(&*tx, text, []).await?;
    // Whoever looks into the folder finds them missing.
    tx.publish(FilesAdded {
        library,
        folder: place::folder(kernel, library),
    });
    tx.commit().await?;
    Ok(())
}

/// Whether a source has a capture that lives.
///
/// # Errors
/// The database fails.
pub async fn is_live(kernel: &Kernel, source: CaptureSourceId) -> Result<bool, Failure> {
    let text = "select id from capture where source_id = $1 and status < 3";
    Ok(!sql::rows(kernel.store.reader(), text, [source.0.into()])
        .await?
        .is_empty())
}
