//! What is done for running jobs besides their work: heartbeats, progress, the watchdog.

use std::{collections::HashMap, sync::Arc};

use entities::id::{JobId, NodeId};
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    Jobs,
    cx::{Interrupted, Running},
    finish::millis,
    sql::{list, statement},
};
use crate::store::Durability;

impl Jobs {
    /// Renews the leases of this node in one statement, and passes flags and lost leases on to the jobs.
    pub(super) async fn beat(&self, node: NodeId) -> Result<(), DbErr> {
        let mine = self.of(node);
        if mine.is_empty() {
            return Ok(());
        }
        // Rows that a job's own fenced transaction holds are left for the next beat: waiting for it could outlast the
        // other leases.
        let sql = "with mine as materialized (select id from job where state = 2 and lease_owner = $2 :skip_locked) \
            update job set lease_until = :now + $3 where id in (select id from mine) \
            returning id, attempt, cancel_requested, pause_requested";
        let store = &self.inner.store;
        let tx = store.begin(Durability::Normal).await?;
        let values = [node.0.into(), millis(self.inner.settings.lease).into()];
        let rows = tx.query_all_raw(statement(store, sql, values)).await?;
        tx.commit().await?;
        let mut held = HashMap::with_capacity(rows.len());
        for row in rows {
            let flags = (
                row.try_get::<bool>("", "cancel_requested")?,
                row.try_get::<bool>("", "pause_requested")?,
            );
            held.insert(
                (row.try_get::<JobId>("", "id")?, row.try_get::<i32>("", "attempt")?),
                flags,
            );
        }
        let mut unseen = Vec::new();
        for running in mine {
            match held.get(&(running.id, running.attempt)) {
                Some((true, _)) => running.interrupt(Interrupted::Canceled),
                Some((false, true)) => running.interrupt(Interrupted::Paused),
                Some((false, false)) => {}
                None => unseen.push(running),
            }
        }
        self.look_for_lost(node, unseen).await
    }

    async fn look_for_lost(&self, node: NodeId, unseen: Vec<Arc<Running>>) -> Result<(), DbErr> {
        if unseen.is_empty() {
            return Ok(());
        }
        let store = &self.inner.store;
        let sql = "select id, attempt from job where state = 2 and lease_owner = $1 and id in :list(2)";
        let values = [node.0.into(), list(unseen.iter().map(|running| running.id.0))];
        let rows = store.reader().query_all_raw(statement(store, sql, values)).await?;
        let held = |running: &Running| {
            rows.iter().any(|row| {
                row.try_get::<JobId>("", "id").is_ok_and(|id| id == running.id)
                    && row
                        .try_get::<i32>("", "attempt")
                        .is_ok_and(|attempt| attempt == running.attempt)
            })
        };
        for running in unseen.iter().filter(|running| !held(running)) {
            // One that has just ended is not there either, and does not mind.
            running.interrupt(Interrupted::LeaseLost);
        }
        Ok(())
    }

    /// Publishes what running jobs reported, writes it to the rows when that is due, and ends those that are stuck.
    pub(super) async fn tick(&self, node: NodeId) -> Result<(), DbErr> {
        let settings = &self.inner.settings;
        let mut due = Vec::new();
        for running in self.of(node) {
            let sample = running.meter.sample(settings.write_progress);
            if sample.still_for >= running.stalls_after {
                running.interrupt(Interrupted::Stalled);
            }
            if running.overdue_for().is_some_and(|overdue| overdue >= settings.grace)
                && let Some(abort) = running.abort.get()
            {
                abort.abort();
            }
            if sample.is_write_due {
                due.push((Arc::clone(&running), sample.progress.clone()));
            }
            let Some(view) = running.view(sample.progress).map(Arc::new) else {
                continue;
            };
            self.inner.hub.offer(&view);
            if running.is_untold(sample.changed, settings.tell_all) {
                self.inner.hub.tell_progress(&view);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let store = &self.inner.store;
        let tx = store.begin(Durability::Normal).await?;
        for (running, progress) in &due {
            // A row that somebody holds is left for the next tick: waiting for it would keep the others of this
            // transaction waiting too, and those who wait for each other end in a deadlock.
            let sql = "update job set progress = $2, updated_at = :later where id in (select id from job \
                where id = $3 and state = 2 and lease_owner = $4 and attempt = $5 :skip_locked) returning updated_at";
            let text = serde_json::to_string(progress).unwrap_or_else(|_| "{}".to_owned());
            let values = [text.into(), running.id.0.into(), node.0.into(), running.attempt.into()];
            if let Some(written) = tx.query_one_raw(statement(store, sql, values)).await? {
                let updated_at = written.try_get("", "updated_at")?;
                running.meter.written();
                let running = Arc::clone(running);
                tx.after_commit(move || running.rewritten(updated_at));
            }
        }
        tx.commit().await
    }

    /// What this node runs in this process.
    pub(super) fn of(&self, node: NodeId) -> Vec<Arc<Running>> {
        self.local()
            .values()
            .filter(|running| running.owner == node)
            .cloned()
            .collect()
    }
}
