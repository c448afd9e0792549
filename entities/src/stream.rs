//! A video, audio, subtitle or other stream of a file.

use sea_orm::entity::prelude::*;

use crate::id::{FileId, StreamId};

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum StreamKind {
    /// Pictures.
    #[sea_orm(num_value = 0)]
    Video,
    /// Sound.
    #[sea_orm(num_value = 1)]
    Audio,
    /// Text or pictures over the video.
    #[sea_orm(num_value = 2)]
    Subtitle,
    /// A font or another attached file.
    #[sea_orm(num_value = 3)]
    Attachment,
    /// Timed metadata and the like.
    #[sea_orm(num_value = 4)]
    Data,
}

/// A row of `stream`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StreamId,
    pub file_id: FileId,
    /// Position in the file.
    pub index: i32,
    pub kind: StreamKind,
    pub codec: String,
    /// After RFC 6381.
    pub codec_string: Option<String>,
    pub codec_tag: Option<String>,
    pub profile: Option<String>,
    pub level: Option<i32>,
    /// As the container says, usually ISO 639-2.
    pub language: Option<String>,
    pub title: Option<String>,
    pub is_default: bool,
    pub is_forced: bool,
    /// An attached picture.
    pub is_cover: bool,
    pub bit_rate: Option<i64>,
    pub duration_us: Option<i64>,
    pub start_us: Option<i64>,
    pub time_base_num: i32,
    pub time_base_den: i32,
    pub n_frames: Option<i64>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub sample_aspect_num: Option<i32>,
    pub sample_aspect_den: Option<i32>,
    pub frame_rate_num: Option<i32>,
    pub frame_rate_den: Option<i32>,
    pub pixel_format: Option<String>,
    pub bit_depth: Option<i32>,
    /// Degrees clockwise to display upright: 0, 90, 180, 270.
    pub rotation: i32,
    /// HDR10, HDR10_PLUS, HLG, DOLBY_VISION.
    pub hdr: Option<String>,
    pub color_space: Option<String>,
    pub color_primaries: Option<String>,
    pub color_transfer: Option<String>,
    pub color_range: Option<String>,
    pub field_order: Option<String>,
    pub channels: Option<i32>,
    pub channel_layout: Option<String>,
    pub sample_rate: Option<i32>,
    pub sample_format: Option<String>,
    pub bits_per_sample: Option<i32>,
    /// For subtitles: text, not pictures.
    pub is_text: bool,
    /// A JSON list of [key, value].
    pub tags: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// The rate beyond which a number of frames a second is a container's nonsense.
const FASTEST: f64 = 240.0;
/// The widest picture that anamorphic pixels are stretched to.
const WIDEST: u32 = 8192;

impl Model {
    /// Whether it has moving pictures of a known size rather than a cover.
    pub fn is_film(&self) -> bool {
        let has_size = self.width.is_some_and(|width| width > 0) && self.height.is_some_and(|height| height > 0);
        self.kind == StreamKind::Video && !self.is_cover && has_size
    }

    /// Whether it has sound that something can decode.
    pub fn is_sound(&self) -> bool {
        self.kind == StreamKind::Audio && self.codec != "unknown" && self.channels.is_none_or(|n| n > 0)
    }

    /// Frames per second, if they can be believed.
    pub fn frame_rate(&self) -> Option<(i32, i32)> {
        let (num, den) = (self.frame_rate_num?, self.frame_rate_den?);
        let is_possible = num > 0 && den > 0 && (0.5..=FASTEST).contains(&(f64::from(num) / f64::from(den)));
        is_possible.then_some((num, den))
    }

    /// Width and height in pixels as displayed: upright, with square pixels.
    pub fn displayed_size(&self) -> (u32, u32) {
        let side = |side: Option<i32>| side.unwrap_or(0).max(2).unsigned_abs();
        let (mut width, height) = (side(self.width), side(self.height));
        if let (Some(num), Some(den)) = (self.sample_aspect_num, self.sample_aspect_den)
            && num > 0
            && den > 0
            && num != den
        {
            // Pixels are made square by widening: no line is lost.
            let wide = u64::from(width) * u64::from(num.unsigned_abs()) / u64::from(den.unsigned_abs());
            width = u32::try_from(wide).unwrap_or(WIDEST).clamp(2, WIDEST);
        }
        match self.rotation {
            90 | 270 => (height, width),
            _ => (width, height),
        }
    }

    /// Whether its brightness needs mapping for a usual screen.
    pub fn is_hdr(&self) -> bool {
        let is_hdr_transfer = |transfer: &str| matches!(transfer, "smpte2084" | "arib-std-b67");
        self.hdr.is_some() || self.color_transfer.as_deref().is_some_and(is_hdr_transfer)
    }

    /// Whether its frames are made of two fields.
    pub fn is_interlaced(&self) -> bool {
        self.field_order.as_deref().is_some_and(|order| order != "progressive")
    }
}
