//! Lists of ids in statements. They come as one parameter: each id as its own would be another statement to prepare for each
//! length, and SQLite takes 32,766 parameters.

use sea_orm::{
    DbBackend,
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
