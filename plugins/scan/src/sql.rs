//! The few shapes of SQL that a scan writes by hand. The text suits both databases: `$1` is a parameter in each.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, Value};

/// How many ids go into one list, and how many rows into one insert of narrow rows. SQLite allows 32,766 parameters.
pub const CHUNK: usize = 500;

/// A statement with its parameters.
pub fn statement(backend: DbBackend, text: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(backend, text, values)
}

/// Runs a statement that changes rows.
pub async fn execute<C: ConnectionTrait>(
    db: &C,
    text: impl Into<String>,
    values: Vec<Value>,
) -> Result<ExecResult, DbErr> {
    db.execute_raw(statement(db.get_database_backend(), text, values)).await
}

/// All rows of a statement.
pub async fn rows<C: ConnectionTrait>(
    db: &C,
    text: impl Into<String>,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db.get_database_backend(), text, values))
        .await
}

/// Ids as a list for `in (..)`. They are numbers, so nothing can be smuggled in; as parameters they would be bound and
/// planned one by one.
pub fn ids<T: Copy + Into<i64>>(ids: &[T]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| (*id).into().to_string()).collect();
    texts.join(",")
}

/// `($1, $2), ($3, $4)` for so many rows of so many columns.
pub fn tuples(n_rows: usize, n_columns: usize) -> String {
    let tuple = |row: usize| {
        let marks: Vec<String> = (1..=n_columns)
            .map(|column| format!("${}", row * n_columns + column))
            .collect();
        format!("({})", marks.join(", "))
    };
    (0..n_rows).map(tuple).collect::<Vec<_>>().join(", ")
}

/// `$1, $2, $3`: parameters from a position on.
pub fn marks(from: usize, n: usize) -> String {
    (from..from + n)
        .map(|position| format!("${position}"))
        .collect::<Vec<_>>()
        .join(", ")
}
