//! Changes of accounts and tokens.

use async_graphql::{Context, Object, SimpleObject};
use entities::{id::UserId, user::Role};
use kernel::error::Failure;
use secrecy::ExposeSecret;

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::parse,
    },
    user::{
        inputs::{CreateApiTokenInput, CreateUserInput, RevokeApiTokenInput, UpdateUserInput},
        queries::{kernel, with_owner},
        rules,
        sessions::{self, NewToken},
        types::{ApiToken, User},
    },
};

/// What can be changed of accounts.
#[derive(Default)]
pub struct UserMutation;

/// What can be changed of accounts.
#[Object]
impl UserMutation {
    /// Makes an account.
    #[graphql(guard = "Needs::Admin")]
    async fn create_user(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The account.")] input: CreateUserInput,
    ) -> async_graphql::Result<CreateUserPayload> {
        let new = input.try_into().graphql()?;
        let user = rules::create_user(kernel(cx).graphql()?, new).await.graphql()?;
        Ok(CreateUserPayload { user: user.into() })
    }

    /// Changes an account. Who is no administrator may only change their own password.
    #[graphql(guard = "Needs::ViewSome")]
    async fn update_user(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The account and its changes.")] input: UpdateUserInput,
    ) -> async_graphql::Result<UpdateUserPayload> {
        let id = parse::<UserId>(&input.id, "input.id").graphql()?;
        let (changes, current) = input.split().graphql()?;
        let viewer = require(cx).graphql()?;
        let user = rules::update_user(kernel(cx).graphql()?, viewer, id, changes, current)
            .await
            .graphql()?;
        Ok(UpdateUserPayload { user: user.into() })
    }

    /// Makes an API token for the account that asks. Its secret is in this answer and nowhere else.
    #[graphql(guard = "Needs::ViewSome")]
    async fn create_api_token(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The token.")] input: CreateApiTokenInput,
    ) -> async_graphql::Result<CreateApiTokenPayload> {
        create_api_token(cx, input).await.graphql()
    }

    /// Revokes an API token at once: one's own, or any for administrators.
    #[graphql(guard = "Needs::ViewSome")]
    async fn revoke_api_token(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The token.")] input: RevokeApiTokenInput,
    ) -> async_graphql::Result<RevokeApiTokenPayload> {
        revoke_api_token(cx, input).await.graphql()
    }
}

/// The account that was made.
#[derive(SimpleObject)]
pub struct CreateUserPayload {
    /// The account.
    user: User,
}

/// The account as it is now.
#[derive(SimpleObject)]
pub struct UpdateUserPayload {
    /// The account.
    user: User,
}

/// The token that was made.
#[derive(SimpleObject)]
pub struct CreateApiTokenPayload {
    /// The secret to send as `Authorization: Bearer ..`. It is not kept and cannot be shown again.
    token: String,
    /// What is known of the token afterwards.
    api_token: ApiToken,
}

/// The token that was revoked.
#[derive(SimpleObject)]
pub struct RevokeApiTokenPayload {
    /// The token.
    api_token: ApiToken,
}

async fn create_api_token(cx: &Context<'_>, input: CreateApiTokenInput) -> Result<CreateApiTokenPayload, Failure> {
    let kernel = kernel(cx)?;
    let viewer = require(cx)?;
    let new = NewToken::try_from(input)?;
    // The viewer's role is the lesser of account and token, so a narrow key cannot make a wide one.
    let (secret, row) = sessions::create_token(kernel, viewer.user, viewer.role, new).await?;
    let api_token = with_owner(kernel, row)
        .await?
        .ok_or_else(|| rules::no_user(viewer.user))?;
    Ok(CreateApiTokenPayload {
        token: secret.expose_secret().to_owned(),
        api_token,
    })
}

async fn revoke_api_token(cx: &Context<'_>, input: RevokeApiTokenInput) -> Result<RevokeApiTokenPayload, Failure> {
    let kernel = kernel(cx)?;
    let viewer = require(cx)?;
    let id = parse(&input.id, "input.id")?;
    let owner = (viewer.role != Role::Admin).then_some(viewer.user);
    let row = sessions::revoke_token(kernel, id, owner).await?;
    let owner = row.user_id;
    let api_token = with_owner(kernel, row).await?.ok_or_else(|| rules::no_user(owner))?;
    Ok(RevokeApiTokenPayload { api_token })
}
