//! Where an account is signed in, and how that ends from elsewhere.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::{
    id::{SessionId, UserId},
    session, user,
    user::Role,
};
use kernel::{
    error::{Failure, code},
    events::SessionRevoked,
    store::Durability,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::{
    kit::{
        access::{Needs, require},
        connection::Connection,
        error::ToGraphql,
        id::{id, parse},
        newest::newest,
        page::PageArgs,
        scalar::DateTime,
    },
    user::{
        codes,
        queries::{kernel, owners},
        rules,
        types::User,
    },
};

/// What can be read of sessions.
#[derive(Default)]
pub struct SessionQuery;

/// What can be read of sessions.
#[Object]
impl SessionQuery {
    /// Browsers that are signed in, the latest first: to the viewer's account, and for administrators to all.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "crate::limits::page_cost(first, last, child_complexity)"
    )]
    async fn sessions(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Only those of this account; another account than one's own needs an administrator.")]
        user_id: Option<ID>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Session>> {
        let user = user_id.map(|id| parse::<UserId>(&id, "userId")).transpose().graphql()?;
        let args = PageArgs::new(first, after, last, before);
        sessions(cx, user, &args).await.graphql()
    }
}

/// What can be changed of sessions.
#[derive(Default)]
pub struct SessionMutation;

/// What can be changed of sessions.
#[Object]
impl SessionMutation {
    /// Ends a session at once: one of one's own, or any for administrators.
    #[graphql(guard = "Needs::ViewSome")]
    async fn revoke_session(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The session.")] input: RevokeSessionInput,
    ) -> async_graphql::Result<RevokeSessionPayload> {
        revoke(cx, &input).await.graphql()?;
        Ok(RevokeSessionPayload { session_id: input.id })
    }

    /// Ends all sessions of an account at once, but the one that asks.
    #[graphql(guard = "Needs::ViewSome")]
    async fn revoke_other_sessions(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: RevokeOtherSessionsInput,
    ) -> async_graphql::Result<RevokeOtherSessionsPayload> {
        let session_count = revoke_others(cx, &input).await.graphql()?;
        Ok(RevokeOtherSessionsPayload { session_count })
    }
}

/// A session to be ended.
#[derive(InputObject)]
pub struct RevokeSessionInput {
    /// The session.
    id: ID,
}

/// The session that has ended.
#[derive(SimpleObject)]
pub struct RevokeSessionPayload {
    /// Its id.
    session_id: ID,
}

/// Whose sessions to end.
#[derive(InputObject)]
pub struct RevokeOtherSessionsInput {
    /// The account; the viewer's own when omitted, another one for administrators.
    user_id: Option<ID>,
}

/// The sessions that have ended.
#[derive(SimpleObject)]
pub struct RevokeOtherSessionsPayload {
    /// How many.
    session_count: i32,
}

/// A browser that is signed in.
pub struct Session {
    row: Arc<session::Model>,
    owner: Arc<user::Model>,
}

/// A browser that is signed in.
#[Object]
impl Session {
    /// Its global id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }

    /// The account.
    async fn user(&self) -> User {
        User(Arc::clone(&self.owner))
    }

    /// What the browser called itself when it signed in.
    async fn user_agent(&self) -> Option<&str> {
        self.row.user_agent.as_deref()
    }

    /// The address it signed in from; null where that was this machine, such as a proxy on it.
    async fn address(&self) -> Option<&str> {
        self.row.address.as_deref()
    }

    /// When it signed in.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was last used, to within five minutes.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.row.seen_at)
    }

    /// When it ends if it is not used until then.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.row.expires_at)
    }

    /// Whether it is the one that asks.
    async fn is_current(&self, cx: &Context<'_>) -> bool {
        require(cx).is_ok_and(|viewer| viewer.session() == Some(self.row.id))
    }
}

/// The session behind `node(id:)`: one's own, or any for administrators.
///
/// # Errors
/// When the database fails.
pub async fn node(cx: &Context<'_>, id: SessionId) -> Result<Option<Session>, Failure> {
    let visible = visible(cx, None)?.add(session::Column::Id.eq(id));
    let found = session::Entity::find().filter(visible);
    let Some(row) = found.one(kernel(cx)?.store.reader()).await? else {
        return Ok(None);
    };
    let owner = rules::find(kernel(cx)?, row.user_id).await?.map(Arc::new);
    let row = Arc::new(row);
    Ok(owner.map(|owner| Session { row, owner }))
}

async fn sessions(cx: &Context<'_>, of: Option<UserId>, args: &PageArgs) -> Result<Connection<Session>, Failure> {
    let kernel = kernel(cx)?;
    let (page, total) = newest(cx, "session", visible(cx, of)?, args).await?;
    let ids: Vec<SessionId> = page.ids();
    let found = session::Entity::find().filter(session::Column::Id.is_in(ids));
    let rows = found.all(kernel.store.reader()).await?;
    let owners = owners(kernel, rows.iter().map(|row| row.user_id)).await?;
    let rows: HashMap<i64, Arc<session::Model>> = rows.into_iter().map(|row| (row.id.0, Arc::new(row))).collect();
    Ok(Connection::new(page, total, |id| {
        let row = Arc::clone(rows.get(&id)?);
        let owner = Arc::clone(owners.get(&row.user_id)?);
        Some(Session { row, owner })
    }))
}

/// The sessions that run, and that a viewer may know of.
fn visible(cx: &Context<'_>, of: Option<UserId>) -> Result<Condition, Failure> {
    let viewer = require(cx)?;
    let mut visible = Condition::all().add(session::Column::ExpiresAt.gt(kernel(cx)?.clock.now_ms()));
    if viewer.role != Role::Admin {
        visible = visible.add(session::Column::UserId.eq(viewer.user));
    }
    if let Some(user) = of {
        visible = visible.add(session::Column::UserId.eq(user));
    }
    Ok(visible)
}

async fn revoke(cx: &Context<'_>, input: &RevokeSessionInput) -> Result<(), Failure> {
    let id = parse::<SessionId>(&input.id, "input.id")?;
    let visible = visible(cx, None)?.add(session::Column::Id.eq(id));
    let tx = kernel(cx)?.store.begin(Durability::Full).await?;
    let ended = session::Entity::delete_many().filter(visible).exec(&*tx).await?;
    if ended.rows_affected == 0 {
        return Err(Failure::new(&codes::SESSION_NOT_FOUND, format!("no session `{id}`")));
    }
    tx.publish(SessionRevoked { session: id });
    tx.commit().await?;
    Ok(())
}

async fn revoke_others(cx: &Context<'_>, input: &RevokeOtherSessionsInput) -> Result<i32, Failure> {
    let viewer = require(cx)?;
    let asked = input.user_id.as_ref().map(|id| parse::<UserId>(id, "input.userId"));
    let user = asked.transpose()?.unwrap_or(viewer.user);
    if user != viewer.user && viewer.role != Role::Admin {
        let message = "only an administrator may end the sessions of another account";
        return Err(Failure::new(&code::FORBIDDEN, message));
    }
    let tx = kernel(cx)?.store.begin(Durability::Full).await?;
    let n = rules::end_sessions(&tx, user, viewer.session()).await?;
    tx.commit().await?;
    Ok(i32::try_from(n).unwrap_or(i32::MAX))
}
