//! What was drawn of an item, as the row cache holds it.

use std::{collections::HashMap, sync::Arc};

use entities::id::MediaId;
use kernel::{cache::Loaded, objects::ObjectKey};
use media_proto::survey::SpriteLayout;
use schema::kit::{cells::Cells, listed::among, together::Together};
use sea_orm::{DbErr, sea_query::Query};

use crate::tables::{
    picture_object::Role,
    picture_part::{self, Format},
    picture_set,
};

/// A set with its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureSet {
    /// The row.
    pub row: picture_set::Model,
    /// Its parts, in no order.
    pub parts: Vec<picture_part::Model>,
}

/// A poster in one width, in the formats that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PosterSize {
    /// Pixels.
    pub width: i32,
    /// The WebP.
    pub webp: Option<ObjectKey>,
    /// The JPEG.
    pub jpeg: Option<ObjectKey>,
}

impl PictureSet {
    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        let thumbhash = self.row.thumbhash.as_ref().map_or(0, Vec::len);
        (size_of::<Self>() + thumbhash + self.parts.len() * (size_of::<picture_part::Model>() + 20)) as u32
    }

    /// The poster in each width, the smallest first.
    pub fn posters(&self) -> Vec<PosterSize> {
        let mut sizes: Vec<PosterSize> = Vec::new();
        for part in self.parts.iter().filter(|part| part.role == Role::Poster) {
            let key = ObjectKey::from_bytes(&part.key);
            let at = sizes.iter().position(|size| size.width == part.width);
            let at = at.unwrap_or_else(|| {
                sizes.push(PosterSize {
                    width: part.width,
                    webp: None,
                    jpeg: None,
                });
                sizes.len() - 1
            });
            match part.format {
                Format::Jpeg => sizes[at].jpeg = key,
                _ => sizes[at].webp = key,
            }
        }
        sizes.sort_by_key(|size| size.width);
        sizes
    }

    /// The key of a part, if there is one.
    pub fn key(&self, role: Role) -> Option<ObjectKey> {
        let part = self.parts.iter().find(|part| part.role == role)?;
        ObjectKey::from_bytes(&part.key)
    }

    /// The key of the short animation in a format, if there is one.
    pub fn preview(&self, format: Format) -> Option<ObjectKey> {
        let mut parts = self.parts.iter();
        let part = parts.find(|part| part.role == Role::Preview && part.format == format)?;
        ObjectKey::from_bytes(&part.key)
    }

    /// How the sheet is laid out, if the set has one.
    pub fn layout(&self) -> Option<SpriteLayout> {
        let unsigned = |value: Option<i32>| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .filter(|value| *value > 0)
        };
        let (count, columns) = (unsigned(self.row.sprite_count)?, unsigned(self.row.sprite_columns)?);
        Some(SpriteLayout {
            count,
            columns,
            rows: count.div_ceil(columns),
            tile_width: unsigned(self.row.sprite_tile_width)?,
            tile_height: unsigned(self.row.sprite_tile_height)?,
            interval_us: self.row.sprite_interval_us.filter(|interval| *interval > 0)?,
        })
    }
}

/// The sets of items, with what is read beside them.
pub async fn load(together: Arc<Together>, ids: Vec<MediaId>) -> Loaded<MediaId, PictureSet> {
    const OF_SET: [&str; 15] = [
        "media_id",
        "file_id",
        "size",
        "mtime_ns",
        "version",
        "poster_source",
        "poster_at_us",
        "thumbhash",
        "sprite_count",
        "sprite_columns",
        "sprite_tile_width",
        "sprite_tile_height",
        "sprite_interval_us",
        "peaks_per_second",
        "made_at",
    ];
    const OF_PART: [&str; 6] = ["media_id", "role", "format", "width", "height", "key"];
    let select = |table: &'static str, columns: &[&'static str]| {
        let among = among("media_id", ids.iter().map(|id| id.0), together.backend());
        let mut select = Query::select().from(table).and_where(among).take();
        for column in columns {
            match *column {
                "thumbhash" | "key" => select.expr_as(together.digits(*column), *column),
                _ => select.column(*column),
            };
        }
        select
    };
    let (sets, parts) = futures_util::try_join!(
        together.read(select("picture_set", &OF_SET), OF_SET.to_vec()),
        together.read(select("picture_part", &OF_PART), OF_PART.to_vec()),
    )?;
    let mut found = HashMap::with_capacity(sets.len());
    for mut cells in sets {
        let row = set(&mut cells)?;
        found.insert(row.media_id, PictureSet { row, parts: Vec::new() });
    }
    for mut cells in parts {
        let part = part(&mut cells)?;
        if let Some(set) = found.get_mut(&part.media_id) {
            set.parts.push(part);
        }
    }
    Ok(found)
}

fn set(cells: &mut Cells) -> Result<picture_set::Model, DbErr> {
    Ok(picture_set::Model {
        media_id: cells.id()?,
        file_id: cells.id()?,
        size: cells.int()?,
        mtime_ns: cells.int()?,
        version: cells.small()?,
        poster_source: cells.one_of_or_absent()?,
        poster_at_us: cells.int_or_absent()?,
        thumbhash: cells.bytes_or_absent()?,
        sprite_count: cells.small_or_absent()?,
        sprite_columns: cells.small_or_absent()?,
        sprite_tile_width: cells.small_or_absent()?,
        sprite_tile_height: cells.small_or_absent()?,
        sprite_interval_us: cells.int_or_absent()?,
        peaks_per_second: cells.small_or_absent()?,
        made_at: cells.int()?,
    })
}

fn part(cells: &mut Cells) -> Result<picture_part::Model, DbErr> {
    Ok(picture_part::Model {
        media_id: cells.id()?,
        role: cells.one_of()?,
        format: cells.one_of()?,
        width: cells.small()?,
        height: cells.small()?,
        key: cells.bytes()?,
    })
}
