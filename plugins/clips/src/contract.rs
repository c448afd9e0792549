//! What this plugin adds to items: their clips and renditions, in one statement each for all items of a page.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use async_graphql::Context;
use entities::id::{ClipId, MediaId, RenditionId};
use kernel::{error::Failure, plugin::Kernel, signing::Signer, sql};
use schema::{
    caches::Loaders,
    kit::{
        access::require,
        scalar::Url,
        turn::{self, Batches},
    },
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

/// A rendition and its item.
type Made = (MediaId, Rendition);
type Found<K, T> = Result<Arc<HashMap<K, Vec<T>>>, Arc<DbErr>>;

/// Clips and renditions, for one request.
pub struct RequestClips {
    clips: Batches<MediaId, Found<MediaId, Clip>>,
    renditions: Batches<MediaId, Found<MediaId, Made>>,
    clip: Batches<ClipId, Found<ClipId, Clip>>,
    rendition: Batches<RenditionId, Found<RenditionId, Made>>,
}

#[derive(Clone)]
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
        let clips = ReadClips { db: db.clone() };
        let renditions = ReadRenditions { db, signer, valid };
        Self {
            clips: batches(clips.clone(), |read, media| async move {
                read.read("clip.media_id", &media, |clip| clip.source, MOST_CLIPS).await
            }),
            clip: batches(clips, |read, ids| async move {
                read.read("clip.id", &ids, |clip| clip.id, 1).await
            }),
            renditions: batches(renditions.clone(), |read, media| async move {
                read.read("made.media_id", &media, |shown| shown.media, MOST_RENDITIONS)
                    .await
            }),
            rendition: batches(renditions, |read, ids| async move {
                read.read("made.id", &ids, |shown| shown.rendition.id, 1).await
            }),
        }
    }
}

/// Reads whenever the request stands still, each key once.
fn batches<R, K, T, F>(read: R, load: impl Fn(R, Vec<K>) -> F + Send + Sync + 'static) -> Batches<K, Found<K, T>>
where
    R: Clone + Send + Sync + 'static,
    K: Copy + Eq + Hash + Send + Sync + 'static,
    T: Send + Sync + 'static,
    F: Future<Output = Result<HashMap<K, Vec<T>>, DbErr>> + Send + 'static,
{
    Batches::new(move |keys| {
        let found = load(read.clone(), turn::distinct(keys));
        async move { found.await.map(Arc::new).map_err(Arc::new) }
    })
}

async fn of<K, T>(batches: &Batches<K, Found<K, T>>, key: K) -> Result<Vec<T>, Failure>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    let found = batches.get([key]).await??;
    Ok(found.get(&key).cloned().unwrap_or_default())
}

#[async_trait::async_trait]
impl contracts::Clips for RequestClips {
    async fn clips(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Clip>, Failure> {
        require(cx)?;
        of(&self.clips, media).await
    }

    async fn renditions(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Rendition>, Failure> {
        require(cx)?;
        let made = of(&self.renditions, media).await?;
        Ok(made.into_iter().map(|(_, rendition)| rendition).collect())
    }

    async fn clip(&self, cx: &Context<'_>, id: ClipId) -> Result<Option<Clip>, Failure> {
        require(cx)?;
        let found = of(&self.clip, id).await?.pop();
        let Some(clip) = found else { return Ok(None) };
        Ok(Loaders::of(cx).shows(clip.source).await?.then_some(clip))
    }

    async fn rendition(&self, cx: &Context<'_>, id: RenditionId) -> Result<Option<Rendition>, Failure> {
        require(cx)?;
        let found = of(&self.rendition, id).await?.pop();
        let Some((media, rendition)) = found else {
            return Ok(None);
        };
        Ok(Loaders::of(cx).shows(media).await?.then_some(rendition))
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
    ) -> Result<HashMap<K, Vec<Made>>, DbErr> {
        let ids = sql::ids(keys.iter().copied());
        let text = format!("select {} where {column} in ({ids}) order by made.id", rendition::SHOWN);
        let mut found: HashMap<K, Vec<Made>> = HashMap::new();
        for row in sql::rows(&self.db, text, []).await? {
            let mut shown = rendition::shown(&row)?;
            if let (Some(object), RenditionStatus::Ready) = (shown.key, shown.rendition.status) {
                shown.rendition.url = Some(Url(routes::url(&self.signer, object, self.valid)));
                let playlist = || Url(routes::playlist_url(&self.signer, object, self.valid));
                shown.rendition.hls_url = shown.is_laid.then(playlist);
            }
            let own = found.entry(key(&shown)).or_default();
            if own.len() < most {
                own.push((shown.media, shown.rendition));
            }
        }
        Ok(found)
    }
}
