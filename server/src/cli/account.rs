//! `vitagraph user` and `vitagraph token`.

use std::{
    io::{BufRead, Read},
    process::ExitCode,
};

use anyhow::{Context, bail};
use entities::user::{self, Role};
use schema::user::{
    rules::{self, NewUser},
    sessions::{self, NewToken},
};
use sea_orm::{EntityTrait, QueryOrder};
use secrecy::{ExposeSecret, SecretString};

use super::print_line;
use crate::compose::Base;

/// The longest line that is read as a password.
const LONGEST_LINE: u64 = 4096;

/// Makes an account, with the password from the first line of standard input.
pub async fn add(base: Base, name: String, role: Role) -> anyhow::Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_LINE)
        .read_line(&mut line)
        .context("reading the password from standard input")?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("no password came on standard input; try: printf '%s' \"$PASSWORD\" | vitagraph user add {name} ..");
    }
    let new = NewUser {
        name,
        password: SecretString::from(password.to_owned()),
        role,
    };
    let user = rules::create_user(&base.kernel, new).await?;
    print_line(&format!("made the account {} ({})", user.name, role_name(user.role)))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Lists accounts, one a line: name, role, state.
pub async fn list(base: Base) -> anyhow::Result<ExitCode> {
    let users = user::Entity::find()
        .order_by_asc(user::Column::Name)
        .all(base.kernel.store.reader())
        .await?;
    for user in users {
        let state = if user.is_disabled { "\tdisabled" } else { "" };
        print_line(&format!("{}\t{}{state}", user.name, role_name(user.role)))?;
    }
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a token and prints it alone.
pub async fn token(base: Base, owner: &str, name: String, scope: Role) -> anyhow::Result<ExitCode> {
    let Some(owner) = rules::find_by_name(&base.kernel, owner).await? else {
        bail!("no account is named `{owner}`; `vitagraph user list` shows those there are");
    };
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
