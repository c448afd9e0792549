//! The list of all markers.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object};
use entities::{
    id::{MarkerId, TagId},
    marker,
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Query},
};

use super::types::Marker;
use crate::{
    caches::Loaders,
    kit::{
        access::Needs,
        connection::Connection,
        criterion::{escape_like, like},
        error::ToGraphql,
        id,
        newest::newest,
        page::PageArgs,
    },
    limits,
};

/// What can be read about markers.
#[derive(Default)]
pub struct MarkerQuery;

/// What can be read about markers.
#[Object]
impl MarkerQuery {
    /// The markers of all items, those made last first. Markers of missing items are hidden, as the items are.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn markers(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "A part of the title.")] search: Option<String>,
        #[graphql(desc = "Only those with this tag.")] tag_id: Option<ID>,
    ) -> async_graphql::Result<Connection<Marker>> {
        let args = PageArgs::new(first, after, last, before);
        let tag = tag_id.map(|id| id::parse(&id, "tagId")).transpose().graphql()?;
        markers(cx, &args, search.as_deref(), tag).await.graphql()
    }
}

async fn markers(
    cx: &Context<'_>,
    args: &PageArgs,
    search: Option<&str>,
    tag: Option<TagId>,
) -> Result<Connection<Marker>, Failure> {
    let store = &cx.data_unchecked::<Kernel>().store;
    let seen = Loaders::of(cx).sees.of_items("marker");
    let condition = condition(search, tag, store.backend())?.add_option(seen);
    let (page, total) = newest(cx, "marker", condition, args).await?;
    let ids: Vec<MarkerId> = page.ids();
    let found = marker::Entity::find().filter(marker::Column::Id.is_in(ids));
    let rows = found.all(store.reader()).await?;
    let rows: HashMap<i64, Arc<marker::Model>> = rows.into_iter().map(|row| (row.id.into(), Arc::new(row))).collect();
    Ok(Connection::new(page, total, |id| {
        rows.get(&id).cloned().map(|row| Marker { row })
    }))
}

fn condition(search: Option<&str>, tag: Option<TagId>, backend: DbBackend) -> Result<Condition, Failure> {
    let present = Query::select()
        .expr(Expr::cust("1"))
        .from("media")
        .and_where(Expr::col(("media", "id")).equals(("marker", "media_id")))
        .and_where(Expr::col(("media", "missing_at")).is_null())
        .take();
    let mut all = Condition::all().add(Expr::exists(present));
    if let Some(text) = search.map(str::trim).filter(|text| !text.is_empty()) {
        if text.len() > 500 || text.contains('\0') {
            return Err(Failure::field("search", "longer than 500 bytes, or has a zero byte"));
        }
        let pattern = format!("%{}%", escape_like(text));
        all = all.add(like(Expr::col(("marker", "title")), pattern, backend));
    }
    if let Some(tag) = tag {
        let tagged = Query::select()
            .expr(Expr::cust("1"))
            .from("marker_tag")
            .and_where(Expr::col(("marker_tag", "marker_id")).equals(("marker", "id")))
            .and_where(Expr::col(("marker_tag", "tag_id")).eq(tag.0))
            .take();
        all = all.add(Expr::exists(tagged));
    }
    Ok(all)
}
