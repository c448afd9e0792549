//! `vitagraph dev`: a synthetic library of any size, for measuring and for working on pages without media.

mod bulk;
mod indexes;
mod item;
pub mod plan;
mod random;
mod rows;
mod words;

use std::time::Instant;

use anyhow::{Context, bail};
use entities::{
    id::{MediaId, UserId},
    media,
    user::{self, Role},
};
use kernel::{plugin::Kernel, store::Durability};
use schema::{
    search::{index, subtitles},
    user::rules::{NewUser, create_user},
};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryOrder, QuerySelect};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use self::{item::Item, plan::Plan, rows::Rows};

/// Items in one transaction.
const CHUNK: usize = 2_000;
/// From so many items on, indexes are built at the end.
const MANY: usize = 20_000;
/// Accounts that use the library.
const MAX_USERS: u64 = 3;

/// What was made.
#[derive(Debug)]
pub struct Seeded {
    /// The password of the accounts that were made, if there were none.
    pub password: Option<SecretString>,
    /// Items a second, from the first row to the last index.
    pub rate: f64,
}

/// Fills an empty database with the library of a plan. `progress` hears how many items are written. Killed before its
/// end, it leaves a database that is best deleted: indexes are missing and counters are 0.
pub async fn seed(kernel: &Kernel, plan: Plan, mut progress: impl FnMut(usize)) -> anyhow::Result<Seeded> {
    let n_media = media::Entity::find().count(kernel.store.reader()).await?;
    if n_media > 0 {
        bail!(
            "the database has {n_media} items already; a synthetic library needs an empty one: choose another --data"
        );
    }
    let (users, password) = users(kernel).await?;
    let begun = Instant::now();
    let n_items = plan.n_media;
    let mut rows = Rows::new(plan.clone(), users.clone());
    index::ensure(&kernel.store).await?;
    let tx = kernel.store.begin(Durability::Normal).await?;
    rows.write_names(&tx).await?;
    let mut dropped = Vec::new();
    if n_items >= MANY {
        dropped = indexes::take_off(&tx).await?;
    }
    tx.commit().await?;

    let (send, mut made) = mpsc::channel::<Vec<Item>>(2);
    let n_users = users.len();
    let making = tokio::task::spawn_blocking(move || {
        for from in (0..n_items).step_by(CHUNK) {
            let to = (from + CHUNK).min(n_items);
            let items = (from..to).map(|n| item::item(&plan, n, n_users)).collect();
            if send.blocking_send(items).is_err() {
                // Writing failed; its error says why.
                return;
            }
        }
    });
    while let Some(items) = made.recv().await {
        let tx = kernel.store.begin(Durability::Normal).await?;
        items.iter().for_each(|item| rows.push(item));
        rows.write(&tx).await.context("writing items")?;
        let ids: Vec<MediaId> = items.iter().map(|item| MediaId(plan::key(item.n))).collect();
        index::refresh(&tx, &ids).await.context("indexing items")?;
        subtitles::refresh(&tx, &ids).await.context("indexing subtitles")?;
        tx.commit().await?;
        progress(items.last().map_or(0, |item| item.n + 1));
    }
    making.await?;

    for statement in dropped {
        let tx = kernel.store.begin(Durability::Normal).await?;
        tx.execute_unprepared(&statement)
            .await
            .with_context(|| format!("building an index by `{statement}`"))?;
        tx.commit().await?;
    }
    let tx = kernel.store.begin(Durability::Full).await?;
    rows.write_counters(&tx).await?;
    tx.commit().await?;
    kernel.store.analyze().await.context("looking at the values")?;
    kernel.caches.clear();
    Ok(Seeded {
        password,
        rate: n_items as f64 / begun.elapsed().as_secs_f64(),
    })
}

/// The accounts that rate and play, the oldest first; made when there are none.
async fn users(kernel: &Kernel) -> anyhow::Result<(Vec<UserId>, Option<SecretString>)> {
    let oldest = || {
        let ids = user::Entity::find().select_only().column(user::Column::Id);
        ids.order_by_asc(user::Column::Id)
            .limit(MAX_USERS)
            .into_tuple::<UserId>()
    };
    let present = oldest().all(kernel.store.reader()).await?;
    if !present.is_empty() {
        return Ok((present, None));
    }
    // Random, because whoever copies a command from a guide must not open a server to everybody.
    let password = SecretString::from(UserId(rand::random::<i64>()).to_string().replace("usr_", "seed-"));
    for (name, role) in [("ada", Role::Admin), ("ben", Role::Editor), ("cleo", Role::Viewer)] {
        let password = SecretString::from(password.expose_secret().to_owned());
        let name = name.to_owned();
        create_user(
            &kernel.clone(),
            NewUser {
                name,
                password,
                role,
                libraries: None,
            },
        )
        .await?;
    }
    Ok((oldest().all(kernel.store.reader()).await?, Some(password)))
}
