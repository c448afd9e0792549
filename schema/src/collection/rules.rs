//! What making, changing and filling collections means, without GraphQL.

use std::collections::{BTreeMap, BTreeSet};

use entities::{
    collection::CollectionKind,
    id::{CollectionId, FolderId, MediaId},
};
use kernel::{
    error::{Failure, code},
    events::Fact,
    plugin::Kernel,
    relay::Common,
    sql,
};
use sea_orm::TryGetable;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    edit::{
        gather::Want,
        row::Row,
        session::{Done, Edit, must_exist},
        table::{COLLECTION, COLLECTION_ITEM},
    },
    kit::{access::Viewer, position, text::natural_key},
    media::{
        codes::{COLLECTION_IS_SMART, TOO_MANY},
        selection::KeptFilter,
    },
    saved::rules::VERSION,
    tag::graph::{Graph, Of},
};

/// The most items that come or go at once.
pub const MAX_ITEMS: usize = 1_000;
/// The most items of one collection.
const MAX_SIZE: usize = 200_000;

/// Collections were made, changed, filled or deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CollectionChanged {
    /// Which.
    pub collections: Vec<CollectionId>,
}

impl Fact for CollectionChanged {}

impl Common for CollectionChanged {
    const NAME: &'static str = "CollectionChanged";
}

/// A collection to be made.
#[derive(Debug, Clone)]
pub struct NewCollection {
    /// What it is.
    pub kind: CollectionKind,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The one it is in.
    pub parent: Option<CollectionId>,
    /// The folder whose pictures it shows.
    pub folder: Option<FolderId>,
    /// For a smart one: what it holds.
    pub filter: Option<KeptFilter>,
    /// Its first items, in order.
    pub media: Vec<MediaId>,
}

/// What to change about a collection: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct CollectionEdit {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<Option<String>>,
    /// The one it is in.
    pub parent: Option<Option<CollectionId>>,
    /// For a smart one: what it holds.
    pub filter: Option<KeptFilter>,
}

/// Where items go in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before everything.
    First,
    /// After everything.
    Last,
    /// Right after this item.
    After(MediaId),
}

/// Makes a collection.
///
/// # Errors
/// The parent or an item does not exist, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewCollection) -> Result<(CollectionId, Done), Failure> {
    let action = match new.kind {
        CollectionKind::Collection => "createCollection",
        CollectionKind::Gallery => "createGallery",
    };
    let mut edit = Edit::begin(kernel, viewer, action).await?;
    let id = add(&mut edit, new).await?;
    Ok((id, edit.commit().await?))
}

/// States a new collection to an edit.
///
/// # Errors
/// The parent or an item does not exist, or the database fails.
pub async fn add(edit: &mut Edit, new: NewCollection) -> Result<CollectionId, Failure> {
    let parent = new.parent.as_slice();
    must_exist(edit, "collection", "collection", parent, |_| {
        "input.parentId".to_owned()
    })
    .await?;
    if new.filter.is_some() && !new.media.is_empty() {
        return Err(Failure::field(
            "input.mediaIds",
            "a smart collection holds what its filter finds",
        ));
    }
    let id = CollectionId::new();
    let filter = match &new.filter {
        Some(filter) => Some(filter.to_json()?.to_string()),
        None => None,
    };
    let row = vec![
        json!(id.0),
        json!(new.kind as i32),
        json!(new.name),
        json!(natural_key(&new.name)),
        json!(new.description),
        json!(new.parent.map(|id| id.0)),
        json!(new.folder.map(|id| id.0)),
        json!(filter),
        json!(VERSION),
        json!(edit.now),
    ];
    edit.insert(&COLLECTION, Row(row));
    insert(edit, id, &new.media, (None, None), "input.mediaIds").await?;
    Ok(id)
}

async fn row(edit: &Edit, id: CollectionId) -> Result<Row, Failure> {
    let row = edit.read(&COLLECTION, "id", &[id.0]).await?.pop();
    row.ok_or_else(|| none(id))
}

/// What is said of a collection that does not exist.
pub fn none(id: CollectionId) -> Failure {
    Failure::new(&code::NOT_FOUND, format!("no collection `{id}`"))
}

/// Changes a collection.
///
/// # Errors
/// It or the parent does not exist, it would be inside itself, or the database fails.
pub async fn update(
    kernel: &Kernel,
    viewer: &Viewer,
    id: CollectionId,
    change: CollectionEdit,
) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updateCollection").await?;
    let before = row(&edit, id).await?;
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after = after
            .with(&COLLECTION, "name", name.as_str())
            .with(&COLLECTION, "sort_name", natural_key(name));
    }
    if let Some(description) = change.description {
        after = after.with(&COLLECTION, "description", description);
    }
    if let Some(parent) = change.parent {
        if let Some(parent) = parent {
            must_exist(&edit, "collection", "collection", &[parent], |_| {
                "input.parentId".to_owned()
            })
            .await?;
            let graph = Graph::lock(edit.tx(), Of::Collections).await?;
            graph.must_stay_open(edit.tx(), Of::Collections, id.0, parent.0).await?;
        }
        after = after.with(&COLLECTION, "parent_id", parent.map(|parent| parent.0));
    }
    if let Some(filter) = change.filter {
        if before.text(&COLLECTION, "filter").is_none() {
            return Err(Failure::field(
                "input.filter",
                "this collection is filled by hand; make a smart one beside it",
            ));
        }
        after = after.with(&COLLECTION, "filter", filter.to_json()?.to_string());
        after = after.with(&COLLECTION, "filter_version", VERSION);
    }
    edit.update(&COLLECTION, before, after);
    edit.commit().await
}

/// Deletes a collection; its items stay, and collections in it are in none.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: CollectionId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteCollection").await?;
    let gone = row(&edit, id).await?;
    edit.delete_all(&COLLECTION_ITEM, "collection_id", &[id.0]).await?;
    for row in edit.read(&COLLECTION, "parent_id", &[id.0]).await? {
        edit.update(&COLLECTION, row.clone(), row.with(&COLLECTION, "parent_id", Json::Null));
    }
    edit.write().await?;
    edit.delete(&COLLECTION, gone);
    edit.commit().await
}

/// Adds items, in their order; one that is there stays where it is.
///
/// # Errors
/// The collection or an item does not exist, the collection is smart, or the database fails.
pub async fn add_items(
    kernel: &Kernel,
    viewer: &Viewer,
    id: CollectionId,
    media: &[MediaId],
    place: Place,
) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "addToCollection").await?;
    few(media)?;
    let ids: Vec<i64> = media.iter().map(|media| media.0).collect();
    let wants = [
        Want {
            table: &COLLECTION,
            condition: format!("id = {}", id.0),
        },
        Want {
            table: &COLLECTION_ITEM,
            condition: format!(
                "collection_id = {} and (media_id in ({}) or {})",
                id.0,
                sql::ids(ids.iter().copied()),
                beside(id, place)
            ),
        },
    ];
    let n_items = format!("select count(*) from collection_item where collection_id = {}", id.0);
    let room = MAX_SIZE.saturating_sub(media.len());
    let items = format!("id in ({}) and ({n_items}) <= {room}", sql::ids(ids));
    let [collection, present] = &edit.gather(&wants, &items).await?[..] else {
        return Err(Failure::internal("a read of two tables gave other than two lists"));
    };
    fillable(collection.first().ok_or_else(|| none(id))?)?;
    if !media.iter().all(|media| edit.holds(*media)) {
        let rows = sql::rows(&**edit.tx(), n_items, []).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        if n as usize > room {
            let message = format!("a collection holds at most {MAX_SIZE} items; use a smart one");
            return Err(Failure::new(&TOO_MANY, message));
        }
    }
    let media_of = |row: &Row| MediaId(row.int(&COLLECTION_ITEM, "media_id"));
    let new: Vec<MediaId> = media
        .iter()
        .copied()
        .filter(|media| !present.iter().any(|row| media_of(row) == *media))
        .collect();
    let places = || present.iter().filter_map(|row| row.text(&COLLECTION_ITEM, "position"));
    let bounds = match place {
        Place::First => (None, places().min()),
        Place::Last => (places().max(), None),
        Place::After(anchor) => {
            let anchored = present.iter().find(|row| media_of(row) == anchor);
            let after = anchored.and_then(|row| row.text(&COLLECTION_ITEM, "position"));
            let after = after.ok_or_else(|| not_here(anchor))?;
            (Some(after), places().filter(|place| *place > after).min())
        }
    };
    insert(&mut edit, id, &new, bounds, "input.mediaIds").await?;
    edit.commit().await
}

/// Those that are right beside the place where items go.
fn beside(id: CollectionId, place: Place) -> String {
    let items = format!("from collection_item where collection_id = {}", id.0);
    let at = match place {
        Place::First => format!("select min(position) {items}"),
        Place::Last => format!("select max(position) {items}"),
        Place::After(anchor) => {
            let at = format!("select position {items} and media_id = {}", anchor.0);
            let next = format!("select min(position) {items} and position > ({at})");
            return format!("media_id = {} or position = ({next})", anchor.0);
        }
    };
    format!("position = ({at})")
}

fn not_here(anchor: MediaId) -> Failure {
    Failure::field("input.afterId", format!("`{anchor}` is not in this collection"))
}

fn few(media: &[MediaId]) -> Result<(), Failure> {
    match media.len() > MAX_ITEMS {
        true => Err(Failure::field(
            "input.mediaIds",
            format!("at most {MAX_ITEMS} at a time"),
        )),
        false => Ok(()),
    }
}

/// Takes items out of a collection.
///
/// # Errors
/// The collection does not exist or is smart, or the database fails.
pub async fn remove_items(
    kernel: &Kernel,
    viewer: &Viewer,
    id: CollectionId,
    media: &[MediaId],
) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "removeFromCollection").await?;
    fillable(&row(&edit, id).await?)?;
    for row in present(&edit, id, media).await?.into_values() {
        edit.delete(&COLLECTION_ITEM, row);
    }
    edit.commit().await
}

/// Moves items of a collection, in their order; no other item's place changes.
///
/// # Errors
/// The collection does not exist or is smart, an item is not in it, or the database fails.
pub async fn move_items(
    kernel: &Kernel,
    viewer: &Viewer,
    id: CollectionId,
    media: &[MediaId],
    place: Place,
) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "moveInCollection").await?;
    fillable(&row(&edit, id).await?)?;
    let present = present(&edit, id, media).await?;
    if let Some(index) = media.iter().position(|media| !present.contains_key(&media.0)) {
        let message = format!("`{}` is not in this collection", media[index]);
        return Err(Failure::field(format!("input.mediaIds[{index}]"), message));
    }
    if let Place::After(anchor) = place
        && media.contains(&anchor)
    {
        return Err(Failure::field("input.afterId", "an item cannot go after itself"));
    }
    let bounds = bounds(&edit, id, place, media).await?;
    let mut seen = BTreeSet::new();
    let moved: Vec<MediaId> = media.iter().copied().filter(|media| seen.insert(*media)).collect();
    let places = position::spread(bounds.0.as_deref(), bounds.1.as_deref(), moved.len());
    for (media, place) in moved.iter().zip(places) {
        if let Some(row) = present.get(&media.0) {
            edit.update(
                &COLLECTION_ITEM,
                row.clone(),
                row.clone().with(&COLLECTION_ITEM, "position", place),
            );
        }
    }
    edit.commit().await
}

fn fillable(row: &Row) -> Result<(), Failure> {
    match row.text(&COLLECTION, "filter") {
        Some(_) => {
            let name = row.text(&COLLECTION, "name").unwrap_or_default();
            let message = format!("`{name}` is a smart collection: it holds what its filter finds; change the filter");
            Err(Failure::new(&COLLECTION_IS_SMART, message))
        }
        None => Ok(()),
    }
}

async fn present(edit: &Edit, id: CollectionId, media: &[MediaId]) -> Result<BTreeMap<i64, Row>, Failure> {
    few(media)?;
    let ids: Vec<i64> = media.iter().map(|media| media.0).collect();
    let mut rows = BTreeMap::new();
    for row in edit.read(&COLLECTION_ITEM, "media_id", &ids).await? {
        if row.int(&COLLECTION_ITEM, "collection_id") == id.0 {
            rows.insert(row.int(&COLLECTION_ITEM, "media_id"), row);
        }
    }
    Ok(rows)
}

/// The places between which items go; those that are moved are as if they were not there.
async fn bounds(
    edit: &Edit,
    id: CollectionId,
    place: Place,
    moved: &[MediaId],
) -> Result<(Option<String>, Option<String>), Failure> {
    let but = if moved.is_empty() {
        String::new()
    } else {
        format!("and media_id not in ({})", sql::ids(moved.iter().copied()))
    };
    let one = async |condition: &str, order: &str, value: Option<&str>| -> Result<Option<String>, Failure> {
        let text = format!(
            "select position from collection_item where collection_id = $1 {condition} {but} \
             order by position {order} limit 1"
        );
        let values = std::iter::once(id.0.into()).chain(value.map(Into::into));
        let rows = sql::rows(&**edit.tx(), text, values).await?;
        Ok(rows
            .first()
            .map(|row| String::try_get_by(row, 0))
            .transpose()
            .map_err(sea_orm::DbErr::from)?)
    };
    Ok(match place {
        Place::First => (None, one("", "asc", None).await?),
        Place::Last => (one("", "desc", None).await?, None),
        Place::After(anchor) => {
            let condition = format!("and media_id = {}", anchor.0);
            let Some(after) = one(&condition, "asc", None).await? else {
                return Err(not_here(anchor));
            };
            let next = one("and position > $2", "asc", Some(&after)).await?;
            (Some(after), next)
        }
    })
}

/// States items of a collection between two places to an edit.
///
/// # Errors
/// An item does not exist, they are too many, or the database fails.
pub async fn insert(
    edit: &mut Edit,
    id: CollectionId,
    media: &[MediaId],
    (after, before): (Option<&str>, Option<&str>),
    path: &str,
) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    let media: Vec<MediaId> = media.iter().copied().filter(|media| seen.insert(*media)).collect();
    if media.is_empty() {
        return Ok(());
    }
    if media.len() > MAX_ITEMS {
        return Err(Failure::field(path, format!("at most {MAX_ITEMS} at a time")));
    }
    let found = edit.lock(&media).await?;
    if let Some(index) = media.iter().position(|media| !found.contains_key(&media.0)) {
        return Err(Failure::field(
            format!("{path}[{index}]"),
            format!("no media item `{}`", media[index]),
        ));
    }
    for (media, place) in media.iter().zip(position::spread(after, before, media.len())) {
        edit.insert(
            &COLLECTION_ITEM,
            Row(vec![json!(id.0), json!(media.0), json!(place), json!(edit.now)]),
        );
    }
    Ok(())
}
