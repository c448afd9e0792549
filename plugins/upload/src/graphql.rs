//! What clients see: uploads on their way and lately finished, which files are known, and ending an upload or beginning one
//! from a page.

mod download;

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use entities::{
    id::{LibraryId, MediaId, UploadId, UserId},
    user::Role,
};
use kernel::{error::Failure, plugin::Kernel, sql};
use schema::{
    caches::Loaders,
    kit::{
        access::{Needs, Viewer, require},
        connection::{Connection, Total},
        error::ToGraphql,
        id::{id, parse},
        keyset::{Key, KeyKind, Keyset},
        page::{self, PageArgs},
        scalar::{Bytes, DateTime},
    },
    library::types::Library,
    limits,
    media::{clip::MakingError, types::Media},
};
use sea_orm::{
    QueryResult,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

pub use self::download::{DownloadPageInput, DownloadPagePayload};
use crate::{Upload as Plugin, code, end, known, row};

/// What can be read of uploads.
#[derive(Default)]
pub struct UploadQuery;

/// What can be read of uploads.
#[Object]
impl UploadQuery {
    /// Uploads on their way and lately finished, the newest first: the viewer's own, and all for an administrator. They
    /// travel over tus, at `/uploads`.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    async fn uploads(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Upload>> {
        uploads(cx, PageArgs::new(first, after, last, before)).await.graphql()
    }

    /// The items that have a file with one of these hashes, in the same order; null for each that is not known. Asked
    /// before an upload, it saves sending what is there.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(Some(fingerprints.len() as i32), None, child_complexity)"
    )]
    async fn media_by_fingerprint(
        &self,
        cx: &Context<'_>,
        #[graphql(
            desc = "BLAKE3 over the size (64-bit little-endian) and the first and last 64 KiB of a file, or over all its \
                bytes, in hexadecimal digits; at most 200."
        )]
        fingerprints: Vec<String>,
    ) -> async_graphql::Result<Vec<Option<Media>>> {
        by_fingerprint(cx, &fingerprints).await.graphql()
    }
}

/// What can be done with uploads.
#[derive(Default)]
pub struct UploadMutation;

/// What can be done with uploads.
#[Object]
impl UploadMutation {
    /// Ends an upload: what has come of it is removed. Of a finished one only the entry goes, its file stays.
    #[graphql(guard = "Needs::EditSome")]
    async fn abort_upload(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which upload.")] input: AbortUploadInput,
    ) -> async_graphql::Result<AbortUploadPayload> {
        abort(cx, &input).await.graphql()
    }

    /// Has the media of a web page fetched, as far as another maker's program knows the page, and taken in like an upload.
    /// Ending the upload or canceling the job ends it.
    #[graphql(guard = "Needs::Edit")]
    async fn download_page(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which page, and where its media go.")] input: DownloadPageInput,
    ) -> async_graphql::Result<DownloadPagePayload> {
        download::download(cx, &input).await.graphql()
    }
}

/// Which upload to end.
#[derive(InputObject)]
pub struct AbortUploadInput {
    /// The upload.
    id: ID,
}

/// The outcome of `abortUpload`.
#[derive(SimpleObject)]
pub struct AbortUploadPayload {
    /// The upload that is gone.
    upload_id: ID,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UploadStatus {
    /// Bytes are coming, or are awaited.
    Receiving,
    /// All bytes are there; they are being looked at.
    Checking,
    /// The file is in its place, and a scan is about to make it an item.
    Adding,
    /// It is an item.
    Ready,
    /// The same bytes were there before; the second copy was not kept.
    Duplicate,
    /// It could not be taken in.
    Failed,
    /// The server fetches it from a page.
    Fetching,
}

/// A file on its way in.
#[derive(Clone)]
pub struct Upload {
    id: UploadId,
    filename: Option<String>,
    source: Option<String>,
    size: Option<i64>,
    offset: i64,
    status: UploadStatus,
    content_hash: Option<Vec<u8>>,
    library: Option<LibraryId>,
    media: Option<MediaId>,
    job: Option<i64>,
    error: Option<MakingError>,
    created_at: i64,
    expires_at: i64,
}

/// A file on its way in.
#[Object]
impl Upload {
    /// Its id; it is at `/uploads/` and its id.
    async fn id(&self) -> ID {
        id(self.id)
    }

    /// The client's name for the file, if it gave one.
    async fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// Scheme, host and port of the page that the server fetches it from; null where a client sends it.
    async fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Its length; null while the client has not said it.
    async fn size(&self) -> Option<Bytes> {
        self.size.map(Bytes)
    }

    /// How many bytes are safely stored.
    async fn offset(&self) -> Bytes {
        Bytes(self.offset)
    }

    /// How far it is.
    async fn status(&self) -> UploadStatus {
        self.status
    }

    /// BLAKE3 of all bytes in hexadecimal digits, once they have come and were read.
    async fn content_hash(&self) -> Option<String> {
        self.content_hash
            .as_ref()
            .map(|hash| data_encoding::HEXLOWER.encode(hash))
    }

    /// The library that it goes to; null for a part of a larger upload.
    async fn library(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Library>> {
        let Some(id) = self.library else { return Ok(None) };
        Ok(Loaders::of(cx)
            .library
            .get(id)
            .await
            .graphql()?
            .map(|row| Library { row }))
    }

    /// The item that it has become, or that has the same bytes.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let Some(id) = self.media else { return Ok(None) };
        Ok(Loaders::of(cx).card.get(id).await.graphql()?.map(Media::new))
    }

    /// The job that takes it in, once all bytes are there.
    async fn job_id(&self) -> Option<ID> {
        self.job.map(|job| id(entities::id::JobId(job)))
    }

    /// Why it could not be taken in; null unless it failed.
    async fn error(&self) -> Option<&MakingError> {
        self.error.as_ref()
    }

    /// When it began.
    async fn created_at(&self) -> DateTime {
        DateTime(self.created_at)
    }

    /// When it is forgotten unless something happens.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.expires_at)
    }
}

const SHOWN: &str = "upload.id, upload.filename, upload.n_bytes, upload.n_received, upload.status, upload.content_hash, \
    upload.library_id, upload.media_id, upload.job_id, upload.error_code, upload.error_message, upload.created_at, \
    upload.expires_at, job.state, job.error_code, job.error_message, upload.source_shown from upload left join job on job.id = upload.job_id";

fn shown(row: &QueryResult) -> Result<Upload, Failure> {
    let status: i32 = row.try_get_by_index(4)?;
    let job_state: Option<i32> = row.try_get_by_index(13)?;
    let error = |at: usize| -> Result<Option<MakingError>, Failure> {
        let code: Option<String> = row.try_get_by_index(at)?;
        let message: Option<String> = row.try_get_by_index(at + 1)?;
        Ok(code.zip(message).map(|(code, message)| MakingError { code, message }))
    };
    let status = match (status, job_state) {
        // The job's states: 4 is failed for good, 5 canceled.
        (1 | 2 | 7, Some(4 | 5)) | (6, _) => UploadStatus::Failed,
        (1 | 2, _) => UploadStatus::Checking,
        (3, _) => UploadStatus::Adding,
        (4, _) => UploadStatus::Ready,
        (5, _) => UploadStatus::Duplicate,
        (7, _) => UploadStatus::Fetching,
        _ => UploadStatus::Receiving,
    };
    Ok(Upload {
        id: UploadId(row.try_get_by_index(0)?),
        filename: row.try_get_by_index(1)?,
        source: row.try_get_by_index(16)?,
        size: row.try_get_by_index(2)?,
        offset: row.try_get_by_index(3)?,
        status,
        content_hash: row.try_get_by_index(5)?,
        library: row.try_get_by_index::<Option<i64>>(6)?.map(LibraryId),
        media: row.try_get_by_index::<Option<i64>>(7)?.map(MediaId),
        job: row.try_get_by_index(8)?,
        error: match status {
            UploadStatus::Failed => error(9)?.or(error(14)?),
            _ => None,
        },
        created_at: row.try_get_by_index(11)?,
        expires_at: row.try_get_by_index(12)?,
    })
}

/// Whose uploads a viewer sees; none means all.
fn seen(viewer: &Viewer) -> Option<UserId> {
    (viewer.role != Role::Admin).then_some(viewer.user)
}

async fn uploads(cx: &Context<'_>, args: PageArgs) -> Result<Connection<Upload>, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let owner = seen(require(cx)?);
    let db = kernel.store.reader();
    let column = |name: &'static str| Expr::col(("upload", name));
    let keyset = Keyset {
        keys: vec![Key {
            expr: column("created_at"),
            kind: KeyKind::Int,
            is_nullable: false,
            is_descending: true,
        }],
        id: column("id"),
        is_descending: true,
        signature: "-CreatedAt".to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let base = |_| -> SelectStatement {
        let mut select = Query::select().from("upload").take();
        if let Some(user) = owner {
            select.and_where(column("user_id").eq(user.0));
        }
        select
    };
    let page = keyset
        .fetch(db, &keyset.select(&base, &window, None), &window, false)
        .await?;
    let text = format!(
        "select {SHOWN} where upload.id in ({})",
        sql::ids(page.ids::<UploadId>())
    );
    let mut found = HashMap::new();
    for row in sql::rows(db, text, []).await? {
        let upload = shown(&row)?;
        found.insert(upload.id.0, upload);
    }
    let media: Vec<MediaId> = found.values().filter_map(|upload| upload.media).collect();
    if page::selects(cx, "nodes") || page::selects(cx, "edges") {
        Loaders::of(cx).card.get_many(media).await?;
    }
    let store = kernel.store.clone();
    let total = Total::later(move || {
        let store = store.clone();
        async move {
            let text = match owner {
                Some(_) => "select count(*) from upload where user_id = $1",
                None => "select count(*) from upload",
            };
            let rows = sql::rows(store.reader(), text, owner.map(|user| user.0.into())).await?;
            Ok(rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?)
        }
    });
    Ok(Connection::new(page, total, |id| found.get(&id).cloned()))
}

async fn by_fingerprint(cx: &Context<'_>, texts: &[String]) -> Result<Vec<Option<Media>>, Failure> {
    if texts.len() > limits::PAGE {
        return Err(Failure::field(
            "fingerprints",
            format!("at most {} at a time", limits::PAGE),
        ));
    }
    let mut hashes = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let hash = known::parse(text);
        hashes.push(hash.ok_or_else(|| Failure::field(format!("fingerprints[{index}]"), "64 hexadecimal digits"))?);
    }
    let kernel = cx.data_unchecked::<Kernel>();
    let found = known::by_any_hash(kernel.store.reader(), &hashes).await?;
    let loaders = Loaders::of(cx);
    loaders.card.get_many(found.values().copied().collect()).await?;
    let mut media = Vec::new();
    for hash in &hashes {
        media.push(match found.get(&hash[..]) {
            Some(id) => loaders.card.get(*id).await?.map(Media::new),
            None => None,
        });
    }
    Ok(media)
}

async fn abort(cx: &Context<'_>, input: &AbortUploadInput) -> Result<AbortUploadPayload, Failure> {
    let upload = parse::<UploadId>(&input.id, "input.id")?;
    let owner = seen(require(cx)?);
    let plugin = cx.data_unchecked::<Arc<Plugin>>();
    let row = row::find(plugin.kernel.store.reader(), upload).await?;
    let row = row.filter(|row| owner.is_none_or(|owner| row.user == owner));
    let row = row.ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no upload `{upload}`")))?;
    end::abort(plugin, &row).await?;
    Ok(AbortUploadPayload { upload_id: id(upload) })
}
