//! Saved filters, as clients see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::saved_filter;
use kernel::{error::Failure, plugin::Kernel};

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
    media::{
        page::{MediaListing, read},
        types::Media,
    },
    saved::rules,
};

/// A filter that the viewer keeps.
#[derive(Clone)]
pub struct SavedFilter {
    /// The row.
    pub row: Arc<saved_filter::Model>,
}

/// A filter that the viewer keeps.
#[Object]
impl SavedFilter {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// Its name, unique for the account without regard to case.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The form that it was saved in.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// What it finds, in the form of `MediaFilter`.
    async fn filter(&self) -> Option<JsonValue> {
        serde_json::from_str(&self.row.filter).ok().map(JsonValue)
    }

    /// The words that it finds.
    async fn search(&self) -> Option<&str> {
        self.row.search.as_deref()
    }

    /// Its order, in the form of a list of `MediaSort`; null for the usual one.
    async fn sort(&self) -> Option<JsonValue> {
        self.row
            .sort
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .map(JsonValue)
    }

    /// Why this server cannot use it; null when it can.
    async fn problem(&self) -> Option<String> {
        rules::open(&self.row).err()
    }

    /// When it was saved first.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was saved last.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.updated_at)
    }

    /// What it finds now, in its order.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Media>> {
        let media = media(cx, &self.row, PageArgs::new(first, after, last, before));
        Box::pin(media).await.graphql()
    }
}

async fn media(cx: &Context<'_>, row: &saved_filter::Model, page: PageArgs) -> Result<Connection<Media>, Failure> {
    let opened = rules::open(row);
    let opened = opened.map_err(|problem| {
        Failure::field(
            "filter",
            format!("the filter `{}` cannot be used any more: {problem}", row.name),
        )
    })?;
    let listing = MediaListing {
        page,
        cap: page::cap(cx),
        search: opened.search,
        filter: Some(opened.filter),
        sort: opened.sort,
        with_total: page::selects(cx, "totalCount"),
    };
    let (kernel, loaders) = (cx.data_unchecked::<Kernel>(), Loaders::of(cx));
    let answer = read(kernel, &loaders.answers, require(cx)?, &listing).await?;
    let total = Total::Known(answer.page.total.unwrap_or_default());
    loaders.media_connection(cx, answer.page.clone(), total).await
}
