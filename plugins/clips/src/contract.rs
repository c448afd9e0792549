//! What this plugin adds to items: their clips and renditions, in one statement each for all items of a page.

use std::{collections::HashMap, fmt::Debug, hash::Hash, sync::Arc, time::Duration};

use async_graphql::Context;
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::{ClipId, MediaId, RenditionId};
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

use crate::{
    clip,
    rendition::{self, Shown},
    routes,
};

/// The most clips of one item that are told.
const MOST_CLIPS: usize = 1000;
/// The most renditions of one item that are told.
const MOST_RENDITIONS: usize = 100;

type Loaded<T> = Result<Vec<T>, Arc<DbErr>>;

/// Clips and renditions, for one request.
pub struct RequestClips {
    clips: Loader<MediaId, Loaded<Clip>, ReadClips>,
    renditions: Loader<MediaId, Loaded<Rendition>, ReadRenditions>,
    clip: Loader<ClipId, Loaded<Clip>, ReadClips>,
    rendition: Loader<RenditionId, Loaded<Rendition>, ReadRenditions>,
}

struct ReadClips {
    db: DatabaseConnection,
}

#[derive(Clone)]
struct ReadRenditions {
    db: DatabaseConnection,
    signer: Signer,
    valid: Duration,
}

impl RequestClips {
    /// Loaders over the reader; URLs are valid for so long.
    pub fn new(kernel: &Kernel, valid: Duration) -> Self {
        let db = kernel.store.reader().clone();
        let signer = kernel.signer.clone();
        let renditions = ReadRenditions {
            db: db.clone(),
            signer,
            valid,
        };
        Self {
            clips: loader(ReadClips { db: db.clone() }),
            clip: loader(ReadClips { db }),
            rendition: loader(renditions.clone()),
            renditions: loader(renditions),
        }
    }
}

fn loader<K, T, R>(read: R) -> Loader<K, Loaded<T>, R>
where
    K: Eq + Hash + Clone + Debug,
    T: Clone,
    R: BatchFn<K, Loaded<T>>,
{
    Loader::new(read)
        .with_yield_count(YIELDS)
        .with_max_batch_size(limits::PAGE_OF_IDS)
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

    async fn clip(&self, cx: &Context<'_>, id: ClipId) -> Result<Option<Clip>, Failure> {
        require(cx)?;
        Ok(self.clip.try_load(id).await.map_err(Failure::internal)??.pop())
    }

    async fn rendition(&self, cx: &Context<'_>, id: RenditionId) -> Result<Option<Rendition>, Failure> {
        require(cx)?;
        Ok(self.rendition.try_load(id).await.map_err(Failure::internal)??.pop())
    }
}

impl BatchFn<MediaId, Loaded<Clip>> for ReadClips {
    async fn load(&mut self, media: &[MediaId]) -> HashMap<MediaId, Loaded<Clip>> {
        let found = self.read("clip.media_id", media, |clip| clip.source, MOST_CLIPS);
        spread(media, found.await)
    }
}

impl BatchFn<ClipId, Loaded<Clip>> for ReadClips {
    async fn load(&mut self, ids: &[ClipId]) -> HashMap<ClipId, Loaded<Clip>> {
        spread(ids, self.read("clip.id", ids, |clip| clip.id, 1).await)
    }
}

impl BatchFn<MediaId, Loaded<Rendition>> for ReadRenditions {
    async fn load(&mut self, media: &[MediaId]) -> HashMap<MediaId, Loaded<Rendition>> {
        let found = self.read("made.media_id", media, |shown| shown.media, MOST_RENDITIONS);
        spread(media, found.await)
    }
}

impl BatchFn<RenditionId, Loaded<Rendition>> for ReadRenditions {
    async fn load(&mut self, ids: &[RenditionId]) -> HashMap<RenditionId, Loaded<Rendition>> {
        spread(ids, self.read("made.id", ids, |shown| shown.rendition.id, 1).await)
    }
}

fn spread<K, T>(keys: &[K], found: Result<HashMap<K, Vec<T>>, DbErr>) -> HashMap<K, Loaded<T>>
where
    K: Copy + Eq + Hash,
{
    match found {
        Ok(mut found) => keys
            .iter()
            .map(|key| (*key, Ok(found.remove(key).unwrap_or_default())))
            .collect(),
        Err(error) => {
            let error = Arc::new(error);
            keys.iter().map(|key| (*key, Err(Arc::clone(&error)))).collect()
        }
    }
}

impl ReadClips {
    async fn read<K: Copy + Eq + Hash + Into<i64>>(
        &self,
        column: &str,
        keys: &[K],
        key: impl Fn(&Clip) -> K,
        most: usize,
    ) -> Result<HashMap<K, Vec<Clip>>, DbErr> {
        let ids = sql::ids(keys.iter().copied());
        let text = format!(
            "select {} where {column} in ({ids}) and {} order by clip.id desc",
            clip::SHOWN,
            clip::IS_THERE
        );
        let mut found: HashMap<K, Vec<Clip>> = HashMap::new();
        for row in sql::rows(&self.db, text, []).await? {
            let clip = clip::shown(&row)?;
            let own = found.entry(key(&clip)).or_default();
            if own.len() < most {
                own.push(clip);
            }
        }
        Ok(found)
    }
}

impl ReadRenditions {
    async fn read<K: Copy + Eq + Hash + Into<i64>>(
        &self,
        column: &str,
        keys: &[K],
        key: impl Fn(&Shown) -> K,
        most: usize,
    ) -> Result<HashMap<K, Vec<Rendition>>, DbErr> {
        let ids = sql::ids(keys.iter().copied());
        let text = format!("select {} where {column} in ({ids}) order by made.id", rendition::SHOWN);
        let mut found: HashMap<K, Vec<Rendition>> = HashMap::new();
        for row in sql::rows(&self.db, text, []).await? {
            let mut shown = rendition::shown(&row)?;
            if let (Some(object), RenditionStatus::Ready) = (shown.key, shown.rendition.status) {
                shown.rendition.url = Some(Url(routes::url(&self.signer, object, self.valid)));
                let playlist = || Url(routes::playlist_url(&self.signer, object, self.valid));
                shown.rendition.hls_url = shown.is_laid.then(playlist);
            }
            let own = found.entry(key(&shown)).or_default();
            if own.len() < most {
                own.push(shown.rendition);
            }
        }
        Ok(found)
    }
}
