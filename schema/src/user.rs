//! Accounts, sessions and API tokens: who may do what, and how that is proved.

pub mod authenticator;
pub mod codes;
mod inputs;
pub mod mutations;
pub mod password;
pub mod queries;
pub mod rules;
mod secret;
pub mod sessions;
mod throttle;
pub mod types;

pub use self::{mutations::UserMutation, queries::UserQuery};
