//! One picture of a set.

use entities::id::MediaId;
use media_proto::survey::PictureFormat;
use sea_orm::entity::prelude::*;

use crate::tables::picture_object::Role;

/// How the bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum Format {
    /// Peaks as they come from the worker.
    #[sea_orm(num_value = 0)]
    Raw,
    /// WebP, still.
    #[sea_orm(num_value = 1)]
    Webp,
    /// JPEG.
    #[sea_orm(num_value = 2)]
    Jpeg,
    /// H.264 in mp4.
    #[sea_orm(num_value = 3)]
    Mp4,
    /// WebP that moves.
    #[sea_orm(num_value = 4)]
    AnimatedWebp,
}

impl From<Option<PictureFormat>> for Format {
    fn from(format: Option<PictureFormat>) -> Self {
        match format {
            None => Self::Raw,
            Some(PictureFormat::Webp) => Self::Webp,
            Some(PictureFormat::Jpeg) => Self::Jpeg,
            Some(PictureFormat::Mp4) => Self::Mp4,
            Some(PictureFormat::AnimatedWebp) => Self::AnimatedWebp,
        }
    }
}

/// A row of `picture_part`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: Role,
    #[sea_orm(primary_key, auto_increment = false)]
    pub format: Format,
    /// Pixels; 0 for peaks.
    #[sea_orm(primary_key, auto_increment = false)]
    pub width: i32,
    pub height: i32,
    /// The key in the store.
    pub key: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
