//! Turns what a client selects into a job. A selection by a filter becomes rows by one statement, so that it may hold any
//! number of items and means the same after a restart.

use entities::{
    id::{LibraryId, MediaId, UserId},
    library,
};
use kernel::{
    error::{Failure, code as general},
    jobs::{Enqueue, JobView, Priority},
    plugin::Kernel,
    sql,
    store::Durability,
};
use schema::{
    kit::libraries::Libraries,
    media::{filter, inputs::MediaFilter, page},
};
use sea_orm::{
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use crate::{code, enter::Scope, jobs::index::IndexSimilar};

/// How long a request whose job was canceled is kept.
const KEEP_MS: i64 = 30 * 24 * 3600 * 1000;

/// Which items are compared with all others. All that is given holds together; without any it is everything.
#[derive(Debug)]
pub struct Selection {
    /// Whose ratings and views a filter means.
    pub viewer: UserId,
    /// These items.
    pub media: Option<Vec<MediaId>>,
    /// Items of this library.
    pub library: Option<LibraryId>,
    /// Items that fulfill this.
    pub filter: Option<MediaFilter>,
    /// Whether what was compared is compared again.
    pub is_forced: bool,
}

/// Starts a comparison; gives the job, new or the live one that does the same.
///
/// # Errors
/// The library does not exist, the filter makes no sense, or the database fails.
pub async fn start(kernel: &Kernel, selection: Selection) -> Result<JobView, Failure> {
    if let Some(library) = selection.library {
        must_exist(kernel, library).await?;
    }
    let is_forced = selection.is_forced;
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let enqueued = match selection {
        Selection {
            media: None,
            library: None,
            filter: None,
            ..
        } => {
            let scope = Scope::All;
            kernel
                .jobs
                .start_one(&IndexSimilar { scope, is_forced }, options)
                .await?
        }
        Selection {
            media: None,
            library: Some(library),
            filter: None,
            ..
        } => {
            let scope = Scope::Library(library);
            kernel
                .jobs
                .start_one(&IndexSimilar { scope, is_forced }, options)
                .await?
        }
        Selection {
            media: Some(media),
            library: None,
            filter: None,
            ..
        } => {
            let scope = Scope::Media(media);
            kernel
                .jobs
                .start_one(&IndexSimilar { scope, is_forced }, options)
                .await?
        }
        selection => {
            let now = kernel.clock.now_ms();
            let request = rand::random::<i64>() & i64::MAX;
            let insert = Query::insert()
                .into_table("similar_request")
                .columns(["request_id", "media_id", "asked_at"])
                .select_from(select(kernel, &selection, request, now).await?)
                .map_err(Failure::internal)?
                .to_owned();
            let tx = kernel.store.begin(Durability::Full).await?;
            let old = "delete from similar_request where asked_at < $1";
            sql::execute(&*tx, old, [(now - KEEP_MS).into()]).await?;
            tx.execute(&insert).await?;
            let scope = Scope::Request(request);
            let enqueued = kernel
                .jobs
                .enqueue(&tx, &IndexSimilar { scope, is_forced }, options)
                .await?;
            tx.commit().await?;
            enqueued
        }
    };
    let view = kernel.jobs.get(enqueued.job).await?;
    view.ok_or_else(|| Failure::new(&general::NOT_FOUND, format!("no job `{}`", enqueued.job)))
}

/// The rows of a request.
async fn select(kernel: &Kernel, selection: &Selection, request: i64, now: i64) -> Result<SelectStatement, Failure> {
    let db = kernel.store.reader();
    let roots = selection.filter.as_ref().map(filter::roots).transpose()?;
    let descendants = filter::descendants(db, &roots.unwrap_or_default()).await?;
    let mut condition = page::condition(
        selection.viewer,
        // Only who has all libraries gets here.
        &Libraries::All,
        kernel.store.backend(),
        &descendants,
        selection.filter.as_ref(),
        &[],
    )?;
    let id = || Expr::col(("media", "id"));
    if let Some(media) = &selection.media {
        condition = condition.add(id().is_in(media.iter().map(|media| media.0)));
    }
    if let Some(library) = selection.library {
        condition = condition.add(Expr::col(("media", "library_id")).eq(library.0));
    }
    Ok(Query::select()
        .expr(Expr::val(request).cast_as("bigint"))
        .expr(id())
        .expr(Expr::val(now).cast_as("bigint"))
        .from("media")
        .cond_where(condition)
        .take())
}

async fn must_exist(kernel: &Kernel, library: LibraryId) -> Result<(), Failure> {
    match library::Entity::find_by_id(library).one(kernel.store.reader()).await? {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            &code::LIBRARY_NOT_FOUND,
            format!("no library `{library}`"),
        )),
    }
}
