//! What changing an item means, without GraphQL.

use std::collections::{BTreeMap, BTreeSet};

use entities::{
    id::{MediaId, PersonId, StudioId, TagId, UserId},
    media, media_person, media_tag, media_user, person, studio, tag,
    user::Role,
};
use kernel::{
    error::{Failure, code},
    events::{Fact, MediaChanged, PersonChanged, StudioChanged, TagChanged},
    plugin::Kernel,
    store::{Durability, Tx},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{
    kit::{access::Viewer, text::natural_key},
    search::index,
};

/// One account's state of some items changed: its rating, its views, where it stopped.
#[derive(Debug, Clone)]
pub struct MediaUserChanged {
    /// The account.
    pub user: UserId,
    /// The items.
    pub media: Vec<MediaId>,
}

impl Fact for MediaUserChanged {}

/// `title_origin` of a title that a person gave.
const BY_A_PERSON: i32 = 3;

/// What to change: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct MediaEdit {
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub description: Option<Option<String>>,
    /// ISO 8601 day.
    pub date: Option<Option<String>>,
    /// 0 to 100.
    pub rating: Option<Option<i32>>,
    /// One of the viewer's favorites.
    pub is_favorite: Option<bool>,
    /// All tags.
    pub tags: Option<Vec<TagId>>,
    /// All people, in order.
    pub people: Option<Vec<PersonId>>,
    /// The studio.
    pub studio: Option<Option<StudioId>>,
}

impl MediaEdit {
    fn changes_everyones(&self) -> bool {
        self.title.is_some()
            || self.description.is_some()
            || self.date.is_some()
            || self.tags.is_some()
            || self.people.is_some()
            || self.studio.is_some()
    }
}

/// Changes an item. Everyone may rate; what others see too needs an editor.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: MediaId, edit: MediaEdit) -> Result<(), Failure> {
    if edit.changes_everyones() && viewer.role == Role::Viewer {
        let message = "this account or token may rate items and mark favorites, but not edit them";
        return Err(Failure::new(&code::FORBIDDEN, message));
    }
    if let Some(Some(rating)) = edit.rating
        && !(0..=100).contains(&rating)
    {
        return Err(Failure::field(
            "input.rating",
            format!("{rating} is not between 0 and 100"),
        ));
    }
    let tx = kernel.store.begin(Durability::Full).await?;
    let found = media::Entity::find_by_id(id).lock_exclusive().one(&*tx).await?;
    let Some(item) = found else {
        return Err(Failure::new(&code::NOT_FOUND, format!("no media item `{id}`")));
    };
    let now = kernel.clock.now_ms();
    if edit.changes_everyones() {
        change_row(&tx, &item, &edit, now).await?;
        if let Some(tags) = &edit.tags {
            change_tags(&tx, &item, tags).await?;
        }
        if let Some(people) = &edit.people {
            change_people(&tx, &item, people).await?;
        }
        index::refresh(&tx, &[id]).await?;
        tx.publish(MediaChanged { media: vec![id] });
    }
    if edit.rating.is_some() || edit.is_favorite.is_some() {
        change_own(&tx, viewer.user, id, &edit, now).await?;
        tx.publish(MediaUserChanged {
            user: viewer.user,
            media: vec![id],
        });
    }
    tx.commit().await?;
    Ok(())
}

async fn change_row(tx: &Tx, item: &media::Model, edit: &MediaEdit, now: i64) -> Result<(), Failure> {
    let mut row = item.clone().into_active_model();
    row.updated_at = Set(now);
    if let Some(title) = &edit.title {
        row.title = Set(title.clone());
        row.sort_title = Set(natural_key(title));
        row.title_origin = Set(BY_A_PERSON);
    }
    if let Some(description) = &edit.description {
        row.description = Set(description.clone());
    }
    if let Some(date) = &edit.date {
        row.date = Set(date.clone());
    }
    if let Some(studio) = edit.studio
        && studio != item.studio_id
    {
        if let Some(id) = studio
            && studio::Entity::find_by_id(id).one(&**tx).await?.is_none()
        {
            return Err(Failure::field("input.studioId", format!("no studio `{id}`")));
        }
        row.studio_id = Set(studio);
        for (id, by) in [(item.studio_id, -1i64), (studio, 1)] {
            let Some(id) = id.filter(|_| is_counted(item)) else {
                continue;
            };
            let count = studio::Entity::update_many().col_expr(studio::Column::NMedia, Expr::col("n_media").add(by));
            count.filter(studio::Column::Id.eq(id)).exec(&**tx).await?;
        }
        tx.publish(StudioChanged {
            studios: [item.studio_id, studio].into_iter().flatten().collect(),
        });
    }
    row.update(&**tx).await?;
    Ok(())
}

/// Whether tags, people and studios count the item: they count what their lists show, and those leave out what is missing.
fn is_counted(item: &media::Model) -> bool {
    item.missing_at.is_none()
}

async fn change_tags(tx: &Tx, item: &media::Model, tags: &[TagId]) -> Result<(), Failure> {
    let wanted: BTreeSet<TagId> = tags.iter().copied().collect();
    let known = tag::Entity::find()
        .select_only()
        .column(tag::Column::Id)
        .filter(tag::Column::Id.is_in(wanted.clone()));
    let known: BTreeSet<TagId> = known.into_tuple::<TagId>().all(&**tx).await?.into_iter().collect();
    if let Some(index) = tags.iter().position(|id| !known.contains(id)) {
        return Err(Failure::field(
            format!("input.tagIds[{index}]"),
            format!("no tag `{}`", tags[index]),
        ));
    }
    let rows = media_tag::Entity::find()
        .filter(media_tag::Column::MediaId.eq(item.id))
        .all(&**tx)
        .await?;
    let present: BTreeSet<TagId> = rows.into_iter().map(|row| row.tag_id).collect();
    let added: Vec<TagId> = wanted.difference(&present).copied().collect();
    let removed: Vec<TagId> = present.difference(&wanted).copied().collect();
    if !removed.is_empty() {
        let rows = media_tag::Entity::delete_many().filter(media_tag::Column::MediaId.eq(item.id));
        rows.filter(media_tag::Column::TagId.is_in(removed.clone()))
            .exec(&**tx)
            .await?;
    }
    if !added.is_empty() {
        let row = |tag: &TagId| media_tag::ActiveModel {
            media_id: Set(item.id),
            tag_id: Set(*tag),
            added_at: Set(item.added_at),
        };
        media_tag::Entity::insert_many(added.iter().map(row))
            .exec_without_returning(&**tx)
            .await?;
    }
    for (ids, by) in [(&added, 1i64), (&removed, -1)] {
        if !ids.is_empty() && is_counted(item) {
            let count = tag::Entity::update_many().col_expr(tag::Column::NMedia, Expr::col("n_media").add(by));
            count.filter(tag::Column::Id.is_in(ids.clone())).exec(&**tx).await?;
        }
    }
    tx.publish(TagChanged {
        tags: added.into_iter().chain(removed).collect(),
    });
    Ok(())
}

async fn change_people(tx: &Tx, item: &media::Model, people: &[PersonId]) -> Result<(), Failure> {
    let wanted: BTreeSet<PersonId> = people.iter().copied().collect();
    let known = person::Entity::find().select_only().column(person::Column::Id);
    let known = known
        .filter(person::Column::Id.is_in(wanted.clone()))
        .into_tuple::<PersonId>()
        .all(&**tx)
        .await?;
    let known: BTreeSet<PersonId> = known.into_iter().collect();
    if let Some(index) = people.iter().position(|id| !known.contains(id)) {
        return Err(Failure::field(
            format!("input.personIds[{index}]"),
            format!("no person `{}`", people[index]),
        ));
    }
    let select = media_person::Entity::find().filter(media_person::Column::MediaId.eq(item.id));
    let rows = select.order_by_asc(media_person::Column::Position).all(&**tx).await?;
    let roles: BTreeMap<PersonId, Option<String>> = rows.into_iter().map(|row| (row.person_id, row.role)).collect();
    media_person::Entity::delete_many()
        .filter(media_person::Column::MediaId.eq(item.id))
        .exec(&**tx)
        .await?;
    let mut seen = BTreeSet::new();
    let credits: Vec<media_person::ActiveModel> = people
        .iter()
        .filter(|person| seen.insert(**person))
        .enumerate()
        .map(|(position, person)| media_person::ActiveModel {
            media_id: Set(item.id),
            person_id: Set(*person),
            // Someone who stays keeps the role.
            role: Set(roles.get(person).cloned().flatten()),
            position: Set(position as i32),
            added_at: Set(item.added_at),
        })
        .collect();
    if !credits.is_empty() {
        media_person::Entity::insert_many(credits)
            .exec_without_returning(&**tx)
            .await?;
    }
    let added: Vec<PersonId> = wanted
        .iter()
        .filter(|person| !roles.contains_key(person))
        .copied()
        .collect();
    let removed: Vec<PersonId> = roles.into_keys().filter(|person| !wanted.contains(person)).collect();
    for (ids, by) in [(&added, 1i64), (&removed, -1)] {
        if !ids.is_empty() && is_counted(item) {
            let count = person::Entity::update_many().col_expr(person::Column::NMedia, Expr::col("n_media").add(by));
            count.filter(person::Column::Id.is_in(ids.clone())).exec(&**tx).await?;
        }
    }
    tx.publish(PersonChanged {
        people: added.into_iter().chain(removed).collect(),
    });
    Ok(())
}

async fn change_own(tx: &Tx, user: UserId, media: MediaId, edit: &MediaEdit, now: i64) -> Result<(), Failure> {
    let row = media_user::ActiveModel {
        media_id: Set(media),
        user_id: Set(user),
        rating: Set(edit.rating.flatten()),
        is_favorite: Set(edit.is_favorite.unwrap_or(false)),
        n_views: Set(0),
        last_viewed_at: Set(None),
        position_us: Set(None),
        updated_at: Set(now),
    };
    let mut columns = vec![media_user::Column::UpdatedAt];
    columns.extend(edit.rating.map(|_| media_user::Column::Rating));
    columns.extend(edit.is_favorite.map(|_| media_user::Column::IsFavorite));
    let conflict = OnConflict::columns([media_user::Column::MediaId, media_user::Column::UserId]);
    let conflict = conflict.clone().update_columns(columns).to_owned();
    media_user::Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}
