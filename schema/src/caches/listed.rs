//! How rows of named things are taken from a read of their list.

use entities::{
    collection,
    id::{CollectionId, FolderId, PersonId, StudioId, TagId},
    person, saved_filter, studio, tag,
};
use sea_orm::DbErr;

use crate::kit::{listing::Listed, together::Cells};

impl Listed for tag::Model {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "sort_name",
        "color",
        "description",
        "n_media",
        "created_at",
        "updated_at",
    ];

    fn read(id: i64, cells: &mut Cells) -> Result<Self, DbErr> {
        Ok(Self {
            id: TagId(id),
            name: cells.text()?,
            sort_name: cells.text()?,
            color: cells.text_or_absent()?,
            description: cells.text_or_absent()?,
            n_media: cells.int()?,
            created_at: cells.int()?,
            updated_at: cells.int()?,
        })
    }

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Listed for person::Model {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "sort_name",
        "description",
        "n_media",
        "created_at",
        "updated_at",
    ];

    fn read(id: i64, cells: &mut Cells) -> Result<Self, DbErr> {
        Ok(Self {
            id: PersonId(id),
            name: cells.text()?,
            sort_name: cells.text()?,
            description: cells.text_or_absent()?,
            n_media: cells.int()?,
            created_at: cells.int()?,
            updated_at: cells.int()?,
        })
    }

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Listed for studio::Model {
    const COLUMNS: &'static [&'static str] = &["name", "sort_name", "parent_id", "n_media", "created_at", "updated_at"];

    fn read(id: i64, cells: &mut Cells) -> Result<Self, DbErr> {
        Ok(Self {
            id: StudioId(id),
            name: cells.text()?,
            sort_name: cells.text()?,
            parent_id: cells.int_or_absent()?.map(StudioId),
            n_media: cells.int()?,
            created_at: cells.int()?,
            updated_at: cells.int()?,
        })
    }

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Listed for collection::Model {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "name",
        "sort_name",
        "description",
        "parent_id",
        "folder_id",
        "filter",
        "filter_version",
        "n_media",
        "created_at",
        "updated_at",
    ];

    fn read(id: i64, cells: &mut Cells) -> Result<Self, DbErr> {
        Ok(Self {
            id: CollectionId(id),
            kind: cells.one_of()?,
            name: cells.text()?,
            sort_name: cells.text()?,
            description: cells.text_or_absent()?,
            parent_id: cells.int_or_absent()?.map(CollectionId),
            folder_id: cells.int_or_absent()?.map(FolderId),
            filter: cells.text_or_absent()?,
            filter_version: cells.small()?,
            n_media: cells.int()?,
            created_at: cells.int()?,
            updated_at: cells.int()?,
        })
    }

    fn id(&self) -> i64 {
        self.id.0
    }
}

/// The columns of a saved filter that its list reads, the id first.
pub const SAVED_FILTER: [&str; 9] = [
    "id",
    "name",
    "version",
    "filter",
    "search",
    "sort",
    "created_at",
    "updated_at",
    "user_id",
];

/// A saved filter of these columns.
///
/// # Errors
/// When a value is not what the column holds.
pub fn saved_filter(cells: &mut Cells) -> Result<saved_filter::Model, DbErr> {
    Ok(saved_filter::Model {
        id: cells.int()?.into(),
        name: cells.text()?,
        version: cells.small()?,
        filter: cells.text()?,
        search: cells.text_or_absent()?,
        sort: cells.text_or_absent()?,
        created_at: cells.int()?,
        updated_at: cells.int()?,
        user_id: cells.int()?.into(),
    })
}
