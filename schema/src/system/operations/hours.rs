//! Hours of operations as rows: what outlives the process, and what other processes have counted.

use std::collections::BTreeMap;

use entities::operation_hour::{self, Column, Entity};
use kernel::{
    plugin::Kernel,
    store::{Durability, Store},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict};

use super::{Operations, Summary, ring::HOUR_MS};

/// Hours are kept this long.
const KEPT_MS: i64 = 90 * 24 * HOUR_MS;

/// What was counted in one hour by all processes.
#[derive(Debug, Clone)]
pub struct Hour {
    /// When it began, in UTC milliseconds.
    pub at: i64,
    /// What was counted.
    pub summary: Summary,
}

impl Operations {
    /// Reads what processes before this one counted in the last day. Called once, before anything is counted.
    pub async fn remember(&self, kernel: &Kernel) -> Result<(), DbErr> {
        let since = kernel.clock.now_ms() - 24 * HOUR_MS;
        let rows = Entity::find().filter(Column::HourAt.gt(since));
        let rows = rows.all(kernel.store.reader()).await?;
        let past = rows
            .into_iter()
            .map(|row| (row.hour_at, row.name.clone(), summary(&row)));
        self.book().past = past.collect();
        Ok(())
    }

    /// Writes this process's hours that are not in the table yet or have grown, and removes what is too old.
    pub async fn keep(&self, store: &Store) -> Result<(), DbErr> {
        let now = store.clock().now_ms();
        let rows = self.rows(now);
        let tx = store.begin(Durability::Normal).await?;
        if !rows.is_empty() {
            let replace = OnConflict::columns([Column::HourAt, Column::ProcessId, Column::Name])
                .update_columns([
                    Column::NOperations,
                    Column::NErrors,
                    Column::NStatements,
                    Column::Counts,
                ])
                .to_owned();
            let insert = Entity::insert_many(rows).on_conflict(replace);
            insert.exec_without_returning(&*tx).await?;
        }
        let old = Entity::delete_many().filter(Column::HourAt.lt(now - KEPT_MS));
        old.exec(&*tx).await?;
        tx.commit().await
    }

    /// The rows of the present hour and the one before it: older ones do not change.
    fn rows(&self, now_ms: i64) -> Vec<operation_hour::ActiveModel> {
        let book = self.book();
        let mut rows = Vec::new();
        for (name, ring) in &book.names {
            for (hour_at, summary) in ring.hours().filter(|(hour, _)| *hour > now_ms - 2 * HOUR_MS) {
                rows.push(operation_hour::ActiveModel {
                    hour_at: Set(hour_at),
                    process_id: Set(self.process_id),
                    name: Set(name.clone()),
                    n_operations: Set(summary.count() as i64),
                    n_errors: Set(summary.n_errors() as i64),
                    n_statements: Set(summary.n_statements() as i64),
                    counts: Set(serde_json::to_string(&summary.counts()).unwrap_or_default()),
                });
            }
        }
        rows
    }
}

/// The hours of one operation since a moment, newest first, as the table has them.
pub async fn history(kernel: &Kernel, name: &str, since_ms: i64) -> Result<Vec<Hour>, DbErr> {
    let rows = Entity::find()
        .filter(Column::HourAt.gte(since_ms))
        .filter(Column::Name.eq(name))
        .order_by_desc(Column::HourAt);
    let mut hours: BTreeMap<i64, Summary> = BTreeMap::new();
    for row in rows.all(kernel.store.reader()).await? {
        hours.entry(row.hour_at).or_default().add(&summary(&row));
    }
    Ok(hours
        .into_iter()
        .rev()
        .map(|(at, summary)| Hour { at, summary })
        .collect())
}

fn summary(row: &operation_hour::Model) -> Summary {
    let counts: Vec<(u64, u32)> = serde_json::from_str(&row.counts).unwrap_or_else(|error| {
        tracing::warn!(%error, name = row.name, "an hour of operations cannot be read and counts as empty");
        Vec::new()
    });
    Summary::of_counts(&counts, row.n_errors.max(0) as u64, row.n_statements.max(0) as u64)
}
