//! Accounts, their second factors, sessions and API tokens: who may do what, and how that is proved.

pub mod authenticator;
pub mod codes;
pub mod devices;
pub mod grants;
mod inputs;
pub mod mutations;
pub mod one_time;
pub mod passkey_types;
pub mod passkeys;
pub mod password;
pub mod proof;
pub mod provider_accounts;
pub mod queries;
pub mod rules;
pub mod second_factor;
pub(crate) mod secret;
pub mod sessions;
mod throttle;
pub mod types;
pub mod webauthn;

pub use self::{mutations::UserMutation, queries::UserQuery};
