//! The viewer's saved filters.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{
    id::{SavedFilterId, UserId},
    saved_filter,
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    EntityTrait,
    sea_query::{Expr, ExprTrait, Order, Query},
};

use crate::{
    caches::Loaders,
    kit::{
        access::{Needs, require},
        cells::FromCells,
        error::ToGraphql,
        id,
    },
    saved::{rules::MAX_FILTERS, types::SavedFilter},
};

/// What can be read about saved filters.
#[derive(Default)]
pub struct SavedFilterQuery;

/// What can be read about saved filters.
#[Object]
impl SavedFilterQuery {
    /// The viewer's own saved filters, by name; five hundred at most can be kept.
    #[graphql(guard = "Needs::ViewSome")]
    async fn saved_filters(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<SavedFilter>> {
        let viewer = require(cx).graphql()?.user;
        let mut rows = all(cx, viewer).await.graphql()?;
        rows.sort_by_cached_key(|row| crate::kit::text::natural_key(&row.name));
        Ok(rows.into_iter().map(|row| SavedFilter { row: Arc::new(row) }).collect())
    }

    /// One of the viewer's own saved filters; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn saved_filter(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The filter's id.")] id: ID,
    ) -> async_graphql::Result<Option<SavedFilter>> {
        let id = id::parse(&id, "id").graphql()?;
        node(cx, id).await.graphql()
    }
}

async fn all(cx: &Context<'_>, viewer: UserId) -> Result<Vec<saved_filter::Model>, Failure> {
    let select = Query::select()
        .column("id")
        .columns(saved_filter::Model::COLUMNS.iter().copied())
        .from("saved_filter")
        .and_where(Expr::col("user_id").eq(viewer.0))
        .order_by("id", Order::Asc)
        .limit(MAX_FILTERS as u64)
        .take();
    let columns = [&["id"][..], saved_filter::Model::COLUMNS].concat();
    let rows = Loaders::of(cx).together.rows(select, columns).await?;
    let rows = rows
        .into_iter()
        .map(|mut cells| saved_filter::Model::read(cells.int()?, &mut cells));
    Ok(rows.collect::<Result<_, sea_orm::DbErr>>()?)
}

/// One of the viewer's own saved filters.
///
/// # Errors
/// When the database fails.
pub async fn node(cx: &Context<'_>, id: SavedFilterId) -> Result<Option<SavedFilter>, Failure> {
    let viewer = require(cx)?.user;
    let row = saved_filter::Entity::find_by_id(id)
        .one(cx.data_unchecked::<Kernel>().store.reader())
        .await?;
    Ok(row
        .filter(|row| row.user_id == viewer)
        .map(|row| SavedFilter { row: Arc::new(row) }))
}
