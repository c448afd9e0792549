//! Reads of the server itself.

use async_graphql::Object;

use crate::{kit::access::Needs, system::types::System};

/// What can be read of the server.
#[derive(Default)]
pub struct SystemQuery;

/// What can be read of the server.
#[Object]
impl SystemQuery {
    /// The server: its version and plugins, and for administrators its storage and caches.
    #[graphql(guard = "Needs::ViewSome")]
    async fn system(&self) -> System {
        System
    }
}
