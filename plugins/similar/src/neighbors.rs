//! What `similar` of an item lists: one statement for all items of a page.

use std::{collections::HashMap, sync::Arc};

use async_graphql::Context;
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::MediaId;
use kernel::{error::Failure, plugin::Kernel, sql};
use schema::{
    kit::{access::require, loader::YIELDS},
    limits,
    media::contracts::Similar,
};
use sea_orm::{DatabaseConnection, DbErr};

use crate::groups::not_dismissed;

type Loaded = Result<Vec<MediaId>, Arc<DbErr>>;

/// The neighbors of items, for one request.
pub struct Neighbors {
    loader: Loader<MediaId, Loaded, Read>,
}

struct Read {
    db: DatabaseConnection,
}

impl Neighbors {
    /// A loader over the reader.
    pub fn new(kernel: &Kernel) -> Self {
        let loader = Loader::new(Read {
            db: kernel.store.reader().clone(),
        });
        Self {
            loader: loader.with_yield_count(YIELDS).with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }
}

#[async_trait::async_trait]
impl Similar for Neighbors {
    async fn similar(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<MediaId>, Failure> {
        require(cx)?;
        Ok(self.loader.try_load(media).await.map_err(Failure::internal)??)
    }
}

impl BatchFn<MediaId, Loaded> for Read {
    async fn load(&mut self, media: &[MediaId]) -> HashMap<MediaId, Loaded> {
        match read(&self.db, media).await {
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
}

/// The items near each of these, nearest first. What is missing or was dismissed is left out.
async fn read(db: &DatabaseConnection, media: &[MediaId]) -> Result<HashMap<MediaId, Vec<MediaId>>, DbErr> {
    let ids = sql::ids(media.iter().copied());
    let side = |own: &str, other: &str| {
        format!(
            "select one.media_id as own_id, other.media_id as other_id, pair.distance from file as one \
             join similar_pair as pair on pair.{own}_file_id = one.id \
             join file as other on other.id = pair.{other}_file_id where one.media_id in ({ids})"
        )
    };
    let text = format!(
        "select near.own_id, near.other_id from ({} union all {}) as near \
         join media on media.id = near.other_id and media.missing_at is null \
         where near.own_id <> near.other_id and {} \
         group by near.own_id, near.other_id order by near.own_id, min(near.distance), near.other_id",
        side("a", "b"),
        side("b", "a"),
        not_dismissed("near.own_id", "near.other_id")
    );
    let mut found: HashMap<MediaId, Vec<MediaId>> = HashMap::new();
    for row in sql::rows(db, text, []).await? {
        let own = MediaId(row.try_get_by_index(0)?);
        found.entry(own).or_default().push(MediaId(row.try_get_by_index(1)?));
    }
    Ok(found)
}
