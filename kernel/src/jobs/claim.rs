//! Taking ready jobs under a lease.

use std::collections::HashMap;

use entities::{id::NodeId, job, queue_limit};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult};

use super::{
    Jobs,
    finish::millis,
    job::{JobTable, Lane},
    sql::statement,
};
use crate::store::{Durability, Tx};

/// At most so many are claimed at once.
pub(super) const CLAIM_MAX: usize = 32;

/// The statements that claim jobs of one queue and lane. Their texts hold the kinds that this binary knows, so they
/// are made once.
#[derive(Debug, Clone)]
pub(super) struct ClaimText {
    pub queue: &'static str,
    pub lane: Lane,
    /// Jobs that no limit counts.
    free: String,
    /// Jobs that a limit counts, one at a time.
    limited: String,
}

impl ClaimText {
    /// One for each queue and lane that the table has kinds for.
    pub fn all(table: &JobTable) -> Vec<Self> {
        let mut places: Vec<(&'static str, Lane)> = table.kinds.values().map(|kind| (kind.queue, kind.lane)).collect();
        places.sort();
        places.dedup();
        places
            .into_iter()
            .map(|(queue, lane)| Self::new(queue, lane, &known(table, Some((queue, lane)))))
            .collect()
    }

    fn new(queue: &'static str, lane: Lane, known: &str) -> Self {
        let limit = "exists (select 1 from queue_limit l where l.queue = job.queue \
            and (l.group_key = '' or l.group_key = job.group_key))";
        let free = claim(known, &format!("and not {limit}"));
        let limited = claim(
            known,
            &format!("and {limit} and coalesce(group_key, '') not in (:exhausted)"),
        );
        Self {
            queue,
            lane,
            free,
            limited,
        }
    }
}

/// The condition that this binary can run a job.
pub(super) fn known(table: &JobTable, place: Option<(&str, Lane)>) -> String {
    let kinds = table
        .kinds
        .iter()
        .filter(|(_, kind)| place.is_none_or(|place| place == (kind.queue, kind.lane)));
    let kinds: Vec<String> = kinds
        .map(|(name, kind)| {
            format!(
                "(kind = '{}' and kind_version <= {})",
                name.replace('\'', "''"),
                kind.version
            )
        })
        .collect();
    if kinds.is_empty() {
        "false".to_owned()
    } else {
        format!("({})", kinds.join(" or "))
    }
}

/// The state is a literal: as a parameter, PostgreSQL's generic plan could not use the partial index. The inner query
/// is materialized: re-run, it would claim more than it was asked for.
fn claim(known: &str, limit: &str) -> String {
    format!(
        "with picked as materialized (select id from job where state = 1 and queue = $4 and lane = $5 \
                and run_at <= :now and {known} {limit} order by priority desc, run_at, id limit $6 :skip_locked) \
            update job set state = 2, attempt = attempt + 1, lease_owner = $2, lease_until = :now + $3, \
                started_at = :now, updated_at = :later \
            where id in (select id from picked) returning *"
    )
}

impl Jobs {
    /// How the database would claim jobs of these kinds: its plan, for diagnosis. A plan that does not walk
    /// `job_ready_idx` reads and sorts the whole backlog at each claim.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn explain_claim(&self, table: &JobTable) -> Result<String, DbErr> {
        let store = &self.inner.store;
        let explain = if store.backend() == DbBackend::Sqlite {
            "explain query plan"
        } else {
            "explain"
        };
        let mut plan = String::new();
        let tx = store.begin(Durability::Normal).await?;
        for text in ClaimText::all(table) {
            let sql = format!("{explain} {}", text.free);
            let values = [
                0_i64.into(),
                0_i64.into(),
                text.queue.into(),
                text.lane.name().into(),
                32_i64.into(),
            ];
            for row in tx.query_all_raw(statement(store, &sql, values)).await? {
                let column = if store.backend() == DbBackend::Sqlite {
                    "detail"
                } else {
                    "QUERY PLAN"
                };
                plan.push_str(&row.try_get::<String>("", column)?);
                plan.push('\n');
            }
        }
        Ok(plan)
    }

    /// Claims up to `n` jobs, the most urgent first. `has_limits` spares the look at the limits.
    pub(super) async fn claim(
        &self,
        tx: &Tx,
        node: NodeId,
        text: &ClaimText,
        n: usize,
        has_limits: bool,
    ) -> Result<Vec<job::Model>, DbErr> {
        let n = n.min(CLAIM_MAX);
        let mut rows = match has_limits {
            true => self.claim_limited(tx, node, text, n).await?,
            false => Vec::new(),
        };
        if rows.len() < n {
            rows.extend(self.claim_with(tx, node, text, &text.free, n - rows.len()).await?);
        }
        // RETURNING has no order.
        rows.sort_by_key(|row| (std::cmp::Reverse(row.priority), row.run_at, row.id));
        rows.iter().for_each(|row| self.announce(tx, row.clone()));
        Ok(rows)
    }

    async fn claim_with(
        &self,
        tx: &Tx,
        node: NodeId,
        text: &ClaimText,
        sql: &str,
        n: usize,
    ) -> Result<Vec<job::Model>, DbErr> {
        let lease = millis(self.inner.settings.lease);
        let values = [
            node.0.into(),
            lease.into(),
            text.queue.into(),
            text.lane.name().into(),
            (n as i64).into(),
        ];
        let rows = tx.query_all_raw(statement(&self.inner.store, sql, values)).await?;
        rows.iter().map(|row| job::Model::from_query_result(row, "")).collect()
    }

    /// One at a time, for each one claimed counts for the next. The limits' rows are locked, so that no other node
    /// counts meanwhile.
    async fn claim_limited(&self, tx: &Tx, node: NodeId, text: &ClaimText, n: usize) -> Result<Vec<job::Model>, DbErr> {
        let store = &self.inner.store;
        let sql = "select * from queue_limit where queue = $1 order by group_key :lock";
        let limits = tx.query_all_raw(statement(store, sql, [text.queue.into()])).await?;
        if limits.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "select coalesce(group_key, '') as group_key, count(*) as n from job \
            where state = 2 and queue = $1 group by group_key";
        let mut running = HashMap::new();
        for row in tx.query_all_raw(statement(store, sql, [text.queue.into()])).await? {
            running.insert(row.try_get::<String>("", "group_key")?, row.try_get::<i64>("", "n")?);
        }
        let now = store.clock().now_ms();
        let mut limits = limits
            .iter()
            .map(|row| queue_limit::Model::from_query_result(row, "").map(|limit| Room::of(limit, &running, now)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        while rows.len() < n {
            // The limit of the empty group counts the whole queue.
            if limits
                .iter()
                .any(|room| room.limit.group_key.is_empty() && room.is_exhausted())
            {
                break;
            }
            let exhausted: Vec<String> = limits
                .iter()
                .filter(|room| room.is_exhausted())
                .map(|room| format!("'{}'", room.limit.group_key.replace('\'', "''")))
                .collect();
            let exhausted = if exhausted.is_empty() {
                "'\u{1}'".to_owned()
            } else {
                exhausted.join(", ")
            };
            let sql = text.limited.replace(":exhausted", &exhausted);
            let Some(row) = self.claim_with(tx, node, text, &sql, 1).await?.pop() else {
                break;
            };
            let group = row.group_key.as_deref().unwrap_or_default();
            for room in &mut limits {
                if room.limit.group_key.is_empty() || room.limit.group_key == group {
                    room.take();
                }
            }
            rows.push(row);
        }
        for room in limits
            .iter()
            .filter(|room| room.has_taken && room.limit.rate_per_minute.is_some())
        {
            let sql = "update queue_limit set tokens = $1, refilled_at = $2 where queue = $3 and group_key = $4";
            let limit = &room.limit;
            let values = [
                room.tokens.into(),
                now.into(),
                limit.queue.clone().into(),
                limit.group_key.clone().into(),
            ];
            tx.execute_raw(statement(store, sql, values)).await?;
        }
        Ok(rows)
    }
}

/// What a limit still allows.
struct Room {
    limit: queue_limit::Model,
    running: i64,
    tokens: f64,
    has_taken: bool,
}

impl Room {
    fn of(limit: queue_limit::Model, running: &HashMap<String, i64>, now: i64) -> Self {
        let running = match limit.group_key.as_str() {
            "" => running.values().sum(),
            group => running.get(group).copied().unwrap_or_default(),
        };
        let rate = limit.rate_per_minute.unwrap_or_default();
        let passed = (now - limit.refilled_at).max(0) as f64 / 60_000.0;
        // The bucket holds a minute's worth, and at least one.
        let tokens = (limit.tokens + passed * rate).min(rate.max(1.0));
        Self {
            limit,
            running,
            tokens,
            has_taken: false,
        }
    }

    fn is_exhausted(&self) -> bool {
        let limit = &self.limit;
        limit.is_paused
            || limit.max_running.is_some_and(|max| self.running >= i64::from(max))
            || (limit.rate_per_minute.is_some() && self.tokens < 1.0)
    }

    fn take(&mut self) {
        self.running += 1;
        self.tokens -= 1.0;
        self.has_taken = true;
    }
}
