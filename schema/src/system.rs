//! The server as its administrators see it: version, plugins, storage, caches and load.

pub mod backups;
pub mod contracts;
pub mod hardware;
pub mod mutations;
pub mod operations;
mod process;
pub mod queries;
pub mod settings;
mod storage;
pub mod subscriptions;
pub mod thumbnails;
pub mod traffic;
pub mod types;

pub use self::{
    mutations::SystemMutation,
    queries::SystemQuery,
    subscriptions::SystemSubscription,
    types::{PluginFact, ServerFacts},
};
