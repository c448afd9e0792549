//! The streams and chapters of a file, as clients see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, SimpleObject};
use entities::{chapter, stream};

use crate::{
    kit::{
        error::ToGraphql,
        id,
        scalar::{Seconds, Url},
    },
    media::{
        contracts::{Streaming, Thumbnail},
        file::MediaFile,
    },
};

/// A tag as a container or a stream has it.
#[derive(Debug, Clone, SimpleObject)]
pub struct MetadataTag {
    /// Its key, such as `encoder`.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The tags of a row's JSON list of `[key, value]`.
pub fn metadata_tags(json: &str) -> Vec<MetadataTag> {
    match serde_json::from_str::<Vec<(String, String)>>(json) {
        Ok(tags) => tags
            .into_iter()
            .map(|(key, value)| MetadataTag { key, value })
            .collect(),
        Err(error) => {
            tracing::error!(%error, "a row's tags are not a list of pairs");
            Vec::new()
        }
    }
}

/// A stream of a file.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Its id."),
    field(name = "index", ty = "i32", desc = "Its position in the file, from 0."),
    field(
        name = "codec",
        ty = "String",
        desc = "The codec's usual short name, such as `h264`."
    ),
    field(
        name = "codec_string",
        ty = "Option<String>",
        desc = "The codec after RFC 6381, such as `avc1.64001f`, where the file tells enough."
    ),
    field(
        name = "codec_tag",
        ty = "Option<String>",
        desc = "The container's own four characters for the codec."
    ),
    field(name = "profile", ty = "Option<String>", desc = "The codec's profile by name."),
    field(
        name = "level",
        ty = "Option<i32>",
        desc = "The codec's level as the codec numbers it."
    ),
    field(
        name = "language",
        ty = "Option<String>",
        desc = "The language as the container says, usually ISO 639-2."
    ),
    field(name = "title", ty = "Option<String>", desc = "Its title."),
    field(name = "is_default", ty = "bool", desc = "Whether players pick it by default."),
    field(
        name = "is_forced",
        ty = "bool",
        desc = "Whether it shows even when its kind is turned off."
    ),
    field(name = "bit_rate", ty = "Option<i64>", desc = "Bits per second."),
    field(name = "duration", ty = "Option<Seconds>", desc = "How long it is."),
    field(name = "start", ty = "Option<Seconds>", desc = "Its first timestamp."),
    field(name = "time_base", ty = "f64", desc = "The unit of its timestamps, in seconds."),
    field(
        name = "frame_count",
        ty = "Option<i64>",
        desc = "Its frames, where the container counts them."
    ),
    field(name = "tags", ty = "Vec<MetadataTag>", desc = "Its tags as the container has them.")
)]
pub enum Stream {
    /// Pictures.
    Video(VideoStream),
    /// Sound.
    Audio(AudioStream),
    /// Subtitles.
    Subtitle(SubtitleStream),
    /// An attached file.
    Attachment(AttachmentStream),
    /// Anything else.
    Data(DataStream),
}

impl Stream {
    /// The stream of a row.
    pub fn new(row: stream::Model) -> Self {
        match row.kind {
            stream::StreamKind::Video => Self::Video(VideoStream { row }),
            stream::StreamKind::Audio => Self::Audio(AudioStream { row }),
            stream::StreamKind::Subtitle => Self::Subtitle(SubtitleStream { row }),
            stream::StreamKind::Attachment => Self::Attachment(AttachmentStream { row }),
            stream::StreamKind::Data => Self::Data(DataStream { row }),
        }
    }
}

macro_rules! stream_object {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        pub struct $name {
            row: stream::Model,
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// Its id.
            pub async fn id(&self) -> ID {
                id::id(self.row.id)
            }

            /// Its position in the file, from 0.
            async fn index(&self) -> i32 {
                self.row.index
            }

            /// The codec's usual short name, such as `h264`.
            async fn codec(&self) -> String {
                self.row.codec.clone()
            }

            /// The codec after RFC 6381, such as `avc1.64001f`, where the file tells enough.
            async fn codec_string(&self) -> Option<String> {
                self.row.codec_string.clone()
            }

            /// The container's own four characters for the codec.
            async fn codec_tag(&self) -> Option<String> {
                self.row.codec_tag.clone()
            }

            /// The codec's profile by name.
            async fn profile(&self) -> Option<String> {
                self.row.profile.clone()
            }

            /// The codec's level as the codec numbers it: H.264 writes 31 for 3.1.
            async fn level(&self) -> Option<i32> {
                self.row.level
            }

            /// The language as the container says, usually ISO 639-2.
            async fn language(&self) -> Option<String> {
                self.row.language.clone()
            }

            /// Its title.
            async fn title(&self) -> Option<String> {
                self.row.title.clone()
            }

            /// Whether players pick it by default.
            async fn is_default(&self) -> bool {
                self.row.is_default
            }

            /// Whether it shows even when its kind is turned off.
            async fn is_forced(&self) -> bool {
                self.row.is_forced
            }

            /// Bits per second.
            async fn bit_rate(&self) -> Option<i64> {
                self.row.bit_rate
            }

            /// How long it is.
            async fn duration(&self) -> Option<Seconds> {
                self.row.duration_us.map(Seconds::from_us)
            }

            /// Its first timestamp.
            async fn start(&self) -> Option<Seconds> {
                self.row.start_us.map(Seconds::from_us)
            }

            /// The unit of its timestamps, in seconds.
            async fn time_base(&self) -> f64 {
                ratio(self.row.time_base_num, self.row.time_base_den).unwrap_or_default()
            }

            /// Its frames, where the container counts them.
            async fn frame_count(&self) -> Option<i64> {
                self.row.n_frames
            }

            /// Its tags as the container has them.
            async fn tags(&self) -> Vec<MetadataTag> {
                metadata_tags(&self.row.tags)
            }

            $($own)*
        }
    };
}

stream_object! {
    /// Pictures: moving ones, or an attached cover.
    VideoStream {
        /// Whether it is an attached picture, such as a cover.
        async fn is_cover(&self) -> bool {
            self.row.is_cover
        }

        /// Stored width in pixels, before rotation.
        async fn width(&self) -> Option<i32> {
            self.row.width
        }

        /// Stored height in pixels, before rotation.
        async fn height(&self) -> Option<i32> {
            self.row.height
        }

        /// The width of a pixel divided by its height.
        async fn sample_aspect_ratio(&self) -> Option<f64> {
            ratio(self.row.sample_aspect_num?, self.row.sample_aspect_den?)
        }

        /// Frames per second, on average.
        async fn frame_rate(&self) -> Option<f64> {
            ratio(self.row.frame_rate_num?, self.row.frame_rate_den?)
        }

        /// The pixel format, such as `yuv420p10le`.
        async fn pixel_format(&self) -> Option<String> {
            self.row.pixel_format.clone()
        }

        /// Bits of each color component.
        async fn bit_depth(&self) -> Option<i32> {
            self.row.bit_depth
        }

        /// Degrees clockwise to turn it upright: 0, 90, 180 or 270.
        async fn rotation(&self) -> i32 {
            self.row.rotation
        }

        /// High dynamic range: `HDR10`, `HDR10_PLUS`, `HLG` or `DOLBY_VISION`.
        async fn hdr(&self) -> Option<String> {
            self.row.hdr.clone()
        }

        /// The color matrix, such as `bt709`.
        async fn color_space(&self) -> Option<String> {
            self.row.color_space.clone()
        }

        /// The color primaries, such as `bt2020`.
        async fn color_primaries(&self) -> Option<String> {
            self.row.color_primaries.clone()
        }

        /// The transfer function, such as `smpte2084`.
        async fn color_transfer(&self) -> Option<String> {
            self.row.color_transfer.clone()
        }

        /// The color range: `tv` or `pc`.
        async fn color_range(&self) -> Option<String> {
            self.row.color_range.clone()
        }

        /// The order of fields of interlaced pictures.
        async fn field_order(&self) -> Option<String> {
            self.row.field_order.clone()
        }
    }
}

stream_object! {
    /// Sound.
    AudioStream {
        /// How many channels.
        async fn channels(&self) -> Option<i32> {
            self.row.channels
        }

        /// The layout of the channels, such as `5.1`.
        async fn channel_layout(&self) -> Option<String> {
            self.row.channel_layout.clone()
        }

        /// Samples per second and channel.
        async fn sample_rate(&self) -> Option<i32> {
            self.row.sample_rate
        }

        /// The sample format, such as `fltp`.
        async fn sample_format(&self) -> Option<String> {
            self.row.sample_format.clone()
        }

        /// Bits of each sample, where the codec has a fixed number.
        async fn bits_per_sample(&self) -> Option<i32> {
            self.row.bits_per_sample
        }
    }
}

stream_object! {
    /// Text or pictures over the video.
    SubtitleStream {
        /// Whether it is text rather than pictures.
        async fn is_text(&self) -> bool {
            self.row.is_text
        }

        /// The subtitles as WebVTT; null for pictures, or while no plugin reads them.
        async fn url(&self, cx: &Context<'_>) -> Option<Url> {
            cx.data_opt::<Arc<dyn Streaming>>()?.subtitle_url(&self.row)
        }

        /// Width of the canvas in pixels, for pictures.
        async fn width(&self) -> Option<i32> {
            self.row.width
        }

        /// Height of the canvas in pixels, for pictures.
        async fn height(&self) -> Option<i32> {
            self.row.height
        }
    }
}

stream_object! {
    /// A font or another attached file.
    AttachmentStream {}
}

stream_object! {
    /// Timed metadata and the like.
    DataStream {}
}

/// A chapter of a file.
pub struct Chapter {
    /// The row.
    pub row: chapter::Model,
    /// The file it is of.
    pub file: MediaFile,
}

/// A chapter of a file.
#[Object]
impl Chapter {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// Its title.
    async fn title(&self) -> Option<String> {
        self.row.title.clone()
    }

    /// Where it begins.
    async fn start(&self) -> Seconds {
        Seconds::from_us(self.row.start_us)
    }

    /// Where it ends.
    async fn end(&self) -> Seconds {
        Seconds::from_us(self.row.end_us)
    }

    /// Its first picture, made when it is first shown; null where there is none, or while its file is missing.
    async fn thumbnail(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Thumbnail>> {
        self.file.still(cx, self.row.start_us).await.graphql()
    }
}

/// A fraction as a number; none when nothing is divided by.
pub fn ratio(num: i32, den: i32) -> Option<f64> {
    (den != 0).then(|| f64::from(num) / f64::from(den))
}
