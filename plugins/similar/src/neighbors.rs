//! What `similar` of an item lists: for all items of a page in the one statement of their small reads.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use async_graphql::Context;
use entities::id::MediaId;
use kernel::{error::Failure, sql};
use schema::{
    caches::Loaders,
    kit::{
        access::require,
        together::Together,
        turn::{self, Batches},
    },
    media::contracts::Similar,
};
use sea_orm::DbErr;

use crate::groups::not_dismissed;

type Found = Result<Arc<HashMap<MediaId, Vec<MediaId>>>, Arc<DbErr>>;

/// The neighbors of items, for one request.
#[derive(Default)]
pub struct Neighbors {
    batches: OnceLock<Batches<MediaId, Found>>,
}

#[async_trait::async_trait]
impl Similar for Neighbors {
    async fn similar(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<MediaId>, Failure> {
        require(cx)?;
        let batches = self.batches.get_or_init(|| {
            let together = Arc::clone(&Loaders::of(cx).together);
            Batches::over_others(move |media| {
                let together = Arc::clone(&together);
                async move { read(&together, &turn::distinct(media)).await.map(Arc::new) }
            })
        });
        let found = batches.get([media]).await??;
        Ok(found.get(&media).cloned().unwrap_or_default())
    }
}

/// The items near each of these, nearest first. What is missing or was dismissed is left out.
async fn read(together: &Together, media: &[MediaId]) -> Result<HashMap<MediaId, Vec<MediaId>>, Arc<DbErr>> {
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
    for mut cells in together.read_text(text, vec!["own_id", "other_id"]).await? {
        let own = cells.id()?;
        found.entry(own).or_default().push(cells.id()?);
    }
    Ok(found)
}
