//! Makes one item of several: it gets the files, tags, people and history of all, and shows the best file. Rows change,
//! files on the disk do not. What was there before is kept for a while, so that the merge can be undone.

pub mod saved;
pub mod undo;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::{
    file,
    id::{MediaId, PersonId, SimilarMergeId, UserId},
    media, media_person, media_tag, media_user,
};
use kernel::{
    error::Failure,
    events::{MediaChanged, MediaRemoved},
    plugin::Kernel,
    sql,
    store::{Durability, Tx},
};
use schema::edit::carry::carry;
use schema::media::{
    primary::{self, Choice, quality},
    rules::MediaUserChanged,
    tally::Tally,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use crate::{code, groups, merge::saved::Snapshot, state};

/// The most items that are merged at once.
pub const MAX_ITEMS: usize = 100;
/// How long a merge can be undone, in milliseconds: thirty days.
const KEEP_MS: i64 = 30 * 24 * 3600 * 1000;

/// What a merge made.
#[derive(Debug, Clone, Copy)]
pub struct Merged {
    /// The item that has everything now.
    pub kept: MediaId,
    /// By which the merge can be undone.
    pub merge: SimilarMergeId,
}

/// An item with everything that hangs on it.
#[derive(Debug, Clone)]
pub struct Item {
    /// The row.
    pub row: media::Model,
    /// Its files.
    pub files: Vec<file::Model>,
    /// Its tags.
    pub tags: Vec<media_tag::Model>,
    /// Its people, in order.
    pub people: Vec<media_person::Model>,
    /// What accounts did with it.
    pub own: Vec<media_user::Model>,
    /// The items of which somebody said that they are no duplicates of it.
    pub dismissed: Vec<MediaId>,
}

/// Makes one item of these. Without `keep` the one with the best file stays.
///
/// # Errors
/// An item does not exist, they are of different kinds or libraries, or the database fails.
pub async fn merge(kernel: &Kernel, media: &[MediaId], keep: Option<MediaId>) -> Result<Merged, Failure> {
    let ids: BTreeSet<MediaId> = media.iter().copied().chain(keep).collect();
    if ids.len() < 2 {
        return Err(Failure::field("input.ids", "two different items at least"));
    }
    if ids.len() > MAX_ITEMS {
        return Err(Failure::field("input.ids", format!("at most {MAX_ITEMS} at a time")));
    }
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    state::next_version(&tx).await?;
    let tally = Tally::of(&tx, ids.iter().copied()).await?;
    let mut items = load(&tx, &ids).await?;
    check(&ids, &items)?;
    let kept = match keep {
        Some(id) => id,
        None => best(&items),
    };
    let at = items.iter().position(|item| item.row.id == kept);
    let kept = items.swap_remove(at.ok_or_else(|| not_found(kept))?);
    items.sort_by_key(|item| item.row.id);
    let snapshot = Snapshot::of(now, &kept, &items);
    let merge = SimilarMergeId::new();
    save(&tx, merge, kept.row.id, &snapshot, now).await?;

    let gone = sql::ids(items.iter().map(|item| item.row.id));
    let text = format!("update file set media_id = $1 where media_id in ({gone})");
    sql::execute(&*tx, text, [kept.row.id.0.into()]).await?;
    fill(&tx, &kept, &items, now).await?;
    join_tags(&tx, &kept, &items).await?;
    join_people(&tx, &kept, &items).await?;
    let users = join_own(&tx, &kept, &items, now).await?;
    join_dismissed(&tx, &kept, &items, now).await?;
    let merged: Vec<MediaId> = items.iter().map(|item| item.row.id).collect();
    carry(&tx, kept.row.id, &merged).await?;
    media::Entity::delete_many()
        .filter(media::Column::Id.is_in(merged.iter().copied()))
        .exec(&*tx)
        .await?;
    primary::settle(&tx, &[kept.row.id], Choice::Best, now).await?;
    tally.apply(&tx, [], now).await?;
    groups::recompute(&tx, ids.iter().copied()).await?;
    publish(&tx, kept.row.id, merged, users);
    tx.commit().await?;
    Ok(Merged {
        kept: kept.row.id,
        merge,
    })
}

/// The items with what hangs on them, by id.
pub(crate) async fn load(tx: &Tx, ids: &BTreeSet<MediaId>) -> Result<Vec<Item>, DbErr> {
    let of = || ids.iter().copied();
    let rows = media::Entity::find().filter(media::Column::Id.is_in(of()));
    let rows = rows.order_by_asc(media::Column::Id).all(&**tx).await?;
    let files = file::Entity::find().filter(file::Column::MediaId.is_in(of()));
    let files = files.order_by_asc(file::Column::Id).all(&**tx).await?;
    let tags = media_tag::Entity::find().filter(media_tag::Column::MediaId.is_in(of()));
    let tags = tags.order_by_asc(media_tag::Column::TagId).all(&**tx).await?;
    let people = media_person::Entity::find().filter(media_person::Column::MediaId.is_in(of()));
    let people = people.order_by_asc(media_person::Column::Position).all(&**tx).await?;
    let own = media_user::Entity::find().filter(media_user::Column::MediaId.is_in(of()));
    let own = own.order_by_asc(media_user::Column::UserId).all(&**tx).await?;
    let list = sql::ids(of());
    let text = format!(
        "select a_media_id, b_media_id from similar_dismissed where a_media_id in ({list}) \
         union all select b_media_id, a_media_id from similar_dismissed where b_media_id in ({list})"
    );
    let mut dismissed: HashMap<MediaId, Vec<MediaId>> = HashMap::new();
    for row in sql::rows(&**tx, text, []).await? {
        let (one, other) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        dismissed.entry(MediaId(one)).or_default().push(MediaId(other));
    }
    let item = |row: media::Model| Item {
        files: files.iter().filter(|file| file.media_id == row.id).cloned().collect(),
        tags: tags.iter().filter(|tag| tag.media_id == row.id).cloned().collect(),
        people: people
            .iter()
            .filter(|person| person.media_id == row.id)
            .cloned()
            .collect(),
        own: own.iter().filter(|own| own.media_id == row.id).cloned().collect(),
        dismissed: dismissed.remove(&row.id).unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(item).collect())
}

/// Tells who has to read again.
pub(crate) fn publish(tx: &Tx, kept: MediaId, others: Vec<MediaId>, users: BTreeSet<UserId>) {
    for user in users {
        let media = others.iter().copied().chain([kept]).collect();
        tx.publish(MediaUserChanged { user, media });
    }
    tx.publish(MediaChanged { media: vec![kept] });
    tx.publish(MediaRemoved { media: others });
}

fn check(ids: &BTreeSet<MediaId>, items: &[Item]) -> Result<(), Failure> {
    if let Some(id) = ids.iter().find(|id| !items.iter().any(|item| item.row.id == **id)) {
        return Err(not_found(*id));
    }
    let of = |item: &Item| (item.row.kind, item.row.library_id);
    match items.windows(2).find(|pair| of(&pair[0]) != of(&pair[1])) {
        Some(pair) => Err(Failure::new(
            &code::NOT_ALIKE,
            format!(
                "`{}` and `{}` are not of one kind in one library; what is too much can be put in the trash instead",
                pair[0].row.title, pair[1].row.title
            ),
        )),
        None => Ok(()),
    }
}

fn not_found(id: MediaId) -> Failure {
    Failure::new(&code::MEDIA_NOT_FOUND, format!("no media item `{id}`"))
}

/// The item that shows the best file; of equal ones the oldest.
fn best(items: &[Item]) -> MediaId {
    let rank = |item: &&Item| {
        let row = &item.row;
        let codec = row.video_codec.as_deref().or(row.audio_codec.as_deref());
        let quality = quality((row.width, row.height), row.bit_rate, codec, row.size);
        (row.missing_at.is_none(), quality, std::cmp::Reverse(row.id))
    };
    items.iter().max_by_key(rank).map_or(MediaId(0), |item| item.row.id)
}

async fn save(tx: &Tx, id: SimilarMergeId, kept: MediaId, snapshot: &Snapshot, now: i64) -> Result<(), Failure> {
    sql::execute(
        &**tx,
        "delete from similar_merge where created_at < $1",
        [(now - KEEP_MS).into()],
    )
    .await?;
    let text = serde_json::to_string(snapshot).map_err(Failure::internal)?;
    let insert = "insert into similar_merge (id, media_id, snapshot, created_at) values ($1, $2, $3, $4)";
    sql::execute(&**tx, insert, [id.0.into(), kept.0.into(), text.into(), now.into()]).await?;
    Ok(())
}

/// What the kept item lacks it takes from the others, the oldest first.
async fn fill(tx: &Tx, kept: &Item, others: &[Item], now: i64) -> Result<(), DbErr> {
    let mut row = kept.row.clone().into_active_model();
    let first = |of: fn(&media::Model) -> Option<String>| others.iter().find_map(|item| of(&item.row));
    if kept.row.description.is_none() {
        row.description = Set(first(|row| row.description.clone()));
    }
    if kept.row.date.is_none() {
        row.date = Set(first(|row| row.date.clone()));
    }
    if kept.row.studio_id.is_none() {
        row.studio_id = Set(others.iter().find_map(|item| item.row.studio_id));
    }
    row.updated_at = Set(now);
    row.update(&**tx).await?;
    Ok(())
}

async fn join_tags(tx: &Tx, kept: &Item, others: &[Item]) -> Result<(), DbErr> {
    let known: BTreeSet<_> = kept.tags.iter().map(|row| row.tag_id).collect();
    let all: BTreeSet<_> = others
        .iter()
        .flat_map(|item| &item.tags)
        .map(|row| row.tag_id)
        .collect();
    let row = |tag| media_tag::ActiveModel {
        media_id: Set(kept.row.id),
        tag_id: Set(tag),
        added_at: Set(kept.row.added_at),
    };
    let new: Vec<_> = all.difference(&known).map(|tag| row(*tag)).collect();
    if !new.is_empty() {
        media_tag::Entity::insert_many(new)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

async fn join_people(tx: &Tx, kept: &Item, others: &[Item]) -> Result<(), DbErr> {
    let mut known: BTreeSet<PersonId> = kept.people.iter().map(|row| row.person_id).collect();
    let next = kept.people.iter().map(|row| row.position + 1).max().unwrap_or(0);
    let theirs = others
        .iter()
        .flat_map(|item| &item.people)
        .filter(|row| known.insert(row.person_id));
    let row = |(position, credit): (i32, &media_person::Model)| media_person::ActiveModel {
        media_id: Set(kept.row.id),
        person_id: Set(credit.person_id),
        role: Set(credit.role.clone()),
        position: Set(position),
        added_at: Set(kept.row.added_at),
    };
    let new: Vec<_> = (next..).zip(theirs).map(row).collect();
    if !new.is_empty() {
        media_person::Entity::insert_many(new)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// The best rating, all views, and where each account stopped last.
async fn join_own(tx: &Tx, kept: &Item, others: &[Item], now: i64) -> Result<BTreeSet<UserId>, DbErr> {
    let mut by_user: BTreeMap<UserId, Vec<&media_user::Model>> = BTreeMap::new();
    for row in others.iter().chain([kept]).flat_map(|item| &item.own) {
        by_user.entry(row.user_id).or_default().push(row);
    }
    let touched = others
        .iter()
        .flat_map(|item| &item.own)
        .map(|row| row.user_id)
        .collect::<BTreeSet<_>>();
    for (user, rows) in by_user.iter().filter(|(user, _)| touched.contains(user)) {
        let last = rows.iter().max_by_key(|row| (row.last_viewed_at, row.updated_at));
        let joined = media_user::ActiveModel {
            media_id: Set(kept.row.id),
            user_id: Set(*user),
            rating: Set(rows.iter().filter_map(|row| row.rating).max()),
            is_favorite: Set(rows.iter().any(|row| row.is_favorite)),
            n_views: Set(rows.iter().map(|row| row.n_views).sum()),
            last_viewed_at: Set(rows.iter().filter_map(|row| row.last_viewed_at).max()),
            position_us: Set(last.and_then(|row| row.position_us)),
            updated_at: Set(now),
        };
        let has_row = kept.own.iter().any(|row| row.user_id == *user);
        if has_row {
            media_user::Entity::update(joined).exec(&**tx).await?;
        } else {
            media_user::Entity::insert(joined).exec_without_returning(&**tx).await?;
        }
    }
    Ok(touched)
}

/// What was no duplicate of one of them is none of the kept one.
async fn join_dismissed(tx: &Tx, kept: &Item, others: &[Item], now: i64) -> Result<(), DbErr> {
    let merged: BTreeSet<MediaId> = others.iter().map(|item| item.row.id).chain([kept.row.id]).collect();
    let strangers: BTreeSet<MediaId> = others.iter().flat_map(|item| &item.dismissed).copied().collect();
    for stranger in strangers.difference(&merged) {
        let (a, b) = (kept.row.id.min(*stranger), kept.row.id.max(*stranger));
        let text = "insert into similar_dismissed (a_media_id, b_media_id, created_at) values ($1, $2, $3) \
            on conflict do nothing";
        sql::execute(&**tx, text, [a.0.into(), b.0.into(), now.into()]).await?;
    }
    Ok(())
}
