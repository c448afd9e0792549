//! Taking the indexes off large tables while they are filled: built at the end, an index costs a tenth.

use kernel::store::Tx;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// The tables that get most rows.
const TABLES: [&str; 8] = [
    "folder",
    "media",
    "file",
    "stream",
    "media_tag",
    "media_person",
    "media_user",
    "subtitle_search",
];

/// Drops every index of the large tables that is not unique, and returns the statements that make them again.
pub async fn take_off(tx: &Tx) -> Result<Vec<String>, DbErr> {
    let tables = TABLES.map(|table| format!("'{table}'")).join(", ");
    let text = match tx.get_database_backend() {
        DbBackend::Postgres => format!(
            "select indexname::text, indexdef from pg_indexes where schemaname = current_schema() \
             and tablename in ({tables}) order by indexname"
        ),
        _ => format!(
            "select name, sql from sqlite_master where type = 'index' and sql is not null and tbl_name in ({tables})"
        ),
    };
    let mut statements = Vec::new();
    for row in tx
        .query_all_raw(Statement::from_string(tx.get_database_backend(), text))
        .await?
    {
        let (name, statement): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if statement.to_lowercase().starts_with("create index") {
            tx.execute_unprepared(&format!("drop index {name}")).await?;
            statements.push(statement);
        }
    }
    Ok(statements)
}
