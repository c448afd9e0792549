//! What items show of their pictures. All fields of all items of a page come from one statement.

use std::sync::{Arc, OnceLock};

use async_graphql::Context;
use data_encoding::BASE64;
use entities::{file, id::MediaId};
use kernel::{cache::RowCache, error::Failure, plugin::Kernel, sql};
use schema::{
    caches::Loaders,
    kit::{
        loader::Rows,
        scalar::{DateTime, Seconds, Url},
    },
    media::contracts,
    system::contracts::{PictureError, PictureReport, PictureSummary},
};
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};

use crate::{
    absence::Absences,
    recipe::WIDTHS,
    set::{self, PictureSet, PosterSize},
    tables::{picture_failure, picture_object::Role, picture_part::Format},
    total,
    urls::{Formats, Urls},
};

/// The width at which a page can be read.
const READING_WIDTH: u32 = 2560;
/// The width that is shown where a client says nothing.
const USUAL_WIDTH: i32 = 640;

/// The pictures of one request.
pub struct RequestPictures {
    shared: RowCache<MediaId, PictureSet>,
    sets: OnceLock<Rows<MediaId, PictureSet>>,
    absences: Absences,
    urls: Urls,
}

impl RequestPictures {
    /// Loads what this cache lacks.
    pub fn new(shared: RowCache<MediaId, PictureSet>, absences: Absences, urls: Urls) -> Self {
        Self {
            shared,
            sets: OnceLock::new(),
            absences,
            urls,
        }
    }

    fn sets(&self, cx: &Context<'_>) -> &Rows<MediaId, PictureSet> {
        self.sets.get_or_init(|| {
            let together = Arc::clone(&Loaders::of(cx).together);
            Rows::joined(&self.shared, move |media| set::load(Arc::clone(&together), media))
        })
    }

    /// A picture in widths of which each is drawn when it is first asked for.
    fn on_demand(&self, widths: impl Iterator<Item = u32>, url: impl Fn(u32) -> String) -> contracts::Thumbnail {
        let picture = |width: u32| contracts::SizedPicture {
            url: Url(url(width)),
            width: width as i32,
        };
        let srcset: Vec<_> = widths.map(picture).collect();
        contracts::Thumbnail {
            url: srcset[0].url.clone(),
            thumbhash: None,
            srcset,
        }
    }

    fn poster(&self, size: &PosterSize) -> contracts::SizedPicture {
        let formats = Formats {
            webp: size.webp,
            jpeg: size.jpeg,
        };
        contracts::SizedPicture {
            url: Url(self.urls.poster(formats)),
            width: size.width,
        }
    }
}

#[async_trait::async_trait]
impl contracts::Pictures for RequestPictures {
    async fn gather(&self, cx: &Context<'_>, media: Vec<MediaId>) -> Result<(), Failure> {
        self.sets(cx).get_many(media).await.map(drop)
    }

    async fn thumbnail(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<contracts::Thumbnail>, Failure> {
        let Some(set) = self.sets(cx).get(media).await? else {
            return Ok(None);
        };
        let srcset: Vec<_> = set.posters().iter().map(|size| self.poster(size)).collect();
        let usual = srcset
            .iter()
            .find(|picture| picture.width >= USUAL_WIDTH)
            .or(srcset.last());
        Ok(usual.map(|usual| contracts::Thumbnail {
            url: usual.url.clone(),
            thumbhash: set.row.thumbhash.as_deref().map(|hash| BASE64.encode(hash)),
            srcset: srcset.clone(),
        }))
    }

    async fn thumbnail_absence(
        &self,
        cx: &Context<'_>,
        media: MediaId,
    ) -> Result<Option<contracts::ThumbnailAbsence>, Failure> {
        let set = self.sets(cx).get(media).await?;
        if set.is_some_and(|set| set.parts.iter().any(|part| part.role == Role::Poster)) {
            return Ok(None);
        }
        self.absences.of(media).await
    }

    async fn preview_url(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Url>, Failure> {
        let set = self.sets(cx).get(media).await?;
        let key = set.and_then(|set| set.preview(Format::Mp4));
        Ok(key.map(|key| Url(self.urls.preview(key))))
    }

    async fn preview_image_url(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Url>, Failure> {
        let set = self.sets(cx).get(media).await?;
        let key = set.and_then(|set| set.preview(Format::AnimatedWebp));
        Ok(key.map(|key| Url(self.urls.preview_image(key))))
    }

    async fn sprite(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<contracts::Sprite>, Failure> {
        let Some(set) = self.sets(cx).get(media).await? else {
            return Ok(None);
        };
        let (Some(key), Some(layout)) = (set.key(Role::Sprite), set.layout()) else {
            return Ok(None);
        };
        Ok(Some(contracts::Sprite {
            url: Url(self.urls.sprite(key)),
            vtt_url: Url(self.urls.vtt(key, layout)),
            columns: layout.columns as i32,
            rows: layout.rows as i32,
            interval: Seconds::from_us(layout.interval_us),
            tile_width: layout.tile_width as i32,
            tile_height: layout.tile_height as i32,
        }))
    }

    async fn waveform(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<contracts::Waveform>, Failure> {
        let set = self.sets(cx).get(media).await?;
        let found = set.and_then(|set| Some((set.key(Role::Peaks)?, set.row.peaks_per_second?)));
        Ok(found.map(|(key, per_second)| contracts::Waveform {
            url: Url(self.urls.waveform(key, per_second)),
            data_url: Url(self.urls.waveform_data(key, per_second)),
        }))
    }

    fn still(&self, file: &file::Model, at_us: i64) -> contracts::Thumbnail {
        self.on_demand(WIDTHS.iter().rev().copied(), |width| {
            self.urls.still(file, at_us, width)
        })
    }

    fn page(&self, file: &file::Model, position: i32) -> contracts::Thumbnail {
        let widths = WIDTHS.iter().rev().copied().chain([READING_WIDTH]);
        self.on_demand(widths, |width| self.urls.page(file, position, width))
    }
}

/// What administrators see of drawing.
pub struct Report {
    kernel: Kernel,
}

impl Report {
    /// Reads through this kernel.
    pub fn new(kernel: Kernel) -> Self {
        Self { kernel }
    }
}

#[async_trait::async_trait]
impl PictureReport for Report {
    async fn size(&self) -> Result<i64, Failure> {
        Ok(total::read(self.kernel.store.reader()).await?.bytes)
    }

    async fn summary(&self) -> Result<PictureSummary, Failure> {
        let text = "select (select count(*) from picture_set), (select count(*) from picture_failure), n_surveys, \
            survey_ms from picture_total";
        let rows = sql::rows(self.kernel.store.reader(), text, []).await?;
        let Some(row) = rows.first() else {
            return Err(Failure::internal("the sums of pictures have no row"));
        };
        let (n_surveys, survey_ms): (i64, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        let mean = (n_surveys > 0).then(|| survey_ms as f64 / n_surveys as f64 / 1000.0);
        Ok(PictureSummary {
            succeeded: row.try_get_by_index(0)?,
            failed: row.try_get_by_index(1)?,
            mean_duration: mean.map(Seconds),
        })
    }

    async fn recent_errors(&self, limit: u64) -> Result<Vec<PictureError>, Failure> {
        let rows = picture_failure::Entity::find()
            .order_by_desc(picture_failure::Column::FailedAt)
            .order_by_desc(picture_failure::Column::MediaId)
            .limit(limit)
            .all(self.kernel.store.reader())
            .await?;
        let error = |row: picture_failure::Model| PictureError {
            media_id: row.media_id,
            path: row.path,
            code: row.code,
            message: row.message,
            attempts: row.attempts,
            at: DateTime(row.failed_at),
        };
        Ok(rows.into_iter().map(error).collect())
    }
}
