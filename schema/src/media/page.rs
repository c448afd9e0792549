//! Lists of media: one narrow statement gives the ids of a page, their cursors and, if wanted, the total.

use entities::id::UserId;
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait, JoinType,
    sea_query::{Expr, Func, Query, SelectStatement},
};

use crate::{
    kit::{
        keyset::{IdPage, Part, Window},
        page::PageArgs,
    },
    media::{
        filter::{self, Descendants, Translation},
        inputs::{MediaFilter, MediaSort},
        sort::{self, Order},
    },
    search::{self, Term},
};

/// What a client asks of the list of media.
#[derive(Debug, Clone, Default)]
pub struct MediaListing {
    /// Which page.
    pub page: PageArgs,
    /// The largest page.
    pub cap: usize,
    /// Words to find.
    pub search: Option<String>,
    /// Which media.
    pub filter: Option<MediaFilter>,
    /// In which order.
    pub sort: Vec<MediaSort>,
    /// Whether the total is wanted.
    pub with_total: bool,
}

/// Reads a page of ids for a viewer.
pub async fn read(kernel: &Kernel, viewer: UserId, listing: &MediaListing) -> Result<IdPage, Failure> {
    let db = kernel.store.reader();
    let order = sort::order(&listing.sort)?;
    let window = listing.page.window(&order.keyset, listing.cap)?;
    let terms = listing
        .search
        .as_deref()
        .map(search::parse)
        .transpose()?
        .unwrap_or_default();
    let roots = listing
        .filter
        .as_ref()
        .map(filter::roots)
        .transpose()?
        .unwrap_or_default();
    let descendants = filter::descendants(db, &roots).await?;
    let condition = condition(
        viewer,
        db.get_database_backend(),
        &descendants,
        listing.filter.as_ref(),
        &terms,
    )?;

    let total = listing.with_total.then(|| match (&listing.filter, terms.is_empty()) {
        (None, true) => everything(),
        _ => count(&condition),
    });
    let select = statement(viewer, &order, &condition, &window, total.clone());
    let mut page = order.keyset.fetch(db, &select, &window, listing.with_total).await?;
    if let (None, Some(total)) = (page.total, total) {
        // No row could carry the total along.
        let row = db.query_one(&total).await?;
        page.total = Some(row.map_or(Ok(0), |row| row.try_get_by_index(0))?);
    }
    Ok(page)
}

/// The condition on `media` of a filter and a search.
pub fn condition(
    viewer: UserId,
    backend: DbBackend,
    descendants: &Descendants,
    filter: Option<&MediaFilter>,
    terms: &[Term],
) -> Result<Condition, Failure> {
    let mut all = search::condition(terms, backend);
    if let Some(filter) = filter {
        all = all.add(
            Translation {
                viewer,
                backend,
                descendants,
            }
            .condition(filter)?,
        );
    }
    if !filter.is_some_and(filter::mentions_missing) {
        all = all.add(Expr::col(("media", "missing_at")).is_null());
    }
    Ok(all)
}

/// The statement of a page.
pub fn statement(
    viewer: UserId,
    order: &Order,
    condition: &Condition,
    window: &Window,
    total: Option<SelectStatement>,
) -> SelectStatement {
    let base = |part: Part| {
        let mut select = Query::select();
        select.from("media").cond_where(condition.clone());
        if order.needs_own {
            let only_touched = order.begins_with_own && part == Part::Present;
            let join = if only_touched {
                JoinType::InnerJoin
            } else {
                JoinType::LeftJoin
            };
            let on = Condition::all()
                .add(Expr::col(("own", "media_id")).equals(("media", "id")))
                .add(Expr::col(("own", "user_id")).eq(i64::from(viewer)));
            select.join_as(join, "media_user", "own", on);
        }
        select
    };
    order.keyset.select(&base, window, total)
}

/// How many items a condition holds for.
fn count(condition: &Condition) -> SelectStatement {
    Query::select()
        .expr(Expr::cust("count(*)"))
        .from("media")
        .cond_where(condition.clone())
        .take()
}

/// How many items have a present file: the libraries keep count.
fn everything() -> SelectStatement {
    let sum = Func::coalesce([
        Expr::from(Func::sum(Expr::col(("library", "n_media")))),
        Expr::cust("0"),
    ]);
    // PostgreSQL sums to a decimal.
    Query::select()
        .expr(Expr::from(sum).cast_as("bigint"))
        .from("library")
        .take()
}
