//! Sessions of browsers and tokens of scripts: how they are made and how they end.

use std::{net::IpAddr, time::Duration};

use entities::{
    api_token,
    id::{ApiTokenId, SessionId, UserId},
    session, user,
    user::Role,
};
use kernel::{
    error::Failure,
    events::{SessionRevoked, UserChanged},
    plugin::Kernel,
    store::Durability,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;

use crate::user::{
    codes,
    secret::{SecretKind, fresh},
};

/// A session that nobody uses ends after this.
pub const IDLE: Duration = Duration::from_secs(30 * 86_400);
/// A session ends after this, however much it is used.
pub const ABSOLUTE: Duration = Duration::from_secs(90 * 86_400);
/// The longest label of a token, in characters.
pub const LONGEST_LABEL: usize = 100;

/// When a session ends, in UTC milliseconds.
pub fn ends_at(created_at: i64, seen_at: i64) -> i64 {
    (seen_at + IDLE.as_millis() as i64).min(created_at + ABSOLUTE.as_millis() as i64)
}

/// Who is at the other end of a session, as far as is known.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// Its address.
    pub address: Option<IpAddr>,
    /// What it calls itself.
    pub user_agent: Option<String>,
}

/// Makes a session. The secret goes into the cookie and is not kept. Sessions that have ended are removed on the way.
pub async fn create_session(
    kernel: &Kernel,
    user: &user::Model,
    device: Device,
) -> Result<(SecretString, session::Model), Failure> {
    let (secret, hash) = fresh(SecretKind::Session);
    let now = kernel.clock.now_ms();
    let row = session::ActiveModel {
        id: Set(SessionId::new()),
        user_id: Set(user.id),
        token_hash: Set(hash.to_vec()),
        user_agent: Set(device.user_agent.map(|text| text.chars().take(256).collect())),
        address: Set(device.address.map(|address| address.to_canonical().to_string())),
        created_at: Set(now),
        seen_at: Set(now),
        expires_at: Set(ends_at(now, now)),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    session::Entity::delete_many()
        .filter(session::Column::ExpiresAt.lt(now))
        .exec(&*tx)
        .await?;
    let session = row.insert(&*tx).await?;
    tx.commit().await?;
    Ok((secret, session))
}

/// Ends a session; one that has ended already is fine.
pub async fn revoke_session(kernel: &Kernel, session: SessionId) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    session::Entity::delete_by_id(session).exec(&*tx).await?;
    tx.publish(SessionRevoked { session });
    tx.commit().await?;
    Ok(())
}

/// A token to be made.
#[derive(Debug)]
pub struct NewToken {
    /// What it is for, for people.
    pub name: String,
    /// The most it may do.
    pub scope: Role,
    /// When it ends, in UTC milliseconds; never when absent.
    pub expires_at: Option<i64>,
}

/// Makes a token for an account, never wider than `widest`: the account's role, or less when a narrower token asks.
/// The secret is shown once and not kept.
pub async fn create_token(
    kernel: &Kernel,
    user: UserId,
    widest: Role,
    new: NewToken,
) -> Result<(SecretString, api_token::Model), Failure> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_LABEL || name.chars().any(char::is_control) {
        return Err(Failure::field(
            "input.name",
            format!("a token's name has 1 to {LONGEST_LABEL} visible characters"),
        ));
    }
    if new.scope as i32 > widest as i32 {
        let message = "a token cannot do more than who makes it; leave out the wider scopes";
        return Err(Failure::new(&codes::API_TOKEN_TOO_WIDE, message));
    }
    let now = kernel.clock.now_ms();
    if new.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Failure::field("input.expiresAt", "this moment has passed"));
    }
    let (secret, hash) = fresh(SecretKind::ApiToken);
    let row = api_token::ActiveModel {
        id: Set(ApiTokenId::new()),
        user_id: Set(user),
        name: Set(name.to_owned()),
        token_hash: Set(hash.to_vec()),
        scope: Set(new.scope),
        created_at: Set(now),
        seen_at: Set(None),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let token = row.insert(&*tx).await?;
    tx.commit().await?;
    Ok((secret, token))
}

/// Revokes a token; `owner` restricts it to that account's tokens. One that is revoked stays so.
pub async fn revoke_token(kernel: &Kernel, id: ApiTokenId, owner: Option<UserId>) -> Result<api_token::Model, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let found = api_token::Entity::find_by_id(id).one(&*tx).await?;
    let Some(token) = found.filter(|token| owner.is_none_or(|owner| token.user_id == owner)) else {
        return Err(Failure::new(
            &codes::API_TOKEN_NOT_FOUND,
            format!("no API token `{id}`"),
        ));
    };
    if token.revoked_at.is_some() {
        return Ok(token);
    }
    let row = api_token::ActiveModel {
        id: Set(id),
        revoked_at: Set(Some(kernel.clock.now_ms())),
        ..Default::default()
    };
    let token = row.update(&*tx).await?;
    // The fact that drops what is cached of the account's sessions and tokens.
    tx.publish(UserChanged { user: token.user_id });
    tx.commit().await?;
    Ok(token)
}
