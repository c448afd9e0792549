//! How clients set up and remove the second factor of an account.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::{id::UserId, user, user::Role};
use kernel::error::{Failure, code};
use secrecy::SecretString;

use crate::{
    kit::{
        access::{Needs, Viewer, require},
        error::ToGraphql,
        id::parse,
    },
    user::{authenticator::Authenticator, one_time, queries::kernel, rules, second_factor, types::User},
};

/// What can be changed of second factors.
#[derive(Default)]
pub struct SecondFactorMutation;

/// What can be changed of second factors.
#[Object]
impl SecondFactorMutation {
    /// Makes a secret for an authenticator app. It is asked for at sign-in once `confirmSecondFactor` has seen a code of it.
    #[graphql(guard = "Needs::ViewSome")]
    async fn begin_second_factor(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The account's password.")] input: BeginSecondFactorInput,
    ) -> async_graphql::Result<BeginSecondFactorPayload> {
        begin(cx, input).await.graphql()
    }

    /// Makes sign-in ask for the app's code from now on, and ends the account's other sessions.
    #[graphql(guard = "Needs::ViewSome")]
    async fn confirm_second_factor(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "A code.")] input: ConfirmSecondFactorInput,
    ) -> async_graphql::Result<ConfirmSecondFactorPayload> {
        let viewer = require(cx).graphql()?;
        let recovery_codes = second_factor::confirm(kernel(cx).graphql()?, viewer, &input.code).await;
        Ok(ConfirmSecondFactorPayload {
            recovery_codes: recovery_codes.graphql()?,
        })
    }

    /// Makes sign-in ask for the password alone again: one's own with the password, another's for administrators.
    #[graphql(guard = "Needs::ViewSome")]
    async fn remove_second_factor(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: RemoveSecondFactorInput,
    ) -> async_graphql::Result<RemoveSecondFactorPayload> {
        let user = remove(cx, input).await.graphql()?;
        Ok(RemoveSecondFactorPayload { user })
    }
}

/// What begins a second factor.
#[derive(InputObject)]
pub struct BeginSecondFactorInput {
    /// The account's present password.
    #[graphql(secret)]
    password: String,
}

/// A secret for an authenticator app. It is in this answer and nowhere else.
#[derive(SimpleObject)]
pub struct BeginSecondFactorPayload {
    /// The secret in Base32, to be typed.
    secret: String,
    /// The same as an `otpauth` URI, to be shown as a QR code.
    uri: String,
}

/// What confirms a second factor.
#[derive(InputObject)]
pub struct ConfirmSecondFactorInput {
    /// The six digits that the app shows.
    #[graphql(secret)]
    code: String,
}

/// A second factor that counts from now on.
#[derive(SimpleObject)]
pub struct ConfirmSecondFactorPayload {
    /// Ten codes, each of which stands for the app's code once. They are in this answer and nowhere else.
    recovery_codes: Vec<String>,
}

/// Whose second factor to remove.
#[derive(InputObject)]
pub struct RemoveSecondFactorInput {
    /// The account; the viewer's own when omitted.
    user_id: Option<ID>,
    /// The viewer's present password: needed for one's own.
    #[graphql(secret)]
    password: Option<String>,
}

/// The account without a second factor.
#[derive(SimpleObject)]
pub struct RemoveSecondFactorPayload {
    /// The account.
    user: User,
}

async fn begin(cx: &Context<'_>, input: BeginSecondFactorInput) -> Result<BeginSecondFactorPayload, Failure> {
    let user = prove(cx, require(cx)?, Some(input.password)).await?;
    let secret = second_factor::begin(kernel(cx)?, &user).await?;
    Ok(BeginSecondFactorPayload {
        secret: one_time::shown(&secret),
        uri: one_time::uri(&secret, &user.name),
    })
}

async fn remove(cx: &Context<'_>, input: RemoveSecondFactorInput) -> Result<User, Failure> {
    let (kernel, viewer) = (kernel(cx)?, require(cx)?);
    let id = input
        .user_id
        .map(|id| parse::<UserId>(&id, "input.userId"))
        .transpose()?;
    let user = match id.filter(|id| *id != viewer.user) {
        None => prove(cx, viewer, input.password).await?,
        Some(id) if viewer.role == Role::Admin => rules::find(kernel, id).await?.ok_or_else(|| rules::no_user(id))?,
        Some(_) => {
            let message = "only an administrator may remove the second factor of another account";
            return Err(Failure::new(&code::FORBIDDEN, message));
        }
    };
    second_factor::remove(kernel, user.id).await?;
    Ok(user.into())
}

/// The viewer's account, for its password: a session that was left open is not enough.
async fn prove(cx: &Context<'_>, viewer: &Viewer, password: Option<String>) -> Result<user::Model, Failure> {
    let kernel = kernel(cx)?;
    let path = "input.password";
    let password = password.ok_or_else(|| Failure::field(path, "give the account's present password"))?;
    let user = rules::find(kernel, viewer.user).await?;
    let user = user.ok_or_else(|| rules::no_user(viewer.user))?;
    let authenticator = Authenticator::of(kernel);
    if !authenticator.prove(kernel, &user, SecretString::from(password)).await? {
        return Err(Failure::field(path, "this is not the present password"));
    }
    Ok(user)
}
