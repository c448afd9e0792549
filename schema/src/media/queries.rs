//! The list of media.

use async_graphql::{Context, Object};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{
        access::{Needs, require},
        connection::Total,
        error::ToGraphql,
        page::{self, PageArgs},
    },
    limits,
    media::{
        inputs::{MediaFilter, MediaSort},
        page::{MediaListing, read},
        results::MediaResults,
    },
};

/// What can be read about media.
#[derive(Default)]
pub struct MediaQuery;

/// What can be read about media.
#[Object]
impl MediaQuery {
    /// The media of all libraries: filtered, searched and sorted, by default what was added last. Items without any
    /// present file are hidden unless the filter says something about `isMissing`.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200; 1000 when only ids are selected.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "Words that all occur in the title, the names of tags, people and the studio, the path or the \
                          description, or all in what its subtitles say. \"Quoted phrases\" stay together, begin* finds beginnings, and -words must not \
                          occur. If nothing is found, words that occur nowhere stand for similar ones that do."
        )]
        search: Option<String>,
        #[graphql(desc = "Which media.")] filter: Option<MediaFilter>,
        #[graphql(
            desc = "In which order; by default the best match of a search, or what was added last, comes first."
        )]
        sort: Option<Vec<MediaSort>>,
    ) -> async_graphql::Result<MediaResults> {
        let viewer = require(cx).graphql()?;
        let listing = MediaListing {
            page: PageArgs::new(first, after, last, before),
            cap: page::cap(cx),
            search,
            filter,
            sort: sort.unwrap_or_default(),
            with_total: page::selects(cx, "totalCount"),
        };
        let (kernel, loaders) = (cx.data_unchecked::<Kernel>(), Loaders::of(cx));
        let answer = read(kernel, &loaders.answers, viewer, &listing).await.graphql()?;
        let total = Total::Known(answer.page.total.unwrap_or_default());
        let page = loaders
            .media_connection(cx, answer.page.clone(), total)
            .await
            .graphql()?;
        Ok(MediaResults::new(page, &answer.scope))
    }
}
