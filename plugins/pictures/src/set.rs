//! What was drawn of an item, as the row cache holds it.

use std::collections::HashMap;

use entities::id::MediaId;
use kernel::{objects::ObjectKey, sql};
use media_proto::survey::SpriteLayout;
use sea_orm::{DatabaseConnection, DbErr, FromQueryResult};

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

/// The sets of items, in one statement.
pub async fn load(db: DatabaseConnection, ids: Vec<MediaId>) -> Result<HashMap<MediaId, PictureSet>, DbErr> {
    let text = format!(
        "select s.*, p.media_id as p_media_id, p.role as p_role, p.format as p_format, p.width as p_width, \
         p.height as p_height, p.key as p_key \
         from picture_set s left join picture_part p on p.media_id = s.media_id where s.media_id in ({})",
        sql::ids(ids)
    );
    let mut sets: HashMap<MediaId, PictureSet> = HashMap::new();
    for found in sql::rows(&db, text, []).await? {
        let part = picture_part::Model::from_query_result_optional(&found, "p_")?;
        let media = MediaId(found.try_get("", "media_id")?);
        if let Some(set) = sets.get_mut(&media) {
            set.parts.extend(part);
            continue;
        }
        let row = picture_set::Model::from_query_result(&found, "")?;
        let parts = part.into_iter().collect();
        sets.insert(media, PictureSet { row, parts });
    }
    Ok(sets)
}
