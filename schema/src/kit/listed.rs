//! Lists of ids in statements. They come as one parameter: each id as its own would be another statement to prepare for each
//! length, and SQLite takes 32,766 parameters.

use kernel::error::Failure;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend,
    sea_query::{Expr, ExprTrait, Func, IntoColumnRef, Query, SelectStatement},
};

/// A select of these ids, as `id`.
pub fn listed(ids: impl IntoIterator<Item = i64>, backend: DbBackend) -> SelectStatement {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    let list = ids.join(",");
    let mut select = Query::select();
    match backend {
        DbBackend::Postgres => {
            let array = format!("{{{list}}}");
            select.expr_as(Expr::cust_with_values("unnest(cast($1 as bigint[]))", [array]), "id")
        }
        _ => {
            let array = Func::cust("json_each").arg(Expr::val(format!("[{list}]")));
            select.expr_as(Expr::cust("value"), "id").from_function(array, "listed")
        }
    };
    select
}

/// That a column holds one of these ids.
pub fn among(column: impl IntoColumnRef, ids: impl IntoIterator<Item = i64>, backend: DbBackend) -> Expr {
    Expr::col(column).in_subquery(listed(ids, backend))
}

/// The ids that a statement selects. They come as one text: of half a million rows the driver would make half a million rows.
///
/// # Errors
/// When the database fails.
pub async fn ids_of(db: &DatabaseConnection, select: &SelectStatement) -> Result<Vec<i64>, Failure> {
    let mut statement = db.get_database_backend().build(select);
    let text = match statement.db_backend {
        DbBackend::Postgres => "string_agg(cast(id as text), ',')",
        _ => "group_concat(id)",
    };
    statement.sql = format!("with found (id) as ({}) select {text} from found", statement.sql);
    let row = db.query_one_raw(statement).await?;
    let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let ids = text.as_deref().unwrap_or_default().split_terminator(',');
    ids.map(|id| id.parse().map_err(Failure::internal)).collect()
}
