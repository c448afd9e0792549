//! What an account has seen of an item: where it stopped, and how often it saw enough to count.

use entities::{
    id::{MediaId, UserId},
    media, media_user,
};
use kernel::{
    error::{Failure, code as kernel_code},
    plugin::Kernel,
    store::{Durability, Tx},
};
use schema::media::rules::MediaUserChanged;
use sea_orm::{
    ActiveValue::Set,
    EntityTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};

/// What counts as seen.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The share of an item that must be watched for a view, in percent.
    pub view_percent: u8,
    /// The share behind which an item is finished, so that it begins anew, in percent.
    pub finished_percent: u8,
}

/// Remembers where an account stopped. At the end nothing is left to resume.
pub async fn save(kernel: &Kernel, rules: Rules, user: UserId, id: MediaId, position_us: i64) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Normal).await?;
    let item = playable(&tx, id).await?;
    let end_us = item.duration_us.unwrap_or(i64::MAX);
    if position_us < 0 {
        return Err(Failure::field("input.position", "a position is not negative"));
    }
    let is_finished = share(position_us, end_us) >= u64::from(rules.finished_percent);
    let position = Some(Ord::min(position_us, end_us)).filter(|us| *us > 0 && !is_finished);
    let now = kernel.clock.now_ms();
    let row = media_user::ActiveModel {
        position_us: Set(position),
        last_viewed_at: Set(Some(now)),
        ..untouched(user, id, now)
    };
    use media_user::Column;
    upsert(&tx, row, |conflict| {
        conflict.update_columns([Column::PositionUs, Column::LastViewedAt, Column::UpdatedAt]);
    })
    .await?;
    finish(tx, user, id).await
}

/// Counts a view, if so much was watched, or without a say.
pub async fn record(
    kernel: &Kernel,
    rules: Rules,
    user: UserId,
    id: MediaId,
    watched_us: Option<i64>,
) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Normal).await?;
    let item = media::Entity::find_by_id(id)
        .one(&*tx)
        .await?
        .ok_or_else(|| no_item(id))?;
    let end_us = item.duration_us.unwrap_or(0);
    if watched_us.is_some_and(|us| us < 0) {
        return Err(Failure::field("input.watched", "nobody watches for less than nothing"));
    }
    let is_enough = watched_us.is_none_or(|us| share(us, end_us) >= u64::from(rules.view_percent));
    if !is_enough {
        return Ok(());
    }
    let now = kernel.clock.now_ms();
    let row = media_user::ActiveModel {
        n_views: Set(1),
        last_viewed_at: Set(Some(now)),
        ..untouched(user, id, now)
    };
    use media_user::Column;
    upsert(&tx, row, |conflict| {
        conflict
            .update_columns([Column::LastViewedAt, Column::UpdatedAt])
            .value(Column::NViews, Expr::col((media_user::Entity, Column::NViews)).add(1));
    })
    .await?;
    finish(tx, user, id).await
}

/// A part of a whole in percent; all of it where there is no whole.
fn share(part_us: i64, whole_us: i64) -> u64 {
    if whole_us <= 0 {
        return 100;
    }
    u64::try_from(i128::from(Ord::max(part_us, 0)) * 100 / i128::from(whole_us)).unwrap_or(u64::MAX)
}

async fn playable(tx: &Tx, id: MediaId) -> Result<media::Model, Failure> {
    let found = media::Entity::find_by_id(id).one(&**tx).await?;
    let item = found.ok_or_else(|| no_item(id))?;
    match item.kind {
        media::MediaKind::Video | media::MediaKind::Audio => Ok(item),
        media::MediaKind::Image => Err(Failure::field("input.id", "an image has no position")),
    }
}

fn no_item(id: MediaId) -> Failure {
    Failure::new(&kernel_code::NOT_FOUND, format!("no media item `{id}`"))
}

fn untouched(user: UserId, id: MediaId, now: i64) -> media_user::ActiveModel {
    media_user::ActiveModel {
        media_id: Set(id),
        user_id: Set(user),
        rating: Set(None),
        is_favorite: Set(false),
        n_views: Set(0),
        last_viewed_at: Set(None),
        position_us: Set(None),
        updated_at: Set(now),
    }
}

async fn upsert(tx: &Tx, row: media_user::ActiveModel, change: impl FnOnce(&mut OnConflict)) -> Result<(), Failure> {
    use media_user::Column;
    let mut conflict = OnConflict::columns([Column::MediaId, Column::UserId]);
    change(&mut conflict);
    media_user::Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

async fn finish(tx: Tx, user: UserId, id: MediaId) -> Result<(), Failure> {
    tx.publish(MediaUserChanged { user, media: vec![id] });
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_in_percent_and_never_more_than_a_whole_needs() {
        assert_eq!(share(50, 100), 50);
        assert_eq!(share(999_999, 1_000_000), 99);
        assert_eq!(share(-5, 100), 0);
        assert_eq!(share(0, 0), 100);
        assert_eq!(share(i64::MAX, 1), u64::MAX);
    }
}
