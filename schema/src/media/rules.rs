//! What changing items means, without GraphQL: one of them or thousands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    mem,
};

use entities::{
    id::{CustomFieldId, MediaId, PersonId, StudioId, TagId, UserId},
    user::Role,
};
use kernel::{
    error::{Failure, code},
    events::Fact,
    plugin::Kernel,
    relay::Common,
    sql,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    edit::{
        gather::Want,
        row::Row,
        session::{Done, Edit, Locked, must_exist},
        table::{MEDIA, MEDIA_FIELD, MEDIA_PERSON, MEDIA_TAG, MEDIA_USER, Table},
    },
    field::rules::FieldValue,
    kit::{access::Viewer, text::natural_key},
};

/// One account's state of some items changed: its rating, its views, where it stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MediaUserChanged {
    /// The account.
    pub user: UserId,
    /// The items.
    pub media: Vec<MediaId>,
}

impl Fact for MediaUserChanged {}

impl Common for MediaUserChanged {
    const NAME: &'static str = "MediaUserChanged";
}

/// `title_origin` of a title that a person gave.
const BY_A_PERSON: i32 = 3;

/// What to do with a list of links.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Links<T> {
    /// They become these.
    Set(Vec<T>),
    /// Some come and some go.
    Change {
        /// Those that come; one that is there stays as it is.
        add: Vec<T>,
        /// Those that go.
        remove: Vec<T>,
    },
}

impl<T: Copy + Ord> Links<T> {
    fn mentioned(&self) -> &[T] {
        match self {
            Self::Set(all) => all,
            Self::Change { add, .. } => add,
        }
    }

    /// What is there afterwards, in order and without repetition.
    fn applied(&self, present: &[T]) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let all: Vec<T> = match self {
            Self::Set(all) => all.clone(),
            Self::Change { add, remove } => {
                let kept = present.iter().copied().filter(|id| !remove.contains(id));
                kept.chain(add.iter().copied()).collect()
            }
        };
        all.into_iter().filter(|id| seen.insert(*id)).collect()
    }
}

/// What to change: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// Tags.
    pub tags: Option<Links<TagId>>,
    /// People, in order.
    pub people: Option<Links<PersonId>>,
    /// The studio.
    pub studio: Option<Option<StudioId>>,
    /// Values of custom fields; absent clears.
    pub fields: Vec<(CustomFieldId, Option<FieldValue>)>,
}

impl MediaEdit {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        !self.changes_everyones() && !self.changes_own()
    }

    fn changes_row(&self) -> bool {
        self.title.is_some() || self.description.is_some() || self.date.is_some() || self.studio.is_some()
    }

    /// Whether it changes what others see, too.
    pub fn changes_everyones(&self) -> bool {
        self.changes_row() || self.tags.is_some() || self.people.is_some() || !self.fields.is_empty()
    }

    fn changes_own(&self) -> bool {
        self.rating.is_some() || self.is_favorite.is_some()
    }

    /// Refuses what this viewer may not do, and what makes no sense.
    ///
    /// # Errors
    /// When the viewer may not edit, or the rating is out of range.
    pub fn check(&self, viewer: &Viewer) -> Result<(), Failure> {
        if self.changes_everyones() && viewer.role == Role::Viewer {
            let message = "this account or token may rate items and mark favorites, but not edit them";
            return Err(Failure::new(&code::FORBIDDEN, message));
        }
        if let Some(Some(rating)) = self
            .rating
            .filter(|rating| rating.is_some_and(|rating| !(0..=100).contains(&rating)))
        {
            return Err(Failure::field(
                "input.rating",
                format!("{rating} is not between 0 and 100"),
            ));
        }
        Ok(())
    }
}

/// Changes an item. Everyone may rate; what others see too needs an editor.
///
/// # Errors
/// The viewer may not, something does not exist, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: MediaId, change: &MediaEdit) -> Result<Done, Failure> {
    change.check(viewer)?;
    let mut edit = Edit::begin(kernel, viewer, "updateMedia").await?;
    must_refer(&edit, change).await?;
    let found = apply(&mut edit, viewer.user, &[id], change).await?;
    if found.is_empty() {
        return Err(Failure::new(&code::NOT_FOUND, format!("no media item `{id}`")));
    }
    edit.commit().await
}

/// Refuses a change that names tags, people, studios or fields that do not exist.
///
/// # Errors
/// When one does not exist, or the database fails.
pub async fn must_refer(edit: &Edit, change: &MediaEdit) -> Result<(), Failure> {
    let tx = edit.tx();
    let list = |links: &str, is_set: bool| {
        let name = if is_set {
            format!("input.{links}Ids")
        } else {
            format!("input.add{}Ids", capitalized(links))
        };
        move |index: usize| format!("{name}[{index}]")
    };
    if let Some(tags) = &change.tags {
        let path = list("tag", matches!(tags, Links::Set(_)));
        must_exist(edit, "tag", "tag", tags.mentioned(), path).await?;
    }
    if let Some(people) = &change.people {
        let path = list("person", matches!(people, Links::Set(_)));
        must_exist(edit, "person", "person", people.mentioned(), path).await?;
    }
    if let Some(Some(studio)) = change.studio {
        must_exist(edit, "studio", "studio", &[studio], |_| "input.studioId".to_owned()).await?;
    }
    crate::field::rules::must_fit(tx, &change.fields).await
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// States a change of items to an edit; gives those that exist. What is the account's own changes for `user` alone.
///
/// # Errors
/// When the database fails.
pub async fn apply(
    edit: &mut Edit,
    user: UserId,
    media: &[MediaId],
    change: &MediaEdit,
) -> Result<BTreeSet<MediaId>, Failure> {
    let mut present = Present::read(edit, user, media, change).await?;
    let locked: BTreeMap<i64, Locked> = edit.lock(media).await?.into_iter().collect();
    let found: Vec<i64> = locked.keys().copied().collect();
    for row in present.rows(&MEDIA) {
        edit.update(&MEDIA, row.clone(), changed_row(row, change));
    }
    if let Some(tags) = &change.tags {
        let rows = by_media(&MEDIA_TAG, present.rows(&MEDIA_TAG));
        for (media, item) in &locked {
            let present = rows.get(media).map_or(&[][..], Vec::as_slice);
            let ids: Vec<TagId> = present.iter().map(|row| TagId(row.int(&MEDIA_TAG, "tag_id"))).collect();
            let wanted = tags.applied(&ids);
            for row in present
                .iter()
                .filter(|row| !wanted.contains(&TagId(row.int(&MEDIA_TAG, "tag_id"))))
            {
                edit.delete(&MEDIA_TAG, row.clone());
            }
            for tag in wanted.iter().filter(|tag| !ids.contains(tag)) {
                edit.insert(&MEDIA_TAG, Row(vec![json!(media), json!(tag.0), json!(item.added_at)]));
            }
        }
    }
    if let Some(people) = &change.people {
        let rows = by_media(&MEDIA_PERSON, present.rows(&MEDIA_PERSON));
        for (media, item) in &locked {
            let present = rows.get(media).map_or(&[][..], Vec::as_slice);
            change_people(edit, (*media, item.added_at), present, people);
        }
    }
    if !change.fields.is_empty() {
        let rows = by_media(&MEDIA_FIELD, edit.read(&MEDIA_FIELD, "media_id", &found).await?);
        for media in locked.keys() {
            let present = rows.get(media).map_or(&[][..], Vec::as_slice);
            for (field, value) in &change.fields {
                let before = present.iter().find(|row| row.int(&MEDIA_FIELD, "field_id") == field.0);
                let after = value.as_ref().map(|value| {
                    Row(vec![
                        json!(media),
                        json!(field.0),
                        json!(value.text()),
                        json!(value.number()),
                    ])
                });
                match (before, after) {
                    (Some(before), Some(after)) => edit.update(&MEDIA_FIELD, before.clone(), after),
                    (Some(before), None) => edit.delete(&MEDIA_FIELD, before.clone()),
                    (None, Some(after)) => edit.insert(&MEDIA_FIELD, after),
                    (None, None) => {}
                }
            }
        }
    }
    if change.changes_own() {
        let own = by_media(&MEDIA_USER, present.rows(&MEDIA_USER));
        for media in &found {
            let known = own.get(media).and_then(|rows| rows.first()).cloned();
            // What an account never touched is neither rated nor a favorite.
            let row = known.unwrap_or_else(|| Row(vec![json!(media), json!(user.0), Json::Null, json!(false)]));
            let mut after = row.clone();
            if let Some(rating) = change.rating {
                after = after.with(&MEDIA_USER, "rating", rating);
            }
            if let Some(is_favorite) = change.is_favorite {
                after = after.with(&MEDIA_USER, "is_favorite", is_favorite);
            }
            edit.update(&MEDIA_USER, row, after);
        }
    }
    edit.write_if_many().await?;
    Ok(found.into_iter().map(MediaId).collect())
}

fn changed_row(mut row: Row, change: &MediaEdit) -> Row {
    if let Some(title) = &change.title {
        row = row
            .with(&MEDIA, "title", title.as_str())
            .with(&MEDIA, "sort_title", natural_key(title));
        row = row.with(&MEDIA, "title_origin", BY_A_PERSON);
    }
    if let Some(description) = &change.description {
        row = row.with(&MEDIA, "description", description.clone());
    }
    if let Some(date) = &change.date {
        row = row.with(&MEDIA, "date", date.clone());
    }
    if let Some(studio) = change.studio {
        row = row.with(&MEDIA, "studio_id", studio.map(|id| id.0));
    }
    row
}

/// Someone who stays keeps the role; the places are dense.
fn change_people(edit: &mut Edit, (media, added_at): (i64, i64), present: &[Row], people: &Links<PersonId>) {
    let mut present: Vec<&Row> = present.iter().collect();
    present.sort_by_key(|row| row.int(&MEDIA_PERSON, "position"));
    let person = |row: &Row| PersonId(row.int(&MEDIA_PERSON, "person_id"));
    let ids: Vec<PersonId> = present.iter().map(|row| person(row)).collect();
    let wanted = people.applied(&ids);
    for row in present.iter().filter(|row| !wanted.contains(&person(row))) {
        edit.delete(&MEDIA_PERSON, (*row).clone());
    }
    for (position, id) in wanted.iter().enumerate() {
        match present.iter().find(|row| person(row) == *id) {
            Some(row) => {
                let after = (*row).clone().with(&MEDIA_PERSON, "position", position as i64);
                edit.update(&MEDIA_PERSON, (*row).clone(), after);
            }
            None => {
                let row = vec![
                    json!(media),
                    json!(id.0),
                    Json::Null,
                    json!(position as i64),
                    json!(added_at),
                ];
                edit.insert(&MEDIA_PERSON, Row(row));
            }
        }
    }
}

/// The rows that a change of items is about, as they are: all tables in one statement.
struct Present(Vec<(&'static Table, Vec<Row>)>);

impl Present {
    async fn read(edit: &mut Edit, user: UserId, media: &[MediaId], change: &MediaEdit) -> Result<Self, Failure> {
        let mut read = Self(Vec::new());
        for part in media.chunks(sql::CHUNK) {
            let ids = sql::ids(part.iter().copied());
            let of_items = format!("media_id in ({ids})");
            let own = format!("user_id = {} and {of_items}", user.0);
            let items = format!("id in ({ids})");
            let tables = [
                (&MEDIA, change.changes_row(), &items),
                (&MEDIA_TAG, change.tags.is_some(), &of_items),
                (&MEDIA_PERSON, change.people.is_some(), &of_items),
                (&MEDIA_USER, change.changes_own(), &own),
            ];
            let wanted = tables.into_iter().filter(|(_, is_wanted, _)| *is_wanted);
            let wants: Vec<Want> = wanted
                .map(|(table, _, condition)| Want {
                    table,
                    condition: condition.clone(),
                })
                .collect();
            let found = edit.gather(&wants, &items).await?;
            read.0.extend(wants.iter().map(|want| want.table).zip(found));
        }
        Ok(read)
    }

    /// Takes the rows of a table.
    fn rows(&mut self, table: &Table) -> Vec<Row> {
        let of_table = self.0.iter_mut().filter(|(known, _)| known.name == table.name);
        of_table.flat_map(|(_, rows)| mem::take(rows)).collect()
    }
}

fn by_media(table: &Table, rows: Vec<Row>) -> BTreeMap<i64, Vec<Row>> {
    let mut of_items: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for row in rows {
        of_items.entry(row.int(table, "media_id")).or_default().push(row);
    }
    of_items
}

/// What comes to an item: tags, people behind those that are there, and a studio if it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// Tags.
    pub tags: BTreeSet<TagId>,
    /// People.
    pub people: BTreeSet<PersonId>,
    /// The studio.
    pub studio: Option<StudioId>,
}

/// Leaves of what would come to items what they have already; items to which nothing comes are left out.
///
/// # Errors
/// When the database fails.
pub async fn lacking(
    edit: &Edit,
    wanted: BTreeMap<MediaId, Additions>,
) -> Result<BTreeMap<MediaId, Additions>, Failure> {
    let media: Vec<i64> = wanted.keys().map(|id| id.0).collect();
    let (tags, people) = (
        by_media(&MEDIA_TAG, edit.read(&MEDIA_TAG, "media_id", &media).await?),
        by_media(&MEDIA_PERSON, edit.read(&MEDIA_PERSON, "media_id", &media).await?),
    );
    let rows = edit.read(&MEDIA, "id", &media).await?;
    let mut lacking = BTreeMap::new();
    for row in rows {
        let id = row.int(&MEDIA, "id");
        let Some(mut additions) = wanted.get(&MediaId(id)).cloned() else {
            continue;
        };
        for present in tags.get(&id).into_iter().flatten() {
            additions.tags.remove(&TagId(present.int(&MEDIA_TAG, "tag_id")));
        }
        for present in people.get(&id).into_iter().flatten() {
            additions
                .people
                .remove(&PersonId(present.int(&MEDIA_PERSON, "person_id")));
        }
        if !row.get(&MEDIA, "studio_id").is_null() {
            additions.studio = None;
        }
        if additions != Additions::default() {
            lacking.insert(MediaId(id), additions);
        }
    }
    Ok(lacking)
}

/// States additions of which items have none to an edit.
///
/// # Errors
/// When the database fails.
pub async fn add(edit: &mut Edit, lacking: &BTreeMap<MediaId, Additions>) -> Result<(), Failure> {
    let ids: Vec<MediaId> = lacking.keys().copied().collect();
    let media: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let locked = edit.lock(&ids).await?;
    let people = by_media(&MEDIA_PERSON, edit.read(&MEDIA_PERSON, "media_id", &media).await?);
    for row in edit.read(&MEDIA, "id", &media).await? {
        let id = row.int(&MEDIA, "id");
        let (Some(item), Some(additions)) = (locked.get(&id), lacking.get(&MediaId(id))) else {
            continue;
        };
        for tag in &additions.tags {
            edit.insert(&MEDIA_TAG, Row(vec![json!(id), json!(tag.0), json!(item.added_at)]));
        }
        let places = people
            .get(&id)
            .into_iter()
            .flatten()
            .map(|row| row.int(&MEDIA_PERSON, "position") + 1);
        for (position, person) in (places.max().unwrap_or(0)..).zip(&additions.people) {
            let row = vec![
                json!(id),
                json!(person.0),
                Json::Null,
                json!(position),
                json!(item.added_at),
            ];
            edit.insert(&MEDIA_PERSON, Row(row));
        }
        if let Some(studio) = additions.studio {
            edit.update(&MEDIA, row.clone(), row.with(&MEDIA, "studio_id", studio.0));
        }
    }
    edit.write_if_many().await
}

/// A failure that names an id which does not exist.
pub fn unknown(noun: &str, id: impl Display, path: &str) -> Failure {
    Failure::field(path, format!("no {noun} `{id}`"))
}
