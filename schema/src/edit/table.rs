//! The tables that edits write, with the columns that people decide. Counters and time stamps are not among them: they
//! follow.

use entities::id::{
    CollectionId, CustomFieldId, FolderId, MarkerId, MediaId, PersonId, SavedFilterId, SettingId, StudioId, TagId,
    UserId,
};
use kernel::error::{Code, code::CONFLICT};

use crate::media::codes::{
    COLLECTION_EXISTS, CUSTOM_FIELD_NAME_TAKEN, PERSON_NAME_TAKEN, SAVED_FILTER_NAME_TAKEN, STUDIO_NAME_TAKEN,
    TAG_NAME_TAKEN,
};

/// What the values of a column are.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A key, and how clients see it.
    Id(fn(i64) -> String),
    /// 64 bits.
    Long,
    /// 32 bits.
    Int,
    /// Yes or no.
    Flag,
    /// A fraction.
    Real,
    /// Text.
    Text,
    /// Text that the search index holds.
    Name,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// How rows of a table come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// They are made and removed by edits; these columns begin as said.
    Whole(&'static [(&'static str, &'static str)]),
    /// They are only changed.
    Part,
    /// An absent row is one of `null` and `false`; it is made when needed, with these columns, and never removed.
    Own(&'static [(&'static str, &'static str)]),
}

/// What an audit record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, async_graphql::Enum)]
pub enum SubjectKind {
    /// An item.
    Media,
    /// A tag.
    Tag,
    /// A person.
    Person,
    /// A studio.
    Studio,
    /// A collection or a gallery.
    Collection,
    /// A custom field.
    CustomField,
    /// A saved filter.
    SavedFilter,
    /// A marker: its tags. What else changes of a marker is about its item.
    Marker,
    /// A setting of the server.
    Setting,
}

impl SubjectKind {
    const ALL: [Self; 9] = [
        Self::Media,
        Self::Tag,
        Self::Person,
        Self::Studio,
        Self::Collection,
        Self::CustomField,
        Self::SavedFilter,
        Self::Marker,
        Self::Setting,
    ];

    /// Its number in rows: new kinds go last.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The kind of a number.
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The id as clients see it.
    pub fn id(self, id: i64) -> String {
        match self {
            Self::Media => MediaId(id).to_string(),
            Self::Tag => TagId(id).to_string(),
            Self::Person => PersonId(id).to_string(),
            Self::Studio => StudioId(id).to_string(),
            Self::Collection => CollectionId(id).to_string(),
            Self::CustomField => CustomFieldId(id).to_string(),
            Self::SavedFilter => SavedFilterId(id).to_string(),
            Self::Marker => MarkerId(id).to_string(),
            Self::Setting => SettingId(id).to_string(),
        }
    }
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// So many of the columns come first and are the key.
    pub n_key: usize,
    /// The columns that people decide.
    pub columns: &'static [Column],
    /// How its rows come and go.
    pub shape: Shape,
    /// What a change of a row is about: the kind, and the column that says which.
    pub subject: (SubjectKind, &'static str),
    /// Columns that refer to other tables.
    pub parents: &'static [(&'static str, &'static str)],
    /// Whether `updated_at` is set with every change.
    pub is_stamped: bool,
    /// The unique constraint of its names, and the code of a clash.
    pub unique: Option<(&'static str, &'static Code)>,
}

impl Table {
    /// The place of a column.
    ///
    /// # Panics
    /// When there is no such column: a mistake in the program.
    pub fn at(&self, column: &str) -> usize {
        let at = self.columns.iter().position(|known| known.name == column);
        at.expect("columns are named as their table declares them")
    }

    /// Whether its rows can be read with those of other tables: their keys are numbers, and they hold no fractions.
    pub(super) fn is_gathered(&self) -> bool {
        let is_number = |column: &Column| matches!(column.kind, Kind::Id(_) | Kind::Long | Kind::Int);
        let is_exact = |column: &Column| !matches!(column.kind, Kind::Real);
        self.columns[..self.n_key].iter().all(is_number) && self.columns.iter().all(is_exact)
    }

    /// The table of a name.
    pub fn of(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|table| table.name == name)
    }

    /// Its place in an order in which what is referred to comes first.
    pub(super) fn rank(&self) -> usize {
        ALL.iter()
            .position(|table| table.name == self.name)
            .unwrap_or(ALL.len())
    }
}

macro_rules! columns {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$(Column { name: $name, kind: $kind }),+]
    };
}

const MEDIA_ID: Kind = Kind::Id(|id| MediaId(id).to_string());
const TAG_ID: Kind = Kind::Id(|id| TagId(id).to_string());
const PERSON_ID: Kind = Kind::Id(|id| PersonId(id).to_string());
const STUDIO_ID: Kind = Kind::Id(|id| StudioId(id).to_string());
const USER_ID: Kind = Kind::Id(|id| UserId(id).to_string());
const COLLECTION_ID: Kind = Kind::Id(|id| CollectionId(id).to_string());
const MARKER_ID: Kind = Kind::Id(|id| MarkerId(id).to_string());
const FIELD_ID: Kind = Kind::Id(|id| CustomFieldId(id).to_string());
const FILTER_ID: Kind = Kind::Id(|id| SavedFilterId(id).to_string());
const SETTING_ID: Kind = Kind::Id(|id| SettingId(id).to_string());
const FOLDER_ID: Kind = Kind::Id(|id| FolderId(id).to_string());

/// Studios.
pub static STUDIO: Table = Table {
    name: "studio",
    n_key: 1,
    columns: columns! {
        "id": STUDIO_ID, "name": Kind::Name, "sort_name": Kind::Text, "parent_id": STUDIO_ID, "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[("n_media", "0")]),
    subject: (SubjectKind::Studio, "id"),
    parents: &[("parent_id", "studio")],
    is_stamped: true,
    unique: Some(("studio_name_key", &STUDIO_NAME_TAKEN)),
};

/// Tags.
pub static TAG: Table = Table {
    name: "tag",
    n_key: 1,
    columns: columns! {
        "id": TAG_ID, "name": Kind::Name, "sort_name": Kind::Text, "color": Kind::Text, "description": Kind::Text,
        "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[("n_media", "0")]),
    subject: (SubjectKind::Tag, "id"),
    parents: &[],
    is_stamped: true,
    unique: Some(("tag_name_key", &TAG_NAME_TAKEN)),
};

/// People.
pub static PERSON: Table = Table {
    name: "person",
    n_key: 1,
    columns: columns! {
        "id": PERSON_ID, "name": Kind::Name, "sort_name": Kind::Text, "description": Kind::Text, "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[("n_media", "0")]),
    subject: (SubjectKind::Person, "id"),
    parents: &[],
    is_stamped: true,
    unique: Some(("person_name_key", &PERSON_NAME_TAKEN)),
};

/// Custom fields.
pub static CUSTOM_FIELD: Table = Table {
    name: "custom_field",
    n_key: 1,
    columns: columns! {
        "id": FIELD_ID, "name": Kind::Text, "kind": Kind::Int, "choices": Kind::Text, "description": Kind::Text,
        "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::CustomField, "id"),
    parents: &[],
    is_stamped: true,
    unique: Some(("custom_field_name_key", &CUSTOM_FIELD_NAME_TAKEN)),
};

/// Collections and galleries.
pub static COLLECTION: Table = Table {
    name: "collection",
    n_key: 1,
    columns: columns! {
        "id": COLLECTION_ID, "kind": Kind::Int, "name": Kind::Text, "sort_name": Kind::Text, "description": Kind::Text,
        "parent_id": COLLECTION_ID, "folder_id": FOLDER_ID, "filter": Kind::Text, "filter_version": Kind::Int,
        "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[("n_media", "0")]),
    subject: (SubjectKind::Collection, "id"),
    parents: &[("parent_id", "collection"), ("folder_id", "folder")],
    is_stamped: true,
    unique: Some(("collection_folder_id_key", &COLLECTION_EXISTS)),
};

/// Saved filters.
pub static SAVED_FILTER: Table = Table {
    name: "saved_filter",
    n_key: 1,
    columns: columns! {
        "id": FILTER_ID, "user_id": USER_ID, "name": Kind::Text, "version": Kind::Int, "filter": Kind::Text,
        "search": Kind::Text, "sort": Kind::Text, "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::SavedFilter, "id"),
    parents: &[],
    is_stamped: true,
    unique: Some(("saved_filter_user_id_name_key", &SAVED_FILTER_NAME_TAKEN)),
};

/// Items: what people decide of them. Rows come and go by scans.
pub static MEDIA: Table = Table {
    name: "media",
    n_key: 1,
    columns: columns! {
        "id": MEDIA_ID, "title": Kind::Name, "sort_title": Kind::Text, "title_origin": Kind::Int,
        "description": Kind::Name, "date": Kind::Text, "studio_id": STUDIO_ID,
    },
    shape: Shape::Part,
    subject: (SubjectKind::Media, "id"),
    parents: &[("studio_id", "studio")],
    is_stamped: true,
    unique: None,
};

/// Markers of items.
pub static MARKER: Table = Table {
    name: "marker",
    n_key: 1,
    columns: columns! {
        "id": MARKER_ID, "media_id": MEDIA_ID, "title": Kind::Text, "start_us": Kind::Long, "end_us": Kind::Long,
        "created_at": Kind::Long,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Media, "media_id"),
    parents: &[("media_id", "media")],
    is_stamped: true,
    unique: None,
};

/// Other names of tags.
pub static TAG_ALIAS: Table = Table {
    name: "tag_alias",
    n_key: 2,
    columns: columns! { "tag_id": TAG_ID, "name": Kind::Name },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Tag, "tag_id"),
    parents: &[("tag_id", "tag")],
    is_stamped: false,
    unique: None,
};

/// Which tags are above others.
pub static TAG_PARENT: Table = Table {
    name: "tag_parent",
    n_key: 2,
    columns: columns! { "tag_id": TAG_ID, "parent_id": TAG_ID },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Tag, "tag_id"),
    parents: &[("tag_id", "tag"), ("parent_id", "tag")],
    is_stamped: false,
    unique: None,
};

/// Other names of people.
pub static PERSON_ALIAS: Table = Table {
    name: "person_alias",
    n_key: 2,
    columns: columns! { "person_id": PERSON_ID, "name": Kind::Name },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Person, "person_id"),
    parents: &[("person_id", "person")],
    is_stamped: false,
    unique: None,
};

/// Tags of items.
pub static MEDIA_TAG: Table = Table {
    name: "media_tag",
    n_key: 2,
    columns: columns! { "media_id": MEDIA_ID, "tag_id": TAG_ID, "added_at": Kind::Long },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Media, "media_id"),
    parents: &[("media_id", "media"), ("tag_id", "tag")],
    is_stamped: false,
    unique: None,
};

/// People of items.
pub static MEDIA_PERSON: Table = Table {
    name: "media_person",
    n_key: 2,
    columns: columns! {
        "media_id": MEDIA_ID, "person_id": PERSON_ID, "role": Kind::Text, "position": Kind::Int, "added_at": Kind::Long,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Media, "media_id"),
    parents: &[("media_id", "media"), ("person_id", "person")],
    is_stamped: false,
    unique: None,
};

/// Values of custom fields.
pub static MEDIA_FIELD: Table = Table {
    name: "media_field",
    n_key: 2,
    columns: columns! {
        "media_id": MEDIA_ID, "field_id": FIELD_ID, "text_value": Kind::Text, "number_value": Kind::Real,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Media, "media_id"),
    parents: &[("media_id", "media"), ("field_id", "custom_field")],
    is_stamped: false,
    unique: None,
};

/// Items of collections.
pub static COLLECTION_ITEM: Table = Table {
    name: "collection_item",
    n_key: 2,
    columns: columns! {
        "collection_id": COLLECTION_ID, "media_id": MEDIA_ID, "position": Kind::Text, "added_at": Kind::Long,
    },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Collection, "collection_id"),
    parents: &[("collection_id", "collection"), ("media_id", "media")],
    is_stamped: false,
    unique: None,
};

/// Tags of markers.
pub static MARKER_TAG: Table = Table {
    name: "marker_tag",
    n_key: 2,
    columns: columns! { "marker_id": MARKER_ID, "tag_id": TAG_ID },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Marker, "marker_id"),
    parents: &[("marker_id", "marker"), ("tag_id", "tag")],
    is_stamped: false,
    unique: None,
};

/// What an account thinks of items. How often and how far it played them is not curation.
pub static MEDIA_USER: Table = Table {
    name: "media_user",
    n_key: 2,
    columns: columns! { "media_id": MEDIA_ID, "user_id": USER_ID, "rating": Kind::Int, "is_favorite": Kind::Flag },
    shape: Shape::Own(&[("n_views", "0")]),
    subject: (SubjectKind::Media, "media_id"),
    parents: &[("media_id", "media"), ("user_id", "\"user\"")],
    is_stamped: true,
    unique: None,
};

/// Settings of the server that were decided in the app.
pub static SERVER_SETTING: Table = Table {
    name: "server_setting",
    n_key: 1,
    columns: columns! { "id": SETTING_ID, "name": Kind::Text, "value": Kind::Text, "created_at": Kind::Long },
    shape: Shape::Whole(&[]),
    subject: (SubjectKind::Setting, "id"),
    parents: &[],
    is_stamped: true,
    unique: Some(("server_setting_name_key", &CONFLICT)),
};

/// All tables; what is referred to comes first.
pub static ALL: [&Table; 18] = [
    &STUDIO,
    &TAG,
    &PERSON,
    &CUSTOM_FIELD,
    &COLLECTION,
    &SAVED_FILTER,
    &MEDIA,
    &MARKER,
    &TAG_ALIAS,
    &TAG_PARENT,
    &PERSON_ALIAS,
    &MEDIA_TAG,
    &MEDIA_PERSON,
    &MEDIA_FIELD,
    &COLLECTION_ITEM,
    &MARKER_TAG,
    &MEDIA_USER,
    &SERVER_SETTING,
];
