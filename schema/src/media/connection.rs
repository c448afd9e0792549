//! The items of a page, and what is selected of them, gathered before their fields are resolved.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Lookahead};
use entities::id::MediaId;
use futures_util::try_join;
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    kit::{
        access::require,
        connection::{Connection, Total},
        error::ToGraphql,
        keyset::IdPage,
        page::{self, PageArgs},
    },
    media::{card::Card, contracts::Pictures, nested::Parent, types::Media},
};

/// The fields of an item that show its pictures.
const PICTURE_FIELDS: [&str; 6] = [
    "thumbnail",
    "thumbnailAbsence",
    "previewUrl",
    "previewImageUrl",
    "sprite",
    "waveform",
];

/// The fields of an item that are the viewer's own.
const OWN_FIELDS: [&str; 5] = ["rating", "isFavorite", "viewCount", "lastViewedAt", "resumePosition"];

impl Loaders {
    /// The items of a page of ids; their rows are read only if something of them is selected.
    pub async fn media_connection(
        &self,
        cx: &Context<'_>,
        page: IdPage,
        total: Total,
    ) -> Result<Connection<Media>, Failure> {
        if !page::selects(cx, "nodes") && !page::selects(cx, "edges") {
            return Ok(Connection::outline(page, total));
        }
        let look = cx.look_ahead();
        let look = [look.field("nodes"), look.field("edges").field("node")];
        // In a box of its own: it holds a future for each loader, and every field of everything that has items holds it.
        let cards = Box::pin(self.gather(cx, &look, page.ids())).await?;
        let cards: HashMap<i64, Arc<Card>> = cards.into_iter().map(|card| (card.id.into(), card)).collect();
        Ok(Connection::new(page, total, |id| {
            cards.get(&id).cloned().map(Media::new)
        }))
    }

    /// Answers a field with a page of the items below something that counts `n_media` of them for everybody.
    pub async fn media_below(
        &self,
        cx: &Context<'_>,
        parent: Parent,
        args: &PageArgs,
        n_media: i64,
    ) -> async_graphql::Result<Connection<Media>> {
        let page = Box::pin(self.nested.get(parent, args, page::cap(cx))).await.graphql()?;
        let n_media = match parent {
            Parent::Library(_) => n_media,
            _ if !page::selects(cx, "totalCount") => n_media,
            Parent::Tag(id) => self.n_media(id, n_media).await.graphql()?,
            Parent::Person(id) => self.n_media(id, n_media).await.graphql()?,
            Parent::Studio(id) => self.n_media(id, n_media).await.graphql()?,
        };
        self.media_connection(cx, page, Total::Known(n_media)).await.graphql()
    }

    /// The cards of items; what is selected of them is in the caches then, and fields find it there at once. Loaders
    /// alone would gather it too, but items that wake one after the other split it into several batches.
    pub(crate) async fn gather(
        &self,
        cx: &Context<'_>,
        look: &[Lookahead<'_>; 2],
        ids: Vec<MediaId>,
    ) -> Result<Vec<Arc<Card>>, Failure> {
        let selects = |fields: &[&str]| {
            fields
                .iter()
                .any(|field| look.iter().any(|look| look.field(field).exists()))
        };
        let in_files = |field: &str| look.iter().any(|look| look.field("files").field(field).exists());
        let of = |is_selected: bool| if is_selected { ids.clone() } else { Vec::new() };
        let own = match require(cx) {
            Ok(viewer) if selects(&OWN_FIELDS) => ids.iter().map(|media| (*media, viewer.user)).collect(),
            _ => Vec::new(),
        };
        let pictures = cx.data_opt::<Arc<dyn Pictures>>().filter(|_| selects(&PICTURE_FIELDS));
        let pictures = async {
            match pictures {
                Some(pictures) => pictures.gather(cx, ids.clone()).await,
                None => Ok(()),
            }
        };
        let (cards, ..) = try_join!(
            self.card.get_many(ids.clone()),
            self.own.get_many(own),
            self.media_tags.get_many(of(selects(&["tags", "highlights"]))),
            self.credits.get_many(of(selects(&["people", "highlights"]))),
            self.files
                .get_many(of(selects(&["files", "playback", "subtitles", "highlights"]))),
            self.description.get_many(of(selects(&["description", "highlights"]))),
            self.streams
                .get_many(of(selects(&["playback", "subtitles"]) || in_files("streams"))),
            self.chapters.get_many(of(in_files("chapters"))),
            self.markers.get_many(of(selects(&["markers"]))),
            self.fields.get_many(of(selects(&["customFields"]))),
            pictures,
        )?;
        let studios = cards
            .iter()
            .filter(|_| selects(&["studio", "highlights"]))
            .filter_map(|card| card.studio_id);
        let libraries = cards
            .iter()
            .filter(|_| selects(&["library"]))
            .map(|card| card.library_id);
        try_join!(
            self.studio.get_many(studios.collect()),
            self.library.get_many(libraries.collect())
        )?;
        Ok(cards)
    }
}
