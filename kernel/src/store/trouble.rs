//! What a failed statement says about the database: that it took too long, that it cannot be reached, or that two
//! transactions stood in each other's way.

use sea_orm::{DbErr, RuntimeErr, sqlx::Error};

/// Why a statement failed through no fault of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It ran longer than a statement may.
    TooLong,
    /// The database is down, restarting, or has no connection left; the same may succeed soon.
    Unreachable,
    /// PostgreSQL broke the transaction off, because it and another one waited for each other.
    Collided,
}

/// PostgreSQL's `query_canceled`, which is how its `statement_timeout` reads.
const QUERY_CANCELED: &str = "57014";
/// SQLite's `SQLITE_INTERRUPT`, which is how a progress handler stops a statement.
const INTERRUPTED: &str = "9";

/// The trouble behind an error of the database, if it is one.
pub fn trouble(error: &DbErr) -> Option<Trouble> {
    let error = match error {
        DbErr::ConnectionAcquire(_) => return Some(Trouble::Unreachable),
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
        _ => return None,
    };
    match &**error {
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => Some(Trouble::Unreachable),
        Error::Database(error) => match error.code().as_deref() {
            Some(QUERY_CANCELED | INTERRUPTED) => Some(Trouble::TooLong),
            // Classes 08 (connection) and 57P (operator intervention), and 53300 (too many connections).
            Some(code) if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
                Some(Trouble::Unreachable)
            }
            Some("40001" | "40P01") => Some(Trouble::Collided),
            _ => None,
        },
        _ => None,
    }
}
