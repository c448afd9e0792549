//! Reads of links.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Object};
use entities::{id::ShareLinkId, share_link, user::Role};
use kernel::error::Failure;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::types::ShareLink;
use crate::{
    kit::{
        access::{Needs, require},
        connection::Connection,
        error::ToGraphql,
        newest::newest,
        page::PageArgs,
    },
    user::queries::{kernel, owners},
};

/// What can be read of links.
#[derive(Default)]
pub struct ShareQuery;

/// What can be read of links.
#[Object]
impl ShareQuery {
    /// Links that show items or collections to whoever has them, the latest first: the viewer's own, and for administrators
    /// those of all accounts.
    #[graphql(
        guard = "Needs::Edit",
        complexity = "crate::limits::page_cost(first, last, child_complexity)"
    )]
    async fn share_links(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<ShareLink>> {
        share_links(cx, &PageArgs::new(first, after, last, before))
            .await
            .graphql()
    }
}

/// The link behind `node(id:)`: one's own, or any for administrators.
///
/// # Errors
/// When the database fails.
pub async fn node(cx: &Context<'_>, id: ShareLinkId) -> Result<Option<ShareLink>, Failure> {
    let visible = visible(cx)?.add(share_link::Column::Id.eq(id));
    let found = share_link::Entity::find().filter(visible);
    let row = found.one(kernel(cx)?.store.reader()).await?;
    Ok(with_owners(cx, Vec::from_iter(row)).await?.into_values().next())
}

async fn share_links(cx: &Context<'_>, args: &PageArgs) -> Result<Connection<ShareLink>, Failure> {
    let (page, total) = newest(cx, "share_link", visible(cx)?, args).await?;
    let ids: Vec<ShareLinkId> = page.ids();
    let found = share_link::Entity::find().filter(share_link::Column::Id.is_in(ids));
    let rows = found.all(kernel(cx)?.store.reader()).await?;
    let links = with_owners(cx, rows).await?;
    Ok(Connection::new(page, total, |id| links.get(&id).cloned()))
}

async fn with_owners(cx: &Context<'_>, rows: Vec<share_link::Model>) -> Result<HashMap<i64, ShareLink>, Failure> {
    let owners = owners(kernel(cx)?, rows.iter().map(|row| row.user_id)).await?;
    let link = |row: share_link::Model| {
        let owner = Arc::clone(owners.get(&row.user_id)?);
        let row = Arc::new(row);
        Some((row.id.0, ShareLink { row, owner }))
    };
    Ok(rows.into_iter().filter_map(link).collect())
}

fn visible(cx: &Context<'_>) -> Result<Condition, Failure> {
    let viewer = require(cx)?;
    let visible = Condition::all();
    Ok(match viewer.role {
        Role::Admin => visible,
        Role::Editor | Role::Viewer => visible.add(share_link::Column::UserId.eq(viewer.user)),
    })
}
