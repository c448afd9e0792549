//! Statements written by hand: `$1` is a parameter on both databases, and lists of ids go into the text.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

/// How many ids go into one list, and how many rows into one insert of narrow rows. SQLite allows 32,766 parameters.
pub const CHUNK: usize = 500;

/// All rows of a statement.
///
/// # Errors
/// When the database fails.
pub async fn rows<C: ConnectionTrait>(
    db: &C,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values))
        .await
}

/// Runs a statement that changes rows; says how many.
///
/// # Errors
/// When the database fails.
pub async fn execute<C: ConnectionTrait>(
    db: &C,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, values);
    Ok(db.execute_raw(statement).await?.rows_affected())
}

/// Ids for `in (..)`. They are numbers, so nothing can be smuggled in; as parameters they would be bound and planned one
/// by one. Without any id it is a list that holds nothing.
pub fn ids<T: Copy + Into<i64>>(ids: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = ids.into_iter().map(|id| id.into().to_string()).collect();
    if texts.is_empty() {
        return "null".to_owned();
    }
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
