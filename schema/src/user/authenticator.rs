//! Who sends a request: sessions and tokens looked up in a cache, sign-in with its growing delay.
//!
//! A warm lookup costs no statement. What is cached is at most thirty seconds old, and this process forgets it at
//! once when a session ends or an account changes; another node follows within those thirty seconds.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use entities::{
    api_token,
    id::{ApiTokenId, SessionId, UserId},
    session, user,
    user::Role,
};
use kernel::{
    cache::RowCache,
    error::Failure,
    events::{SessionRevoked, UserChanged},
    plugin::Kernel,
    store::{Durability, Store},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    sea_query::{Alias, Cond, Expr, ExprTrait, JoinType, Query},
};
use secrecy::SecretString;

use crate::{
    kit::access::{Via, Viewer},
    user::{
        codes, grants,
        password::{self, Verdict},
        rules, second_factor,
        secret::{SecretHash, SecretKind},
        sessions::{self, Device, ends_at},
        throttle::Throttle,
    },
};

/// What is older is looked up again.
const FRESH_MS: i64 = 30_000;
/// `seen_at` is written at most this often.
const SEEN_MS: i64 = 300_000;
/// Room for some ten thousand sessions or tokens.
const CACHE_BYTES: u64 = 4 << 20;

/// Finds out who sends a request. There is one for each kernel: [`Authenticator::of`].
pub struct Authenticator {
    sessions: RowCache<SecretHash, Grant>,
    tokens: RowCache<SecretHash, Grant>,
    throttle: Throttle,
    has_accounts: AtomicBool,
}

/// What a secret grants, as read.
struct Grant {
    viewer: Viewer,
    created_at: i64,
    seen_at: AtomicI64,
    expires_at: Option<i64>,
    read_at: i64,
    is_renewing: AtomicBool,
}

/// What somebody proves an account with.
#[derive(Debug)]
pub struct Credentials {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
    /// A code of its second factor, or a recovery code.
    pub code: Option<SecretString>,
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// The account.
    pub viewer: Viewer,
    /// What goes into the cookie.
    pub secret: SecretString,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Nothing was compared: there were too many attempts.
    #[error("too many attempts; try again in {seconds} seconds")]
    Throttled {
        /// How long to wait.
        seconds: u64,
    },
    /// The name or the password is wrong, or something failed.
    #[error(transparent)]
    Refused(#[from] Failure),
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Throttled { .. } => Self::new(&codes::SIGN_IN_THROTTLED, error.to_string()),
            SignInError::Refused(failure) => failure,
        }
    }
}

impl Authenticator {
    /// The kernel's one; the first call makes it.
    pub fn of(kernel: &Kernel) -> Arc<Self> {
        kernel.parts.get_or_make(|| Self::make(kernel))
    }

    /// Makes the caches and has them follow the facts.
    fn make(kernel: &Kernel) -> Arc<Self> {
        let load = |kind| {
            let store = kernel.store.clone();
            move |hashes| load_grants(store.clone(), kind, hashes)
        };
        let made = Arc::new(Self {
            sessions: kernel
                .caches
                .rows("user.session", CACHE_BYTES, |_| 160, load(SecretKind::Session)),
            tokens: kernel
                .caches
                .rows("user.api_token", CACHE_BYTES, |_| 160, load(SecretKind::ApiToken)),
            throttle: Throttle::default(),
            has_accounts: AtomicBool::new(false),
        });
        // Both facts are rare, so forgetting everybody is cheaper than knowing who has which secrets.
        let ended = Arc::downgrade(&made);
        kernel.events.on(move |_: &SessionRevoked| {
            if let Some(made) = ended.upgrade() {
                made.sessions.clear();
            }
        });
        let changed = Arc::downgrade(&made);
        kernel.events.on(move |_: &UserChanged| {
            if let Some(made) = changed.upgrade() {
                made.sessions.clear();
                made.tokens.clear();
            }
        });
        made
    }

    /// The viewer of a session's cookie, or nothing when the session has ended or never was.
    pub async fn session(&self, kernel: &Kernel, secret: &str) -> Result<Option<Viewer>, Failure> {
        self.viewer(kernel, SecretKind::Session, secret).await
    }

    /// The viewer of an API token, or nothing when it is unknown, revoked or expired.
    pub async fn token(&self, kernel: &Kernel, secret: &str) -> Result<Option<Viewer>, Failure> {
        self.viewer(kernel, SecretKind::ApiToken, secret).await
    }

    /// Whether no account exists yet. Once there is one, this costs nothing.
    pub async fn setup_needed(&self, kernel: &Kernel) -> Result<bool, Failure> {
        if self.has_accounts.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let is_needed = rules::setup_needed(kernel).await?;
        self.has_accounts.store(!is_needed, Ordering::Relaxed);
        Ok(is_needed)
    }

    /// Signs in with a name, a password and, where the account has one, a second factor. An attempt counts against the
    /// account and the address.
    pub async fn sign_in(&self, kernel: &Kernel, given: Credentials, device: Device) -> Result<SignedIn, SignInError> {
        let attempt = self
            .throttle
            .begin(given.name.trim(), device.address, kernel.clock.now_ms());
        let attempt = attempt.map_err(|seconds| SignInError::Throttled { seconds })?;
        let proved = async {
            let user = rules::authenticate_password(kernel, &given.name, given.password).await?;
            second_factor::check(kernel, user.id, given.code.as_ref()).await?;
            Ok::<_, Failure>(user)
        };
        let user = match proved.await {
            Ok(user) => user,
            Err(failure) => {
                // Who has not guessed yet, and whom the server failed, has not failed.
                if ![&codes::SIGN_IN_FAILED, &codes::SECOND_FACTOR_WRONG].contains(&failure.code) {
                    attempt.take_back();
                }
                return Err(failure.into());
            }
        };
        attempt.succeed();
        Ok(begin_session(kernel, &user, device).await?)
    }

    /// Whether this is the password of an account that is signed in already. An attempt counts against the account.
    pub async fn prove(&self, kernel: &Kernel, user: &user::Model, given: SecretString) -> Result<bool, SignInError> {
        let stored = Some(user.password_hash.clone());
        self.try_password(kernel, &user.id.to_string(), None, given, stored)
            .await
    }

    /// Whether a password is the one of a stored hash. An attempt counts against what it is for, and the address.
    pub async fn try_password(
        &self,
        kernel: &Kernel,
        what: &str,
        address: Option<IpAddr>,
        given: SecretString,
        stored: Option<String>,
    ) -> Result<bool, SignInError> {
        let attempt = self.throttle.begin(what, address, kernel.clock.now_ms());
        let attempt = attempt.map_err(|seconds| SignInError::Throttled { seconds })?;
        match password::verify(given, stored).await {
            Ok(Verdict::Wrong) => Ok(false),
            Ok(Verdict::Right | Verdict::RightButWeak(_)) => {
                attempt.succeed();
                Ok(true)
            }
            Err(failure) => {
                attempt.take_back();
                Err(failure.into())
            }
        }
    }

    async fn viewer(&self, kernel: &Kernel, kind: SecretKind, secret: &str) -> Result<Option<Viewer>, Failure> {
        let Some(hash) = SecretHash::of(kind, secret) else {
            return Ok(None);
        };
        let cache = match kind {
            SecretKind::Session => &self.sessions,
            SecretKind::ApiToken => &self.tokens,
        };
        let now = kernel.clock.now_ms();
        let Some(mut grant) = cache.get(hash).await? else {
            return Ok(None);
        };
        // One request renews; those beside it use what is there.
        if now - grant.read_at > FRESH_MS && !grant.is_renewing.swap(true, Ordering::Relaxed) {
            cache.invalidate([hash]);
            let Some(renewed) = cache.get(hash).await? else {
                return Ok(None);
            };
            grant = renewed;
        }
        if grant.ends_at(kind) <= now {
            return Ok(None);
        }
        mark_seen(kernel, &grant, now).await;
        Ok(Some(grant.viewer.clone()))
    }
}

/// Makes a session for an account that has just proved who it is.
pub async fn begin_session(kernel: &Kernel, user: &user::Model, device: Device) -> Result<SignedIn, Failure> {
    let (secret, session) = sessions::create_session(kernel, user, device).await?;
    let via = Via::Session(session.id);
    let grants::Reach { sees, edits } = grants::reach(kernel.store.reader(), user).await?;
    Ok(SignedIn {
        viewer: Viewer {
            user: user.id,
            name: user.name.clone(),
            role: user.role,
            via,
            sees,
            edits,
        },
        secret,
    })
}

/// Writes that a session or token is in use. A failure is logged: it must not cost the request.
async fn mark_seen(kernel: &Kernel, grant: &Grant, now: i64) {
    let seen_at = grant.seen_at.load(Ordering::Relaxed);
    if now - seen_at < SEEN_MS {
        return;
    }
    if grant
        .seen_at
        .compare_exchange(seen_at, now, Ordering::Relaxed, Ordering::Relaxed)
        .is_err()
    {
        return;
    }
    if let Err(error) = write_seen(kernel, grant, now).await {
        tracing::warn!(%error, "that a session or token is in use could not be written");
    }
}

async fn write_seen(kernel: &Kernel, grant: &Grant, now: i64) -> Result<(), DbErr> {
    let tx = kernel.store.begin(Durability::Normal).await?;
    match grant.viewer.via {
        Via::Session(id) => {
            let update = session::Entity::update_many().filter(session::Column::Id.eq(id));
            let update = update.col_expr(session::Column::SeenAt, Expr::value(now));
            let ends_at = ends_at(grant.created_at, now);
            update
                .col_expr(session::Column::ExpiresAt, Expr::value(ends_at))
                .exec(&*tx)
                .await?;
        }
        Via::Token(id) => {
            let update = api_token::Entity::update_many().filter(api_token::Column::Id.eq(id));
            update
                .col_expr(api_token::Column::SeenAt, Expr::value(now))
                .exec(&*tx)
                .await?;
        }
        Via::System => {}
    }
    tx.commit().await
}

impl Grant {
    fn ends_at(&self, kind: SecretKind) -> i64 {
        match kind {
            SecretKind::Session => ends_at(self.created_at, self.seen_at.load(Ordering::Relaxed)),
            SecretKind::ApiToken => self.expires_at.unwrap_or(i64::MAX),
        }
    }
}

#[derive(FromQueryResult)]
struct GrantRow {
    id: i64,
    token_hash: Vec<u8>,
    user_id: UserId,
    user_name: String,
    role: Role,
    scope: Option<Role>,
    grants: Option<String>,
    created_at: i64,
    seen_at: Option<i64>,
    expires_at: Option<i64>,
}

/// One statement for all secrets asked for; a disabled account and a revoked token have no row.
async fn load_grants(
    store: Store,
    kind: SecretKind,
    hashes: Vec<SecretHash>,
) -> Result<HashMap<SecretHash, Grant>, DbErr> {
    let hashes: Vec<Vec<u8>> = hashes.into_iter().map(SecretHash::to_vec).collect();
    let mut query = Query::select();
    query.expr_as(Expr::col((user::Entity, user::Column::Name)), Alias::new("user_name"));
    query.column((user::Entity, user::Column::Role));
    query.expr_as(grants::column(store.backend()), Alias::new("grants"));
    let user_id = Expr::col((user::Entity, user::Column::Id));
    match kind {
        SecretKind::Session => {
            use session::Column;
            for column in [
                Column::Id,
                Column::TokenHash,
                Column::UserId,
                Column::CreatedAt,
                Column::SeenAt,
            ] {
                query.column((session::Entity, column));
            }
            query
                .column((session::Entity, Column::ExpiresAt))
                .expr_as(Expr::cust("null"), Alias::new("scope"));
            query
                .from(session::Entity)
                .and_where(Expr::col((session::Entity, Column::TokenHash)).is_in(hashes));
            query.join(
                JoinType::InnerJoin,
                user::Entity,
                user_id.equals((session::Entity, Column::UserId)),
            );
        }
        SecretKind::ApiToken => {
            use api_token::Column;
            for column in [
                Column::Id,
                Column::TokenHash,
                Column::UserId,
                Column::CreatedAt,
                Column::SeenAt,
            ] {
                query.column((api_token::Entity, column));
            }
            query.columns([
                (api_token::Entity, Column::ExpiresAt),
                (api_token::Entity, Column::Scope),
            ]);
            query
                .from(api_token::Entity)
                .and_where(Expr::col((api_token::Entity, Column::TokenHash)).is_in(hashes));
            query.and_where(Expr::col((api_token::Entity, Column::RevokedAt)).is_null());
            query.join(
                JoinType::InnerJoin,
                user::Entity,
                user_id.equals((api_token::Entity, Column::UserId)),
            );
        }
    }
    query.cond_where(Cond::all().add(Expr::col((user::Entity, user::Column::IsDisabled)).eq(false)));
    let read_at = store.clock().now_ms();
    let rows = GrantRow::find_by_statement(store.backend().build(&query))
        .all(store.reader())
        .await?;
    let grants = rows.into_iter().filter_map(|row| {
        let hash = SecretHash(row.token_hash.as_slice().try_into().ok()?);
        let via = match kind {
            SecretKind::Session => Via::Session(SessionId(row.id)),
            SecretKind::ApiToken => Via::Token(ApiTokenId(row.id)),
        };
        let role = row.scope.map_or(row.role, |scope| lesser(scope, row.role));
        let grants::Reach { sees, edits } = grants::read_off(row.grants.as_deref());
        let grant = Grant {
            viewer: Viewer {
                user: row.user_id,
                name: row.user_name,
                role,
                via,
                sees,
                edits,
            },
            created_at: row.created_at,
            seen_at: AtomicI64::new(row.seen_at.unwrap_or(0)),
            expires_at: row.expires_at,
            read_at,
            is_renewing: AtomicBool::new(false),
        };
        Some((hash, grant))
    });
    Ok(grants.collect())
}

fn lesser(one: Role, other: Role) -> Role {
    if (one as i32) < (other as i32) { one } else { other }
}
