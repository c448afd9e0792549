//! Collections and galleries, as clients see them.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object};
use entities::{
    collection::{self, CollectionKind},
    id::CollectionId,
};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    kit::{
        access::require,
        connection::{Connection, Total},
        error::ToGraphql,
        id,
        page::{self, PageArgs},
        scalar::{DateTime, JsonValue},
    },
    limits,
    media::{card::Card, types::Media},
};

/// An item of a collection, and where it is.
pub struct CollectionItem {
    card: Arc<Card>,
    place: Option<String>,
}

/// An item of a collection, and where it is.
#[Object]
impl CollectionItem {
    /// The item.
    async fn media(&self) -> Media {
        Media::new(Arc::clone(&self.card))
    }

    /// Its place: an opaque text that grows along the list; null in a smart collection.
    async fn position(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

macro_rules! collection_object {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            /// The row.
            pub row: Arc<collection::Model>,
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// Its id.
            pub async fn id(&self) -> ID {
                id::id(self.row.id)
            }

            /// Its name.
            async fn name(&self) -> &str {
                &self.row.name
            }

            /// What it is about.
            async fn description(&self) -> Option<&str> {
                self.row.description.as_deref()
            }

            /// How many items it holds, without those that are missing.
            async fn item_count(&self, cx: &Context<'_>) -> async_graphql::Result<i64> {
                count(cx, &self.row).await.graphql()
            }

            /// What it holds, in order; without what is missing.
            #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
            async fn items(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "How many from the end.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
            ) -> async_graphql::Result<Connection<CollectionItem>> {
                items(cx, &self.row, &PageArgs::new(first, after, last, before)).await.graphql()
            }

            /// When it was made.
            async fn created_at(&self) -> DateTime {
                DateTime(self.row.created_at)
            }

            /// When it last changed.
            async fn updated_at(&self) -> DateTime {
                DateTime(self.row.updated_at)
            }

            $($own)*
        }
    };
}

collection_object! {
    /// Items in an order that somebody chose; a smart one holds whatever its filter finds, what was added last first.
    Collection {
        /// Whether it holds what a filter finds.
        async fn is_smart(&self) -> bool {
            self.row.filter.is_some()
        }

        /// For a smart collection: the filter, in the form of `MediaFilter`.
        async fn filter(&self) -> Option<JsonValue> {
            self.row.filter.as_deref().and_then(|text| serde_json::from_str(text).ok()).map(JsonValue)
        }

        /// The collection that it is in.
        async fn parent(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Collection>> {
            let Some(id) = self.row.parent_id else { return Ok(None) };
            let row = Loaders::of(cx).collection.get(id).await.graphql()?;
            Ok(row.filter(|row| row.kind == CollectionKind::Collection).map(|row| Collection { row }))
        }

        /// The collections in it, by name.
        async fn children(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Collection>> {
            children(cx, self.row.id).await.graphql()
        }
    }
}

collection_object! {
    /// Pictures that belong together: those of a folder, or chosen by hand.
    Gallery {
        /// Whether it was made of a folder.
        async fn is_folder(&self) -> bool {
            self.row.folder_id.is_some()
        }

        /// The picture that stands for it: the first one.
        async fn cover(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
            let args = PageArgs::new(Some(1), None, None, None);
            let loaders = Loaders::of(cx);
            let first = pages(cx).graphql()?.get(&self.row, &args, limits::PAGE).await.graphql()?;
            let Some(id) = first.page.ids().first().copied() else { return Ok(None) };
            Ok(loaders.card.get(id).await.graphql()?.map(Media::new))
        }
    }
}

fn pages<'a>(cx: &Context<'a>) -> Result<&'a super::items::ItemPages, Failure> {
    let viewer = require(cx)?;
    let loaders = Loaders::of(cx);
    Ok(loaders
        .items
        .get_or_init(|| super::items::ItemPages::new(cx.data_unchecked(), &loaders.together, viewer)))
}

async fn count(cx: &Context<'_>, row: &collection::Model) -> Result<i64, Failure> {
    match row.filter {
        Some(_) => pages(cx)?.count(row).await,
        None => Loaders::of(cx).n_media(row.id, row.n_media).await,
    }
}

async fn children(cx: &Context<'_>, id: CollectionId) -> Result<Vec<Collection>, Failure> {
    let loaders = Loaders::of(cx);
    let ids = loaders
        .subcollections
        .get(id)
        .await?
        .map(|ids| ids.to_vec())
        .unwrap_or_default();
    let mut rows = loaders.collection.get_many(ids).await?;
    rows.sort_by(|one, other| (&one.sort_name, one.id).cmp(&(&other.sort_name, other.id)));
    Ok(rows.into_iter().map(|row| Collection { row }).collect())
}

async fn items(
    cx: &Context<'_>,
    row: &collection::Model,
    args: &PageArgs,
) -> Result<Connection<CollectionItem>, Failure> {
    let found = pages(cx)?.get(row, args, page::cap(cx)).await?;
    let total = match row.filter {
        Some(_) if page::selects(cx, "totalCount") => pages(cx)?.count(row).await?,
        Some(_) => row.n_media,
        None => Loaders::of(cx).n_media(row.id, row.n_media).await?,
    };
    if !page::selects(cx, "nodes") && !page::selects(cx, "edges") {
        return Ok(Connection::outline(found.page, Total::Known(total)));
    }
    let look = cx.look_ahead();
    let look = [
        look.field("nodes").field("media"),
        look.field("edges").field("node").field("media"),
    ];
    let cards = Loaders::of(cx).gather(cx, &look, found.page.ids()).await?;
    let cards: HashMap<i64, Arc<Card>> = cards.into_iter().map(|card| (card.id.into(), card)).collect();
    let places = found.places;
    Ok(Connection::new(found.page, Total::Known(total), |id| {
        let card = cards.get(&id).cloned()?;
        Some(CollectionItem {
            card,
            place: places.get(&id).cloned(),
        })
    }))
}
