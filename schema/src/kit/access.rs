//! Who asks, and what each field needs of them. Deny by default.

use async_graphql::{Context, Guard};
use entities::{
    id::{ApiTokenId, LibraryId, SessionId, UserId},
    user::Role,
};
use kernel::error::{Failure, code};

use crate::kit::{error::graphql_error, libraries::Libraries};

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
    /// The libraries that it sees: for it there are no others.
    pub sees: Libraries,
    /// Those of them whose items it may change, where its role lets it.
    pub edits: Libraries,
}

impl Viewer {
    /// An account for which this process itself speaks; it has all libraries.
    pub fn of_system(user: UserId, name: impl Into<String>, role: Role) -> Self {
        Self {
            user,
            name: name.into(),
            role,
            via: Via::System,
            sees: Libraries::All,
            edits: Libraries::All,
        }
    }

    /// The session that it is known by, if it is one.
    pub fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session(session) => Some(session),
            Via::Token(_) | Via::System => None,
        }
    }

    /// Refuses a library that is not there for it.
    ///
    /// # Errors
    /// It does not see the library.
    pub fn must_see(&self, library: LibraryId) -> Result<(), Failure> {
        match self.sees.has(library) {
            true => Ok(()),
            false => Err(Failure::new(&code::NOT_FOUND, format!("no library `{library}`"))),
        }
    }

    /// Refuses a library whose items it may not change.
    ///
    /// # Errors
    /// It does not see the library, or may only look at it.
    pub fn must_edit(&self, library: LibraryId) -> Result<(), Failure> {
        self.must_see(library)?;
        match self.edits.has(library) {
            true => Ok(()),
            false => Err(only_looks()),
        }
    }
}

/// What is said to an account that may look at an item's library, but not change what is in it.
pub fn only_looks() -> Failure {
    Failure::new(
        &code::FORBIDDEN,
        "this account may look at the library, but not change what is in it",
    )
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
    /// A signed-in account, also one that sees only some libraries: the field is about none, or leaves out the others.
    ViewSome,
    /// An editor, also of only some libraries: the field refuses what is in the others.
    EditSome,
    /// A signed-in account that sees all libraries.
    View,
    /// An editor of all libraries, or an administrator.
    Edit,
    /// An administrator.
    Admin,
}

/// Refuses an account that sees or edits only some libraries.
///
/// # Errors
/// It does.
pub fn must_reach_all(viewer: &Viewer) -> Result<(), Failure> {
    match viewer.sees.is_all() && viewer.edits.is_all() {
        true => Ok(()),
        false => Err(Failure::new(
            &code::FORBIDDEN,
            "this is about all libraries, and this account has only some of them",
        )),
    }
}

impl Guard for Needs {
    async fn check(&self, cx: &Context<'_>) -> async_graphql::Result<()> {
        let least = match self {
            Self::Public => return Ok(()),
            Self::ViewSome | Self::View => Role::Viewer,
            Self::EditSome | Self::Edit => Role::Editor,
            Self::Admin => Role::Admin,
        };
        let viewer = require(cx).map_err(graphql_error)?;
        if (viewer.role as i32) < (least as i32) {
            let message = format!("this needs an account or token that may act as {least:?}");
            return Err(graphql_error(Failure::new(&code::FORBIDDEN, message)));
        }
        if !matches!(self, Self::ViewSome | Self::EditSome) {
            must_reach_all(viewer).map_err(graphql_error)?;
        }
        Ok(())
    }
}
