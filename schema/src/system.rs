//! The server as its administrators see it: version, plugins, storage, caches and load.

mod process;
pub mod queries;
mod storage;
pub mod subscriptions;
pub mod traffic;
pub mod types;

pub use self::{
    queries::SystemQuery,
    subscriptions::SystemSubscription,
    types::{PluginFact, ServerFacts},
};
