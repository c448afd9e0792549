//! What clients see of accounts and tokens. Neither passwords nor secrets nor their hashes are among it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use entities::{api_token, id::LibraryId, user};
use kernel::{error::Failure, plugin::Kernel};

use sea_orm::{
    DbErr,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    caches::Loaders,
    kit::{access::Viewer, error::ToGraphql, id::id, libraries::Libraries, scalar::DateTime},
    library::types::Library,
    user::{grants::Granted, second_factor},
};

/// What an account may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "entities::user::Role")]
pub enum Role {
    /// See, play and rate.
    Viewer,
    /// Also edit, scan and make.
    Editor,
    /// Also administer.
    Admin,
}

/// One thing that an account or a token may do. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enum)]
pub enum Permission {
    /// See, play and rate.
    View,
    /// Edit, scan and make.
    Edit,
    /// Administer.
    Admin,
}

impl Permission {
    /// All that a role includes.
    pub fn of(role: user::Role) -> Vec<Self> {
        match role {
            user::Role::Viewer => vec![Self::View],
            user::Role::Editor => vec![Self::View, Self::Edit],
            user::Role::Admin => vec![Self::View, Self::Edit, Self::Admin],
        }
    }

    /// The least role that includes this.
    pub fn role(self) -> user::Role {
        match self {
            Self::View => user::Role::Viewer,
            Self::Edit => user::Role::Editor,
            Self::Admin => user::Role::Admin,
        }
    }
}

/// How much an account may do in a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum LibraryPermission {
    /// See, play and rate what is in it.
    View,
    /// Also change it, as far as the account's role lets it.
    Edit,
}

/// A library that an account sees.
pub struct LibraryAccess {
    library: LibraryId,
    may_edit: bool,
}

impl LibraryAccess {
    fn all(granted: Granted) -> Vec<Self> {
        let one = |(library, may_edit)| Self { library, may_edit };
        granted.into_iter().map(one).collect()
    }
}

/// A library that an account sees.
#[Object]
impl LibraryAccess {
    /// The library.
    async fn library(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Library>> {
        let row = Loaders::of(cx).library.get(self.library).await.graphql()?;
        Ok(row.map(|row| Library { row }))
    }

    /// How much the account may do there; never more than its role.
    async fn access(&self) -> LibraryPermission {
        match self.may_edit {
            true => LibraryPermission::Edit,
            false => LibraryPermission::View,
        }
    }
}

/// An account.
pub struct User(pub Arc<user::Model>);

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self(Arc::new(row))
    }
}

/// An account.
#[Object]
impl User {
    /// Its global id.
    pub async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// The name it signs in with; unique without regard to case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may do at most.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Whether it is disabled: it cannot sign in, and its tokens do not work.
    async fn is_disabled(&self) -> bool {
        self.0.is_disabled
    }

    /// The libraries that it sees, and no others; null for an account that sees all, those to come included.
    async fn library_access(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Vec<LibraryAccess>>> {
        if !self.0.is_limited {
            return Ok(None);
        }
        let select = Query::select()
            .columns(["library_id", "may_edit"])
            .from("library_grant")
            .and_where(Expr::col("user_id").eq(self.0.id.0))
            .take();
        let together = &Loaders::of(cx).together;
        let rows = together.rows(select, vec!["library_id", "may_edit"]).await.graphql()?;
        let granted = rows.into_iter().map(|mut cells| Ok((cells.id()?, cells.flag()?)));
        let granted = granted
            .collect::<Result<Granted, DbErr>>()
            .map_err(Failure::from)
            .graphql()?;
        Ok(Some(LibraryAccess::all(granted)))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// Who sends this request.
pub struct ViewerInfo(pub Viewer);

/// Who sends this request.
#[Object(name = "Viewer")]
impl ViewerInfo {
    /// The account's global id.
    async fn id(&self) -> ID {
        id(self.0.user)
    }

    /// The account's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What this request may do at most: the account's role, or less when an API token is narrower.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// What this request may do.
    async fn permissions(&self) -> Vec<Permission> {
        Permission::of(self.0.role)
    }

    /// The libraries that it sees, and no others; null for an account that sees all.
    async fn library_access(&self) -> Option<Vec<LibraryAccess>> {
        let Libraries::Only(some) = &self.0.sees else {
            return None;
        };
        let granted = some.iter().map(|library| (*library, self.0.edits.has(*library)));
        Some(LibraryAccess::all(granted.collect()))
    }

    /// Whether the account asks for a second factor at sign-in.
    async fn has_second_factor(&self, cx: &Context<'_>) -> async_graphql::Result<bool> {
        let found = second_factor::has(cx.data_unchecked::<Kernel>(), self.0.user).await;
        found.map_err(Failure::from).graphql()
    }
}

/// A token for scripts. Its secret is shown once, when it is made.
pub struct ApiToken {
    pub(super) row: Arc<api_token::Model>,
    pub(super) owner: Arc<user::Model>,
}

/// A token for scripts. Its secret is shown once, when it is made.
#[Object]
impl ApiToken {
    /// Its global id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// What it may do, as long as its account may do it too.
    async fn scopes(&self) -> Vec<Permission> {
        Permission::of(self.row.scope)
    }

    /// The account it acts for.
    async fn user(&self) -> User {
        User(Arc::clone(&self.owner))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was last used, to within five minutes.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.row.seen_at.map(DateTime)
    }

    /// When it stops working; null when it does not by itself.
    async fn expires_at(&self) -> Option<DateTime> {
        self.row.expires_at.map(DateTime)
    }

    /// When it was revoked; null while it is not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.row.revoked_at.map(DateTime)
    }
}
