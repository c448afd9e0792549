//! Cancel, pause, resume, retry: what users do to a job, wherever it runs.

use entities::{
    id::JobId,
    job::{self, JobStatus},
};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, SqlErr};

use super::{JobError, Jobs, again, code, cx::Interrupted, sql::statement, view::JobView};
use crate::{
    bus::Hint,
    store::{Durability, Tx},
};

/// How many attempts a job may begin that was retried by hand.
const REVIVED_ATTEMPTS: i32 = 3;

impl Jobs {
    /// Cancels a job: at once if it is not running, else as soon as it notices.
    ///
    /// # Errors
    /// When it does not exist or has ended, or the database fails.
    pub async fn cancel(&self, id: JobId) -> Result<JobView, JobError> {
        let sql = format!(
            "update job set cancel_requested = (state = 2), state = case when state = 2 then 2 else 5 end, \
                error_code = case when state = 2 then error_code else '{}' end, \
                error_message = case when state = 2 then error_message else 'the job was canceled' end, \
                finished_at = case when state = 2 then null else :now end, updated_at = :later \
            where id = $2 and state in (0, 1, 2, 6) returning *",
            code::JOB_CANCELED.name
        );
        again(|| async {
            let tx = self.inner.store.begin(Durability::Full).await?;
            let row = self.steer(&tx, id, &sql, "canceled").await?;
            match row.state {
                JobStatus::Running => self.flag(&tx, id, Interrupted::Canceled),
                _ => self.settle(&tx, &row).await?,
            }
            self.steered(tx, row).await
        })
        .await
    }

    /// Lets a job rest: at once if it is not running, else at its next checkpoint.
    ///
    /// # Errors
    /// When it does not exist, has ended or already rests, or the database fails.
    pub async fn pause(&self, id: JobId) -> Result<JobView, JobError> {
        let sql = "update job set pause_requested = (state = 2), state = case when state = 2 then 2 else 6 end, \
                updated_at = :later \
            where id = $2 and state in (0, 1, 2) and not pause_requested returning *";
        again(|| async {
            let tx = self.inner.store.begin(Durability::Full).await?;
            let row = self.steer(&tx, id, sql, "paused").await?;
            if row.state == JobStatus::Running {
                self.flag(&tx, id, Interrupted::Paused);
            }
            self.steered(tx, row).await
        })
        .await
    }

    /// Lets a paused job go on, from the state it saved.
    ///
    /// # Errors
    /// When it does not exist or does not rest, or the database fails.
    pub async fn resume(&self, id: JobId) -> Result<JobView, JobError> {
        // One that was asked to pause and has not yet noticed becomes ready when it does.
        let sql = "update job set pause_requested = false, updated_at = :later, \
                state = case when state = 2 then 2 when n_open_needs > 0 then 0 else 1 end \
            where id = $2 and (state = 6 or (state = 2 and pause_requested)) returning *";
        again(|| async {
            let tx = self.inner.store.begin(Durability::Full).await?;
            let row = self.steer(&tx, id, sql, "resumed").await?;
            self.steered(tx, row).await
        })
        .await
    }

    /// Revives a failed or canceled job with its attempts anew. Needs that have ended no longer hold it back.
    ///
    /// # Errors
    /// When it does not exist or has not failed, when another job does the same work now, or the database fails.
    pub async fn retry(&self, id: JobId) -> Result<JobView, JobError> {
        again(|| self.revive(id)).await
    }

    async fn revive(&self, id: JobId) -> Result<JobView, JobError> {
        let store = &self.inner.store;
        let tx = store.begin(Durability::Full).await?;
        let Some(before) = job::Entity::find_by_id(id).one(&*tx).await? else {
            return Err(JobError::NotFound { id });
        };
        let sql = "update job_need set is_open = false where job_id = $1 and is_open \
            and needs_job_id in (select id from job where state in (3, 4, 5))";
        tx.execute_raw(statement(store, sql, [id.0.into()])).await?;
        let open = "(select count(*) from job_need where job_id = $2 and is_open)";
        let sql = format!(
            "update job set state = case when {open} > 0 then 0 else 1 end, n_open_needs = {open}, run_at = :now, \
                max_attempts = attempt + $3, \
                error_code = null, error_message = null, finished_at = null, updated_at = :later \
            where id = $2 and state in (4, 5) and not exists (select 1 from job other \
                where other.single_key = job.single_key and other.state in (0, 1, 2, 6)) returning *"
        );
        let revived = tx
            .query_one_raw(statement(store, &sql, [id.0.into(), REVIVED_ATTEMPTS.into()]))
            .await;
        let row = match revived {
            Ok(Some(row)) => job::Model::from_query_result(&row, "")?,
            Ok(None) if matches!(before.state, JobStatus::Failed | JobStatus::Canceled) => {
                return Err(JobError::Duplicate { id });
            }
            Ok(None) => {
                return Err(JobError::WrongState {
                    id,
                    state: before.state,
                    action: "retried",
                });
            }
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                return Err(JobError::Duplicate { id });
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(batch) = row.batch_id {
            self.count_in_batch(&tx, batch.0, before.state, -1).await?;
        }
        self.steered(tx, row).await
    }

    async fn steer(&self, tx: &Tx, id: JobId, sql: &str, action: &'static str) -> Result<job::Model, JobError> {
        if let Some(row) = tx
            .query_one_raw(statement(&self.inner.store, sql, [id.0.into()]))
            .await?
        {
            return Ok(job::Model::from_query_result(&row, "")?);
        }
        match job::Entity::find_by_id(id).one(&**tx).await? {
            Some(row) => Err(JobError::WrongState {
                id,
                state: row.state,
                action,
            }),
            None => Err(JobError::NotFound { id }),
        }
    }

    async fn steered(&self, tx: Tx, row: job::Model) -> Result<JobView, JobError> {
        self.announce(&tx, row.clone());
        tx.commit().await?;
        Ok(self.view(row))
    }

    /// After the commit, tells the process that runs the job; if the hint is lost, its heartbeat sees the flag.
    fn flag(&self, tx: &Tx, id: JobId, reason: Interrupted) {
        let jobs = self.clone();
        tx.after_commit(move || match jobs.running(id) {
            Some(running) => running.interrupt(reason),
            None => jobs.inner.bus.publish(Hint::JobFlagged(id)),
        });
    }
}
