//! An account's passkeys, as it sees them. They are made and used by browsers, at `/auth/passkeys`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::{id::PasskeyId, passkey, user::Role};
use kernel::error::Failure;

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::{id, parse},
        scalar::DateTime,
    },
    user::{passkeys, queries::kernel},
};

/// A key that an account signs in by, on a device or in a password manager.
pub struct Passkey(passkey::Model);

/// A key that an account signs in by, on a device or in a password manager.
#[Object]
impl Passkey {
    /// Its id.
    async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// What its owner calls it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When somebody last signed in by it.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.seen_at.map(DateTime)
    }
}

/// What can be read of passkeys.
#[derive(Default)]
pub struct PasskeyQuery;

/// What can be read of passkeys.
#[Object]
impl PasskeyQuery {
    /// The viewer's own passkeys, the oldest first; twenty at most can be kept.
    #[graphql(guard = "Needs::ViewSome")]
    async fn passkeys(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Passkey>> {
        let viewer = require(cx).graphql()?;
        let rows = passkeys::of(kernel(cx).graphql()?, viewer.user).await;
        let rows = rows.map_err(Failure::from).graphql()?;
        Ok(rows.into_iter().map(Passkey).collect())
    }
}

/// What can be changed of passkeys.
#[derive(Default)]
pub struct PasskeyMutation;

/// What can be changed of passkeys.
#[Object]
impl PasskeyMutation {
    /// Removes a passkey: one of one's own, or any for administrators. Sessions that it began go on.
    #[graphql(guard = "Needs::ViewSome")]
    async fn remove_passkey(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The passkey.")] input: RemovePasskeyInput,
    ) -> async_graphql::Result<RemovePasskeyPayload> {
        let passkey: PasskeyId = parse(&input.id, "input.id").graphql()?;
        let viewer = require(cx).graphql()?;
        let owner = (viewer.role != Role::Admin).then_some(viewer.user);
        passkeys::remove(kernel(cx).graphql()?, passkey, owner)
            .await
            .graphql()?;
        Ok(RemovePasskeyPayload { passkey_id: input.id })
    }
}

/// A passkey to be removed.
#[derive(InputObject)]
pub struct RemovePasskeyInput {
    /// The passkey.
    id: ID,
}

/// The passkey that is gone.
#[derive(SimpleObject)]
pub struct RemovePasskeyPayload {
    /// Its id.
    passkey_id: ID,
}
