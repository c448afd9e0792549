//! Reading what a transaction holds until it ends.

use kernel::{sql, store::Tx};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};

/// The rows of a query, as of after `hold` has run on PostgreSQL: by itself a statement does not see there what was written
/// while it waited for a lock. The query's columns are a number and a text, and both texts are without parameters. SQLite
/// has one writer, so that whoever writes holds everything.
///
/// # Errors
/// When the database fails.
pub async fn read(tx: &Tx, hold: &str, query: &str) -> Result<Vec<QueryResult>, DbErr> {
    match tx.get_database_backend() {
        DbBackend::Postgres => {
            let text = "select part, cells from read_held($1, $2)";
            sql::rows(&**tx, text, [hold.into(), query.into()]).await
        }
        _ => sql::rows(&**tx, query, []).await,
    }
}
