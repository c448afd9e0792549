//! `vitagraph user` and `vitagraph token`.

use std::{
    io::{BufRead, Read},
    process::ExitCode,
};

use anyhow::{Context, bail};
use entities::user::{self, Role};
use schema::{
    kit::access::Viewer,
    user::{
        rules::{self, NewUser, UserChanges},
        second_factor,
        sessions::{self, NewToken},
    },
};
use sea_orm::{EntityTrait, QueryOrder};
use secrecy::{ExposeSecret, SecretString};

use super::{print_line, print_rows};
use crate::compose::Base;

/// The longest line that is read as a password.
const LONGEST_LINE: u64 = 4096;

/// Makes an account, with the password from the first line of standard input.
pub async fn add(base: Base, name: String, role: Role) -> anyhow::Result<ExitCode> {
    let password = read_password(&format!("user add {name}"))?;
    let user = rules::create_user(
        &base.kernel,
        NewUser {
            name,
            password,
            role,
            libraries: None,
        },
    )
    .await?;
    print_line(&format!("made the account {} ({})", user.name, role_name(user.role)))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Replaces a password by the first line of standard input, and signs the account out everywhere.
pub async fn set_password(base: Base, name: &str) -> anyhow::Result<ExitCode> {
    let user = find(&base, name).await?;
    let changes = UserChanges {
        password: Some(read_password(&format!("user password {name}"))?),
        ..UserChanges::default()
    };
    let system = Viewer::of_system(user.id, user.name, Role::Admin);
    let user = rules::update_user(&base.kernel, &system, user.id, changes, None).await?;
    print_line(&format!(
        "{} has the new password now, and must sign in again",
        user.name
    ))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Lets an account sign in by its password alone, for who has lost the app and the recovery codes.
pub async fn remove_second_factor(base: Base, name: &str) -> anyhow::Result<ExitCode> {
    let user = find(&base, name).await?;
    let had_one = second_factor::remove(&base.kernel, user.id).await?;
    print_line(&match had_one {
        true => format!("{} signs in by the password alone now", user.name),
        false => format!("{} has no second factor", user.name),
    })?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn read_password(command: &str) -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_LINE)
        .read_line(&mut line)
        .context("reading the password from standard input")?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!(
            "no password came on standard input; try: printf '%s' \"$PASSWORD\" | vitagraph {command} --password-stdin"
        );
    }
    Ok(SecretString::from(password.to_owned()))
}

async fn find(base: &Base, name: &str) -> anyhow::Result<user::Model> {
    let found = rules::find_by_name(&base.kernel, name).await?;
    found.with_context(|| format!("no account is named `{name}`; `vitagraph user list` shows those there are"))
}

/// Lists accounts: name, role, state.
pub async fn list(base: Base) -> anyhow::Result<ExitCode> {
    let users = user::Entity::find()
        .order_by_asc(user::Column::Name)
        .all(base.kernel.store.reader())
        .await?;
    let row = |user: user::Model| {
        let state = if user.is_disabled { "disabled" } else { "enabled" };
        vec![user.name, role_name(user.role).to_owned(), state.to_owned()]
    };
    print_rows(&users.into_iter().map(row).collect::<Vec<_>>())?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a token and prints it alone.
pub async fn token(base: Base, owner: &str, name: String, scope: Role) -> anyhow::Result<ExitCode> {
    let owner = find(&base, owner).await?;
    let new = NewToken {
        name,
        scope,
        expires_at: None,
    };
    let (secret, _) = sessions::create_token(&base.kernel, owner.id, owner.role, new).await?;
    print_line(secret.expose_secret())?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Editor => "editor",
        Role::Viewer => "viewer",
    }
}
