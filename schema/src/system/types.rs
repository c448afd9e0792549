//! What clients see of the server.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use kernel::{cache::CacheStats, error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    kit::{
        access::Needs,
        error::ToGraphql,
        scalar::{Bytes, DateTime},
    },
    limits,
    system::{
        backups::Backup,
        contracts::{BackupReport, HardwareReport, PictureReport, RenditionReport, StreamReport, StreamingStats},
        hardware::Hardware,
        operations::{
            Operations, hours,
            types::{OperationHour, OperationStats, OperationWindow},
        },
        settings::{Setting, SettingsBook},
        storage,
        thumbnails::Thumbnails,
    },
};

/// What does not change while the server runs. The server puts it into the schema's data.
#[derive(Debug, Clone, Default)]
pub struct ServerFacts {
    /// The program's version.
    pub version: String,
    /// When it started, in UTC milliseconds.
    pub started_at: i64,
    /// The plugins it was built with.
    pub plugins: Vec<PluginFact>,
}

/// A part of the server that can be left out.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Plugin")]
pub struct PluginFact {
    /// One lowercase word.
    pub name: String,
    /// The version it was built as.
    pub version: String,
    /// Whether it works now.
    pub is_enabled: bool,
    /// What it is for.
    pub description: String,
}

/// The server.
pub struct System;

/// The server.
#[Object]
impl System {
    /// The program's version.
    async fn version<'a>(&self, cx: &Context<'a>) -> async_graphql::Result<&'a str> {
        Ok(&cx.data::<ServerFacts>()?.version)
    }

    /// When it started.
    async fn started_at(&self, cx: &Context<'_>) -> async_graphql::Result<DateTime> {
        Ok(DateTime(cx.data::<ServerFacts>()?.started_at))
    }

    /// The parts it was built with.
    async fn plugins<'a>(&self, cx: &Context<'a>) -> async_graphql::Result<&'a [PluginFact]> {
        Ok(&cx.data::<ServerFacts>()?.plugins)
    }

    /// How much room things take. For administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn storage(&self) -> Option<Storage> {
        Some(Storage)
    }

    /// What this machine's encoders and decoders can do; null where there is no media engine. For administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn hardware(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Hardware>> {
        let Some(report) = cx.data_opt::<Arc<dyn HardwareReport>>() else {
            return Ok(None);
        };
        report.read().await.map(Some).graphql()
    }

    /// What can be set, and what holds. For administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn settings(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<Setting>> {
        let book = cx.data::<Arc<dyn SettingsBook>>()?;
        book.list().await.graphql()
    }

    /// The copies of the database, the newest first; null where another program copies it, or the plugin is not there. For
    /// administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn backups(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Vec<Backup>>> {
        match cx.data_opt::<Arc<dyn BackupReport>>() {
            Some(report) => report.list().await.graphql(),
            None => Ok(None),
        }
    }

    /// How drawing pictures of items goes; null while no plugin draws any. For administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn thumbnails(&self, cx: &Context<'_>) -> Option<Thumbnails> {
        cx.data_opt::<Arc<dyn PictureReport>>()
            .map(Arc::clone)
            .map(Thumbnails::new)
    }

    /// How clients' operations went, those that took most time together first. For administrators.
    #[graphql(
        guard = "Needs::Admin",
        complexity = "limits::page_cost(first, None, child_complexity)"
    )]
    async fn operations(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many names, at most 50; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "How far back; an hour when omitted.")] window: Option<OperationWindow>,
    ) -> async_graphql::Result<Vec<OperationStats>> {
        let kernel = cx.data::<Kernel>()?;
        let window = window.unwrap_or(OperationWindow::LastHour).into();
        let first = first.map_or(50, |first| first.clamp(0, 50)) as usize;
        let read = Operations::of(kernel).read(window, kernel.clock.now_ms());
        let stats = |(name, summary)| OperationStats { name, summary };
        Ok(read.into_iter().take(first).map(stats).collect())
    }

    /// How the operations of one name went in each hour that is kept, newest first. Hours are kept for 90 days, and
    /// written as they end. For administrators.
    #[graphql(
        guard = "Needs::Admin",
        complexity = "limits::page_cost(first, None, child_complexity)"
    )]
    async fn operation_history(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The operation's name.")] name: String,
        #[graphql(desc = "How many hours back, at most 200; 24 when omitted.")] first: Option<i32>,
    ) -> async_graphql::Result<Vec<OperationHour>> {
        let kernel = cx.data::<Kernel>()?;
        let first = i64::from(first.map_or(24, |first| first.clamp(0, limits::PAGE as i32)));
        let since = kernel.clock.now_ms() - first * 3_600_000;
        let hours = hours::history(kernel, &name, since)
            .await
            .map_err(Failure::from)
            .graphql()?;
        Ok(hours.into_iter().map(OperationHour).collect())
    }

    /// The caches in memory and how well they work. For administrators.
    #[graphql(guard = "Needs::Admin")]
    async fn caches(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Vec<Cache>>> {
        Ok(Some(
            cx.data::<Kernel>()?.caches.stats().into_iter().map(Cache).collect(),
        ))
    }
}

/// How much room things take.
pub struct Storage;

/// How much room things take.
#[Object]
impl Storage {
    /// The media files of all libraries, as the last scans counted them.
    async fn media_size(&self, cx: &Context<'_>) -> async_graphql::Result<Bytes> {
        storage::media_size(&Loaders::of(cx).together)
            .await
            .map(Bytes)
            .graphql()
    }

    /// The database on its disk.
    async fn database_size(&self, cx: &Context<'_>) -> async_graphql::Result<Bytes> {
        let kernel = cx.data::<Kernel>()?;
        let together = &Loaders::of(cx).together;
        storage::database_size(kernel, together).await.map(Bytes).graphql()
    }

    /// Pictures drawn of items; null while no plugin draws any.
    async fn thumbnail_size(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Bytes>> {
        let Some(report) = cx.data_opt::<Arc<dyn PictureReport>>() else {
            return Ok(None);
        };
        report.size().await.map(|size| Some(Bytes(size))).graphql()
    }

    /// Whole files in other forms; null while no plugin makes any.
    async fn rendition_size(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Bytes>> {
        let Some(report) = cx.data_opt::<Arc<dyn RenditionReport>>() else {
            return Ok(None);
        };
        report.size().await.map(|size| Some(Bytes(size))).graphql()
    }

    /// Segments for players that are kept on the disk; null while no plugin makes any.
    async fn segment_cache_size(&self, cx: &Context<'_>) -> Option<Bytes> {
        streaming(cx).map(|stats| stats.disk_size)
    }

    /// What segments for players may take on the disk; null while no plugin makes any.
    async fn segment_cache_limit(&self, cx: &Context<'_>) -> Option<Bytes> {
        streaming(cx).map(|stats| stats.disk_limit)
    }

    /// What is free for this server on the disk of its data directory.
    async fn free_space(&self, cx: &Context<'_>) -> async_graphql::Result<Bytes> {
        let kernel = cx.data::<Kernel>()?;
        storage::free_space(&kernel.data_dir)
            .map(Bytes)
            .map_err(Failure::internal)
            .graphql()
    }
}

fn streaming(cx: &Context<'_>) -> Option<StreamingStats> {
    cx.data_opt::<Arc<dyn StreamReport>>().map(|report| report.read())
}

/// A cache in memory. Its counts begin with the process.
pub struct Cache(CacheStats);

/// A cache in memory. Its counts begin with the process.
#[Object]
impl Cache {
    /// What it holds, such as `media.card`.
    async fn name(&self) -> &str {
        self.0.name
    }

    /// Entries in it now.
    async fn entry_count(&self) -> u64 {
        self.0.entries
    }

    /// Bytes in it now, as it weighs them.
    async fn weighted_size(&self) -> Bytes {
        Bytes(clamp(self.0.bytes))
    }

    /// Bytes it may hold.
    async fn capacity(&self) -> Bytes {
        Bytes(clamp(self.0.capacity_bytes))
    }

    /// The part of asked keys that was there, from 0 to 1; null before anybody asked.
    async fn hit_rate(&self) -> Option<f64> {
        let asked = self.0.hits + self.0.misses + self.0.coalesced;
        (asked > 0).then(|| self.0.hits as f64 / asked as f64)
    }

    /// Keys that were there.
    async fn hits(&self) -> u64 {
        self.0.hits
    }

    /// Keys that had to be loaded.
    async fn misses(&self) -> u64 {
        self.0.misses
    }

    /// Entries that had to make room or became too old.
    async fn evictions(&self) -> u64 {
        self.0.evictions
    }

    /// Keys that waited for a load which somebody else had begun.
    async fn coalesced(&self) -> u64 {
        self.0.coalesced
    }
}

/// How busy the server is at one moment.
#[derive(Debug, Clone, SimpleObject)]
pub struct SystemStats {
    /// The moment.
    pub at: DateTime,
    /// The part of all cores that the server process used since the last of these, from 0 to 1. Media workers are
    /// processes of their own and not in it.
    pub cpu_fraction: f64,
    /// The server process's memory, as Linux counts it; without the media workers.
    pub resident_memory: Bytes,
    /// HTTP requests per second, over the last ten seconds.
    pub requests_per_second: f64,
    /// Responses that stream a file's bytes now.
    pub active_streams: i64,
    /// Jobs that are running, on all nodes.
    pub active_jobs: i64,
    /// Subscriptions under way, this one included.
    pub subscribers: i64,
    /// How streaming goes; null while no plugin makes streams.
    pub streaming: Option<StreamingStats>,
}

fn clamp(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
