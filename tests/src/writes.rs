//! Which tables are written to, as the database itself sees it: triggers on every table.

use std::collections::BTreeMap;

use kernel::store::Store;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// Rows written since the last look, by table.
pub struct Writes {
    store: Store,
}

impl Writes {
    /// Watches all tables that there are now.
    pub async fn watch(store: &Store) -> anyhow::Result<Self> {
        let db = store.migrator();
        let is_sqlite = store.backend() == DbBackend::Sqlite;
        let tables = if is_sqlite {
            // The text index is left out: neither it nor the tables that it keeps its content in take triggers.
            "select name from pragma_table_list where type = 'table' and schema = 'main' and name not like 'sqlite%'"
        } else {
            "select tablename::text as name from pg_tables where schemaname = current_schema()"
        };
        let tables = db
            .query_all_raw(Statement::from_string(store.backend(), tables))
            .await?;
        db.execute_unprepared("create table written (name text not null, verb text not null)")
            .await?;
        if !is_sqlite {
            db.execute_unprepared(
                "create function note_write() returns trigger language plpgsql as \
                    'begin insert into written values (tg_table_name, lower(tg_op)); return null; end'",
            )
            .await?;
        }
        for table in tables {
            let name: String = table.try_get("", "name")?;
            for verb in ["insert", "update", "delete"] {
                let sql = if is_sqlite {
                    format!(
                        "create trigger noted_{verb}_{name} after {verb} on \"{name}\" \
                            begin insert into written values ('{name}', '{verb}'); end"
                    )
                } else {
                    format!(
                        "create trigger noted_{verb} after {verb} on \"{name}\" for each row execute function note_write()"
                    )
                };
                db.execute_unprepared(&sql).await?;
            }
        }
        Ok(Self { store: store.clone() })
    }

    /// What was written since the last call.
    pub async fn take(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let written = self
            .count("select name, count(*) as n from written group by name")
            .await?;
        self.store.migrator().execute_unprepared("delete from written").await?;
        Ok(written)
    }

    /// What was deleted since [`take`](Self::take).
    pub async fn deleted(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        self.count("select name, count(*) as n from written where verb = 'delete' group by name")
            .await
    }

    async fn count(&self, sql: &str) -> anyhow::Result<BTreeMap<String, i64>> {
        let db = self.store.migrator();
        let rows = db
            .query_all_raw(Statement::from_string(self.store.backend(), sql))
            .await?;
        let row = |row: &sea_orm::QueryResult| Ok((row.try_get("", "name")?, row.try_get("", "n")?));
        Ok(rows.iter().map(row).collect::<Result<_, sea_orm::DbErr>>()?)
    }
}
