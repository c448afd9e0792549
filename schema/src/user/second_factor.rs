//! The second factor of an account: codes of an authenticator app, and codes for the day on which it is lost.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use entities::{id::UserId, recovery_code, second_factor, user};
use kernel::{
    error::Failure,
    plugin::Kernel,
    seal::Sealer,
    store::{Durability, Tx},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::{
    kit::access::Viewer,
    user::{codes, one_time, rules},
};

/// How many recovery codes an account has.
const RECOVERY_CODES: usize = 10;
/// The bytes of each: 80 bits, which nobody guesses, so that a plain hash is enough.
const RECOVERY: usize = 10;

fn place(user: UserId) -> String {
    format!("second_factor.secret of {user}")
}

/// Makes a secret for an account, which counts once [`confirm`] has seen a code of it. One that was begun before is
/// forgotten.
///
/// # Errors
/// The account has a second factor already, or the database fails.
pub async fn begin(kernel: &Kernel, user: &user::Model) -> Result<[u8; one_time::SECRET], Failure> {
    let secret: [u8; one_time::SECRET] = rand::random();
    let row = second_factor::ActiveModel {
        user_id: Set(user.id),
        secret: Set(Sealer::of(kernel)?.seal(&place(user.id), &HEXLOWER.encode(&secret))),
        is_confirmed: Set(false),
        last_step: Set(0),
        created_at: Set(kernel.clock.now_ms()),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let renew = OnConflict::column(second_factor::Column::UserId)
        .update_columns([
            second_factor::Column::Secret,
            second_factor::Column::LastStep,
            second_factor::Column::CreatedAt,
        ])
        .action_and_where(second_factor::Column::IsConfirmed.eq(false))
        .to_owned();
    let insert = second_factor::Entity::insert(row).on_conflict(renew);
    if insert.exec_without_returning(&*tx).await? == 0 {
        let message = "this account has a second factor; remove it first";
        return Err(Failure::new(&codes::SECOND_FACTOR_EXISTS, message));
    }
    tx.commit().await?;
    Ok(secret)
}

/// Makes the secret that was begun count, for a code of it, and gives the recovery codes. The account's other sessions end.
///
/// # Errors
/// Nothing was begun, the code is wrong, or the database fails.
pub async fn confirm(kernel: &Kernel, viewer: &Viewer, code: &str) -> Result<Vec<String>, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let begun = second_factor::Entity::find_by_id(viewer.user).one(&*tx).await?;
    let Some(begun) = begun.filter(|begun| !begun.is_confirmed) else {
        let message = "no second factor was begun; begin one first";
        return Err(Failure::new(&codes::SECOND_FACTOR_NOT_BEGUN, message));
    };
    let step = one_time::step_of(&open(kernel, &begun)?, code, kernel.clock.now_ms(), 0).ok_or_else(|| {
        Failure::field(
            "input.code",
            "this is not the app's present code; see that both clocks are right",
        )
    })?;
    let row = second_factor::ActiveModel {
        user_id: Set(viewer.user),
        is_confirmed: Set(true),
        last_step: Set(step),
        ..Default::default()
    };
    row.update(&*tx).await?;
    recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(viewer.user))
        .exec(&*tx)
        .await?;
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery()).collect();
    let rows = codes.iter().map(|code| recovery_code::ActiveModel {
        user_id: Set(viewer.user),
        code_hash: Set(hash(code)),
    });
    recovery_code::Entity::insert_many(rows)
        .exec_without_returning(&*tx)
        .await?;
    rules::end_sessions(&tx, viewer.user, viewer.session()).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Whether an account proves itself with a second factor.
///
/// # Errors
/// The database fails.
pub async fn has(kernel: &Kernel, user: UserId) -> Result<bool, DbErr> {
    let found = second_factor::Entity::find_by_id(user)
        .one(kernel.store.reader())
        .await?;
    Ok(found.is_some_and(|found| found.is_confirmed))
}

/// Removes the second factor of an account and its recovery codes; says whether there was one.
///
/// # Errors
/// The database fails.
pub async fn remove(kernel: &Kernel, user: UserId) -> Result<bool, DbErr> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let removed = second_factor::Entity::delete_by_id(user).exec(&*tx).await?;
    recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(user))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(removed.rows_affected > 0)
}

/// Holds what somebody who knows an account's password gave as second factor against what it has. A code that is right is
/// used up.
///
/// # Errors
/// A code is needed and none was given, it is wrong, or the database fails.
pub async fn check(kernel: &Kernel, user: UserId, given: Option<&SecretString>) -> Result<(), Failure> {
    let found = second_factor::Entity::find_by_id(user)
        .one(kernel.store.reader())
        .await?;
    let Some(known) = found.filter(|found| found.is_confirmed) else {
        return Ok(());
    };
    let Some(given) = given else {
        let message = "this account has a second factor; send the code of its app, or a recovery code, too";
        return Err(Failure::new(&codes::SECOND_FACTOR_NEEDED, message));
    };
    let given = given.expose_secret();
    let tx = kernel.store.begin(Durability::Full).await?;
    let step = one_time::step_of(&open(kernel, &known)?, given, kernel.clock.now_ms(), known.last_step);
    let is_right = match step {
        Some(step) => use_step(&tx, user, step).await?,
        None => use_recovery(&tx, user, given).await?,
    };
    if !is_right {
        return Err(Failure::new(
            &codes::SECOND_FACTOR_WRONG,
            "this is not the present code",
        ));
    }
    tx.commit().await?;
    Ok(())
}

/// Of those who come with the same code at once, one has it.
async fn use_step(tx: &Tx, user: UserId, step: i64) -> Result<bool, DbErr> {
    let update = second_factor::Entity::update_many()
        .filter(second_factor::Column::UserId.eq(user))
        .filter(second_factor::Column::LastStep.lt(step))
        .col_expr(second_factor::Column::LastStep, Expr::value(step));
    Ok(update.exec(&**tx).await?.rows_affected > 0)
}

async fn use_recovery(tx: &Tx, user: UserId, code: &str) -> Result<bool, DbErr> {
    let delete = recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(user))
        .filter(recovery_code::Column::CodeHash.eq(hash(code)));
    Ok(delete.exec(&**tx).await?.rows_affected > 0)
}

fn open(kernel: &Kernel, row: &second_factor::Model) -> Result<Vec<u8>, Failure> {
    let opened = Sealer::of(kernel)?.unseal(&place(row.user_id), &row.secret);
    let digits = opened.map_err(|error| {
        let message = format!("the second factor cannot be checked: {error}; an administrator can remove it");
        Failure::new(&codes::SECOND_FACTOR_SEALED, message)
    })?;
    HEXLOWER.decode(digits.as_bytes()).map_err(Failure::internal)
}

/// `ABCD-EFGH-IJKL-MNOP`.
fn recovery() -> String {
    let digits = BASE32_NOPAD.encode(&rand::random::<[u8; RECOVERY]>());
    let characters: Vec<char> = digits.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// Case, spaces and hyphens make no difference.
fn hash(code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(plain.to_uppercase()).to_vec()
}
