//! How many jobs of a group may run or begin, over all nodes.

use std::sync::atomic::Ordering;

use entities::queue_limit::{Column, Entity};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::{Jobs, sql::statement};
use crate::{bus::Hint, store::Durability};

/// What a group of jobs may do. A field that is absent does not limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    /// How many may run at once.
    pub max_running: Option<u32>,
    /// How many may begin in a minute.
    pub rate_per_minute: Option<f64>,
    /// Whether none may begin.
    pub is_paused: bool,
}

impl Jobs {
    /// Sets or, with nothing, removes the limit of a group; the empty group is the whole queue. Other nodes heed a new
    /// limit within the reaper's interval; until then they leave its jobs alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_limit(&self, queue: &str, group_key: &str, limit: Option<Limit>) -> Result<(), DbErr> {
        let store = &self.inner.store;
        let tx = store.begin(Durability::Full).await?;
        match limit {
            Some(limit) => {
                let sql = "insert into queue_limit \
                        (queue, group_key, max_running, rate_per_minute, tokens, refilled_at, is_paused) \
                    values ($2, $3, $4, $5, coalesce($5, 0), :now, $6) \
                    on conflict (queue, group_key) do update set max_running = excluded.max_running, \
                        rate_per_minute = excluded.rate_per_minute, is_paused = excluded.is_paused";
                let max_running = limit.max_running.map(|max| max.min(i32::MAX as u32) as i32);
                let values = [
                    queue.into(),
                    group_key.into(),
                    max_running.into(),
                    limit.rate_per_minute.into(),
                    limit.is_paused.into(),
                ];
                tx.execute_raw(statement(store, sql, values)).await?;
            }
            None => {
                let row = Entity::delete_many()
                    .filter(Column::Queue.eq(queue))
                    .filter(Column::GroupKey.eq(group_key));
                row.exec(&*tx).await?;
            }
        }
        let hint = Hint::JobsReady {
            queue: queue.to_owned(),
            run_at: 0,
        };
        let jobs = self.clone();
        tx.after_commit(move || {
            // Whether it still has limits is looked up later; that it may is enough.
            jobs.inner.has_limits.store(true, Ordering::Relaxed);
            jobs.inner.bus.publish(hint);
        });
        tx.commit().await
    }

    /// Looks whether there are limits at all: claims are cheaper without.
    pub(super) async fn look_for_limits(&self) -> Result<(), DbErr> {
        let has_limits = Entity::find().one(self.inner.store.reader()).await?.is_some();
        self.inner.has_limits.store(has_limits, Ordering::Relaxed);
        Ok(())
    }
}
