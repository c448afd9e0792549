//! A tag that was just written, read with all that its payload may show: one statement instead of four.

use std::sync::Arc;

use entities::{
    id::TagId,
    tag::{self, Model},
};
use kernel::error::Failure;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

use crate::{
    caches::{Kin, Loaders},
    kit::cells::FromCells,
};

/// The tag's row; its other names, its neighbors and the rows of its parents are in the caches then.
///
/// # Errors
/// When the database fails.
pub async fn read(loaders: &Loaders, id: TagId) -> Result<Option<Arc<Model>>, Failure> {
    let moments = (loaders.tag.moment(), loaders.tag_aliases.moment(), loaders.kin.moment());
    let of = |table: &'static str, wanted: &'static str, owner: &'static str| -> SelectStatement {
        Query::select()
            .column(wanted)
            .from(table)
            .and_where(Expr::col(owner).eq(id.0))
            .order_by(wanted, Order::Asc)
            .take()
    };
    let above = of("tag_parent", "parent_id", "tag_id").clear_order_by().take();
    let rows = Query::select()
        .column("id")
        .columns(tag::Model::COLUMNS.iter().copied())
        .from("tag")
        .and_where(Expr::col("id").eq(id.0).or(Expr::col("id").in_subquery(above)))
        .take();
    let together = &loaders.together;
    let (rows, names, parents, children) = futures_util::try_join!(
        together.rows(rows, [&["id"][..], tag::Model::COLUMNS].concat()),
        together.rows(of("tag_alias", "name", "tag_id"), vec!["name"]),
        together.rows(of("tag_parent", "parent_id", "tag_id"), vec!["parent_id"]),
        together.rows(of("tag_parent", "tag_id", "parent_id"), vec!["tag_id"]),
    )?;
    let mut found = Vec::with_capacity(rows.len());
    for mut cells in rows {
        found.push(tag::Model::read(cells.int()?, &mut cells)?);
    }
    let names = names
        .into_iter()
        .map(|mut cells| cells.text())
        .collect::<Result<_, _>>()?;
    let [parents, children] = [parents, children].map(|ids| {
        let ids = ids.into_iter().map(|mut cells| cells.int().map(TagId));
        ids.collect::<Result<Vec<TagId>, _>>()
    });
    let kin = Kin {
        parents: parents?,
        children: children?,
    };
    let own = found.iter().find(|row| row.id == id).cloned().map(Arc::new);
    if own.is_some() {
        loaders.tag_aliases.keep(moments.1, [(id, names)]);
        loaders.kin.keep(moments.2, [(id, kin)]);
    }
    loaders.tag.keep(moments.0, found.into_iter().map(|row| (row.id, row)));
    Ok(own)
}
