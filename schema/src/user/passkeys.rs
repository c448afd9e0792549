//! Passkeys of accounts: how one is made, used and removed. A challenge is a signed path with an end, so that none is kept
//! before somebody answers it; which were answered is remembered until they end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entities::{
    id::{PasskeyId, UserId},
    passkey, user,
};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    store::Durability,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};

use crate::{
    kit::error::violates,
    user::{
        authenticator::{SignedIn, begin_session},
        codes, rules,
        sessions::{Device, LONGEST_LABEL},
        webauthn::{self, Expected, PublicKey},
    },
};

/// How long a challenge is good; at least half of it.
pub const VALID: Duration = Duration::from_secs(600);
/// The most passkeys of one account: they are listed whole.
pub const MAX_PASSKEYS: u64 = 20;
/// The most answered challenges that are remembered; more sign-ins in ten minutes are not believed.
const MAX_ANSWERED: usize = 100_000;

/// What a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in, whoever it is.
    SignIn,
    /// To make a passkey for an account.
    Make(UserId),
}

impl Purpose {
    fn path(self) -> String {
        match self {
            Self::SignIn => "/passkey/use/".to_owned(),
            Self::Make(user) => format!("/passkey/make/{user}/"),
        }
    }
}

/// Where a browser is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The page's origin, which was found to be ours.
    pub origin: String,
}

impl Place {
    /// The host that passkeys are for: the origin's, without its port.
    pub fn host(&self) -> &str {
        let authority = self.origin.split_once("://").map_or("", |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => authority,
        }
    }
}

/// Challenges that were answered, with when they end.
#[derive(Default)]
struct Answered(Mutex<HashMap<Vec<u8>, i64>>);

impl Answered {
    /// Takes up an answer; false if there was one before, or there is no room to know.
    fn take(&self, challenge: &[u8], now: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_ANSWERED {
            known.retain(|_, ends_at| *ends_at > now);
        }
        if known.len() >= MAX_ANSWERED || known.contains_key(challenge) {
            return false;
        }
        known.insert(challenge.to_vec(), now + VALID.as_millis() as i64);
        true
    }
}

/// A new challenge.
pub fn challenge(kernel: &Kernel, purpose: Purpose) -> Vec<u8> {
    let path = format!("{}{:032x}", purpose.path(), rand::random::<u128>());
    kernel.signer.sign(&path, VALID).into_bytes()
}

fn over() -> Failure {
    let message = "the time to use the passkey is over; try again";
    Failure::new(&codes::PASSKEY_REFUSED, message)
}

/// The challenge that an answer is to, if it is ours, for this, and not over.
fn ours(kernel: &Kernel, purpose: Purpose, client_data: &[u8]) -> Result<Vec<u8>, Failure> {
    let challenge = webauthn::challenge_of(client_data).ok_or_else(over)?;
    let text = str::from_utf8(&challenge).map_err(|_| over())?;
    let (path, query) = text.split_once('?').ok_or_else(over)?;
    if !path.starts_with(&purpose.path()) || kernel.signer.verify(path, query).is_err() {
        return Err(over());
    }
    Ok(challenge)
}

/// Takes up an answer, taken or not: there is one to a challenge. Only who knows an account's passkey comes so far, so that
/// nobody else fills up what is remembered.
fn take(kernel: &Kernel, challenge: &[u8]) -> Result<(), Failure> {
    let known: Arc<Answered> = kernel.parts.get_or_make(Arc::default);
    match known.take(challenge, kernel.clock.now_ms()) {
        true => Ok(()),
        false => Err(over()),
    }
}

/// What a browser says of a new passkey.
#[derive(Debug)]
pub struct Made {
    /// What its owner calls it.
    pub name: String,
    /// The client's data, as JSON.
    pub client_data: Vec<u8>,
    /// The attestation object.
    pub attestation: Vec<u8>,
}

/// Keeps a passkey that was made for an account.
///
/// # Errors
/// The browser's answer is not taken, the account has too many or has this one, or the database fails.
pub async fn add(kernel: &Kernel, user: UserId, place: &Place, made: Made) -> Result<passkey::Model, Failure> {
    let name = made.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_LABEL || name.chars().any(char::is_control) {
        let message = format!("a passkey's name has 1 to {LONGEST_LABEL} visible characters");
        return Err(Failure::field("name", message));
    }
    let challenge = ours(kernel, Purpose::Make(user), &made.client_data)?;
    take(kernel, &challenge)?;
    let expected = Expected {
        challenge: &challenge,
        origin: &place.origin,
        host: place.host(),
    };
    let created = webauthn::created(&made.client_data, &made.attestation, expected).map_err(refused)?;
    let row = passkey::ActiveModel {
        id: Set(PasskeyId::new()),
        user_id: Set(user),
        credential_id: Set(created.credential),
        algorithm: Set(created.key.algorithm),
        public_key: Set(created.key.bytes),
        n_uses: Set(i64::from(created.n_uses)),
        name: Set(name.to_owned()),
        created_at: Set(kernel.clock.now_ms()),
        seen_at: Set(None),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let known = passkey::Entity::find().filter(passkey::Column::UserId.eq(user));
    if known.count(&*tx).await? >= MAX_PASSKEYS {
        let message = format!("an account has at most {MAX_PASSKEYS} passkeys; remove one first");
        return Err(Failure::new(&codes::PASSKEY_TOO_MANY, message));
    }
    let row = row.insert(&*tx).await.map_err(|error| {
        // SQLite names the column, PostgreSQL the index.
        if violates(&error, "credential_id") {
            return Failure::new(&codes::PASSKEY_KNOWN, "this passkey is known already");
        }
        Failure::internal(error)
    })?;
    tx.commit().await?;
    Ok(row)
}

/// What a browser says of a passkey that was used.
#[derive(Debug)]
pub struct Used {
    /// Which passkey.
    pub credential: Vec<u8>,
    /// The client's data, as JSON.
    pub client_data: Vec<u8>,
    /// The authenticator's data.
    pub authenticator_data: Vec<u8>,
    /// The signature over both.
    pub signature: Vec<u8>,
}

/// Signs in by a passkey, which stands for the password and the second factor: the authenticator has verified its owner.
///
/// # Errors
/// There is no such passkey, its account is disabled, the answer is not taken, or the database fails.
pub async fn sign_in(kernel: &Kernel, place: &Place, used: Used, device: Device) -> Result<SignedIn, Failure> {
    let challenge = ours(kernel, Purpose::SignIn, &used.client_data)?;
    let unknown = || {
        Failure::new(
            &codes::PASSKEY_REFUSED,
            "this passkey is not known here; sign in by name and password",
        )
    };
    let found = passkey::Entity::find().filter(passkey::Column::CredentialId.eq(used.credential));
    let row = found.one(kernel.store.reader()).await?.ok_or_else(unknown)?;
    take(kernel, &challenge)?;
    let key = PublicKey {
        algorithm: row.algorithm,
        bytes: row.public_key,
    };
    let expected = Expected {
        challenge: &challenge,
        origin: &place.origin,
        host: place.host(),
    };
    let Used {
        client_data,
        authenticator_data,
        signature,
        ..
    } = used;
    let n_uses = webauthn::used(&client_data, &authenticator_data, &signature, &key, expected).map_err(refused)?;
    let user = rules::find(kernel, row.user_id).await?;
    let user = user.filter(|user| !user.is_disabled).ok_or_else(unknown)?;
    mark_used(kernel, row.id, i64::from(n_uses)).await?;
    begin_session(kernel, &user, device).await
}

/// Writes that a passkey was used. One whose counter does not grow was copied; those that never count stay at zero.
async fn mark_used(kernel: &Kernel, id: PasskeyId, n_uses: i64) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let column = || Expr::col(passkey::Column::NUses);
    use sea_orm::sea_query::ExprTrait;
    let counts = column().lt(n_uses).or(column().eq(0).and(Expr::val(n_uses).eq(0)));
    let update = passkey::Entity::update_many()
        .filter(passkey::Column::Id.eq(id))
        .filter(counts);
    let written = update
        .col_expr(passkey::Column::NUses, Expr::val(n_uses))
        .col_expr(passkey::Column::SeenAt, Expr::val(kernel.clock.now_ms()))
        .exec(&*tx)
        .await?;
    if written.rows_affected == 0 {
        tracing::warn!(passkey = %id, "a passkey's counter did not grow: it may have been copied");
        let message = "this passkey seems to have been copied; remove it, and make a new one";
        return Err(Failure::new(&codes::PASSKEY_REFUSED, message));
    }
    tx.commit().await?;
    Ok(())
}

/// The passkeys of an account, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of(kernel: &Kernel, user: UserId) -> Result<Vec<passkey::Model>, DbErr> {
    let rows = passkey::Entity::find().filter(passkey::Column::UserId.eq(user));
    rows.order_by_asc(passkey::Column::Id).all(kernel.store.reader()).await
}

/// Removes a passkey; `owner` restricts it to that account's.
///
/// # Errors
/// There is none, or the database fails.
pub async fn remove(kernel: &Kernel, id: PasskeyId, owner: Option<UserId>) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let mut delete = passkey::Entity::delete_many().filter(passkey::Column::Id.eq(id));
    if let Some(owner) = owner {
        delete = delete.filter(passkey::Column::UserId.eq(owner));
    }
    if delete.exec(&*tx).await?.rows_affected == 0 {
        return Err(Failure::new(&code::NOT_FOUND, format!("no passkey `{id}`")));
    }
    tx.commit().await?;
    Ok(())
}

/// What a browser is told to have a passkey made: the options of `navigator.credentials.create`, bytes in base64url.
pub fn options(user: &user::Model, known: &[passkey::Model], place: &Place, challenge: &[u8]) -> serde_json::Value {
    let text = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let kind = |algorithm| serde_json::json!({ "type": "public-key", "alg": algorithm });
    let one = |row: &passkey::Model| serde_json::json!({ "type": "public-key", "id": text(&row.credential_id) });
    serde_json::json!({
        "challenge": text(challenge),
        "rp": { "id": place.host(), "name": "Vitagraph" },
        "user": { "id": text(&user.id.0.to_be_bytes()), "name": user.name, "displayName": user.name },
        "pubKeyCredParams": webauthn::ALGORITHMS.map(kind),
        "excludeCredentials": known.iter().map(one).collect::<Vec<_>>(),
        "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
        "attestation": "none",
        "timeout": VALID.as_millis() as u64 / 2,
    })
}

fn refused(reason: webauthn::Refused) -> Failure {
    Failure::new(&codes::PASSKEY_REFUSED, reason.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_place_has_no_port() {
        for (origin, host) in [
            ("https://media.example", "media.example"),
            ("http://localhost:8080", "localhost"),
            ("https://media.example:8443", "media.example"),
        ] {
            assert_eq!(
                Place {
                    origin: origin.to_owned()
                }
                .host(),
                host
            );
        }
    }

    #[test]
    fn a_challenge_is_answered_once() {
        let known = Answered::default();
        assert!(known.take(b"one", 0));
        assert!(!known.take(b"one", 1));
        assert!(known.take(b"two", 1));
    }
}
