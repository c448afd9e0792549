//! A file of an item, as clients see it.

use std::{path::Path, sync::Arc};

use async_graphql::{Context, Enum, ID, Object};
use data_encoding::HEXLOWER;
use entities::{file, id::FileId, media::MediaKind, user::Role};
use kernel::{blob::RelativePath, error::Failure};

use crate::{
    caches::Loaders,
    kit::{
        access::require,
        error::ToGraphql,
        id,
        scalar::{Bytes, DateTime, Seconds, Url},
    },
    media::{
        contracts::{FileUrls, Pictures, Thumbnail},
        stream::{Chapter, MetadataTag, Stream, metadata_tags},
        types::Media,
    },
};

/// Whether a file was there when it was last looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "file::FileStatus")]
pub enum FileStatus {
    /// It is there.
    Present,
    /// It was not found.
    Missing,
    /// It is in the trash.
    Trashed,
}

/// A file of an item.
#[derive(Clone)]
pub struct MediaFile {
    files: Arc<Vec<file::Model>>,
    index: usize,
}

impl MediaFile {
    /// All files of an item.
    pub fn all(files: &Arc<Vec<file::Model>>) -> Vec<Self> {
        (0..files.len())
            .map(|index| Self {
                files: Arc::clone(files),
                index,
            })
            .collect()
    }

    /// One file of an item.
    pub fn find(files: &Arc<Vec<file::Model>>, id: FileId) -> Option<Self> {
        let index = files.iter().position(|file| file.id == id)?;
        Some(Self {
            files: Arc::clone(files),
            index,
        })
    }

    /// A picture of it at a time in microseconds; none of a sound or an image, of a missing file, or while nothing draws.
    pub async fn still(&self, cx: &Context<'_>, at_us: i64) -> Result<Option<Thumbnail>, Failure> {
        let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else {
            return Ok(None);
        };
        let card = Loaders::of(cx).card.get(self.row().media_id).await?;
        let is_video = card.is_some_and(|card| card.kind == MediaKind::Video);
        let is_present = self.row().status == file::FileStatus::Present;
        Ok((is_video && is_present).then(|| pictures.still(self.row(), at_us)))
    }

    /// The row.
    pub fn row(&self) -> &file::Model {
        &self.files[self.index]
    }
}

/// A file of an item. The same bytes twice are two files of one item.
#[Object]
impl MediaFile {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row().id)
    }

    /// Its path relative to the library's folder. A byte that is not UTF-8 shows as `\xNN`.
    async fn path(&self) -> &str {
        &self.row().path
    }

    /// Its path on the server; only administrators see it.
    async fn absolute_path(&self, cx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        let viewer = require(cx).graphql()?;
        if viewer.role != Role::Admin {
            return Ok(None);
        }
        let place = Loaders::of(cx).folder.get(self.row().folder_id).await.graphql()?;
        let below = |place: &crate::caches::FolderPlace| {
            let path = RelativePath::from_bytes(place.path.clone()).join(&self.row().name);
            path.below(Path::new(&place.root)).display().to_string()
        };
        Ok(place.as_deref().map(below))
    }

    /// Its size.
    async fn size(&self) -> Bytes {
        Bytes(self.row().size)
    }

    /// When it was last changed.
    async fn modified_at(&self) -> DateTime {
        DateTime(self.row().mtime_ns.div_euclid(1_000_000))
    }

    /// When the library first saw it.
    async fn added_at(&self) -> DateTime {
        DateTime(self.row().added_at)
    }

    /// Its container, such as `matroska`.
    async fn container(&self) -> Option<&str> {
        self.row().container.as_deref()
    }

    /// How long it plays.
    async fn duration(&self) -> Option<Seconds> {
        self.row().duration_us.map(Seconds::from_us)
    }

    /// Bits per second over the whole file.
    async fn bit_rate(&self) -> Option<i64> {
        self.row().bit_rate
    }

    /// BLAKE3 over its size and its first and last 64 KiB, in hexadecimal.
    async fn fingerprint(&self) -> Option<String> {
        self.row().fingerprint.as_deref().map(|bytes| HEXLOWER.encode(bytes))
    }

    /// The 64-bit hash that media databases exchange, in hexadecimal.
    async fn oshash(&self) -> Option<String> {
        self.row().oshash.map(|hash| format!("{:016x}", hash as u64))
    }

    /// BLAKE3 of all its bytes, in hexadecimal, once it is known.
    async fn content_hash(&self) -> Option<String> {
        self.row().content_hash.as_deref().map(|bytes| HEXLOWER.encode(bytes))
    }

    /// Whether it was there when it was last looked for.
    async fn status(&self) -> FileStatus {
        self.row().status.into()
    }

    /// Since when it is missing.
    async fn missing_since(&self) -> Option<DateTime> {
        self.row().missing_at.map(DateTime)
    }

    /// Whether a cover is inside.
    async fn has_cover(&self) -> bool {
        self.row().has_cover
    }

    /// Its bytes, for direct play and downloads; null while no plugin serves files, or unless it is present.
    async fn url(&self, cx: &Context<'_>) -> Option<Url> {
        let urls = cx.data_opt::<Arc<dyn FileUrls>>()?;
        let is_present = self.row().status == file::FileStatus::Present;
        is_present.then(|| Url(urls.direct(self.row())))
    }

    /// Its streams, in the file's order.
    async fn streams(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Stream>> {
        let streams = Loaders::of(cx).streams.get(self.row().media_id).await.graphql()?;
        let of_file = streams.as_ref().and_then(|streams| streams.get(&self.row().id));
        Ok(of_file.into_iter().flatten().cloned().map(Stream::new).collect())
    }

    /// Its chapters, in order.
    async fn chapters(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Chapter>> {
        let chapters = Loaders::of(cx).chapters.get(self.row().media_id).await.graphql()?;
        let of_file = chapters.as_ref().and_then(|chapters| chapters.get(&self.row().id));
        Ok(of_file
            .into_iter()
            .flatten()
            .cloned()
            .map(|row| Chapter {
                row,
                file: self.clone(),
            })
            .collect())
    }

    /// Its tags as the container has them.
    async fn tags(&self) -> Vec<MetadataTag> {
        metadata_tags(&self.row().tags)
    }

    /// The item it belongs to.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let card = Loaders::of(cx).card.get(self.row().media_id).await.graphql()?;
        Ok(card.map(Media::new))
    }
}

/// The file that is played: the primary one if it is present, else the first that is.
pub fn playable(files: &[file::Model], primary: Option<FileId>) -> Option<&file::Model> {
    let is_present = |file: &&file::Model| file.status == file::FileStatus::Present;
    let chosen = files.iter().find(|file| Some(file.id) == primary).filter(is_present);
    chosen.or_else(|| files.iter().find(is_present))
}
