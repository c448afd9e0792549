//! Lends sheets of stills to whoever plays films.

use entities::id::{FileId, MediaId};
use kernel::{
    cache::RowCache,
    error::Failure,
    still_sheet::{Sheets, StillSheet},
    store::Store,
};
use sea_orm::EntityTrait;

use crate::{
    set::PictureSet,
    tables::picture_object::{self, Role},
    urls::Urls,
};

/// The sheets that were drawn. It holds no kernel, for the kernel holds it.
pub struct Lent {
    /// Where sets are read.
    pub sets: RowCache<MediaId, PictureSet>,
    /// Where the bytes are counted.
    pub store: Store,
    /// Makes the URLs.
    pub urls: Urls,
}

#[async_trait::async_trait]
impl Sheets for Lent {
    async fn of_file(
        &self,
        media: MediaId,
        file: FileId,
        size: i64,
        mtime_ns: i64,
    ) -> Result<Option<StillSheet>, Failure> {
        let set = self.sets.get(media).await?;
        let is_of_it = |set: &PictureSet| (set.row.file_id, set.row.size, set.row.mtime_ns) == (file, size, mtime_ns);
        let set = set.filter(|set| is_of_it(set));
        let Some((key, layout)) = set.and_then(|set| Some((set.key(Role::Sprite)?, set.layout()?))) else {
            return Ok(None);
        };
        let object = picture_object::Entity::find_by_id(key.as_bytes().to_vec());
        let n_bytes = object.one(self.store.reader()).await?.map_or(0, |object| object.bytes);
        Ok(Some(StillSheet {
            url: self.urls.sprite(key),
            mime: "image/webp",
            n_bytes: u64::try_from(n_bytes).unwrap_or(0),
            columns: layout.columns,
            rows: layout.rows,
            tile_width: layout.tile_width,
            tile_height: layout.tile_height,
            interval_us: layout.interval_us,
        }))
    }
}
