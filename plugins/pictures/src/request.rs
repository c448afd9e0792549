//! Turns what a client selects into a job. A selection becomes rows by one statement, so that it may hold any number of
//! items and means the same after a restart.

use entities::id::{LibraryId, MediaId, UserId};
use kernel::{
    error::{Failure, code},
    jobs::{Enqueue, JobView, Priority},
    plugin::Kernel,
    store::Durability,
};
use schema::{
    kit::libraries::Libraries,
    media::{filter, inputs::MediaFilter, page},
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::jobs::generate::{GeneratePictures, Scope};

/// Which items are drawn, and how.
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
    /// Items of which something failed.
    pub only_failed: bool,
    /// Whether what has current pictures is drawn again.
    pub remakes: bool,
    /// Whether what failed is tried again although nothing changed.
    pub retries: bool,
}

impl Selection {
    /// The rows alone say what is to be done.
    fn is_all_missing(&self) -> bool {
        self.media.is_none() && self.filter.is_none() && !self.only_failed && !self.remakes && !self.retries
    }
}

/// Starts drawing a selection; gives the job, new or already there.
pub async fn start(kernel: &Kernel, selection: &Selection) -> Result<JobView, Failure> {
    let db = kernel.store.reader();
    if let Some(library) = selection.library {
        use sea_orm::EntityTrait;
        if entities::library::Entity::find_by_id(library).one(db).await?.is_none() {
            return Err(Failure::new(&code::NOT_FOUND, format!("no library `{library}`")));
        }
    }
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let enqueued = if selection.is_all_missing() {
        let scope = selection.library.map_or(Scope::Missing, Scope::MissingOf);
        kernel.jobs.start_one(&GeneratePictures { scope }, options).await?
    } else {
        let statement = select(kernel, selection).await?;
        let request = rand::random::<i64>() & i64::MAX;
        let insert = Query::insert()
            .into_table("picture_request")
            .columns(["request_id", "media_id", "asked_at"])
            .select_from(statement(request, kernel.clock.now_ms()))
            .map_err(Failure::internal)?
            .to_owned();
        let tx = kernel.store.begin(Durability::Full).await?;
        tx.execute(&insert).await?;
        let scope = Scope::Request {
            id: request,
            remakes: selection.remakes,
            retries: selection.retries,
        };
        let enqueued = kernel.jobs.enqueue(&tx, &GeneratePictures { scope }, options).await?;
        tx.commit().await?;
        enqueued
    };
    let view = kernel.jobs.get(enqueued.job).await?;
    view.ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no job `{}`", enqueued.job)))
}

/// What selects the rows of a request, given its number and the time.
async fn select(
    kernel: &Kernel,
    selection: &Selection,
) -> Result<impl FnOnce(i64, i64) -> sea_orm::sea_query::SelectStatement, Failure> {
    let db = kernel.store.reader();
    let roots = selection
        .filter
        .as_ref()
        .map(filter::roots)
        .transpose()?
        .unwrap_or_default();
    let descendants = filter::descendants(db, &roots).await?;
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
    if selection.only_failed {
        let failed = Query::select().column("media_id").from("picture_failure").take();
        condition = condition.add(id().in_subquery(failed));
    }
    Ok(move |request: i64, now: i64| {
        Query::select()
            .expr(Expr::val(request).cast_as("bigint"))
            .expr(id())
            .expr(Expr::val(now).cast_as("bigint"))
            .from("media")
            .cond_where(condition)
            .take()
    })
}
