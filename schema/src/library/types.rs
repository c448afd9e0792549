//! A library, as clients see it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use entities::{library, user::Role};
use kernel::plugin::Kernel;

use crate::{
    caches::{LibraryRow, Loaders},
    kit::{
        access::require,
        connection::Connection,
        error::ToGraphql,
        id,
        page::PageArgs,
        scalar::{Bytes, DateTime, Seconds},
    },
    library::own,
    limits,
    media::{nested::Parent, types::Media},
};

/// What a library mostly holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[graphql(remote = "library::LibraryKind")]
pub enum LibraryKind {
    /// Videos, sounds and images together.
    #[default]
    Mixed,
    /// Films, episodes, recordings.
    Video,
    /// Music, podcasts, books.
    Audio,
    /// Photos and pictures.
    Image,
}

/// Folders that are scanned together.
#[derive(Clone)]
pub struct Library {
    /// The row with its paths.
    pub row: Arc<LibraryRow>,
}

/// Folders that are scanned together.
#[Object]
impl Library {
    /// Its id.
    pub async fn id(&self) -> ID {
        id::id(self.row.library.id)
    }

    /// Its name, unique without regard to case.
    async fn name(&self) -> &str {
        &self.row.library.name
    }

    /// Its folders on the server, without those that the server itself fills; only administrators see them, for others the
    /// list is empty.
    async fn paths(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<&String>> {
        let viewer = require(cx).graphql()?;
        if viewer.role != Role::Admin {
            return Ok(Vec::new());
        }
        let kernel = cx.data_unchecked::<Kernel>();
        let paths = self.row.paths.iter();
        Ok(paths.filter(|path| !own::is_own(kernel, path)).collect())
    }

    /// What it mostly holds.
    async fn kind(&self) -> LibraryKind {
        self.row.library.kind.into()
    }

    /// Whether files and folders whose name begins with a dot are scanned.
    async fn include_hidden(&self) -> bool {
        self.row.library.include_hidden
    }

    /// How many items have at least one present file.
    async fn media_count(&self) -> i64 {
        self.row.library.n_media
    }

    /// The size of all present files.
    async fn total_size(&self) -> Bytes {
        Bytes(self.row.library.total_size)
    }

    /// How long all items play together.
    async fn total_duration(&self) -> Seconds {
        Seconds::from_us(self.row.library.total_duration_us)
    }

    /// When a scan last completed.
    async fn last_scanned_at(&self) -> Option<DateTime> {
        self.row.library.last_scanned_at.map(DateTime)
    }

    /// False while a folder cannot be read; then scans change nothing.
    async fn is_online(&self) -> bool {
        self.row.library.is_online
    }

    /// Why it is offline.
    async fn offline_reason(&self) -> Option<&str> {
        self.row.library.offline_reason.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.library.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.library.updated_at)
    }

    /// Its items, what was added last first. For other orders use `media` with a filter.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Media>> {
        let args = PageArgs::new(first, after, last, before);
        let (parent, n_media) = (Parent::Library(self.row.library.id), self.row.library.n_media);
        Loaders::of(cx).media_below(cx, parent, &args, n_media).await
    }
}
