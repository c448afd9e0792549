//! The lines of an export. A field that is added later must have a default.

use std::collections::HashMap;

use entities::id::{GlobalId, LibraryId, PersonId, StudioId, TagId};
use kernel::sql;
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The form of the lines. A reader refuses greater ones.
pub const VERSION: u32 = 1;

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are named as those of the API")]
pub enum Line {
    /// The first line.
    Header { version: u32 },
    /// A tag; those above it come before.
    Tag {
        name: String,
        aliases: Vec<String>,
        color: Option<String>,
        description: Option<String>,
        parents: Vec<String>,
    },
    /// A person.
    Person {
        name: String,
        aliases: Vec<String>,
        description: Option<String>,
    },
    /// A studio; the one it belongs to comes before.
    Studio { name: String, parent: Option<String> },
    /// A custom field.
    Field {
        name: String,
        holds: String,
        choices: Vec<String>,
        description: Option<String>,
    },
    /// An item.
    Media(Box<MediaLine>),
    /// A collection or a gallery; the one it is in comes before.
    Collection {
        name: String,
        is_gallery: bool,
        description: Option<String>,
        parent: Option<String>,
        filter: Option<Json>,
        items: Vec<ItemKey>,
    },
    /// A saved filter of an account.
    SavedFilter {
        user: String,
        name: String,
        filter: Json,
        search: Option<String>,
        sort: Option<Json>,
    },
}

/// By what an item is found again: the fingerprints of its files, or else its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemKey {
    /// In hexadecimal.
    pub fingerprints: Vec<String>,
    /// The library's name.
    pub library: String,
    /// The path of the primary file below the library.
    pub path: String,
}

/// What people decided of an item.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named as those of the API")]
pub struct MediaLine {
    #[serde(flatten)]
    pub key: ItemKey,
    /// Only a title that a person gave.
    pub title: Option<String>,
    pub description: Option<String>,
    pub date: Option<String>,
    pub studio: Option<String>,
    pub tags: Vec<String>,
    pub people: Vec<String>,
    pub fields: Vec<FieldLine>,
    pub markers: Vec<MarkerLine>,
    pub own: Vec<OwnLine>,
}

/// A value of a custom field.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named as those of the API")]
pub struct FieldLine {
    pub field: String,
    pub text: Option<String>,
    pub number: Option<f64>,
}

/// A marker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named as those of the API")]
pub struct MarkerLine {
    pub title: String,
    pub start_us: i64,
    pub end_us: Option<i64>,
    pub tags: Vec<String>,
}

/// What an account thinks of an item, and how it played it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named as those of the API")]
pub struct OwnLine {
    pub user: String,
    pub rating: Option<i32>,
    pub is_favorite: bool,
    pub view_count: i64,
    pub last_viewed_at: Option<i64>,
    pub position_us: Option<i64>,
}

/// Names and ids of what filters refer to.
#[derive(Debug, Default)]
pub struct Names {
    names: HashMap<(&'static str, i64), String>,
    ids: HashMap<(&'static str, String), i64>,
}

const NAMED: [&str; 4] = ["tag", "person", "studio", "library"];

impl Names {
    /// Reads all names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let mut names = Self::default();
        for table in NAMED {
            for row in sql::rows(db, format!("select id, name from {table}"), []).await? {
                let (id, name): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
                names.ids.insert((table, name.to_lowercase()), id);
                names.names.insert((table, id), name);
            }
        }
        Ok(names)
    }

    /// The id of a name.
    pub fn id(&self, table: &'static str, name: &str) -> Option<i64> {
        self.ids.get(&(table, name.to_lowercase())).copied()
    }

    /// A filter with names in place of ids.
    pub fn portable(&self, json: Json) -> Json {
        self.mapped(json, &|text| {
            let (table, id) = match text.parse::<GlobalId>().ok()? {
                GlobalId::Tag(id) => ("tag", id.0),
                GlobalId::Person(id) => ("person", id.0),
                GlobalId::Studio(id) => ("studio", id.0),
                GlobalId::Library(id) => ("library", id.0),
                _ => return None,
            };
            Some(format!("@{table}:{}", self.names.get(&(table, id))?))
        })
    }

    /// A filter with ids in place of names; a name that is unknown stays, and the filter is refused for it.
    pub fn local(&self, json: Json) -> Json {
        self.mapped(json, &|text| {
            let (table, name) = text.strip_prefix('@')?.split_once(':')?;
            let table = NAMED.into_iter().find(|known| *known == table)?;
            let id = self.id(table, name)?;
            Some(match table {
                "tag" => TagId(id).to_string(),
                "person" => PersonId(id).to_string(),
                "studio" => StudioId(id).to_string(),
                _ => LibraryId(id).to_string(),
            })
        })
    }

    fn mapped(&self, json: Json, map: &dyn Fn(&str) -> Option<String>) -> Json {
        match json {
            Json::String(text) => Json::String(map(&text).unwrap_or(text)),
            Json::Array(all) => all.into_iter().map(|one| self.mapped(one, map)).collect(),
            Json::Object(fields) => Json::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, self.mapped(value, map)))
                    .collect(),
            ),
            other => other,
        }
    }
}
