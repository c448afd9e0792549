//! Closed categories, which decide HTTP status and retries, and the open table of codes that each crate adds to.

use std::{error::Error, fmt};

use crate::store::{Trouble, trouble};

/// What kind of failure a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The input is wrong; the same request will fail again.
    Invalid,
    /// Nobody is signed in, or the token is not valid.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// The thing does not exist, or not for this viewer.
    NotFound,
    /// The thing is in a state that does not allow this.
    Conflict,
    /// A limit was exceeded.
    TooLarge,
    /// Too many requests.
    TooMany,
    /// A part is down or busy; the same request may succeed later.
    Unavailable,
    /// It took too long.
    Timeout,
    /// A defect of ours.
    Internal,
}

impl Category {
    /// The HTTP status of a response that has nothing else to say.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// Whether the server's own state is the reason: what a request of the same kind met a while ago says nothing
    /// about the next one.
    pub fn is_servers_own(self) -> bool {
        matches!(self, Self::Internal | Self::Unavailable | Self::Timeout)
    }
}

/// A row of the code table.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name clients switch on, such as `MEDIA_NOT_FOUND`.
    pub name: &'static str,
    /// Its category.
    pub category: Category,
    /// What it means, for the reference.
    pub meaning: &'static str,
}

/// Declares rows of the code table and `ALL`, the list of them.
#[macro_export]
macro_rules! codes {
    ($($ident:ident = $name:literal, $category:ident, $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub static $ident: $crate::error::Code = $crate::error::Code {
                name: $name,
                category: $crate::error::Category::$category,
                meaning: $meaning,
            };
        )+
        /// Every code of this module.
        pub static ALL: &[&$crate::error::Code] = &[$(&$ident),+];
    };
}

/// The kernel's own codes.
pub mod code {
    codes! {
        INTERNAL = "INTERNAL", Internal, "Something failed on our side; the request id finds it in the log.";
        BAD_INPUT = "BAD_INPUT", Invalid, "A field of the input is wrong; `fields` says which.";
        UNAUTHENTICATED = "UNAUTHENTICATED", Unauthenticated, "Sign in or send a valid token.";
        FORBIDDEN = "FORBIDDEN", Forbidden, "The account or token may not do this.";
        NOT_FOUND = "NOT_FOUND", NotFound, "No such thing, or not for this viewer.";
        CONFLICT = "CONFLICT", Conflict, "The present state does not allow this.";
        TIMEOUT = "TIMEOUT", Timeout, "It took longer than the limit.";
        NO_ROOM = "NO_ROOM", Unavailable, "The disk that holds the database is full; an administrator has to make room.";
        UNAVAILABLE = "UNAVAILABLE", Unavailable, "A part of the server is busy or down; try again.";
    }
}

/// What is wrong with one field of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Where in the input, such as `input.paths[1]`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A failure with its code: what every domain error becomes at the boundary.
#[derive(Debug)]
pub struct Failure {
    /// The row of the code table.
    pub code: &'static Code,
    /// What happened, to what, and what to do.
    pub message: String,
    /// For bad input: which fields.
    pub fields: Vec<FieldFault>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of this code.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            source: None,
        }
    }

    /// Bad input at one field.
    pub fn field(path: impl Into<String>, message: impl Into<String>) -> Self {
        let fault = FieldFault {
            path: path.into(),
            message: message.into(),
        };
        let message = format!("{}: {}", fault.path, fault.message);
        Self {
            code: &code::BAD_INPUT,
            message,
            fields: vec![fault],
            source: None,
        }
    }

    /// An unexpected error: clients get the code, the log gets the source.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "something went wrong on the server; the request id finds it in the log".to_owned();
        Self {
            code: &code::INTERNAL,
            message,
            fields: Vec::new(),
            source: Some(source.into()),
        }
    }

    /// An error of the database: a clear one when it is only slow or away, an internal one otherwise.
    fn database(trouble: Option<Trouble>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (code, message) = match trouble {
            None => return Self::internal(source),
            Some(Trouble::TooLong) => (
                &code::TIMEOUT,
                "the database took longer than a statement may; ask for less at a time",
            ),
            Some(Trouble::Unreachable) => (
                &code::UNAVAILABLE,
                "the database cannot be reached at the moment; try again soon",
            ),
            Some(Trouble::Collided) => (
                &code::UNAVAILABLE,
                "another change came in the way of this one, and nothing was changed; try again",
            ),
            Some(Trouble::NoRoom) => (
                &code::NO_ROOM,
                "the disk that holds the database is full, and nothing was changed; make room there and try again",
            ),
        };
        Self {
            source: Some(source.into()),
            ..Self::new(code, message)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(source: sea_orm::DbErr) -> Self {
        Self::database(trouble(&source), source)
    }
}

impl From<std::sync::Arc<sea_orm::DbErr>> for Failure {
    fn from(source: std::sync::Arc<sea_orm::DbErr>) -> Self {
        Self::database(trouble(&source), source.to_string())
    }
}
