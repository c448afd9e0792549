//! Which account here somebody at the provider is. Never by a name or an address, which may pass to others: only by what was
//! linked, or was made for them.

use data_encoding::BASE64URL_NOPAD;
use entities::{id::UserId, provider_account, user, user::Role};
use kernel::{
    error::Failure,
    plugin::Kernel,
    store::{Durability, Tx},
};
use schema::{
    kit::access::Viewer,
    user::{
        authenticator::{SignedIn, begin_session},
        codes,
        grants::Granted,
        rules::{self, NewUser, UserChanges},
        sessions::Device,
    },
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::OnConflict};
use secrecy::SecretString;

use super::{Provider, token::Claims};

/// Signs in whom the provider has told of; with `link`, makes them that account's from now on.
///
/// # Errors
/// No account here is theirs, theirs is disabled or may not come in any more, or the database fails.
pub async fn sign_in(
    kernel: &Kernel,
    provider: &Provider,
    claims: &Claims,
    link: Option<UserId>,
    device: Device,
) -> Result<SignedIn, Failure> {
    let known = find(kernel, provider, claims).await?;
    let user = match (known, link) {
        (Some(row), Some(link)) if row.user_id != link => {
            return Err(unknown("this account of the provider belongs to another account here"));
        }
        (Some(row), _) => row.user_id,
        (None, Some(user)) => {
            take_on(kernel, provider, claims, user).await?;
            user
        }
        (None, None) => make(kernel, provider, claims).await?,
    };
    let user = rules::find(kernel, user).await?.filter(|user| !user.is_disabled);
    let user = user.ok_or_else(|| unknown("this account is disabled"))?;
    let user = follow_role(kernel, provider, claims, user).await?;
    remember(kernel, provider, claims, user.id).await?;
    begin_session(kernel, &user, device).await
}

async fn find(kernel: &Kernel, provider: &Provider, claims: &Claims) -> Result<Option<provider_account::Model>, DbErr> {
    let key = (provider.issuer.clone(), claims.subject().to_owned());
    provider_account::Entity::find_by_id(key)
        .one(kernel.store.reader())
        .await
}

/// Makes it the account's, in the place of what was linked to it at this provider before.
async fn take_on(kernel: &Kernel, provider: &Provider, claims: &Claims, user: UserId) -> Result<(), Failure> {
    use provider_account::Column;
    let tx = kernel.store.begin(Durability::Full).await?;
    let others = provider_account::Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Issuer.eq(provider.issuer.as_str()));
    others.exec(&*tx).await?;
    write(&tx, provider, claims, user, kernel.clock.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes that they were here.
async fn remember(kernel: &Kernel, provider: &Provider, claims: &Claims, user: UserId) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    write(&tx, provider, claims, user, kernel.clock.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes whose it is and when they were here.
async fn write(tx: &Tx, provider: &Provider, claims: &Claims, user: UserId, now: i64) -> Result<(), Failure> {
    use provider_account::Column;
    let row = provider_account::ActiveModel {
        issuer: Set(provider.issuer.clone()),
        subject: Set(claims.subject().to_owned()),
        user_id: Set(user),
        created_at: Set(now),
        seen_at: Set(now),
    };
    let mut again = OnConflict::columns([Column::Issuer, Column::Subject]);
    again.update_column(Column::SeenAt);
    provider_account::Entity::insert(row)
        .on_conflict(again)
        .exec_without_returning(&**tx)
        .await?;
    // Of two that link it at once the first has it.
    let owner = provider_account::Entity::find()
        .filter(Column::Issuer.eq(provider.issuer.as_str()))
        .filter(Column::Subject.eq(claims.subject()))
        .filter(Column::UserId.eq(user));
    match owner.one(&**tx).await? {
        Some(_) => Ok(()),
        None => Err(unknown("this account of the provider belongs to another account here")),
    }
}

/// Makes an account for somebody new, where the settings say so.
async fn make(kernel: &Kernel, provider: &Provider, claims: &Claims) -> Result<UserId, Failure> {
    let config = &provider.config;
    if !config.create_accounts || rules::setup_needed(kernel).await? {
        let message = "no account here is linked to yours at the provider: sign in by name and password, and link it in the settings";
        return Err(unknown(message));
    }
    let role = provider
        .role(claims)
        .ok_or_else(|| unknown("the provider gives you no role here; ask an administrator"))?;
    let name = claims.text(&config.name_claim).or_else(|| claims.text("email"));
    let name = name.map_or_else(|| claims.subject().to_owned(), str::to_owned);
    let is_limited = !config.all_libraries && role != Role::Admin;
    let new = NewUser {
        name: name.chars().take(rules::LONGEST_NAME).collect(),
        // Nobody knows it; an administrator can give another one.
        password: SecretString::from(BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>())),
        role,
        libraries: is_limited.then(Granted::new),
    };
    let made = rules::create_user(kernel, new)
        .await
        .map_err(|failure| match failure.code {
            code if code == &codes::USER_NAME_TAKEN => {
                unknown("an account of your name is here already: sign in by its password, and link it in the settings")
            }
            _ => failure,
        })?;
    tracing::info!(user = %made.id, "an account was made for somebody of the sign-in provider");
    Ok(made.id)
}

/// Gives the account the role that the provider says now, where it says roles at all.
async fn follow_role(
    kernel: &Kernel,
    provider: &Provider,
    claims: &Claims,
    user: user::Model,
) -> Result<user::Model, Failure> {
    if provider.config.role_claim.is_none() {
        return Ok(user);
    }
    let role = provider
        .role(claims)
        .ok_or_else(|| unknown("the provider gives you no role here any more; ask an administrator"))?;
    if role == user.role {
        return Ok(user);
    }
    let system = Viewer::of_system(user.id, user.name.clone(), Role::Admin);
    let changes = UserChanges {
        role: Some(role),
        // An administrator sees all libraries.
        libraries: (role == Role::Admin && user.is_limited).then_some(None),
        ..UserChanges::default()
    };
    rules::update_user(kernel, &system, user.id, changes, None).await
}

fn unknown(message: &str) -> Failure {
    Failure::new(&codes::PROVIDER_ACCOUNT_UNKNOWN, message)
}
