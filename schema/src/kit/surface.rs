//! What clients see of a plugin.

use std::sync::Arc;

use async_graphql::{Data, MergedObject, MergedSubscription, ObjectType, SubscriptionType};
use kernel::plugin::{Kernel, Plugin};

/// The part of a plugin that clients see: roots, loaders and byte routes.
pub trait Surface: Plugin + Sized {
    /// Its query fields, or [`NoFields`].
    type Query: ObjectType + Default + 'static;
    /// Its mutation fields, or [`NoFields`].
    type Mutation: ObjectType + Default + 'static;
    /// Its subscription fields, or [`NoSubscription`].
    type Subscription: SubscriptionType + Default + 'static;

    /// Once per request: puts this plugin's loaders into the request's data, and what it offers by contract,
    /// such as `Arc<dyn FileUrls>`.
    fn loaders(&self, _kernel: &Kernel, _data: &mut Data) {}

    /// Byte routes (streams, images, uploads), mounted at `/p/<name>`.
    fn routes(self: Arc<Self>, _kernel: &Kernel) -> axum::Router {
        axum::Router::new()
    }

    /// Routes at paths of their own, for protocols whose clients expect one. Each request carries who sends it as
    /// [`Access`](crate::kit::access::Access), and one with a session cookie has proved that it comes from this site.
    fn account_routes(self: Arc<Self>, _kernel: &Kernel) -> axum::Router {
        axum::Router::new()
    }
}

/// A root without fields.
#[derive(MergedObject, Default)]
pub struct NoFields();

/// A subscription root without fields. async-graphql's own empty subscription answers every field after it in a merge.
#[derive(MergedSubscription, Default)]
pub struct NoSubscription();
