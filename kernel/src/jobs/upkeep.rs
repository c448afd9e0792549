//! What any node does for all: expired leases, starving jobs, old rows, the table of nodes.

use std::time::Duration;

use entities::{id::NodeId, job};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    JobError, Jobs, code,
    cx::n_tries,
    finish::{Ended, Outcome, millis},
    job::{JobTable, backoff},
    sql::statement,
};
use crate::store::Durability;

/// Rows that one transaction deletes or revives.
const SLICE: i64 = 500;
/// Rows that one pass moves forward because they starve.
const STARVING: i64 = 100;

/// Which leases are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reap {
    /// Those whose time is up.
    Expired,
    /// All: the caller says that no other process runs jobs, so whoever held them is gone.
    All,
}

impl Jobs {
    /// Ends the attempts whose lease is over: their jobs become ready after their kind's backoff, or failed.
    pub(super) async fn reap(&self, table: &JobTable, what: Reap) -> Result<(), JobError> {
        let store = &self.inner.store;
        let expired = "select id from job where state = 2 and lease_until < :now limit 1";
        if what == Reap::Expired
            && store
                .reader()
                .query_one_raw(statement(store, expired, []))
                .await?
                .is_none()
        {
            return Ok(());
        }
        let due = if what == Reap::All {
            "lease_until >= :now or lease_until < :now"
        } else {
            "lease_until < :now"
        };
        let sql = format!("select * from job where state = 2 and ({due}) order by id limit $2 :skip_locked");
        let tx = store.begin(Durability::Normal).await?;
        for row in tx.query_all_raw(statement(store, &sql, [SLICE.into()])).await? {
            let row = job::Model::from_query_result(&row, "")?;
            let wait = match (what, table.kinds.get(row.kind.as_str())) {
                (Reap::All, _) => Duration::ZERO,
                (Reap::Expired, Some(kind)) => {
                    (kind.backoff)(n_tries(row.attempt, row.max_attempts, kind.max_attempts))
                }
                (Reap::Expired, None) => backoff(1),
            };
            let outcome = Outcome::Failed {
                code: code::JOB_INTERRUPTED.name.to_owned(),
                message: "the process that ran the job ended before the job did".to_owned(),
                is_final: false,
                backoff: wait,
            };
            let ended = Ended {
                id: row.id,
                attempt: row.attempt,
                owner: row.lease_owner.unwrap_or(NodeId(0)),
                started_at: row.started_at.unwrap_or(row.updated_at),
                progress: None,
                outcome,
            };
            tracing::warn!(job = %row.id, kind = row.kind, attempt = row.attempt, "an attempt was interrupted");
            self.finish(&tx, &ended).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Moves jobs that have been ready for very long before all others.
    pub(super) async fn feed_starving(&self) -> Result<(), JobError> {
        let store = &self.inner.store;
        let starving = "select id from job where state = 1 and run_at < :now - $2 and priority < 100 \
            order by run_at limit $3";
        let wait = millis(self.inner.settings.starves_after);
        let first = statement(store, starving, [wait.into(), 1_i64.into()]);
        if store.reader().query_one_raw(first).await?.is_none() {
            return Ok(());
        }
        let sql = format!(
            "update job set priority = 100, updated_at = :later where id in ({starving} :skip_locked) and state = 1"
        );
        let tx = store.begin(Durability::Normal).await?;
        tx.execute_raw(statement(store, &sql, [wait.into(), STARVING.into()]))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Deletes succeeded and canceled jobs that are old; batches keep their counters. Returns whether more are left.
    pub(super) async fn purge(&self) -> Result<bool, JobError> {
        let store = &self.inner.store;
        let keep = millis(self.inner.settings.keep);
        let old = "select id from job where state in (3, 5) and finished_at < :now - $2 limit $3";
        let first = statement(store, old, [keep.into(), 1_i64.into()]);
        if store.reader().query_one_raw(first).await?.is_none() {
            return Ok(false);
        }
        let sql = format!("delete from job where id in ({old} :skip_locked)");
        let tx = store.begin(Durability::Normal).await?;
        let deleted = tx
            .execute_raw(statement(store, &sql, [keep.into(), SLICE.into()]))
            .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected() as i64 == SLICE)
    }

    /// Says that this node lives, and forgets those that were not seen for a day.
    pub(super) async fn register_node(&self, node: NodeId) -> Result<(), JobError> {
        let store = &self.inner.store;
        let sql = "insert into node (id, version, roles, started_at, seen_at) values ($2, $3, $4, :now, :now) \
            on conflict (id) do update set seen_at = excluded.seen_at";
        let tx = store.begin(Durability::Normal).await?;
        let values = [
            node.0.into(),
            env!("CARGO_PKG_VERSION").into(),
            "api,worker,scheduler".into(),
        ];
        tx.execute_raw(statement(store, sql, values)).await?;
        let sql = "delete from node where seen_at < :now - $2";
        tx.execute_raw(statement(store, sql, [millis(Duration::from_secs(24 * 3600)).into()]))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Says that this node has ended its work.
    pub(super) async fn unregister_node(&self, node: NodeId) -> Result<(), JobError> {
        let tx = self.inner.store.begin(Durability::Normal).await?;
        let sql = "delete from node where id = $1";
        tx.execute_raw(statement(&self.inner.store, sql, [node.0.into()]))
            .await?;
        Ok(tx.commit().await?)
    }
}
