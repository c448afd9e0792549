//! What clients send about accounts and tokens.

use async_graphql::{ID, InputObject, MaybeUndefined};
use kernel::error::Failure;
use secrecy::SecretString;

use crate::{
    kit::{id::parse, scalar::DateTime},
    user::{
        grants::Granted,
        rules::{NewUser, UserChanges},
        sessions::NewToken,
        types::{LibraryPermission, Permission, Role},
    },
};

/// An account to be made.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// The name to sign in with: 1 to 64 characters, unique without regard to case.
    name: String,
    /// At least 8 characters.
    #[graphql(secret)]
    password: String,
    /// What it may do at most.
    role: Role,
    /// The libraries that it sees; all, those to come included, when omitted.
    library_access: Option<Vec<LibraryAccessInput>>,
}

/// A library that an account sees.
#[derive(InputObject)]
pub struct LibraryAccessInput {
    /// The library.
    library_id: ID,
    /// How much the account may do there; never more than its role.
    access: LibraryPermission,
}

fn granted(list: &[LibraryAccessInput]) -> Result<Granted, Failure> {
    let grant = |(index, one): (usize, &LibraryAccessInput)| {
        let library = parse(&one.library_id, &format!("input.libraryAccess[{index}].libraryId"))?;
        Ok((library, one.access == LibraryPermission::Edit))
    };
    list.iter().enumerate().map(grant).collect()
}

impl TryFrom<CreateUserInput> for NewUser {
    type Error = Failure;

    fn try_from(input: CreateUserInput) -> Result<Self, Failure> {
        Ok(Self {
            name: input.name,
            password: SecretString::from(input.password),
            role: input.role.into(),
            libraries: input.library_access.as_deref().map(granted).transpose()?,
        })
    }
}

/// What to change of an account; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateUserInput {
    /// The account.
    pub id: ID,
    /// A new name. Administrators only.
    name: Option<String>,
    /// A new role; ends the account's sessions. Administrators only.
    role: Option<Role>,
    /// Disable or enable the account. Administrators only.
    is_disabled: Option<bool>,
    /// A new password of at least 8 characters; ends the account's other sessions.
    #[graphql(secret)]
    password: Option<String>,
    /// The present password: needed to change one's own.
    #[graphql(secret)]
    current_password: Option<String>,
    /// The libraries that it sees from now on, and no others; all, those to come included, when null. Administrators only.
    library_access: MaybeUndefined<Vec<LibraryAccessInput>>,
}

impl UpdateUserInput {
    /// The changes, and the present password.
    ///
    /// # Errors
    /// An id of a library is none.
    pub fn split(self) -> Result<(UserChanges, Option<SecretString>), Failure> {
        let libraries = match &self.library_access {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(list) => Some(Some(granted(list)?)),
        };
        let changes = UserChanges {
            name: self.name,
            role: self.role.map(Into::into),
            is_disabled: self.is_disabled,
            password: self.password.map(SecretString::from),
            libraries,
        };
        Ok((changes, self.current_password.map(SecretString::from)))
    }
}

/// An API token to be made, for the account that asks.
#[derive(InputObject)]
pub struct CreateApiTokenInput {
    /// What it is for.
    name: String,
    /// What it may do; each permission includes those below it. Never more than who asks.
    scopes: Vec<Permission>,
    /// When it stops working; never by itself when omitted.
    expires_at: Option<DateTime>,
}

impl TryFrom<CreateApiTokenInput> for NewToken {
    type Error = Failure;

    fn try_from(input: CreateApiTokenInput) -> Result<Self, Failure> {
        let widest = input.scopes.iter().max();
        let widest =
            widest.ok_or_else(|| Failure::field("input.scopes", "name at least one permission, such as VIEW"))?;
        let expires_at = input.expires_at.map(|moment| moment.0);
        Ok(Self {
            name: input.name,
            scope: widest.role(),
            expires_at,
        })
    }
}

/// An API token to be revoked.
#[derive(InputObject)]
pub struct RevokeApiTokenInput {
    /// The token.
    pub id: ID,
}
