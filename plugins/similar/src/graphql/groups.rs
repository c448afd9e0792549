//! A page of groups: its ids, who is in them, their cards and their files are one statement each.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Object};
use entities::{
    file::{self, FileStatus},
    id::MediaId,
};
use kernel::{error::Failure, plugin::Kernel};
use schema::{
    caches::Loaders,
    kit::{
        access::require,
        connection::{Connection, Total},
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::Bytes,
    },
    media::{card::Card, file::playable, inputs::MediaKind, primary::quality, types::Media},
};
use sea_orm::sea_query::Expr;

use crate::{
    groups::{Group, Listing, MAX_MEMBERS},
    index::hashes::MAX_DISTANCE,
};

/// Media that look or sound alike, or one with several files.
#[derive(Clone)]
pub struct DuplicateGroup {
    group: Group,
    /// Each item with its files, the best one first.
    items: Vec<(Arc<Card>, Arc<Vec<file::Model>>)>,
}

/// Media that look or sound alike, or one with several files.
#[Object]
impl DuplicateGroup {
    /// Its media, the best first: the one that `mergeMedia` keeps by itself. At most 100.
    async fn media(&self) -> Vec<Media> {
        self.items
            .iter()
            .map(|(card, _)| Media::new(Arc::clone(card)))
            .collect()
    }

    /// How many media it has.
    async fn media_count(&self) -> i32 {
        i32::try_from(self.group.n_media).unwrap_or(i32::MAX)
    }

    /// How many of 64 bits differ at most between neighbors; 0 for equal pictures, and for the same file twice.
    async fn distance(&self) -> i32 {
        self.group.distance as i32
    }

    /// The bytes of all present files but the best one.
    async fn reclaimable_size(&self) -> Bytes {
        let present = |files: &Arc<Vec<file::Model>>| -> i64 {
            let present = files.iter().filter(|file| file.status == FileStatus::Present);
            present.map(|file| file.size).sum()
        };
        let all: i64 = self.items.iter().map(|(_, files)| present(files)).sum();
        let kept = self
            .items
            .first()
            .and_then(|(card, files)| playable(files, card.primary_file_id));
        Bytes(all - kept.map_or(0, |file| file.size))
    }
}

/// Reads a page of groups.
pub async fn page(
    cx: &Context<'_>,
    args: PageArgs,
    max_distance: i32,
    kinds: Vec<MediaKind>,
) -> Result<Connection<DuplicateGroup>, Failure> {
    require(cx)?;
    let level = u32::try_from(max_distance).ok().filter(|level| *level <= MAX_DISTANCE);
    let Some(level) = level else {
        return Err(Failure::field(
            "maxDistance",
            format!("must be between 0 and {MAX_DISTANCE}"),
        ));
    };
    let listing = Listing {
        level,
        kinds: kinds.into_iter().map(Into::into).collect(),
    };
    // A group's id is that of its newest item, and ids grow with time.
    let keyset = Keyset {
        keys: Vec::new(),
        id: Expr::col("id"),
        is_descending: true,
        signature: format!("duplicates{level}"),
    };
    let kernel = cx.data_unchecked::<Kernel>();
    let db = kernel.store.reader();
    let window = args.window(&keyset, page::cap(cx))?;
    let page = listing.page(db, &keyset, &window).await?;
    let (store, counted) = (kernel.store.clone(), listing.clone());
    let total = Total::later(move || {
        let (store, counted) = (store.clone(), counted.clone());
        async move { Ok(counted.count(store.reader()).await?) }
    });
    if page.rows.is_empty() || (!page::selects(cx, "nodes") && !page::selects(cx, "edges")) {
        return Ok(Connection::outline(page, total));
    }
    let groups = listing.groups(db, &page.ids::<i64>()).await?;
    let media: Vec<MediaId> = groups.values().flat_map(|group| group.media.iter().copied()).collect();
    let loaders = Loaders::of(cx);
    let (cards, files) = futures_util::try_join!(
        loaders.card.get_many(media.clone()),
        loaders.files.get_many(media.clone())
    )?;
    let mut items: HashMap<MediaId, (Arc<Card>, Arc<Vec<file::Model>>)> = HashMap::new();
    for card in cards {
        let at = media.iter().position(|id| *id == card.id).and_then(|at| files.get(at));
        items.insert(card.id, (card, at.cloned().unwrap_or_default()));
    }
    Ok(Connection::new(page, total, |id| group(groups.get(&id)?, &items)))
}

fn group(group: &Group, items: &HashMap<MediaId, (Arc<Card>, Arc<Vec<file::Model>>)>) -> Option<DuplicateGroup> {
    let mut found: Vec<_> = group.media.iter().filter_map(|id| items.get(id).cloned()).collect();
    debug_assert!(found.len() <= MAX_MEMBERS);
    let rank = |(card, files): &(Arc<Card>, Arc<Vec<file::Model>>)| {
        let codec = card.video_codec.as_deref().or(card.audio_codec.as_deref());
        let size = playable(files, card.primary_file_id).map_or(0, |file| file.size);
        (
            quality((card.width, card.height), card.bit_rate, codec, size),
            std::cmp::Reverse(card.id),
        )
    };
    found.sort_by_key(|item| std::cmp::Reverse(rank(item)));
    let is_one = found.len() > 1 || found.iter().any(|(_, files)| files.len() > 1);
    is_one.then(|| DuplicateGroup {
        group: group.clone(),
        items: found,
    })
}
