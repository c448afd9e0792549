//! `Media` and its three kinds.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use entities::media;

use crate::{
    caches::Loaders,
    field::types::{self as field, CustomFieldValue},
    kit::{
        connection::Connection,
        error::ToGraphql,
        id,
        page::PageArgs,
        scalar::{Date, DateTime, Seconds, Url},
    },
    library::types::Library,
    limits,
    marker::types::{self as marker, Marker},
    media::{
        card::Card,
        clip::{Clip, Rendition},
        contracts::{Clips, Pictures, Sprite, Subtitles, Thumbnail, ThumbnailAbsence, Waveform},
        edges::{clips, codecs, own, people, playback, similar, subtitles, tags, thumbnail, waveform},
        file::MediaFile,
        highlights::{self, MediaHighlight},
        inputs::MediaKind,
        pages::{self, Page},
        playback::{Playback, PlaybackCapabilities},
        stream::ratio,
    },
    person::types::Person,
    studio::types::Studio,
    tag::types::Tag,
};

/// An item of a library: a video, an image or a sound. It has one or more files.
#[derive(Interface, Clone)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Its id."),
    field(name = "kind", ty = "MediaKind", desc = "What it is."),
    field(name = "title", ty = "String", desc = "Its title."),
    field(name = "description", ty = "Option<String>", desc = "Its description."),
    field(name = "date", ty = "Option<Date>", desc = "The day it was made or published."),
    field(name = "added_at", ty = "DateTime", desc = "When the library first saw it."),
    field(
        name = "modified_at",
        ty = "DateTime",
        desc = "When its primary file was last changed."
    ),
    field(name = "updated_at", ty = "DateTime", desc = "When its row last changed."),
    field(
        name = "missing_since",
        ty = "Option<DateTime>",
        desc = "Since when none of its files is present."
    ),
    field(name = "rating", ty = "Option<i32>", desc = "The viewer's own rating, 0 to 100."),
    field(
        name = "is_favorite",
        ty = "bool",
        desc = "Whether it is one of the viewer's favorites."
    ),
    field(name = "view_count", ty = "i64", desc = "How often the viewer has played it."),
    field(
        name = "last_viewed_at",
        ty = "Option<DateTime>",
        desc = "When the viewer last played it."
    ),
    field(
        name = "thumbnail",
        ty = "Option<Thumbnail>",
        desc = "The still that cards show, once it was made."
    ),
    field(
        name = "thumbnail_absence",
        ty = "Option<ThumbnailAbsence>",
        desc = "Why it has no thumbnail; null where it has one, or while nothing draws any."
    ),
    field(
        name = "tags",
        ty = "Connection<Tag>",
        desc = "Its tags, by name.",
        arg(name = "first", ty = "Option<i32>", desc = "How many from the beginning."),
        arg(name = "after", ty = "Option<String>", desc = "Only what comes after this cursor."),
        arg(name = "last", ty = "Option<i32>", desc = "How many from the end."),
        arg(name = "before", ty = "Option<String>", desc = "Only what comes before this cursor.")
    ),
    field(
        name = "people",
        ty = "Connection<Person>",
        desc = "Its people, in the order of their credits.",
        arg(name = "first", ty = "Option<i32>", desc = "How many from the beginning."),
        arg(name = "after", ty = "Option<String>", desc = "Only what comes after this cursor."),
        arg(name = "last", ty = "Option<i32>", desc = "How many from the end."),
        arg(name = "before", ty = "Option<String>", desc = "Only what comes before this cursor.")
    ),
    field(name = "studio", ty = "Option<Studio>", desc = "Its studio."),
    field(name = "library", ty = "Option<Library>", desc = "Its library."),
    field(name = "files", ty = "Vec<MediaFile>", desc = "Its files, the present ones first."),
    field(
        name = "highlights",
        ty = "Vec<MediaHighlight>",
        desc = "Its texts in which words of a search occur, in the order of their weight.",
        arg(name = "search", ty = "String", desc = "The search, as `media` takes it.")
    ),
    field(
        name = "custom_fields",
        ty = "Vec<CustomFieldValue>",
        desc = "The values of custom fields that it has."
    ),
    field(
        name = "similar",
        ty = "Connection<Media>",
        desc = "Items that look or sound like it, nearest first.",
        arg(name = "first", ty = "Option<i32>", desc = "How many from the beginning."),
        arg(name = "after", ty = "Option<String>", desc = "Only what comes after this cursor."),
        arg(name = "last", ty = "Option<i32>", desc = "How many from the end."),
        arg(name = "before", ty = "Option<String>", desc = "Only what comes before this cursor.")
    )
)]
pub enum Media {
    /// Moving pictures.
    Video(Video),
    /// A picture.
    Image(Image),
    /// Sound.
    Audio(Audio),
}

impl Media {
    /// The item of a card.
    pub fn new(card: Arc<Card>) -> Self {
        match card.kind {
            media::MediaKind::Video => Self::Video(Video { card }),
            media::MediaKind::Image => Self::Image(Image { card }),
            media::MediaKind::Audio => Self::Audio(Audio { card }),
        }
    }
}

macro_rules! media_object {
    ($(#[$doc:meta])* $name:ident $($marked:literal)? { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            card: Arc<Card>,
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// Its id.
            pub async fn id(&self) -> ID {
                id::id(self.card.id)
            }

            /// What it is.
            async fn kind(&self) -> MediaKind {
                self.card.kind.into()
            }

            /// Its title.
            async fn title(&self) -> String {
                self.card.title.clone()
            }

            /// Its description.
            async fn description(&self, cx: &Context<'_>) -> async_graphql::Result<Option<String>> {
                let text = Loaders::of(cx).description.get(self.card.id).await.graphql()?;
                Ok(text.and_then(|text| text.as_ref().clone()))
            }

            /// The day it was made or published.
            async fn date(&self) -> Option<Date> {
                self.card.date.clone().map(Date)
            }

            /// When the library first saw it.
            async fn added_at(&self) -> DateTime {
                DateTime(self.card.added_at)
            }

            /// When its primary file was last changed.
            async fn modified_at(&self) -> DateTime {
                DateTime(self.card.modified_at)
            }

            /// When its row last changed.
            async fn updated_at(&self) -> DateTime {
                DateTime(self.card.updated_at)
            }

            /// Since when none of its files is present.
            async fn missing_since(&self) -> Option<DateTime> {
                self.card.missing_at.map(DateTime)
            }

            /// The viewer's own rating, 0 to 100.
            async fn rating(&self, cx: &Context<'_>) -> async_graphql::Result<Option<i32>> {
                Ok(own(cx, &self.card).await.graphql()?.and_then(|own| own.rating))
            }

            /// Whether it is one of the viewer's favorites.
            async fn is_favorite(&self, cx: &Context<'_>) -> async_graphql::Result<bool> {
                Ok(own(cx, &self.card).await.graphql()?.is_some_and(|own| own.is_favorite))
            }

            /// How often the viewer has played it.
            async fn view_count(&self, cx: &Context<'_>) -> async_graphql::Result<i64> {
                Ok(own(cx, &self.card).await.graphql()?.map_or(0, |own| own.n_views))
            }

            /// When the viewer last played it.
            async fn last_viewed_at(&self, cx: &Context<'_>) -> async_graphql::Result<Option<DateTime>> {
                Ok(own(cx, &self.card).await.graphql()?.and_then(|own| own.last_viewed_at).map(DateTime))
            }

            /// The still that cards show; null until it was made.
            async fn thumbnail(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Thumbnail>> {
                thumbnail(cx, &self.card).await.graphql()
            }

            /// Why it has no thumbnail; null where it has one, or while nothing draws any.
            async fn thumbnail_absence(&self, cx: &Context<'_>) -> async_graphql::Result<Option<ThumbnailAbsence>> {
                let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else { return Ok(None) };
                pictures.thumbnail_absence(cx, self.card.id).await.graphql()
            }

            /// Its tags, by name.
            #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
            async fn tags(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "How many from the end.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
            ) -> async_graphql::Result<Connection<Tag>> {
                tags(cx, &self.card, PageArgs::new(first, after, last, before)).await.graphql()
            }

            /// Its people, in the order of their credits.
            #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
            async fn people(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "How many from the end.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
            ) -> async_graphql::Result<Connection<Person>> {
                people(cx, &self.card, PageArgs::new(first, after, last, before)).await.graphql()
            }

            /// Its studio.
            async fn studio(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Studio>> {
                let Some(id) = self.card.studio_id else { return Ok(None) };
                Ok(Loaders::of(cx).studio.get(id).await.graphql()?.map(|row| Studio { row }))
            }

            /// Its library.
            async fn library(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Library>> {
                Ok(Loaders::of(cx).library.get(self.card.library_id).await.graphql()?.map(|row| Library { row }))
            }

            /// Its files, the present ones first.
            async fn files(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<MediaFile>> {
                let files = Loaders::of(cx).files.get(self.card.id).await.graphql()?;
                Ok(files.as_ref().map(MediaFile::all).unwrap_or_default())
            }

            /// Its texts in which words of a search occur, in the order of their weight: the title, the names of tags,
            /// people and the studio, the paths and the description; where these do not have all of them, lines of its subtitles.
            #[graphql(complexity = "5 + child_complexity")]
            async fn highlights(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "The search, as `media` takes it.")] search: String,
            ) -> async_graphql::Result<Vec<MediaHighlight>> {
                Box::pin(highlights::of(cx, &self.card, &search)).await.graphql()
            }

            /// The values of custom fields that it has.
            async fn custom_fields(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<CustomFieldValue>> {
                field::of_media(cx, self.card.id).await
            }

            /// Items that look or sound like it, nearest first; none while nothing compares them.
            #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
            async fn similar(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "How many from the end.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
            ) -> async_graphql::Result<Connection<Media>> {
                similar(cx, &self.card, PageArgs::new(first, after, last, before)).await.graphql()
            }

            $(
            #[doc = $marked]
            #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
            async fn markers(
                &self,
                cx: &Context<'_>,
                #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
                #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
                #[graphql(desc = "How many from the end.")] last: Option<i32>,
                #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
            ) -> async_graphql::Result<Connection<Marker>> {
                marker::of_media(cx, self.card.id, &PageArgs::new(first, after, last, before)).await.graphql()
            }
            )?

            $($own)*
        }
    };
}

media_object! {
    /// Moving pictures, with or without sound.
    Video "Places and stretches that somebody marked, from the beginning to the end." {
        /// How long it plays.
        async fn duration(&self) -> Option<Seconds> {
            self.card.duration_us.map(Seconds::from_us)
        }

        /// Its width in pixels, after rotation.
        async fn width(&self) -> Option<i32> {
            self.card.width
        }

        /// Its height in pixels, after rotation.
        async fn height(&self) -> Option<i32> {
            self.card.height
        }

        /// Frames per second, on average.
        async fn frame_rate(&self) -> Option<f64> {
            ratio(self.card.frame_rate_num?, self.card.frame_rate_den?)
        }

        /// Bits per second over the whole primary file.
        async fn bit_rate(&self) -> Option<i64> {
            self.card.bit_rate
        }

        /// The codecs of its pictures and its sound, such as `h264` and `aac`.
        async fn codecs(&self) -> Vec<String> {
            codecs(&self.card)
        }

        /// Whether it has subtitles.
        async fn has_subtitles(&self) -> bool {
            self.card.has_subtitles
        }

        /// Where the viewer stopped.
        async fn resume_position(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Seconds>> {
            Ok(own(cx, &self.card).await.graphql()?.and_then(|own| own.position_us).map(Seconds::from_us))
        }

        /// A short silent animation; null until it was made.
        async fn preview_url(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Url>> {
            let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else { return Ok(None) };
            pictures.preview_url(cx, self.card.id).await.graphql()
        }

        /// The same as an animated WebP, for where no film can play; null unless the server makes them.
        async fn preview_image_url(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Url>> {
            let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else { return Ok(None) };
            pictures.preview_image_url(cx, self.card.id).await.graphql()
        }

        /// Stills over time, for seeking; null until they were made.
        async fn sprite(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Sprite>> {
            let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else { return Ok(None) };
            pictures.sprite(cx, self.card.id).await.graphql()
        }

        /// Loudness over time; null until it was made.
        async fn waveform(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Waveform>> {
            waveform(cx, &self.card).await.graphql()
        }

        /// What was cut out of it, the latest first.
        #[graphql(complexity = 100)]
        async fn clips(
            &self,
            cx: &Context<'_>,
            #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
            #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
            #[graphql(desc = "How many from the end.")] last: Option<i32>,
            #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        ) -> async_graphql::Result<Connection<Clip>> {
            clips(cx, &self.card, PageArgs::new(first, after, last, before)).await.graphql()
        }

        /// What the whole of it was turned into, for playback and for other programs.
        async fn renditions(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Rendition>> {
            let Some(clips) = cx.data_opt::<Arc<dyn Clips>>() else { return Ok(Vec::new()) };
            clips.renditions(cx, self.card.id).await.graphql()
        }

        /// Text to show over it; none while no plugin reads it.
        async fn subtitles(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Subtitles>> {
            subtitles(cx, &self.card).await.graphql()
        }

        /// How a player with these capabilities plays it best; null while no file of it is present.
        async fn playback(
            &self,
            cx: &Context<'_>,
            #[graphql(desc = "What the player can play; by default what today's browsers share.")] capabilities: Option<PlaybackCapabilities>,
            #[graphql(desc = "The index of a stream of image subtitles that is drawn into the pictures.")] burn: Option<i32>,
        ) -> async_graphql::Result<Option<Playback>> {
            Box::pin(playback(cx, &self.card, capabilities.unwrap_or_default(), burn)).await.graphql()
        }
    }
}

media_object! {
    /// A still or animated picture.
    Image {
        /// Its width in pixels, after rotation.
        async fn width(&self) -> Option<i32> {
            self.card.width
        }

        /// Its height in pixels, after rotation.
        async fn height(&self) -> Option<i32> {
            self.card.height
        }

        /// Its pages, if it is an archive of pictures such as a comic; then it shows its first one.
        #[graphql(complexity = 100)]
        async fn pages(
            &self,
            cx: &Context<'_>,
            #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
            #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
            #[graphql(desc = "How many from the end.")] last: Option<i32>,
            #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        ) -> async_graphql::Result<Connection<Page>> {
            pages::of(cx, &self.card, PageArgs::new(first, after, last, before)).await.graphql()
        }
    }
}

media_object! {
    /// Sound, with or without a cover.
    Audio "Places and stretches that somebody marked, from the beginning to the end." {
        /// How long it plays.
        async fn duration(&self) -> Option<Seconds> {
            self.card.duration_us.map(Seconds::from_us)
        }

        /// Bits per second over the whole primary file.
        async fn bit_rate(&self) -> Option<i64> {
            self.card.bit_rate
        }

        /// The codec of its sound, such as `aac`.
        async fn codecs(&self) -> Vec<String> {
            codecs(&self.card)
        }

        /// Where the viewer stopped.
        async fn resume_position(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Seconds>> {
            Ok(own(cx, &self.card).await.graphql()?.and_then(|own| own.position_us).map(Seconds::from_us))
        }

        /// Loudness over time; null until it was made.
        async fn waveform(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Waveform>> {
            waveform(cx, &self.card).await.graphql()
        }

        /// How a player with these capabilities plays it best; null while no file of it is present.
        async fn playback(
            &self,
            cx: &Context<'_>,
            #[graphql(desc = "What the player can play; by default what today's browsers share.")] capabilities: Option<PlaybackCapabilities>,
        ) -> async_graphql::Result<Option<Playback>> {
            Box::pin(playback(cx, &self.card, capabilities.unwrap_or_default(), None)).await.graphql()
        }
    }
}
