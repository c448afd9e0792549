//! Who asks, and what each field needs of them. Deny by default.

use async_graphql::{Context, Guard};
use entities::{
    id::{ApiTokenId, SessionId, UserId},
    user::Role,
};
use kernel::error::{Failure, code};

use crate::kit::error::graphql_error;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Nobody is signed in.
    Anonymous,
    /// An account.
    Viewer(Viewer),
}

/// By what an account is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A browser's session.
    Session(SessionId),
    /// An API token.
    Token(ApiTokenId),
    /// This process itself: the command line.
    System,
}

/// An account that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub name: String,
    /// What it may do now: the lesser of the account's role and the token's scope.
    pub role: Role,
    /// By what it is known.
    pub via: Via,
}

impl Viewer {
    /// The session that it is known by, if it is one.
    pub fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session(session) => Some(session),
            Via::Token(_) | Via::System => None,
        }
    }
}

/// The viewer of this request, or an error that asks to sign in.
pub fn require<'a>(cx: &Context<'a>) -> Result<&'a Viewer, Failure> {
    match cx.data_opt::<Access>() {
        Some(Access::Viewer(viewer)) => Ok(viewer),
        _ => Err(Failure::new(&code::UNAUTHENTICATED, "sign in, or send a valid token")),
    }
}

/// What a field needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Public,
    /// A signed-in account.
    View,
    /// An editor or an administrator.
    Edit,
    /// An administrator.
    Admin,
}

impl Guard for Needs {
    async fn check(&self, cx: &Context<'_>) -> async_graphql::Result<()> {
        let least = match self {
            Self::Public => return Ok(()),
            Self::View => Role::Viewer,
            Self::Edit => Role::Editor,
            Self::Admin => Role::Admin,
        };
        let viewer = require(cx).map_err(graphql_error)?;
        if (viewer.role as i32) < (least as i32) {
            let message = format!("this needs an account or token that may act as {least:?}");
            return Err(graphql_error(Failure::new(&code::FORBIDDEN, message)));
        }
        Ok(())
    }
}
