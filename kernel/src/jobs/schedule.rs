//! Jobs at set times, without a leader: every node computes the ticks, and the idempotency key lets one win.

use entities::{id::JobScheduleId, job_schedule};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{
    JobError, Jobs,
    enqueue::{Enqueue, NewJob},
    job::{Job, JobTable},
    sql::statement,
};
use crate::{
    cron::Pattern,
    store::{Durability, Tx},
};

/// Reads a pattern.
pub(super) fn parse(pattern: &str) -> Result<Pattern, JobError> {
    Pattern::parse(pattern).map_err(|reason| JobError::Cron {
        pattern: pattern.to_owned(),
        reason,
    })
}

impl Jobs {
    /// Makes or changes a schedule, in UTC; its first tick is the next one from now.
    ///
    /// # Errors
    /// When the pattern cannot be read or the database fails.
    pub async fn set_schedule<J: Job>(&self, tx: &Tx, name: &str, cron: &str, job: &J) -> Result<(), JobError> {
        parse(cron)?;
        self.write_schedule(tx, name, cron, &NewJob::of(job, Enqueue::default())?)
            .await
    }

    async fn write_schedule(&self, tx: &Tx, name: &str, cron: &str, job: &NewJob) -> Result<(), JobError> {
        // The conflict keeps the last tick, so that a restart neither repeats nor forgets one.
        let sql = "insert into job_schedule (id, name, cron, kind, job, is_paused, last_tick) \
            values ($2, $3, $4, $5, $6, false, :now) on conflict (name) do update set \
            cron = excluded.cron, kind = excluded.kind, job = excluded.job \
            where job_schedule.cron <> excluded.cron or job_schedule.job <> excluded.job";
        let text = serde_json::to_string(job).map_err(|source| JobError::Payload {
            kind: "scheduled",
            source,
        })?;
        let values = [
            JobScheduleId::new().0.into(),
            name.into(),
            cron.into(),
            job.kind.clone().into(),
            text.into(),
        ];
        tx.execute_raw(statement(&self.inner.store, sql, values)).await?;
        Ok(())
    }

    /// Writes the schedules that the program declares.
    pub(super) async fn declare_schedules(&self, table: &JobTable) -> Result<(), JobError> {
        if table.schedules.is_empty() {
            return Ok(());
        }
        let tx = self.inner.store.begin(Durability::Normal).await?;
        for (name, cron, job) in &table.schedules {
            self.write_schedule(&tx, name, cron, job).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Enqueues what is due and returns when the next tick is, in UTC milliseconds. Of ticks that were missed while no
    /// server ran, only the last is made up for.
    pub(super) async fn run_schedules(&self, table: &JobTable) -> Result<Option<i64>, JobError> {
        let store = &self.inner.store;
        let now = store.clock().now_ms();
        let mut next = None;
        for schedule in job_schedule::Entity::find().all(store.reader()).await? {
            if schedule.is_paused || !table.kinds.contains_key(schedule.kind.as_str()) {
                continue;
            }
            let (pattern, job) = match (parse(&schedule.cron), serde_json::from_str::<NewJob>(&schedule.job)) {
                (Ok(pattern), Ok(job)) => (pattern, job),
                _ => {
                    tracing::error!(schedule = schedule.name, "a schedule cannot be read and is left out");
                    continue;
                }
            };
            if let Some(tick) = pattern.last_until(now).filter(|tick| *tick > schedule.last_tick) {
                let tx = store.begin(Durability::Normal).await?;
                let key = format!("schedule:{}:{tick}", schedule.id);
                self.insert(&tx, job.with_key(key)).await?;
                let sql = "update job_schedule set last_tick = $1 where id = $2 and last_tick < $1";
                tx.execute_raw(statement(store, sql, [tick.into(), schedule.id.0.into()]))
                    .await?;
                tx.commit().await?;
            }
            if let Some(tick) = pattern.next_after(now) {
                next = Some(next.map_or(tick, |earlier: i64| earlier.min(tick)));
            }
        }
        Ok(next)
    }
}
