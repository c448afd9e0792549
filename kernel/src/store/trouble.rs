//! What a failed statement says about the database: that it took too long, that it cannot be reached, that its
//! disk is full, or that two transactions stood in each other's way.

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
    /// What is to be written has no room.
    NoRoom,
}

/// PostgreSQL's `query_canceled`, which is how its `statement_timeout` reads.
const QUERY_CANCELED: &str = "57014";
/// SQLite's `SQLITE_INTERRUPT`, which is how a progress handler stops a statement.
const INTERRUPTED: &str = "9";

/// SQLite's `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`: there is no room for the index of its log.
const FULL: [&str; 2] = ["13", "4874"];
/// PostgreSQL's `disk_full`.
const DISK_FULL: &str = "53100";

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
            Some(code) if code == DISK_FULL || FULL.contains(&code) => Some(Trouble::NoRoom),
            _ => None,
        },
        _ => None,
    }
}
