//! What a list of media found: a page of it, and facets of the whole.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entities::id::{LibraryId, PersonId, StudioId, TagId};
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    kit::{connection::Connection, error::ToGraphql},
    library::types::Library,
    media::{
        facets::{self, Counts, Facet, KINDS, RATING_STEP},
        inputs::MediaKind,
        page::Scope,
        resolution::Resolution,
        types::Media,
    },
    person::types::Person,
    studio::types::Studio,
    tag::types::Tag,
};

/// The most values of a facet.
const MAX_VALUES: i32 = 100;
/// What a facet costs: it looks at every item of the list.
const COST: usize = 50;

/// A page of what a filter and a search find, and facets of all of it.
pub struct MediaResults {
    page: Connection<Media>,
    facets: MediaFacets,
}

impl MediaResults {
    /// A page of a list.
    pub fn new(page: Connection<Media>, scope: &Arc<Scope>) -> Self {
        Self {
            page,
            facets: MediaFacets {
                scope: Arc::clone(scope),
            },
        }
    }
}

/// A page of what a filter and a search find, and facets of all of it.
#[Object(name = "MediaResultConnection")]
impl MediaResults {
    #[graphql(flatten)]
    async fn page(&self) -> &Connection<Media> {
        &self.page
    }

    /// How many of all items that were found have which value. Each facet is counted only when it is selected.
    async fn facets(&self) -> &MediaFacets {
        &self.facets
    }
}

/// How many of the items that a list finds have which value, the most frequent values first.
pub struct MediaFacets {
    scope: Arc<Scope>,
}

macro_rules! facet_value {
    ($(#[$doc:meta])* $name:ident, $value:ty) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The value.
            value: $value,
            /// How many items of the list have it.
            count: i64,
        }
    };
}

facet_value! {
    /// A tag and how many items of a list have it.
    TagFacet, Tag
}
facet_value! {
    /// A person and how many items of a list credit them.
    PersonFacet, Person
}
facet_value! {
    /// A studio and how many items of a list are its.
    StudioFacet, Studio
}
facet_value! {
    /// A library and how many items of a list are in it.
    LibraryFacet, Library
}
facet_value! {
    /// A kind and how many items of a list are of it.
    KindFacet, MediaKind
}
facet_value! {
    /// A class of resolution and how many videos of a list are of it.
    ResolutionFacet, Resolution
}
facet_value! {
    /// A codec and how many items of a list use it.
    CodecFacet, String
}
facet_value! {
    /// A year and how many items of a list are dated in it.
    YearFacet, i32
}

/// A range of ratings and how many items of a list the viewer has rated so.
#[derive(SimpleObject)]
pub struct RatingFacet {
    /// The least rating.
    from: i32,
    /// The greatest rating.
    to: i32,
    /// How many items of the list have one of these.
    count: i64,
}

impl MediaFacets {
    async fn counts(&self, cx: &Context<'_>, facet: Facet, first: i32) -> Result<Arc<Counts>, Failure> {
        let first = match u64::try_from(first) {
            Ok(first) if first <= MAX_VALUES as u64 => first,
            _ => return Err(Failure::field("first", format!("from 0 to {MAX_VALUES}"))),
        };
        let kernel = cx.data_unchecked::<Kernel>();
        facets::read(kernel, &Loaders::of(cx).answers, &self.scope, facet, first).await
    }

    /// The counts of kinds and classes, in the order of their declaration.
    async fn classes(&self, cx: &Context<'_>) -> Result<Vec<i64>, Failure> {
        let counts = self.counts(cx, Facet::Classes, 1).await?;
        Ok(counts.numbers().iter().map(|(_, count)| *count).collect())
    }
}

/// Rows by id, in the order of their counts; what is gone by now is left out.
macro_rules! named {
    ($self:ident, $cx:ident, $facet:expr, $first:ident, $loader:ident, $id:ident, $out:ident, $value:ident) => {{
        let counts = $self.counts($cx, $facet, $first).await.graphql()?;
        let ids = counts.numbers().iter().map(|(id, _)| $id(*id)).collect();
        let rows = Loaders::of($cx).$loader.get_pairs(ids).await.graphql()?;
        let count = |id: $id| counts.numbers().iter().find(|(value, _)| *value == id.0);
        let facet = |(id, row)| {
            Some($out {
                value: $value { row },
                count: count(id)?.1,
            })
        };
        Ok(rows.into_iter().filter_map(facet).collect())
    }};
}

/// How many of the items that a list finds have which value, the most frequent values first.
#[Object]
impl MediaFacets {
    /// Tags. An item counts for each of its tags, but not for those above them.
    #[graphql(complexity = "COST + child_complexity")]
    async fn tags(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<TagFacet>> {
        named!(self, cx, Facet::Tags, first, tag, TagId, TagFacet, Tag)
    }

    /// People.
    #[graphql(complexity = "COST + child_complexity")]
    async fn people(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<PersonFacet>> {
        named!(self, cx, Facet::People, first, person, PersonId, PersonFacet, Person)
    }

    /// Studios.
    #[graphql(complexity = "COST + child_complexity")]
    async fn studios(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<StudioFacet>> {
        named!(self, cx, Facet::Studios, first, studio, StudioId, StudioFacet, Studio)
    }

    /// Libraries.
    #[graphql(complexity = "COST + child_complexity")]
    async fn libraries(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<LibraryFacet>> {
        named!(
            self,
            cx,
            Facet::Libraries,
            first,
            library,
            LibraryId,
            LibraryFacet,
            Library
        )
    }

    /// Kinds, in the order of their declaration; those without items are left out.
    #[graphql(complexity = "COST + child_complexity")]
    async fn kinds(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<KindFacet>> {
        let counts = self.classes(cx).await.graphql()?;
        let kinds = [MediaKind::Video, MediaKind::Audio, MediaKind::Image];
        // Rows say a kind by its number.
        let count = |kind: MediaKind| counts.get(entities::media::MediaKind::from(kind) as usize).copied();
        let facet = |value| {
            let count = count(value).filter(|count| *count > 0)?;
            Some(KindFacet { value, count })
        };
        Ok(kinds.into_iter().filter_map(facet).collect())
    }

    /// Classes of resolution, the least first; those without videos are left out.
    #[graphql(complexity = "COST + child_complexity")]
    async fn resolutions(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<ResolutionFacet>> {
        let counts = self.classes(cx).await.graphql()?;
        let counts = Resolution::ALL.into_iter().zip(counts.into_iter().skip(KINDS));
        let facet = |(value, count)| ResolutionFacet { value, count };
        Ok(counts.filter(|(_, count)| *count > 0).map(facet).collect())
    }

    /// Codecs of pictures.
    #[graphql(complexity = "COST + child_complexity")]
    async fn video_codecs(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<CodecFacet>> {
        let counts = self.counts(cx, Facet::VideoCodecs, first).await.graphql()?;
        Ok(codecs(&counts))
    }

    /// Codecs of sound.
    #[graphql(complexity = "COST + child_complexity")]
    async fn audio_codecs(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<CodecFacet>> {
        let counts = self.counts(cx, Facet::AudioCodecs, first).await.graphql()?;
        Ok(codecs(&counts))
    }

    /// Years of dates.
    #[graphql(complexity = "COST + child_complexity")]
    async fn years(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 10)] first: i32,
    ) -> async_graphql::Result<Vec<YearFacet>> {
        let counts = self.counts(cx, Facet::Years, first).await.graphql()?;
        let facet = |(year, count): &(i64, i64)| {
            let value = i32::try_from(*year).ok()?;
            Some(YearFacet { value, count: *count })
        };
        Ok(counts.numbers().iter().filter_map(facet).collect())
    }

    /// The viewer's own ratings in steps of twenty, the least first; steps without items are left out.
    #[graphql(complexity = "COST + child_complexity")]
    async fn ratings(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<RatingFacet>> {
        let counts = self.counts(cx, Facet::Ratings, MAX_VALUES).await.graphql()?;
        let mut counts = counts.numbers().to_vec();
        counts.sort_unstable();
        let facet = |(step, count): (i64, i64)| {
            let from = step * RATING_STEP;
            let to = if from + RATING_STEP >= 100 {
                100
            } else {
                from + RATING_STEP - 1
            };
            RatingFacet {
                from: from as i32,
                to: to as i32,
                count,
            }
        };
        Ok(counts.into_iter().map(facet).collect())
    }
}

fn codecs(counts: &Counts) -> Vec<CodecFacet> {
    let facet = |(value, count): &(String, i64)| CodecFacet {
        value: value.clone(),
        count: *count,
    };
    counts.texts().iter().map(facet).collect()
}
