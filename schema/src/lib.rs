//! The client contract: shared types, loaders, queries and mutations. Reads live here; work lives in plugins.

#![allow(
    clippy::duplicated_attributes,
    reason = "the fields of a GraphQL interface repeat `ty` and `desc`, which this lint takes for repeated attributes"
)]

pub mod caches;
pub mod collection;
pub mod edit;
pub mod field;
pub mod job;
pub mod kit;
pub mod library;
pub mod limits;
pub mod marker;
pub mod media;
pub mod node;
pub mod person;
pub mod saved;
pub mod search;
pub mod share;
pub mod studio;
pub mod system;
pub mod tag;
pub mod transfer;
pub mod user;

use async_graphql::{MergedObject, MergedSubscription};

pub use crate::caches::{SharedCaches, carry, context, request_data};

/// What can be read.
#[derive(MergedObject, Default)]
#[graphql(name = "CoreQuery")]
pub struct Query(
    node::NodeQuery,
    media::queries::MediaQuery,
    library::queries::LibraryQuery,
    tag::queries::TagQuery,
    person::queries::PersonQuery,
    studio::queries::StudioQuery,
    collection::queries::CollectionQuery,
    marker::queries::MarkerQuery,
    field::queries::FieldQuery,
    saved::queries::SavedFilterQuery,
    edit::queries::EditQuery,
    job::JobQuery,
    user::UserQuery,
    user::devices::SessionQuery,
    user::passkey_types::PasskeyQuery,
    user::provider_accounts::ProviderAccountQuery,
    share::queries::ShareQuery,
    system::SystemQuery,
);

/// What can be changed.
#[derive(MergedObject, Default)]
#[graphql(name = "CoreMutation")]
pub struct Mutation(
    media::mutations::MediaMutation,
    library::mutations::LibraryMutation,
    tag::mutations::TagMutation,
    person::mutations::PersonMutation,
    studio::mutations::StudioMutation,
    collection::mutations::CollectionMutation,
    marker::mutations::MarkerMutation,
    field::mutations::FieldMutation,
    saved::mutations::SavedFilterMutation,
    job::JobMutation,
    user::UserMutation,
    user::devices::SessionMutation,
    user::proof::SecondFactorMutation,
    user::passkey_types::PasskeyMutation,
    user::provider_accounts::ProviderAccountMutation,
    share::mutations::ShareMutation,
    system::SystemMutation,
);

/// What can be followed.
#[derive(MergedSubscription, Default)]
#[graphql(name = "CoreSubscription")]
pub struct Subscription(
    library::subscriptions::LibrarySubscription,
    job::JobSubscription,
    system::SystemSubscription,
);
