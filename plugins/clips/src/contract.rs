//! What this plugin adds to items: their clips and renditions, in one statement each for all items of a page.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::Context;
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::MediaId;
use kernel::{error::Failure, plugin::Kernel, signing::Signer, sql};
use schema::{
    kit::{access::require, loader::YIELDS, scalar::Url},
    limits,
    media::{
        clip::{Clip, Rendition, RenditionStatus},
        contracts,
    },
};
use sea_orm::{DatabaseConnection, DbErr};

use crate::{clip, rendition, routes};

/// The most clips of one item that are told.
const MOST_CLIPS: usize = 1000;
/// The most renditions of one item that are told: one of each kind for each state of a file.
const MOST_RENDITIONS: usize = 100;

type Loaded<T> = Result<Vec<T>, Arc<DbErr>>;

/// Clips and renditions, for one request.
pub struct RequestClips {
    clips: Loader<MediaId, Loaded<Clip>, ReadClips>,
    renditions: Loader<MediaId, Loaded<Rendition>, ReadRenditions>,
}

struct ReadClips {
    db: DatabaseConnection,
}

struct ReadRenditions {
    db: DatabaseConnection,
    signer: Signer,
    valid: Duration,
}

impl RequestClips {
    /// Loaders over the reader; URLs are valid for so long.
    pub fn new(kernel: &Kernel, valid: Duration) -> Self {
        let db = kernel.store.reader().clone();
        let clips = Loader::new(ReadClips { db: db.clone() });
        let signer = kernel.signer.clone();
        let renditions = Loader::new(ReadRenditions { db, signer, valid });
        Self {
            clips: clips.with_yield_count(YIELDS).with_max_batch_size(limits::PAGE_OF_IDS),
            renditions: renditions
                .with_yield_count(YIELDS)
                .with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }
}

#[async_trait::async_trait]
impl contracts::Clips for RequestClips {
    async fn clips(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Clip>, Failure> {
        require(cx)?;
        Ok(self.clips.try_load(media).await.map_err(Failure::internal)??)
    }

    async fn renditions(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Rendition>, Failure> {
        require(cx)?;
        Ok(self.renditions.try_load(media).await.map_err(Failure::internal)??)
    }
}

impl BatchFn<MediaId, Loaded<Clip>> for ReadClips {
    async fn load(&mut self, media: &[MediaId]) -> HashMap<MediaId, Loaded<Clip>> {
        spread(media, read_clips(&self.db, media).await)
    }
}

impl BatchFn<MediaId, Loaded<Rendition>> for ReadRenditions {
    async fn load(&mut self, media: &[MediaId]) -> HashMap<MediaId, Loaded<Rendition>> {
        spread(media, self.read(media).await)
    }
}

fn spread<T>(media: &[MediaId], found: Result<HashMap<MediaId, Vec<T>>, DbErr>) -> HashMap<MediaId, Loaded<T>> {
    match found {
        Ok(mut found) => media
            .iter()
            .map(|id| (*id, Ok(found.remove(id).unwrap_or_default())))
            .collect(),
        Err(error) => {
            let error = Arc::new(error);
            media.iter().map(|id| (*id, Err(Arc::clone(&error)))).collect()
        }
    }
}

async fn read_clips(db: &DatabaseConnection, media: &[MediaId]) -> Result<HashMap<MediaId, Vec<Clip>>, DbErr> {
    let ids = sql::ids(media.iter().copied());
    let text = format!(
        "select {} where clip.media_id in ({ids}) order by clip.id desc",
        clip::SHOWN
    );
    let mut found: HashMap<MediaId, Vec<Clip>> = HashMap::new();
    for row in sql::rows(db, text, []).await? {
        let clip = clip::shown(&row)?;
        let own = found.entry(clip.source).or_default();
        if own.len() < MOST_CLIPS {
            own.push(clip);
        }
    }
    Ok(found)
}

impl ReadRenditions {
    async fn read(&self, media: &[MediaId]) -> Result<HashMap<MediaId, Vec<Rendition>>, DbErr> {
        let ids = sql::ids(media.iter().copied());
        let text = format!(
            "select {} where made.media_id in ({ids}) order by made.id",
            rendition::SHOWN
        );
        let mut found: HashMap<MediaId, Vec<Rendition>> = HashMap::new();
        for row in sql::rows(&self.db, text, []).await? {
            let (mut rendition, key) = rendition::shown(&row)?;
            if let (Some(key), RenditionStatus::Ready) = (key, rendition.status) {
                rendition.url = Some(Url(routes::url(&self.signer, key, self.valid)));
            }
            let own = found.entry(MediaId(row.try_get_by_index(12)?)).or_default();
            if own.len() < MOST_RENDITIONS {
                own.push(rendition);
            }
        }
        Ok(found)
    }
}
