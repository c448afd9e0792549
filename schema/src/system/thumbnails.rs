//! How drawing pictures of items goes, as administrators see it.

use std::sync::Arc;

use async_graphql::{Context, Object};
use tokio::sync::OnceCell;

use crate::{
    caches::Loaders,
    kit::{
        error::ToGraphql,
        scalar::{DateTime, Seconds},
    },
    limits,
    media::types::Media,
    system::contracts::{PictureError, PictureReport, PictureSummary},
};

/// How drawing pictures of items goes.
pub struct Thumbnails {
    report: Arc<dyn PictureReport>,
    /// Read once, whichever of its fields are asked for.
    summary: OnceCell<PictureSummary>,
}

impl Thumbnails {
    /// What a report says.
    pub fn new(report: Arc<dyn PictureReport>) -> Self {
        Self {
            report,
            summary: OnceCell::new(),
        }
    }

    async fn summary(&self) -> async_graphql::Result<&PictureSummary> {
        self.summary.get_or_try_init(|| self.report.summary()).await.graphql()
    }
}

/// How drawing pictures of items goes.
#[Object]
impl Thumbnails {
    /// Items with pictures.
    async fn succeeded(&self) -> async_graphql::Result<i64> {
        Ok(self.summary().await?.succeeded)
    }

    /// Items of which something could not be drawn.
    async fn failed(&self) -> async_graphql::Result<i64> {
        Ok(self.summary().await?.failed)
    }

    /// How long an item takes on average; null before the first.
    async fn mean_duration(&self) -> async_graphql::Result<Option<Seconds>> {
        Ok(self.summary().await?.mean_duration)
    }

    /// The newest failures first; a row disappears when its item was drawn.
    #[graphql(complexity = "limits::page_cost(first, None, child_complexity)")]
    async fn recent_errors(
        &self,
        #[graphql(desc = "How many, at most 200; 20 when omitted.")] first: Option<i32>,
    ) -> async_graphql::Result<Vec<ThumbnailError>> {
        let first = first.map_or(20, |first| first.clamp(0, limits::PAGE as i32)) as u64;
        let errors = self.report.recent_errors(first).await.graphql()?;
        Ok(errors.into_iter().map(ThumbnailError).collect())
    }
}

/// An item of which something could not be drawn.
pub struct ThumbnailError(PictureError);

/// An item of which something could not be drawn.
#[Object]
impl ThumbnailError {
    /// The item.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let card = Loaders::of(cx).card.get(self.0.media_id).await.graphql()?;
        Ok(card.map(Media::new))
    }

    /// Its file's path below the library path.
    async fn path(&self) -> &str {
        &self.0.path
    }

    /// A stable name to switch on, such as `MEDIA_CORRUPT`.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, for people.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// How often it was tried in vain.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// When it was last tried.
    async fn at(&self) -> DateTime {
        self.0.at
    }
}
