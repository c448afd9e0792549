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
