//! What SQLite's planner knows about the values. PostgreSQL finds that out by itself.
//!
//! Without it an index over a flag that is the same everywhere looks as good as one over a unique name. Few rows of each index are
//! looked at, which takes a moment at any size.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio_util::sync::CancellationToken;

use super::{Durability, Store};

/// How many rows of an index are looked at: as many as `pragma optimize` looks at.
const ROWS: u32 = 2_000;
/// How long what is known may be out of date.
const EVERY: Duration = Duration::from_secs(120);

impl Store {
    /// Keeps what SQLite knows about the values current until `stop`: whenever a table is ten times as large, or a tenth, of what
    /// it was when somebody last looked.
    pub async fn keep_statistics(self, stop: CancellationToken) {
        if self.backend() != DbBackend::Sqlite {
            return;
        }
        // An index that holds nothing yet stays unknown however often it is looked at.
        let mut unknown = Vec::new();
        loop {
            let kept = async {
                if self.outdated().await? != unknown {
                    self.analyze().await?;
                    unknown = self.outdated().await?;
                }
                Ok::<_, DbErr>(())
            };
            if let Err(error) = kept.await {
                tracing::warn!(%error, "what the database knows about its values could not be brought up to date");
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    /// Looks at the values of all tables, so that statements prepared from now on are planned for them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn analyze(&self) -> Result<(), DbErr> {
        let tx = self.begin(Durability::Normal).await?;
        if self.backend() == DbBackend::Sqlite {
            // Other connections read the statistics together with the schema, which changes when their tables are made anew.
            let anew = format!(
                "drop table if exists sqlite_stat1; drop table if exists sqlite_stat4; pragma analysis_limit = {ROWS};"
            );
            tx.execute_unprepared(&anew).await?;
        }
        tx.execute_unprepared("analyze").await?;
        tx.commit().await?;
        if self.backend() == DbBackend::Sqlite {
            // What was looked at is hardly wanted again, and would stay in the memory of an idle server.
            let tx = self.begin(Durability::Normal).await?;
            tx.execute_unprepared("pragma shrink_memory").await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// On SQLite: the statements by which it would look at tables again.
    async fn outdated(&self) -> Result<Vec<String>, DbErr> {
        // All tables (0x10000), also those that this connection has not asked; which would be looked at (2) is only told (1).
        let told = Statement::from_string(DbBackend::Sqlite, "pragma optimize(0x10003)");
        let tx = self.begin(Durability::Normal).await?;
        let told = tx.query_all_raw(told).await?;
        tx.commit().await?;
        told.iter().map(|line| line.try_get_by_index(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, events::Events, store::StoreConfig};

    #[tokio::test]
    async fn all_connections_plan_for_the_values_that_there_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = StoreConfig::embedded(folder.path());
        config.connections = 1;
        let store = Store::open(&config, Clock::default(), Events::default())
            .await
            .expect("a database");
        let write = async |sql: &str| {
            let tx = store.begin(Durability::Normal).await.expect("a transaction");
            tx.execute_unprepared(sql).await.expect(sql);
            tx.commit().await.expect("a commit");
        };
        let plan = async |value: u32| {
            // To explain is not to run: what has changed since is noticed by a statement that runs.
            let noticing = Statement::from_string(DbBackend::Sqlite, "select 1 from t");
            let noticed = store.reader().query_one_raw(noticing).await;
            noticed.expect("a table");
            let question = format!("explain query plan select * from t where kind = {value} and name = {value}");
            let question = Statement::from_string(DbBackend::Sqlite, question);
            let row = store.reader().query_one_raw(question).await;
            let row = row.expect("a plan").expect("a line");
            row.try_get::<String>("", "detail").expect("a text")
        };
        let fill = |n: u32, values: &str| {
            format!(
                "delete from t; with recursive one (n) as (select 1 union all select n + 1 from one where n < {n}) \
                 insert into t select {values} from one"
            )
        };
        write("create table t (kind, name); create index by_kind on t (kind); create index by_name on t (name)").await;
        write(&fill(500, "n, 1")).await;
        assert_eq!(store.outdated().await.unwrap().len(), 1, "nobody has looked");
        store.analyze().await.unwrap();
        assert_eq!(plan(1).await, "SEARCH t USING INDEX by_kind (kind=?)");
        assert!(store.outdated().await.unwrap().is_empty());
        write(&fill(20_000, "1, n")).await;
        assert_eq!(store.outdated().await.unwrap().len(), 1, "the table has grown");
        store.analyze().await.unwrap();
        assert_eq!(plan(2).await, "SEARCH t USING INDEX by_name (name=?)");
    }
}
