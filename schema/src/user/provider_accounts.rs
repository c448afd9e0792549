//! Which accounts at sign-in providers an account is linked to, as it sees them. They are linked by browsers, at `/auth/provider`.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use entities::{id::UserId, provider_account};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    store::Durability,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        scalar::DateTime,
    },
    user::queries::kernel,
};

/// The accounts at providers that an account is linked to, by the provider's name.
///
/// # Errors
/// When the database fails.
pub async fn of(kernel: &Kernel, user: UserId) -> Result<Vec<provider_account::Model>, DbErr> {
    let rows = provider_account::Entity::find().filter(provider_account::Column::UserId.eq(user));
    rows.order_by_asc(provider_account::Column::Issuer)
        .order_by_asc(provider_account::Column::Subject)
        .all(kernel.store.reader())
        .await
}

/// Unlinks an account from what it is linked to at a provider.
///
/// # Errors
/// It is linked to nothing there, or the database fails.
pub async fn unlink(kernel: &Kernel, user: UserId, issuer: &str) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let delete = provider_account::Entity::delete_many()
        .filter(provider_account::Column::UserId.eq(user))
        .filter(provider_account::Column::Issuer.eq(issuer));
    if delete.exec(&*tx).await?.rows_affected == 0 {
        let message =
            format!("your account is not linked to one at `{issuer}`; `providerAccounts` lists those it is linked to");
        return Err(Failure::new(&code::NOT_FOUND, message));
    }
    tx.commit().await?;
    Ok(())
}

/// An account at a sign-in provider, by which its owner signs in here.
pub struct ProviderAccount(provider_account::Model);

/// An account at a sign-in provider, by which its owner signs in here.
#[Object]
impl ProviderAccount {
    /// The provider, as its tokens name it.
    async fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The account there: unlike a name it never becomes another's.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// When it was linked.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When somebody last signed in by it.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.0.seen_at)
    }
}

/// What can be read of accounts at sign-in providers.
#[derive(Default)]
pub struct ProviderAccountQuery;

/// What can be read of accounts at sign-in providers.
#[Object]
impl ProviderAccountQuery {
    /// The accounts at sign-in providers that the viewer's own is linked to: one at each provider.
    #[graphql(guard = "Needs::ViewSome")]
    async fn provider_accounts(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<ProviderAccount>> {
        let viewer = require(cx).graphql()?;
        let rows = of(kernel(cx).graphql()?, viewer.user).await;
        let rows = rows.map_err(Failure::from).graphql()?;
        Ok(rows.into_iter().map(ProviderAccount).collect())
    }
}

/// What can be changed of accounts at sign-in providers.
#[derive(Default)]
pub struct ProviderAccountMutation;

/// What can be changed of accounts at sign-in providers.
#[Object]
impl ProviderAccountMutation {
    /// Unlinks the viewer's own account from the one at a sign-in provider. Sessions that it began go on.
    #[graphql(guard = "Needs::ViewSome")]
    async fn unlink_provider_account(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "At which provider.")] input: UnlinkProviderAccountInput,
    ) -> async_graphql::Result<UnlinkProviderAccountPayload> {
        let viewer = require(cx).graphql()?;
        unlink(kernel(cx).graphql()?, viewer.user, &input.issuer)
            .await
            .graphql()?;
        Ok(UnlinkProviderAccountPayload { issuer: input.issuer })
    }
}

/// An account at a sign-in provider to be unlinked.
#[derive(InputObject)]
pub struct UnlinkProviderAccountInput {
    /// The provider, as its tokens name it.
    issuer: String,
}

/// The account at a sign-in provider that is linked no more.
#[derive(SimpleObject)]
pub struct UnlinkProviderAccountPayload {
    /// The provider, as its tokens name it.
    issuer: String,
}
