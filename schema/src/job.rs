//! Jobs as clients see them: everybody signed in may watch, editors may control.

pub mod filter;
mod loader;
pub mod mutations;
pub mod queries;
pub mod shown;
pub mod subscriptions;
pub mod types;

pub use self::{
    loader::{loaders, node},
    mutations::JobMutation,
    queries::JobQuery,
    subscriptions::JobSubscription,
};
