//! What clients send to change items: one, or all of a selection.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entities::id::{MediaId, TypedId};
use kernel::error::Failure;

use crate::{
    field::types::{CustomFieldValueInput, values},
    kit::{
        id,
        maybe::{named, opened},
        scalar::Date,
        text,
    },
    media::{
        inputs::MediaFilter,
        rules::{Links, MediaEdit},
        selection::{KeptFilter, MAX_IDS, Selection},
    },
};

/// What to change about items: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct MediaChangeInput {
    /// The title. It cannot be cleared.
    pub title: MaybeUndefined<String>,
    /// The description.
    pub description: MaybeUndefined<String>,
    /// The day it was made or published.
    pub date: MaybeUndefined<Date>,
    /// Your own rating, 0 to 100.
    pub rating: MaybeUndefined<i32>,
    /// Whether it is one of your favorites.
    pub is_favorite: MaybeUndefined<bool>,
    /// All tags.
    pub tag_ids: MaybeUndefined<Vec<ID>>,
    /// Tags that come; not together with `tagIds`.
    pub add_tag_ids: Option<Vec<ID>>,
    /// Tags that go; not together with `tagIds`.
    pub remove_tag_ids: Option<Vec<ID>>,
    /// All people, in order.
    pub person_ids: MaybeUndefined<Vec<ID>>,
    /// People that come, behind those that are there; not together with `personIds`.
    pub add_person_ids: Option<Vec<ID>>,
    /// People that go; not together with `personIds`.
    pub remove_person_ids: Option<Vec<ID>>,
    /// The studio.
    pub studio_id: MaybeUndefined<ID>,
    /// Values of custom fields; fields that are not among them stay.
    pub fields: Option<Vec<CustomFieldValueInput>>,
}

/// An item and what to change about it: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateMediaInput {
    /// The item.
    pub id: ID,
    /// What to change.
    #[graphql(flatten)]
    pub change: MediaChangeInput,
}

/// Items and what to change about all of them: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct BulkUpdateMediaInput {
    /// The items, at most 1000; not together with `filter`, `search` and `except`.
    pub ids: Option<Vec<ID>>,
    /// Instead of ids: all items that this finds; an empty filter is all that are present.
    pub filter: Option<MediaFilter>,
    /// Only those of the filter that these words find.
    pub search: Option<String>,
    /// All of the filter but these, at most 1000.
    pub except: Option<Vec<ID>>,
    /// Says what would change, and changes nothing.
    #[graphql(default)]
    pub dry_run: bool,
    /// What to change.
    #[graphql(flatten)]
    pub change: MediaChangeInput,
}

impl BulkUpdateMediaInput {
    /// Which items.
    ///
    /// # Errors
    /// When they are given twice or not at all, or an id is none.
    pub fn selection(&self) -> Result<Selection, Failure> {
        let few = |ids: &[ID], path: &str| match ids.len() > MAX_IDS {
            true => Err(Failure::field(
                path,
                format!("at most {MAX_IDS} ids; use a filter for more"),
            )),
            false => id::parse_many::<MediaId>(ids, path),
        };
        match (&self.ids, &self.filter, &self.search, &self.except) {
            (Some(ids), None, None, None) => Ok(Selection::Ids(few(ids, "input.ids")?)),
            (Some(_), ..) => Err(Failure::field(
                "input.ids",
                "give `ids`, or `filter` with `search` and `except`, not both",
            )),
            (None, None, None, _) => Err(Failure::field(
                "input.filter",
                "say which items: `ids`, or a `filter`; an empty one is all items",
            )),
            (None, filter, search, except) => Ok(Selection::Found {
                filter: Box::new(KeptFilter(filter.clone().unwrap_or_default())),
                search: search.clone(),
                except: few(except.as_deref().unwrap_or_default(), "input.except")?,
            }),
        }
    }
}

impl MediaChangeInput {
    /// The change, with ids and texts checked.
    ///
    /// # Errors
    /// When something is wrong, with the field.
    pub fn parsed(self) -> Result<MediaEdit, Failure> {
        Ok(MediaEdit {
            title: named(self.title, "input.title")?,
            description: match self.description {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(description) => Some(text::long(&description, "input.description")?),
            },
            date: opened(self.date).map(|date| date.map(|date| date.0)),
            rating: opened(self.rating),
            is_favorite: opened(self.is_favorite).map(|is_favorite| is_favorite.unwrap_or(false)),
            tags: links("tag", self.tag_ids, self.add_tag_ids, self.remove_tag_ids)?,
            people: links("person", self.person_ids, self.add_person_ids, self.remove_person_ids)?,
            studio: opened(self.studio_id)
                .map(|id| id.map(|id| id::parse(&id, "input.studioId")).transpose())
                .transpose()?,
            fields: values(self.fields.as_deref().unwrap_or_default())?,
        })
    }
}

fn links<T: TypedId + std::str::FromStr<Err = entities::id::IdError>>(
    noun: &str,
    all: MaybeUndefined<Vec<ID>>,
    add: Option<Vec<ID>>,
    remove: Option<Vec<ID>>,
) -> Result<Option<Links<T>>, Failure> {
    let capital = noun[..1].to_uppercase() + &noun[1..];
    let paths = [
        format!("input.{noun}Ids"),
        format!("input.add{capital}Ids"),
        format!("input.remove{capital}Ids"),
    ];
    let parse = |ids: Vec<ID>, path: &str| id::parse_many(&ids, path);
    match (opened(all), add, remove) {
        (None, None, None) => Ok(None),
        (Some(all), None, None) => Ok(Some(Links::Set(parse(all.unwrap_or_default(), &paths[0])?))),
        (Some(_), ..) => Err(Failure::field(
            &paths[0],
            format!("give all of them, or `add{capital}Ids` and `remove{capital}Ids`"),
        )),
        (None, add, remove) => Ok(Some(Links::Change {
            add: parse(add.unwrap_or_default(), &paths[1])?,
            remove: parse(remove.unwrap_or_default(), &paths[2])?,
        })),
    }
}
