//! Lists of media: one narrow statement gives the ids of a page, their cursors and, if wanted, the total.

use entities::id::UserId;
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection, DbBackend, ExprTrait, JoinType,
    sea_query::{Expr, Func, Query, SelectStatement, SubQueryStatement},
};

use crate::{
    kit::{
        keyset::{IdPage, Part, Window},
        page::PageArgs,
    },
    media::{
        filter::{self, Descendants, Translation},
        inputs::{MediaFilter, MediaSort},
        relevance,
        sort::{self, Order, Walk},
    },
    search::{self, Term, matching, typo},
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

/// What a listing asks for, decoded and checked.
struct Question<'a> {
    viewer: UserId,
    backend: DbBackend,
    translation: Translation<'a>,
    filter: Option<&'a MediaFilter>,
    order: Order,
    window: Window,
    with_total: bool,
}

/// Reads a page of ids for a viewer.
pub async fn read(kernel: &Kernel, viewer: UserId, listing: &MediaListing) -> Result<IdPage, Failure> {
    let db = kernel.store.reader();
    let backend = db.get_database_backend();
    let mut terms = match &listing.search {
        Some(text) => search::parse(text)?,
        None => Vec::new(),
    };
    let order = sort::order(&listing.sort, terms.iter().any(|term| !term.is_excluded))?;
    let window = listing.page.window(&order.keyset, listing.cap)?;
    let filter = listing.filter.as_ref();
    let roots = filter.map(filter::roots).transpose()?.unwrap_or_default();
    let descendants = filter::descendants(db, &roots).await?;
    let question = Question {
        viewer,
        backend,
        translation: Translation {
            viewer,
            backend,
            descendants: &descendants,
        },
        filter,
        order,
        window,
        with_total: listing.with_total,
    };
    let page = question.answer(db, &terms).await?;
    if !page.rows.is_empty() || question.window.limit == 0 {
        return Ok(page);
    }
    // Nothing is there: perhaps a word was mistyped.
    typo::correct(db, &mut terms).await?;
    if terms.iter().all(|term| term.meant.is_empty()) {
        return Ok(page);
    }
    question.answer(db, &terms).await
}

impl Question<'_> {
    async fn answer(&self, db: &DatabaseConnection, terms: &[Term]) -> Result<IdPage, Failure> {
        let shown = shown(&self.translation, self.filter)?;
        let mut all = shown.clone().add(searched(terms, self.backend));
        let select = if let Walk::Relevance = self.order.walk {
            relevance::select(terms, &shown, self.backend, &self.window)
        } else {
            let found = matching::found(terms, self.backend);
            let filters = self.filter.map(|filter| self.translation.drivers(filter)).transpose()?;
            let drivers: Vec<SelectStatement> = filters.unwrap_or_default().into_iter().chain(found).collect();
            if let Some(driver) = fewest(db, drivers).await? {
                all = shown.add(in_selected(driver)).add(searched(terms, self.backend));
            }
            statement(self.viewer, &self.order, &all, &self.window)
        };
        let total = self.with_total.then(|| match (self.filter, terms.is_empty()) {
            (None, true) => everything(),
            _ => count(&all),
        });
        let mut select = select;
        if let Some(total) = &total {
            select.expr_as(Expr::from(SubQueryStatement::from(total.clone())), "total");
        }
        let keyset = &self.order.keyset;
        let mut page = keyset.fetch(db, &select, &self.window, self.with_total).await?;
        if let (None, Some(total)) = (page.total, total) {
            // No row could carry the total along.
            let row = db.query_one(&total).await?;
            page.total = Some(row.map_or(Ok(0), |row| row.try_get_by_index(0))?);
        }
        Ok(page)
    }
}

/// From so many items on, walking the order and checking each item is cheaper than sorting what a criterion holds for:
/// a page of forty of a million is found after as many steps.
const FEW: u64 = 5_000;

/// Of these lists of ids the shortest, if it is short; one statement, which reads no list further than needed.
async fn fewest(db: &DatabaseConnection, drivers: Vec<SelectStatement>) -> Result<Option<SelectStatement>, Failure> {
    if drivers.is_empty() {
        return Ok(None);
    }
    let mut select = Query::select();
    for driver in &drivers {
        let some = driver.clone().limit(FEW + 1).take();
        let count = Query::select()
            .expr(Expr::cust("count(*)"))
            .from_subquery(some, "some")
            .take();
        select.expr(Expr::from(SubQueryStatement::from(count)));
    }
    let Some(row) = db.query_one(&select).await? else {
        return Ok(None);
    };
    let mut fewest = None;
    for (index, driver) in drivers.into_iter().enumerate() {
        let n: i64 = row.try_get_by_index(index)?;
        if n <= FEW as i64 && fewest.as_ref().is_none_or(|(least, _)| n < *least) {
            fewest = Some((n, driver));
        }
    }
    Ok(fewest.map(|(_, driver)| driver))
}

/// The items of a list of ids. Both databases then begin with the list.
fn in_selected(ids: SelectStatement) -> Expr {
    Expr::col(("media", "id")).in_subquery(ids)
}

/// The condition of a search. On SQLite the plus keeps the list from being the beginning: it may be long, and where it is
/// short [`fewest`] has found that out.
fn searched(terms: &[Term], backend: DbBackend) -> Condition {
    let id = || match backend {
        DbBackend::Sqlite => Expr::cust(r#"+"media"."id""#),
        _ => Expr::col(("media", "id")),
    };
    let found = matching::found(terms, backend);
    let ruled_out = if found.is_none() {
        matching::ruled_out(terms, backend)
    } else {
        None
    };
    Condition::all()
        .add_option(found.map(|ids| id().in_subquery(ids)))
        .add_option(ruled_out.map(|ids| id().not_in_subquery(ids)))
}

/// The condition on `media` of a filter and a search.
pub fn condition(
    viewer: UserId,
    backend: DbBackend,
    descendants: &Descendants,
    filter: Option<&MediaFilter>,
    terms: &[Term],
) -> Result<Condition, Failure> {
    let translation = Translation {
        viewer,
        backend,
        descendants,
    };
    Ok(shown(&translation, filter)?.add(searched(terms, backend)))
}

/// The condition on `media` of a filter. What is missing is hidden unless the filter says something about it.
fn shown(translation: &Translation<'_>, filter: Option<&MediaFilter>) -> Result<Condition, Failure> {
    let mut all = Condition::all();
    if let Some(filter) = filter {
        all = all.add(translation.condition(filter)?);
    }
    if !filter.is_some_and(filter::mentions_missing) {
        all = all.add(Expr::col(("media", "missing_at")).is_null());
    }
    Ok(all)
}

/// The statement of a page by keys or by chance.
pub fn statement(viewer: UserId, order: &Order, condition: &Condition, window: &Window) -> SelectStatement {
    let base = |part: Part| {
        let mut select = Query::select();
        select.from("media").cond_where(condition.clone());
        for (alias, is_needed) in [("own", order.needs_own), ("played", order.needs_played)] {
            if !is_needed {
                continue;
            }
            let only_touched = order.begins_with == Some(alias) && part == Part::Present;
            let join = if only_touched {
                JoinType::InnerJoin
            } else {
                JoinType::LeftJoin
            };
            let mut on = Condition::all()
                .add(Expr::col((alias, "media_id")).equals(("media", "id")))
                .add(Expr::col((alias, "user_id")).eq(i64::from(viewer)));
            if alias == "played" {
                on = on.add(Expr::col((alias, "n_views")).gt(0));
            }
            select.join_as(join, "media_user", alias, on);
        }
        select
    };
    match order.walk {
        Walk::Shuffle(shuffle) => shuffle.select(&|| base(Part::All), &order.keyset, window),
        _ => order.keyset.select(&base, window, None),
    }
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
