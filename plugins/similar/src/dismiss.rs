//! What a person says is no duplicate, whatever the hashes say.

use std::collections::BTreeSet;

use entities::id::MediaId;
use kernel::{
    error::Failure,
    plugin::Kernel,
    sql,
    store::{Durability, Tx},
};
use sea_orm::DbErr;

use crate::{code, groups, state};

/// Remembers of all pairs among these items that they are no duplicates. Returns how many pairs are new.
///
/// # Errors
/// An item does not exist, or the database fails.
pub async fn dismiss(kernel: &Kernel, media: &[MediaId]) -> Result<u64, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    state::next_version(&tx).await?;
    must_exist(&tx, media).await?;
    let now = kernel.clock.now_ms();
    let mut n_new = 0;
    for (a, b) in pairs(media) {
        let text = "insert into similar_dismissed (a_media_id, b_media_id, created_at) values ($1, $2, $3) \
            on conflict do nothing";
        n_new += sql::execute(&*tx, text, [a.0.into(), b.0.into(), now.into()]).await?;
    }
    groups::recompute(&tx, media.iter().copied()).await?;
    tx.commit().await?;
    Ok(n_new)
}

/// Forgets of all pairs among these items that they are no duplicates. Returns how many were remembered.
///
/// # Errors
/// An item does not exist, or the database fails.
pub async fn undismiss(kernel: &Kernel, media: &[MediaId]) -> Result<u64, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    state::next_version(&tx).await?;
    must_exist(&tx, media).await?;
    let mut n_gone = 0;
    for (a, b) in pairs(media) {
        let text = "delete from similar_dismissed where a_media_id = $1 and b_media_id = $2";
        n_gone += sql::execute(&*tx, text, [a.0.into(), b.0.into()]).await?;
    }
    groups::recompute(&tx, media.iter().copied()).await?;
    tx.commit().await?;
    Ok(n_gone)
}

async fn must_exist(tx: &Tx, media: &[MediaId]) -> Result<(), Failure> {
    let text = format!("select id from media where id in ({})", sql::ids(media.iter().copied()));
    let rows = sql::rows(&**tx, text, []).await?;
    let known = rows.iter().map(|row| row.try_get_by_index(0).map(MediaId));
    let known = known.collect::<Result<BTreeSet<_>, DbErr>>()?;
    match media.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Failure::new(&code::MEDIA_NOT_FOUND, format!("no media item `{id}`"))),
        None => Ok(()),
    }
}

/// All pairs, the lesser id first.
fn pairs(media: &[MediaId]) -> Vec<(MediaId, MediaId)> {
    let ids: Vec<MediaId> = media.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let with_later = |(at, a): (usize, &MediaId)| ids[at + 1..].iter().map(|b| (*a, *b)).collect::<Vec<_>>();
    ids.iter().enumerate().flat_map(with_later).collect()
}
