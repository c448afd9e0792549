//! The end of an attempt, and all that follows in the same transaction: needs, batches, attempts.

use std::time::Duration;

use entities::{
    id::{JobId, NodeId},
    job::{self, JobStatus},
    job_batch,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::{
    JobError, Jobs, code,
    sql::{list, statement},
};
use crate::store::Tx;

/// Attempts that are kept of each job.
const KEPT_ATTEMPTS: i32 = 20;
/// Longer messages are cut.
const MESSAGE_CHARS: usize = 2000;

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Succeeded,
    Failed {
        code: String,
        message: String,
        is_final: bool,
        backoff: Duration,
    },
    Canceled,
    Paused,
    Stopped,
}

impl Outcome {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// An attempt that ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub id: JobId,
    pub attempt: i32,
    pub owner: NodeId,
    pub started_at: i64,
    pub progress: Option<String>,
    pub outcome: Outcome,
}

impl Jobs {
    /// Writes the end of an attempt; nothing comes back if its lease is lost, and then nothing was written.
    pub(super) async fn finish(&self, tx: &Tx, ended: &Ended) -> Result<Option<job::Model>, JobError> {
        // A request to cancel or pause that arrived too late for the job is granted here. Being paused or stopped
        // costs no attempt, but the attempt is the fence and never falls, so the limit rises instead.
        let (state, fault, wait): (&str, Option<(&str, &str)>, Duration) = match &ended.outcome {
            Outcome::Succeeded => ("3", None, Duration::ZERO),
            Outcome::Canceled => ("5", None, Duration::ZERO),
            Outcome::Paused | Outcome::Stopped => (
                "case when cancel_requested then 5 when pause_requested then 6 else 1 end",
                None,
                Duration::ZERO,
            ),
            Outcome::Failed {
                code,
                message,
                is_final: true,
                ..
            } => (
                "case when cancel_requested then 5 else 4 end",
                Some((code, message)),
                Duration::ZERO,
            ),
            Outcome::Failed {
                code,
                message,
                is_final: false,
                backoff,
            } => {
                let state = "case when cancel_requested then 5 when attempt >= max_attempts then 4 \
                    when pause_requested then 6 else 1 end";
                (state, Some((code, message)), *backoff)
            }
        };
        let raise = i32::from(matches!(ended.outcome, Outcome::Paused | Outcome::Stopped));
        let sql = format!(
            "update job set state = {state}, run_at = case when ({state}) = 1 then :now + $7 else run_at end, \
                max_attempts = max_attempts + $8, lease_owner = null, lease_until = null, \
                cancel_requested = false, pause_requested = false, progress = coalesce($9, progress), \
                error_code = case when ({state}) = 5 then '{canceled}' else $5 end, \
                error_message = case when ({state}) = 5 then 'the job was canceled' else $6 end, \
                updated_at = :later, finished_at = case when ({state}) in (3, 4, 5) then :now end \
            where id = $2 and state = 2 and lease_owner = $3 and attempt = $4 returning *",
            canceled = code::JOB_CANCELED.name,
        );
        let values = [
            ended.id.0.into(),
            ended.owner.0.into(),
            ended.attempt.into(),
            fault.map(|(code, _)| code.to_owned()).into(),
            fault.map(|(_, message)| cut(message)).into(),
            millis(wait).into(),
            raise.into(),
            ended.progress.clone().into(),
        ];
        let Some(row) = tx.query_one_raw(statement(&self.inner.store, &sql, values)).await? else {
            return Ok(None);
        };
        let row = job::Model::from_query_result(&row, "")?;
        self.record_attempt(tx, ended, &row).await?;
        self.announce(tx, row.clone());
        if row.state.is_terminal() {
            self.settle(tx, &row).await?;
        }
        Ok(Some(row))
    }

    async fn record_attempt(&self, tx: &Tx, ended: &Ended, row: &job::Model) -> Result<(), DbErr> {
        let error = match &ended.outcome {
            Outcome::Failed { code, message, .. } => Some(format!("{code}: {}", cut(message))),
            _ => None,
        };
        let sql = "insert into job_attempt (job_id, attempt, node_id, started_at, ended_at, outcome, error) \
            values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
        let values = [
            ended.id.0.into(),
            ended.attempt.into(),
            ended.owner.0.into(),
            ended.started_at.into(),
            row.updated_at.into(),
            ended.outcome.name().into(),
            error.into(),
        ];
        tx.execute_raw(statement(&self.inner.store, sql, values)).await?;
        if ended.attempt > KEPT_ATTEMPTS {
            let sql = "delete from job_attempt where job_id = $1 and attempt <= $2";
            let values = [ended.id.0.into(), (ended.attempt - KEPT_ATTEMPTS).into()];
            tx.execute_raw(statement(&self.inner.store, sql, values)).await?;
        }
        Ok(())
    }

    /// What follows when a job has ended: those that need it become ready or are canceled, and its batch counts it.
    pub(super) async fn settle(&self, tx: &Tx, row: &job::Model) -> Result<(), JobError> {
        let mut ended = vec![row.clone()];
        while let Some(job) = ended.pop() {
            if let Some(batch) = job.batch_id {
                self.count_in_batch(tx, batch.0, job.state, 1).await?;
            }
            self.release_dependents(tx, &job).await?;
            if job.state != JobStatus::Succeeded {
                ended.extend(self.cancel_dependents(tx, &job).await?);
            }
        }
        Ok(())
    }

    /// Moves a batch's counter; forwards when a job ends, back when it is revived.
    pub(super) async fn count_in_batch(&self, tx: &Tx, id: i64, state: JobStatus, by: i64) -> Result<(), JobError> {
        let counter = match state {
            JobStatus::Succeeded => "done",
            JobStatus::Failed => "failed",
            _ => "canceled",
        };
        let sql = format!("update job_batch set {counter} = {counter} + $1 where id = $2 returning *");
        let row = tx
            .query_one_raw(statement(&self.inner.store, &sql, [by.into(), id.into()]))
            .await?;
        match row {
            Some(row) => {
                self.complete_batch(tx, job_batch::Model::from_query_result(&row, "")?)
                    .await
            }
            None => Ok(()),
        }
    }

    async fn release_dependents(&self, tx: &Tx, job: &job::Model) -> Result<(), DbErr> {
        let store = &self.inner.store;
        let anyway = if job.state == JobStatus::Succeeded {
            ""
        } else {
            "and run_anyway"
        };
        let sql = format!(
            "update job_need set is_open = false where needs_job_id = $1 and is_open {anyway} returning job_id"
        );
        let edges = tx.query_all_raw(statement(store, &sql, [job.id.0.into()])).await?;
        if edges.is_empty() {
            return Ok(());
        }
        let dependents = edges
            .iter()
            .map(|edge| edge.try_get::<i64>("", "job_id"))
            .collect::<Result<Vec<_>, _>>()?;
        let sql = "update job set n_open_needs = n_open_needs - 1, updated_at = :later, \
                state = case when state = 0 and n_open_needs = 1 then 1 else state end \
            where id in :list(2) returning *";
        for row in tx.query_all_raw(statement(store, sql, [list(dependents)])).await? {
            self.announce(tx, job::Model::from_query_result(&row, "")?);
        }
        Ok(())
    }

    async fn cancel_dependents(&self, tx: &Tx, job: &job::Model) -> Result<Vec<job::Model>, DbErr> {
        let message = format!(
            "the job `{}` ({}), which this one needs, did not succeed",
            job.id, job.title
        );
        let sql = "update job set state = 5, error_code = $2, error_message = $3, updated_at = :later, \
                finished_at = :now \
            where id in (select job_id from job_need where needs_job_id = $4 and is_open) and state in (0, 6) \
            returning *";
        let values = [code::JOB_NEED_FAILED.name.into(), message.into(), job.id.0.into()];
        let rows = tx.query_all_raw(statement(&self.inner.store, sql, values)).await?;
        let rows = rows
            .iter()
            .map(|row| job::Model::from_query_result(row, ""))
            .collect::<Result<Vec<_>, _>>()?;
        for row in &rows {
            self.announce(tx, row.clone());
        }
        Ok(rows)
    }
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    duration.as_millis().min(i64::MAX as u128) as i64
}
