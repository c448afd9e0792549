//! What may be done with accounts: plain functions for GraphQL, HTTP and the command line alike.

use entities::{
    id::{SessionId, UserId},
    session, user,
    user::Role,
};
use kernel::{
    error::{Failure, code},
    events::{SessionRevoked, UserChanged},
    plugin::Kernel,
    store::{Durability, Tx},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};
use secrecy::SecretString;

use crate::{
    kit::access::{Via, Viewer},
    user::{
        codes,
        grants::{self, Granted},
        password::{self, Verdict},
    },
};

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 64;

/// An account to be made.
#[derive(Debug)]
pub struct NewUser {
    /// Its name; see [`check_name`].
    pub name: String,
    /// Its password; see [`password::check_rules`].
    pub password: SecretString,
    /// What it may do at most.
    pub role: Role,
    /// The libraries that it has; all when absent.
    pub libraries: Option<Granted>,
}

/// What to change of an account; what is absent stays.
#[derive(Debug, Default)]
pub struct UserChanges {
    /// A new name.
    pub name: Option<String>,
    /// A new role; ends the account's sessions.
    pub role: Option<Role>,
    /// Disable or enable; a disabled account's sessions end, and its tokens do not work.
    pub is_disabled: Option<bool>,
    /// A new password; ends the account's other sessions.
    pub password: Option<SecretString>,
    /// The libraries that it has from now on; an inner `None` stands for all.
    pub libraries: Option<Option<Granted>>,
}

/// Whether no account exists yet.
pub async fn setup_needed(kernel: &Kernel) -> Result<bool, Failure> {
    Ok(count_accounts(kernel.store.reader()).await? == 0)
}

/// Makes an account.
pub async fn create_user(kernel: &Kernel, new: NewUser) -> Result<user::Model, Failure> {
    let libraries = new.libraries.clone();
    let fresh = prepare(kernel, new).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    let mut user = fresh.insert(&*tx).await.map_err(name_taken)?;
    if let Some(granted) = libraries {
        grants::set(&tx, &user, Some(&granted)).await?;
        user.is_limited = true;
    }
    tx.publish(UserChanged { user: user.id });
    tx.commit().await?;
    Ok(user)
}

/// Makes the first account, an administrator. Of several requests at once, one succeeds.
pub async fn create_first_user(kernel: &Kernel, name: String, password: SecretString) -> Result<user::Model, Failure> {
    let fresh = prepare(
        kernel,
        NewUser {
            name,
            password,
            role: Role::Admin,
            libraries: None,
        },
    )
    .await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    lock_accounts(&tx).await?;
    if count_accounts(&*tx).await? > 0 {
        return Err(Failure::new(
            &codes::SETUP_DONE,
            "the first account exists already; sign in",
        ));
    }
    let user = fresh.insert(&*tx).await?;
    tx.publish(UserChanged { user: user.id });
    tx.commit().await?;
    Ok(user)
}

/// Changes an account. Administrators change every account; everybody else only their own password. Who changes
/// their own password proves to know the present one.
pub async fn update_user(
    kernel: &Kernel,
    actor: &Viewer,
    id: UserId,
    changes: UserChanges,
    current_password: Option<SecretString>,
) -> Result<user::Model, Failure> {
    let is_own = actor.user == id;
    let touches_more = changes.name.is_some()
        || changes.role.is_some()
        || changes.is_disabled.is_some()
        || changes.libraries.is_some();
    if actor.role != Role::Admin && (!is_own || touches_more) {
        return Err(Failure::new(
            &code::FORBIDDEN,
            "only an administrator may change this; you may change your password",
        ));
    }
    let before = find(kernel, id).await?.ok_or_else(|| no_user(id))?;
    if is_own && changes.password.is_some() && actor.via != Via::System {
        let given = current_password.ok_or_else(|| {
            Failure::field(
                "input.currentPassword",
                "give the present password to change your own password",
            )
        })?;
        if password::verify(given, Some(before.password_hash.clone())).await? == Verdict::Wrong {
            return Err(Failure::field(
                "input.currentPassword",
                "this is not the present password",
            ));
        }
    }
    let mut row = user::ActiveModel {
        id: Set(id),
        updated_at: Set(kernel.clock.now_ms()),
        ..Default::default()
    };
    if let Some(name) = &changes.name {
        row.name = Set(check_name("input.name", name)?);
    }
    if let Some(role) = changes.role {
        row.role = Set(role);
    }
    if let Some(is_disabled) = changes.is_disabled {
        row.is_disabled = Set(is_disabled);
    }
    let is_new_password = changes.password.is_some();
    if let Some(fresh) = changes.password {
        password::check_rules("input.password", &fresh)?;
        row.password_hash = Set(password::hash(fresh).await?);
    }

    let tx = kernel.store.begin(Durability::Full).await?;
    lock_accounts(&tx).await?;
    // Read again: the password's hash took a while, and somebody else may have changed the account.
    let before = user::Entity::find_by_id(id)
        .one(&*tx)
        .await?
        .ok_or_else(|| no_user(id))?;
    let mut after = row.update(&*tx).await.map_err(name_taken)?;
    if let Some(libraries) = &changes.libraries {
        grants::set(&tx, &after, libraries.as_ref()).await?;
        after.is_limited = libraries.is_some();
    }
    if after.role == Role::Admin && after.is_limited {
        return Err(Failure::field(
            "input.role",
            "an administrator sees all libraries: set `libraryAccess` to null with it",
        ));
    }
    let is_admin = |user: &user::Model| user.role == Role::Admin && !user.is_disabled;
    if is_admin(&before) && !is_admin(&after) && count_admins(&*tx).await? == 0 {
        let message = format!("`{}` is the last administrator; make another one first", before.name);
        return Err(Failure::new(&codes::USER_LAST_ADMIN, message));
    }
    if after.is_disabled || after.role != before.role {
        end_sessions(&tx, id, None).await?;
    } else if is_new_password {
        end_sessions(&tx, id, own_session(actor, id)).await?;
    }
    tx.publish(UserChanged { user: id });
    tx.commit().await?;
    Ok(after)
}

/// The account of a name and its password. An unknown name, a wrong password and a disabled account get the same
/// answer after the same work.
pub async fn authenticate_password(kernel: &Kernel, name: &str, given: SecretString) -> Result<user::Model, Failure> {
    let found = find_by_name(kernel, name).await?;
    let stored = found.as_ref().map(|user| user.password_hash.clone());
    let verdict = password::verify(given, stored).await?;
    let wrong = || Failure::new(&codes::SIGN_IN_FAILED, "the name or the password is wrong");
    let user = match (verdict, found) {
        (Verdict::Wrong, _) | (_, None) => return Err(wrong()),
        (_, Some(user)) if user.is_disabled => return Err(wrong()),
        (Verdict::Right, Some(user)) => user,
        (Verdict::RightButWeak(renewed), Some(user)) => {
            let tx = kernel.store.begin(Durability::Full).await?;
            let row = user::ActiveModel {
                id: Set(user.id),
                password_hash: Set(renewed),
                ..Default::default()
            };
            let user = row.update(&*tx).await?;
            tx.commit().await?;
            user
        }
    };
    Ok(user)
}

/// The account of this id.
pub async fn find(kernel: &Kernel, id: UserId) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).one(kernel.store.reader()).await
}

/// The account of this name; case makes no difference.
pub async fn find_by_name(kernel: &Kernel, name: &str) -> Result<Option<user::Model>, DbErr> {
    // A text that cannot be a name has no account, and PostgreSQL would refuse some of them.
    let Ok(name) = check_name("name", name) else {
        return Ok(None);
    };
    let same = Expr::expr(Func::lower(Expr::col(user::Column::Name))).eq(Func::lower(Expr::val(name)));
    user::Entity::find().filter(same).one(kernel.store.reader()).await
}

/// The name as it is stored: without spaces around it, visible, and not too long.
pub fn check_name(path: &str, name: &str) -> Result<String, Failure> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Failure::field(
            path,
            format!("a name has 1 to {LONGEST_NAME} characters"),
        ));
    }
    // Invisible and direction-changing characters would let one account look like another.
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
    };
    if name.chars().any(is_hidden) {
        return Err(Failure::field(path, "a name has no control or invisible characters"));
    }
    Ok(name.to_owned())
}

/// Ends the sessions of an account, except perhaps one, and says how many. The caches hear of it after the commit.
pub(crate) async fn end_sessions(tx: &Tx, user: UserId, except: Option<SessionId>) -> Result<usize, DbErr> {
    let of_user = session::Entity::find().filter(session::Column::UserId.eq(user));
    let ids = of_user
        .select_only()
        .column(session::Column::Id)
        .into_tuple::<SessionId>()
        .all(&**tx)
        .await?;
    let ended: Vec<SessionId> = ids.into_iter().filter(|id| Some(*id) != except).collect();
    let n_ended = ended.len();
    if n_ended == 0 {
        return Ok(0);
    }
    session::Entity::delete_many()
        .filter(session::Column::Id.is_in(ended.iter().copied()))
        .exec(&**tx)
        .await?;
    for session in ended {
        tx.publish(SessionRevoked { session });
    }
    Ok(n_ended)
}

async fn prepare(kernel: &Kernel, new: NewUser) -> Result<user::ActiveModel, Failure> {
    let name = check_name("input.name", &new.name)?;
    password::check_rules("input.password", &new.password)?;
    let now = kernel.clock.now_ms();
    Ok(user::ActiveModel {
        id: Set(UserId::new()),
        name: Set(name),
        password_hash: Set(password::hash(new.password).await?),
        role: Set(new.role),
        is_disabled: Set(false),
        is_limited: Set(false),
        created_at: Set(now),
        updated_at: Set(now),
    })
}

/// Lets one transaction at a time decide on "how many accounts are there". SQLite has one writer anyway.
async fn lock_accounts(tx: &Tx) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(r#"lock table "user" in share row exclusive mode"#)
            .await?;
    }
    Ok(())
}

async fn count_accounts<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    user::Entity::find().count(db).await
}

async fn count_admins<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let admins = user::Entity::find().filter(user::Column::Role.eq(Role::Admin));
    admins.filter(user::Column::IsDisabled.eq(false)).count(db).await
}

fn own_session(actor: &Viewer, id: UserId) -> Option<SessionId> {
    match actor.via {
        Via::Session(session) if actor.user == id => Some(session),
        _ => None,
    }
}

/// What is said of an account that does not exist.
pub(crate) fn no_user(id: UserId) -> Failure {
    Failure::new(&codes::USER_NOT_FOUND, format!("no account `{id}`"))
}

fn name_taken(error: DbErr) -> Failure {
    // Both databases name the index in their message.
    if error.to_string().contains("user_name_key") {
        return Failure::new(
            &codes::USER_NAME_TAKEN,
            "another account has this name; choose another one",
        );
    }
    Failure::internal(error)
}
