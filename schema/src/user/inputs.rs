//! What clients send about accounts and tokens.

use async_graphql::{ID, InputObject};
use kernel::error::Failure;
use secrecy::SecretString;

use crate::{
    kit::scalar::DateTime,
    user::{
        rules::{NewUser, UserChanges},
        sessions::NewToken,
        types::{Permission, Role},
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
}

impl From<CreateUserInput> for NewUser {
    fn from(input: CreateUserInput) -> Self {
        Self {
            name: input.name,
            password: SecretString::from(input.password),
            role: input.role.into(),
        }
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
}

impl UpdateUserInput {
    /// The changes, and the present password.
    pub fn split(self) -> (UserChanges, Option<SecretString>) {
        let changes = UserChanges {
            name: self.name,
            role: self.role.map(Into::into),
            is_disabled: self.is_disabled,
            password: self.password.map(SecretString::from),
        };
        (changes, self.current_password.map(SecretString::from))
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
