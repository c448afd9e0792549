//! Pages of rows that nobody sorts: the newest first, by their ids, which grow.

use async_graphql::Context;
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait,
    sea_query::{Expr, Query},
};

use crate::kit::{
    connection::Total,
    keyset::{IdPage, Keyset},
    page::{self, PageArgs},
};

/// The ids of a page of a table's rows that meet a condition, and how many do, counted if somebody asks.
///
/// # Errors
/// The page's arguments contradict each other, or the database fails.
pub async fn newest(
    cx: &Context<'_>,
    table: &'static str,
    condition: Condition,
    args: &PageArgs,
) -> Result<(IdPage, Total), Failure> {
    let db = cx.data_unchecked::<Kernel>().store.reader();
    let keyset = Keyset {
        keys: Vec::new(),
        id: Expr::col((table, "id")),
        is_descending: true,
        signature: table.to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let base = |_| Query::select().from(table).cond_where(condition.clone()).take();
    let found = keyset.select(&base, &window, None);
    let page = keyset.fetch(db, &found, &window, false).await?;
    let db = db.clone();
    let total = Total::later(move || {
        let (db, condition) = (db.clone(), condition.clone());
        async move {
            let mut count = Query::select();
            count.expr(Expr::cust("count(*)")).from(table).cond_where(condition);
            let row = db.query_one(&count).await?;
            Ok(row.map_or(Ok(0), |row| row.try_get_by_index(0))?)
        }
    });
    Ok((page, total))
}
