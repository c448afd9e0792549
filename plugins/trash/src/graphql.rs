//! What clients see: what is in the trash, putting files there, bringing them back, and emptying it.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::{
    file,
    id::{FileId, MediaId},
};
use kernel::{
    error::{Failure, code},
    jobs::{Enqueue, Priority},
    plugin::Kernel,
    sql,
};
use schema::{
    caches::Loaders,
    job::types::Job,
    kit::{
        access::Needs,
        connection::{Connection, Total},
        error::ToGraphql,
        id::{id, parse_many},
        keyset::{Key, KeyKind, Keyset},
        page::{self, PageArgs},
        scalar::{Bytes, DateTime},
        surface::{NoSubscription, Surface},
    },
    limits,
    media::{file::MediaFile, types::Media},
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    Trash,
    held::{self, Held},
    jobs::empty::EmptyTrash,
    moves::{self, Outcome},
};

impl Surface for Trash {
    type Query = TrashQuery;
    type Mutation = TrashMutation;
    type Subscription = NoSubscription;
}

/// What can be read of the trash.
#[derive(Default)]
pub struct TrashQuery;

/// What can be read of the trash.
#[Object]
impl TrashQuery {
    /// The files in the trash, those put there last first.
    #[graphql(
        guard = "Needs::View",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    async fn trash(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<TrashedFile>> {
        trashed(cx, PageArgs::new(first, after, last, before)).await.graphql()
    }
}

/// What can be done with the trash.
#[derive(Default)]
pub struct TrashMutation;

/// What can be done with the trash.
#[Object]
impl TrashMutation {
    /// Puts files in the trash: they leave their folder for one that no scan looks into, in the same library path. What is
    /// known of them stays, and `restoreFiles` brings them back.
    #[graphql(guard = "Needs::Edit")]
    async fn trash_files(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which files.")] input: TrashFilesInput,
    ) -> async_graphql::Result<TrashFilesPayload> {
        let files = ids_of(&input.file_ids).graphql()?;
        let outcome = moves::trash(cx.data::<Kernel>()?, &files).await.graphql()?;
        let (files, failures) = told(cx, outcome).await.graphql()?;
        Ok(TrashFilesPayload { files, failures })
    }

    /// Brings files back from the trash to where they came from.
    #[graphql(guard = "Needs::Edit")]
    async fn restore_files(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which files.")] input: RestoreFilesInput,
    ) -> async_graphql::Result<RestoreFilesPayload> {
        let files = ids_of(&input.file_ids).graphql()?;
        let outcome = moves::restore(cx.data::<Kernel>()?, &files).await.graphql()?;
        let (files, failures) = told(cx, outcome).await.graphql()?;
        Ok(RestoreFilesPayload { files, failures })
    }

    /// Removes what is in the trash for good: the bytes, what is known of the files, and items that have no other file.
    /// This cannot be undone.
    #[graphql(guard = "Needs::Admin")]
    async fn empty_trash(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How much of it.")] input: EmptyTrashInput,
    ) -> async_graphql::Result<EmptyTrashPayload> {
        let kernel = cx.data::<Kernel>()?;
        // What is put there from now on stays.
        let now = kernel.clock.now_ms();
        let before = input.older_than.map_or(now, |moment| std::cmp::min(moment.0, now));
        let options = Enqueue {
            priority: Priority::User,
            ..Enqueue::default()
        };
        let enqueued = kernel.jobs.start_one(&EmptyTrash { before }, options).await.graphql()?;
        let view = kernel.jobs.get(enqueued.job).await.graphql()?;
        let view = view
            .ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no job `{}`", enqueued.job)))
            .graphql()?;
        Ok(EmptyTrashPayload { job: Job::from(view) })
    }
}

/// Which files to put in the trash.
#[derive(InputObject)]
pub struct TrashFilesInput {
    /// The files, at most 200.
    file_ids: Vec<ID>,
}

/// The outcome of `trashFiles`.
#[derive(SimpleObject)]
pub struct TrashFilesPayload {
    /// The files that are in the trash now.
    files: Vec<MediaFile>,
    /// The files that are not, and why.
    failures: Vec<TrashFailure>,
}

/// Which files to bring back.
#[derive(InputObject)]
pub struct RestoreFilesInput {
    /// The files, at most 200.
    file_ids: Vec<ID>,
}

/// The outcome of `restoreFiles`.
#[derive(SimpleObject)]
pub struct RestoreFilesPayload {
    /// The files that are back.
    files: Vec<MediaFile>,
    /// The files that are not, and why.
    failures: Vec<TrashFailure>,
}

/// How much of the trash to remove.
#[derive(InputObject)]
pub struct EmptyTrashInput {
    /// Only what was put there before this moment; everything when omitted.
    older_than: Option<DateTime>,
}

/// The outcome of `emptyTrash`.
#[derive(SimpleObject)]
pub struct EmptyTrashPayload {
    /// The removal.
    job: Job,
}

/// A file that stayed where it was.
#[derive(SimpleObject)]
pub struct TrashFailure {
    /// The file.
    file_id: ID,
    /// A stable name to switch on, such as `TRASH_PLACE_TAKEN`.
    code: String,
    /// What is wrong and what to do, for people.
    message: String,
}

/// A file in the trash.
#[derive(Clone)]
pub struct TrashedFile(Held);

/// A file in the trash.
#[Object]
impl TrashedFile {
    /// The file.
    async fn file(&self, cx: &Context<'_>) -> async_graphql::Result<Option<MediaFile>> {
        let files = Loaders::of(cx).files.get(self.0.media).await.graphql()?;
        Ok(files.and_then(|files| MediaFile::find(&files, self.0.file)))
    }

    /// Its item.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        Ok(Loaders::of(cx).card.get(self.0.media).await.graphql()?.map(Media::new))
    }

    /// Where it came from, below the library's path.
    async fn path(&self) -> String {
        self.0.place().display()
    }

    /// Its size.
    async fn size(&self) -> Bytes {
        Bytes(self.0.size)
    }

    /// When it was put there.
    async fn trashed_at(&self) -> DateTime {
        DateTime(self.0.trashed_at)
    }
}

fn ids_of(ids: &[ID]) -> Result<Vec<FileId>, Failure> {
    if ids.len() > limits::PAGE {
        return Err(Failure::field(
            "input.fileIds",
            format!("at most {} at a time", limits::PAGE),
        ));
    }
    let mut files: Vec<FileId> = parse_many(ids, "input.fileIds")?;
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

async fn told(cx: &Context<'_>, outcome: Outcome) -> Result<(Vec<MediaFile>, Vec<TrashFailure>), Failure> {
    let db = cx.data_unchecked::<Kernel>().store.reader();
    let rows = file::Entity::find().filter(file::Column::Id.is_in(outcome.done.iter().copied()));
    let of_file: HashMap<FileId, MediaId> = rows
        .all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.media_id))
        .collect();
    let loaders = Loaders::of(cx);
    let mut files = Vec::new();
    for (file, media) in outcome
        .done
        .iter()
        .filter_map(|file| Some((*file, *of_file.get(file)?)))
    {
        let of_media = loaders.files.get(media).await?;
        files.extend(of_media.and_then(|files| MediaFile::find(&files, file)));
    }
    let failure = |(file, failure): (FileId, Failure)| TrashFailure {
        file_id: id(file),
        code: failure.code.name.to_owned(),
        message: failure.message,
    };
    Ok((files, outcome.failed.into_iter().map(failure).collect()))
}

async fn trashed(cx: &Context<'_>, args: PageArgs) -> Result<Connection<TrashedFile>, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let db = kernel.store.reader();
    let column = |name: &'static str| Expr::col(("trash_file", name));
    let keyset = Keyset {
        keys: vec![Key {
            expr: column("trashed_at"),
            kind: KeyKind::Int,
            is_nullable: false,
            is_descending: true,
        }],
        id: column("file_id"),
        is_descending: true,
        signature: "-TrashedAt".to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let base = |_| {
        Query::select()
            .from("trash_file")
            .and_where(column("step").ne(0))
            .take()
    };
    let page = keyset
        .fetch(db, &keyset.select(&base, &window, None), &window, false)
        .await?;
    let rows = held::by_files(db, &page.ids()).await?;
    let media: Vec<MediaId> = rows.iter().map(|held| held.media).collect();
    let loaders = Loaders::of(cx);
    if page::selects(cx, "nodes") || page::selects(cx, "edges") {
        loaders.card.get_many(media.clone()).await?;
        loaders.files.get_many(media).await?;
    }
    let rows: HashMap<i64, Held> = rows.into_iter().map(|held| (held.file.0, held)).collect();
    let store = kernel.store.clone();
    let total = Total::later(move || {
        let store = store.clone();
        async move {
            let rows = sql::rows(store.reader(), "select count(*) from trash_file where step <> 0", []).await?;
            Ok(rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?)
        }
    });
    Ok(Connection::new(page, total, |id| {
        rows.get(&id).cloned().map(TrashedFile)
    }))
}
