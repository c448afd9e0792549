//! What making, changing and deleting markers means, without GraphQL.

use entities::{
    id::{MarkerId, MediaId, TagId},
    media::{self, MediaKind},
};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    sql,
};
use sea_orm::EntityTrait;
use serde_json::json;

use crate::{
    edit::{
        row::Row,
        session::{Done, Edit, must_exist},
        table::{MARKER, MARKER_TAG},
    },
    kit::access::Viewer,
    media::codes::TOO_MANY,
};

/// The most markers of one item: they are loaded whole.
const MAX_MARKERS: i64 = 1_000;
/// The most tags of one marker.
const MAX_TAGS: usize = 100;

/// A marker to be made.
#[derive(Debug, Clone)]
pub struct NewMarker {
    /// The item.
    pub media: MediaId,
    /// What is there.
    pub title: String,
    /// Microseconds from the beginning.
    pub start_us: i64,
    /// Microseconds from the beginning; absent for a place.
    pub end_us: Option<i64>,
    /// Its tags.
    pub tags: Vec<TagId>,
}

/// What to change about a marker: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct MarkerEdit {
    /// What is there.
    pub title: Option<String>,
    /// Microseconds from the beginning.
    pub start_us: Option<i64>,
    /// Microseconds from the beginning; absent for a place.
    pub end_us: Option<Option<i64>>,
    /// All its tags.
    pub tags: Option<Vec<TagId>>,
}

/// Makes a marker.
///
/// # Errors
/// The item does not exist or is a picture, a tag does not exist, the times are wrong, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewMarker) -> Result<(MarkerId, Done), Failure> {
    let mut edit = Edit::begin(kernel, viewer, "createMarker").await?;
    let id = add(&mut edit, new).await?;
    Ok((id, edit.commit().await?))
}

/// States a new marker to an edit.
///
/// # Errors
/// As [`create`].
pub async fn add(edit: &mut Edit, new: NewMarker) -> Result<MarkerId, Failure> {
    let item = media::Entity::find_by_id(new.media).one(&**edit.tx()).await?;
    let Some(item) = item.filter(|item| edit.sees(item.library_id)) else {
        return Err(Failure::field(
            "input.mediaId",
            format!("no media item `{}`", new.media),
        ));
    };
    if item.kind == MediaKind::Image {
        return Err(Failure::field(
            "input.mediaId",
            "a picture has no time; markers are of videos and sounds",
        ));
    }
    fits(new.start_us, new.end_us, item.duration_us)?;
    let rows = sql::rows(
        &**edit.tx(),
        "select count(*) from marker where media_id = $1",
        [new.media.0.into()],
    )
    .await?;
    let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if n >= MAX_MARKERS {
        return Err(Failure::new(
            &TOO_MANY,
            format!("`{}` has {n} markers, and no more may be", item.title),
        ));
    }
    let id = MarkerId::new();
    let row = vec![
        json!(id.0),
        json!(new.media.0),
        json!(new.title),
        json!(new.start_us),
        json!(new.end_us),
        json!(edit.now),
    ];
    edit.insert(&MARKER, Row(row));
    set_tags(edit, id, &new.tags).await?;
    Ok(id)
}

/// Changes a marker.
///
/// # Errors
/// It or a tag does not exist, the times are wrong, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: MarkerId, change: MarkerEdit) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updateMarker").await?;
    let before = row(&mut edit, id).await?;
    let mut after = before.clone();
    if let Some(title) = change.title {
        after = after.with(&MARKER, "title", title);
    }
    if let Some(start_us) = change.start_us {
        after = after.with(&MARKER, "start_us", start_us);
    }
    if let Some(end_us) = change.end_us {
        after = after.with(&MARKER, "end_us", end_us);
    }
    let item = media::Entity::find_by_id(MediaId(before.int(&MARKER, "media_id")))
        .one(&**edit.tx())
        .await?;
    let duration_us = item.and_then(|item| item.duration_us);
    fits(
        after.int(&MARKER, "start_us"),
        after.get(&MARKER, "end_us").as_i64(),
        duration_us,
    )?;
    edit.update(&MARKER, before, after);
    if let Some(tags) = &change.tags {
        set_tags(&mut edit, id, tags).await?;
    }
    edit.commit().await
}

/// Deletes a marker.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: MarkerId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteMarker").await?;
    let gone = row(&mut edit, id).await?;
    edit.delete_all(&MARKER_TAG, "marker_id", &[id.0]).await?;
    edit.delete(&MARKER, gone);
    edit.commit().await
}

async fn row(edit: &mut Edit, id: MarkerId) -> Result<Row, Failure> {
    let none = || Failure::new(&code::NOT_FOUND, format!("no marker `{id}`"));
    let row = edit.read(&MARKER, "id", &[id.0]).await?.pop().ok_or_else(none)?;
    if !edit.reaches_all() {
        let media = MediaId(row.int(&MARKER, "media_id"));
        if edit.lock(&[media]).await?.is_empty() {
            return Err(none());
        }
        edit.must_edit(&[media]).await?;
    }
    Ok(row)
}

async fn set_tags(edit: &mut Edit, id: MarkerId, tags: &[TagId]) -> Result<(), Failure> {
    let mut wanted = tags.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > MAX_TAGS {
        return Err(Failure::field("input.tagIds", format!("at most {MAX_TAGS} tags")));
    }
    must_exist(edit, "tag", "tag", tags, |index| format!("input.tagIds[{index}]")).await?;
    let present = edit.read(&MARKER_TAG, "marker_id", &[id.0]).await?;
    let tag = |row: &Row| TagId(row.int(&MARKER_TAG, "tag_id"));
    for row in present.iter().filter(|row| !wanted.contains(&tag(row))) {
        edit.delete(&MARKER_TAG, row.clone());
    }
    for new in wanted.iter().filter(|new| !present.iter().any(|row| tag(row) == **new)) {
        edit.insert(&MARKER_TAG, Row(vec![json!(id.0), json!(new.0)]));
    }
    Ok(())
}

fn fits(start_us: i64, end_us: Option<i64>, duration_us: Option<i64>) -> Result<(), Failure> {
    if start_us < 0 {
        return Err(Failure::field("input.start", "must not be negative"));
    }
    if let Some(end_us) = end_us.filter(|end_us| *end_us <= start_us) {
        let message = format!("{} s is not after the start", end_us as f64 / 1e6);
        return Err(Failure::field("input.end", message));
    }
    // A player may be a frame past the length that the container states.
    let Some(last_us) = duration_us.map(|duration_us| duration_us + 1_000_000) else {
        return Ok(());
    };
    let beyond = |path: &str| {
        let seconds = (last_us - 1_000_000) as f64 / 1e6;
        Err(Failure::field(
            path,
            format!("is after the end of the item, which is {seconds} s long"),
        ))
    };
    match () {
        () if start_us > last_us => beyond("input.start"),
        () if end_us.is_some_and(|end_us| end_us > last_us) => beyond("input.end"),
        () => Ok(()),
    }
}
