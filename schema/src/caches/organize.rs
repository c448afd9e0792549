//! The row caches of what people make to organize items: how they are read, what they weigh, and when they are stale.

use std::collections::HashMap;

use entities::{
    collection, custom_field,
    id::{CollectionId, CustomFieldId, MarkerId, MediaId, TagId},
    marker, marker_tag, media_field,
};
use kernel::events::{Events, TagChanged};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::SharedCaches;
use crate::{collection::rules::CollectionChanged, edit::facts::MarkersChanged, field::rules::FieldChanged};

/// Lets facts drop what they made stale.
pub(super) fn listen(events: &Events, shared: &SharedCaches) {
    let (collection, children) = (shared.collection.clone(), shared.subcollections.clone());
    events.on::<CollectionChanged>(move |fact| {
        collection.invalidate(fact.collections.iter().copied());
        children.invalidate(fact.collections.iter().copied());
    });
    let tags = shared.marker_tags.clone();
    events.on::<MarkersChanged>(move |fact| tags.invalidate(fact.markers.iter().copied()));
    // A tag may be gone with all its links.
    let (tags, below) = (shared.marker_tags.clone(), shared.below.clone());
    events.on::<TagChanged>(move |_| {
        tags.clear();
        below.clear();
    });
    let (field, fields) = (shared.field.clone(), shared.fields.clone());
    events.on::<FieldChanged>(move |fact| {
        field.invalidate([fact.field]);
        fields.clear();
    });
}

pub(super) fn collection(row: &collection::Model) -> u32 {
    let texts = [&row.description, &row.filter]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    (size_of::<collection::Model>() + row.name.len() + row.sort_name.len() + texts) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn list<T>(ids: &Vec<T>) -> u32 {
    24 + 8 * ids.len() as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn markers_weight(rows: &Vec<marker::Model>) -> u32 {
    rows.iter()
        .map(|row| (size_of::<marker::Model>() + row.title.len()) as u32)
        .sum()
}

pub(super) fn field(row: &custom_field::Model) -> u32 {
    let texts = [&row.choices, &row.description]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    (size_of::<custom_field::Model>() + row.name.len() + texts) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn values(rows: &Vec<media_field::Model>) -> u32 {
    let text = |row: &media_field::Model| row.text_value.as_ref().map_or(0, String::len);
    rows.iter()
        .map(|row| (size_of::<media_field::Model>() + text(row)) as u32)
        .sum()
}

pub(super) async fn below(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, Vec<TagId>>, DbErr> {
    crate::media::filter::descendants(&db, &ids.into_iter().collect()).await
}

pub(super) async fn subcollections(
    db: DatabaseConnection,
    ids: Vec<CollectionId>,
) -> Result<HashMap<CollectionId, Vec<CollectionId>>, DbErr> {
    let select = collection::Entity::find().select_only();
    let select = select.columns([collection::Column::ParentId, collection::Column::Id]);
    let rows = select.filter(collection::Column::ParentId.is_in(ids.iter().copied()));
    let rows: Vec<(CollectionId, CollectionId)> =
        rows.order_by_asc(collection::Column::Id).into_tuple().all(&db).await?;
    Ok(super::load::lists(&ids, rows))
}

pub(super) async fn marker_tags(
    db: DatabaseConnection,
    ids: Vec<MarkerId>,
) -> Result<HashMap<MarkerId, Vec<TagId>>, DbErr> {
    let rows = marker_tag::Entity::find().filter(marker_tag::Column::MarkerId.is_in(ids.iter().copied()));
    let rows = rows.all(&db).await?;
    Ok(super::load::lists(
        &ids,
        rows.into_iter().map(|row| (row.marker_id, row.tag_id)),
    ))
}

pub(super) async fn field_rows(
    db: DatabaseConnection,
    ids: Vec<CustomFieldId>,
) -> Result<HashMap<CustomFieldId, custom_field::Model>, DbErr> {
    let rows = custom_field::Entity::find()
        .filter(custom_field::Column::Id.is_in(ids))
        .all(&db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

pub(super) async fn fields(
    db: DatabaseConnection,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, Vec<media_field::Model>>, DbErr> {
    let select = media_field::Entity::find().filter(media_field::Column::MediaId.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(media_field::Column::FieldId).all(&db).await?;
    Ok(super::load::lists(
        &ids,
        rows.into_iter().map(|row| (row.media_id, row)),
    ))
}
