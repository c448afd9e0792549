//! Reads of accounts and tokens.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object};
use entities::{
    api_token,
    id::{ApiTokenId, UserId},
    user,
    user::Role,
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, Func, Query},
};

use crate::{
    kit::{
        access::{Access, Needs, Viewer, require},
        connection::{Connection, Total},
        error::ToGraphql,
        id::parse,
        keyset::{Key, KeyKind, Keyset},
        newest::newest,
        page::{self, PageArgs},
    },
    user::types::{ApiToken, User, ViewerInfo},
};

/// What can be read of accounts.
#[derive(Default)]
pub struct UserQuery;

/// What can be read of accounts.
#[Object]
impl UserQuery {
    /// Who sends this request; null when nobody is signed in.
    #[graphql(guard = "Needs::Public")]
    async fn viewer(&self, cx: &Context<'_>) -> Option<ViewerInfo> {
        match cx.data_opt::<Access>() {
            Some(Access::Viewer(viewer)) => Some(ViewerInfo(viewer.clone())),
            _ => None,
        }
    }

    /// All accounts, by name.
    #[graphql(
        guard = "Needs::Admin",
        complexity = "crate::limits::page_cost(first, last, child_complexity)"
    )]
    async fn users(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<User>> {
        users(cx, PageArgs::new(first, after, last, before)).await.graphql()
    }

    /// API tokens that are not revoked, newest first: the viewer's own, and for administrators those of all accounts.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "crate::limits::page_cost(first, last, child_complexity)"
    )]
    async fn api_tokens(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Only those of this account; another account than one's own needs an administrator.")]
        user_id: Option<ID>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<ApiToken>> {
        let user = user_id.map(|id| parse::<UserId>(&id, "userId")).transpose().graphql()?;
        api_tokens(cx, user, PageArgs::new(first, after, last, before))
            .await
            .graphql()
    }
}

/// The account behind `node(id:)`: one's own, or any for administrators.
pub async fn node(cx: &Context<'_>, id: UserId) -> Result<Option<User>, Failure> {
    let viewer = require(cx)?;
    if viewer.role != Role::Admin && viewer.user != id {
        return Ok(None);
    }
    let kernel = kernel(cx)?;
    let row = user::Entity::find_by_id(id).one(kernel.store.reader()).await?;
    Ok(row.map(User::from))
}

/// The token behind `node(id:)`: one's own, or any for administrators.
pub async fn api_token_node(cx: &Context<'_>, id: ApiTokenId) -> Result<Option<ApiToken>, Failure> {
    let viewer = require(cx)?;
    let kernel = kernel(cx)?;
    let row = api_token::Entity::find_by_id(id)
        .filter(visible_tokens(viewer, None))
        .one(kernel.store.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    with_owner(kernel, row).await
}

/// A token with the account it acts for.
pub(super) async fn with_owner(kernel: &Kernel, row: api_token::Model) -> Result<Option<ApiToken>, Failure> {
    let owner = user::Entity::find_by_id(row.user_id).one(kernel.store.reader()).await?;
    Ok(owner.map(|owner| ApiToken {
        row: Arc::new(row),
        owner: Arc::new(owner),
    }))
}

pub(crate) fn kernel<'a>(cx: &Context<'a>) -> Result<&'a Kernel, Failure> {
    cx.data::<Kernel>().map_err(|error| Failure::internal(error.message))
}

async fn users(cx: &Context<'_>, args: PageArgs) -> Result<Connection<User>, Failure> {
    let kernel = kernel(cx)?;
    let by_name = Key {
        expr: Func::lower(Expr::col((user::Entity, user::Column::Name))).into(),
        kind: KeyKind::Text,
        is_nullable: false,
        is_descending: false,
    };
    let keyset = Keyset {
        keys: vec![by_name],
        id: Expr::col((user::Entity, user::Column::Id)),
        is_descending: false,
        signature: "users.name".to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let base = |_| Query::select().from(user::Entity).take();
    let reader = kernel.store.reader();
    let page = keyset
        .fetch(reader, &keyset.select(&base, &window, None), &window, false)
        .await?;
    let ids = page.rows.iter().map(|row| row.id);
    let rows = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .all(reader)
        .await?;
    let rows: HashMap<i64, Arc<user::Model>> = rows.into_iter().map(|row| (row.id.0, Arc::new(row))).collect();
    let store = kernel.store.clone();
    let total = Total::later(move || {
        let store = store.clone();
        async move { Ok(user::Entity::find().count(store.reader()).await? as i64) }
    });
    Ok(Connection::new(page, total, |id| {
        rows.get(&id).map(|row| User(Arc::clone(row)))
    }))
}

async fn api_tokens(cx: &Context<'_>, of: Option<UserId>, args: PageArgs) -> Result<Connection<ApiToken>, Failure> {
    let kernel = kernel(cx)?;
    let visible = visible_tokens(require(cx)?, of).add(api_token::Column::RevokedAt.is_null());
    let (page, total) = newest(cx, "api_token", visible, &args).await?;
    let ids: Vec<ApiTokenId> = page.ids();
    let found = api_token::Entity::find().filter(api_token::Column::Id.is_in(ids));
    let rows = found.all(kernel.store.reader()).await?;
    let owners = owners(kernel, rows.iter().map(|row| row.user_id)).await?;
    let rows: HashMap<i64, Arc<api_token::Model>> = rows.into_iter().map(|row| (row.id.0, Arc::new(row))).collect();
    Ok(Connection::new(page, total, |id| {
        let row = Arc::clone(rows.get(&id)?);
        let owner = Arc::clone(owners.get(&row.user_id)?);
        Some(ApiToken { row, owner })
    }))
}

/// The accounts of these ids.
pub(crate) async fn owners(
    kernel: &Kernel,
    ids: impl Iterator<Item = UserId>,
) -> Result<HashMap<UserId, Arc<user::Model>>, DbErr> {
    let owners = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .all(kernel.store.reader())
        .await?;
    Ok(owners.into_iter().map(|row| (row.id, Arc::new(row))).collect())
}

/// The tokens that a viewer may know of.
fn visible_tokens(viewer: &Viewer, of: Option<UserId>) -> Condition {
    let mut visible = Condition::all();
    if viewer.role != Role::Admin {
        visible = visible.add(api_token::Column::UserId.eq(viewer.user));
    }
    if let Some(user) = of {
        visible = visible.add(api_token::Column::UserId.eq(user));
    }
    visible
}
