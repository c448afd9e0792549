//! Lists of media: one narrow statement gives the ids of a page, their cursors and, if wanted, the total.

use std::sync::Arc;

use entities::id::UserId;
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection, DbBackend, ExprTrait, JoinType,
    sea_query::{Asterisk, Expr, Func, Order as Direction, Query, SelectStatement, SubQueryStatement, UnionType},
};

use crate::{
    caches::Answers,
    kit::{
        access::Viewer,
        keyset::{IdPage, Part, PartOf, Window},
        libraries::Libraries,
        listed::ids_of,
        page::PageArgs,
    },
    media::{
        census::Found,
        fewest,
        filter::{self, Descendants, Driver, Translation},
        inputs::{MediaFilter, MediaSort},
        list::{self, List},
        relevance::{self, Shown},
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

/// A page, and what else can be asked about the list that it is of.
#[derive(Debug)]
pub struct Answer {
    /// The page.
    pub page: IdPage,
    /// The list.
    pub scope: Arc<Scope>,
}

impl Answer {
    /// The bytes it takes in a cache, about.
    pub fn weigh(&self) -> u32 {
        let rows = self.page.rows.iter().map(|row| size_of_val(row) + row.cursor().len());
        // A condition is a tree of small pieces.
        2_048 + rows.sum::<usize>() as u32
    }
}

/// The items that a filter and a search find, whatever the page and the order.
#[derive(Debug)]
pub struct Scope {
    /// What the list is of.
    pub list: List,
    /// The condition on `media`.
    pub condition: Condition,
}

/// What a listing asks for, decoded and checked.
struct Question<'a> {
    backend: DbBackend,
    answers: &'a Answers,
    order: Order,
    window: Window,
    with_total: bool,
    known_total: Option<i64>,
}

/// Reads a page of ids for a viewer. Equal questions are answered once, until something changes.
pub async fn read(
    kernel: &Kernel,
    answers: &Answers,
    viewer: &Viewer,
    listing: &MediaListing,
) -> Result<Arc<Answer>, Failure> {
    let filter = listing.filter.as_ref();
    let epoch = |is_own: bool| {
        if is_own {
            answers.epoch_of(viewer.user)
        } else {
            answers.epoch()
        }
    };
    let is_own = filter.is_some_and(filter::mentions_viewer);
    let list = format!("{:?} {filter:?}{}", listing.search, viewer.sees.key());
    let scope = format!("{} {list}", epoch(is_own));
    let MediaListing { page, cap, sort, .. } = listing;
    let question = format!(
        "{} {page:?} {cap} {sort:?} {} {list}",
        epoch(is_own || sort::mentions_viewer(sort)),
        listing.with_total
    );
    let answer = || find(kernel, answers, viewer, listing, scope);
    answers.pages.get_or_load(&question, answer).await
}

async fn find(
    kernel: &Kernel,
    answers: &Answers,
    viewer: &Viewer,
    listing: &MediaListing,
    scope: String,
) -> Result<Answer, Failure> {
    let db = kernel.store.reader();
    let backend = db.get_database_backend();
    let terms = match &listing.search {
        Some(text) => search::parse(text)?,
        None => Vec::new(),
    };
    let order = sort::order(&listing.sort, terms.iter().any(|term| !term.is_excluded))?;
    let window = listing.page.window(&order.keyset, listing.cap)?;
    let filter = listing.filter.as_ref();
    let roots = filter.map(filter::roots).transpose()?.unwrap_or_default();
    let descendants = filter::descendants(db, &roots).await?;
    let known_total = listing.with_total.then(|| answers.totals.peek(&scope)).flatten();
    let question = Question {
        backend,
        answers,
        order,
        window,
        with_total: listing.with_total,
        known_total: known_total.map(|total| *total),
    };
    let (sees, filter) = (viewer.sees.clone(), listing.filter.clone());
    let mut list = List::new(viewer.user, sees, filter, terms, descendants, scope.clone());
    let (mut page, mut condition) = question.answer(db, &list).await?;
    let is_empty = if question.window.limit == 0 {
        page.total == Some(0)
    } else {
        page.rows.is_empty()
    };
    if is_empty {
        // Nothing is there: perhaps a word was mistyped.
        let mut terms = list.terms.clone();
        typo::correct(db, &mut terms).await?;
        if terms.iter().any(|term| !term.meant.is_empty()) {
            list = list.by(terms);
            (page, condition) = question.answer(db, &list).await?;
        }
    }
    if let (None, Some(total)) = (question.known_total, page.total) {
        answers.totals.put(&scope, total);
    }
    let scope = Scope { list, condition };
    Ok(Answer {
        page,
        scope: Arc::new(scope),
    })
}

impl Question<'_> {
    /// The page, and the condition of its list.
    async fn answer(&self, db: &DatabaseConnection, list: &List) -> Result<(IdPage, Condition), Failure> {
        let census = &self.answers.census;
        let found = match self.is_for_census(list) {
            true => list.found(db, self.answers).await?,
            false => Arc::new(None),
        };
        let found = found.as_ref().as_ref();
        let most = match self.order.walk {
            Walk::Relevance => list::FEW_OF_SEARCH,
            _ => list::FEW,
        };
        let few = found.and_then(|found| list::few(census, found, most, self.backend));
        let known_total = match found {
            Some(found) if found.is_exact => Some(found.len() as i64),
            _ => self.known_total,
        };
        let condition = |few: &SelectStatement| Condition::all().add(in_selected(few.clone()));
        let is_sorted = found.is_some_and(|found| self.is_sorted(found));
        if let (Some(few), true) = (&few, is_sorted) {
            let condition = condition(few);
            let select = match self.order.walk {
                Walk::Relevance => relevance::select(&list.terms, &Shown::These(few), self.backend, &self.window),
                _ => statement(list.viewer, &self.order, &condition, &self.window),
            };
            let mut page = self.order.keyset.fetch(db, &select, &self.window, false).await?;
            page.total = known_total;
            return Ok((page, condition));
        }
        let read = self.read(db, list, known_total);
        let (page, listed) = match list.is_everything {
            true => read.await?,
            false => list::timed(census, read).await?,
        };
        Ok((page, few.as_ref().map_or(listed, condition)))
    }

    /// Whether the page comes of a sort of what the census found, and not of a walk along the order. How long that would be for a
    /// tier of a search nobody knows.
    fn is_sorted(&self, found: &Found) -> bool {
        let (n, n_media) = (found.len() as i64, found.n_media as i64);
        let share = n as f64 / Ord::max(n_media, 1) as f64;
        matches!(self.order.walk, Walk::Relevance)
            || fewest::is_shorter_than_a_walk(n, n_media, share, self.window.limit)
    }

    /// Whether the census is asked: for what must be counted, and for what leaves so little over that a walk is long.
    fn is_for_census(&self, list: &List) -> bool {
        let is_counted = self.with_total && self.known_total.is_none();
        let is_searched = matches!(self.order.walk, Walk::Relevance);
        let is_rare = |filter| is_searched || filter::share(filter) < RARE;
        let filter = list.filter.as_ref();
        filter.is_some_and(|filter| is_counted || is_rare(filter)) || (is_counted && !list.sees.is_all())
    }

    /// The page and the condition of its list, by the database alone.
    async fn read(
        &self,
        db: &DatabaseConnection,
        list: &List,
        known_total: Option<i64>,
    ) -> Result<(IdPage, Condition), Failure> {
        let translation = list.translation(self.backend);
        let (filter, terms) = (list.filter.as_ref(), &list.terms[..]);
        let shown = shown(&translation, filter)?;
        let found = matching::found(terms, self.backend);
        let sees_all = translation.sees.is_all();
        let is_plain = filter.is_none() && sees_all;
        let is_counted = self.with_total && known_total.is_none();
        let kept = match self.order.walk {
            Walk::Relevance if !(is_counted && is_plain) => None,
            _ => self.kept(terms).await?,
        };
        let known_total = match &kept {
            Some(kept) if is_counted && is_plain => Some(n_present(db, kept).await?),
            _ => known_total,
        };
        let total_of_search = match &found {
            _ if !is_plain => None,
            Some(found) => Some(count_found(found.clone(), self.backend)),
            None => matching::ruled_out(terms, self.backend).map(|ruled_out| {
                let n_ruled_out = SubQueryStatement::from(count_found(ruled_out, self.backend));
                let left = Expr::from(SubQueryStatement::from(everything())).sub(n_ruled_out);
                Query::select().expr(left).take()
            }),
        };
        // Whoever wants all items of a list, and not the first of some order, begins with what is in it.
        let mut listed = match &found {
            Some(found) => shown.clone().add(in_selected(found.clone())),
            None => shown.clone().add(searched(terms, self.backend)),
        };
        let mut select = if let Walk::Relevance = self.order.walk {
            let shown = match is_plain {
                true => Shown::Present,
                false => Shown::That(&shown),
            };
            relevance::select(terms, &shown, self.backend, &self.window)
        } else {
            let filters = filter.map(|filter| translation.drivers(filter)).transpose()?;
            let found = found.map(|found| match &kept {
                Some(kept) => Driver::of_length(found, kept.len()),
                None => Driver::counted(found),
            });
            let drivers: Vec<Driver> = filters.unwrap_or_default().into_iter().chain(found).collect();
            let fewest = fewest::of(db, drivers, filter.map_or(1.0, filter::share)).await?;
            let with = |ids: SelectStatement| {
                let listed = shown.clone().add(in_selected(ids));
                listed.add(searched(terms, self.backend))
            };
            let mut all = shown.clone().add(searched(terms, self.backend));
            if let Some(fewest) = fewest {
                if fewest.is_shorter_than_a_walk(self.window.limit) {
                    all = with(fewest.ids.clone());
                }
                if fewest.is_short() {
                    listed = with(fewest.ids);
                }
            }
            statement(list.viewer, &self.order, &all, &self.window)
        };
        let total = match known_total {
            _ if !self.with_total => None,
            Some(_) => None,
            None if is_plain && terms.is_empty() => Some(everything()),
            None => Some(total_of_search.unwrap_or_else(|| count(&listed))),
        };
        if let Some(total) = &total {
            select = beside(select, total.clone(), self.window.limit);
        }
        let keyset = &self.order.keyset;
        let mut page = keyset.fetch(db, &select, &self.window, total.is_some()).await?;
        page.total = page.total.or(known_total);
        if let (None, Some(total)) = (page.total, total) {
            // No row could carry the total along.
            let row = db.query_one(&total).await?;
            page.total = Some(row.map_or(Ok(0), |row| row.try_get_by_index(0))?);
        }
        Ok((page, listed))
    }

    /// All that a search finds, which is kept for large libraries.
    async fn kept(&self, terms: &[Term]) -> Result<Option<Arc<[i64]>>, Failure> {
        match terms.is_empty() || !self.answers.census.is_there() {
            true => Ok(None),
            false => self.answers.searches.find(terms).await,
        }
    }
}

/// How many of all that a search finds are present.
async fn n_present(db: &DatabaseConnection, found: &[i64]) -> Result<i64, Failure> {
    let missing = ids_of(db, &missing()).await?;
    let n_missing = missing.iter().filter(|id| found.binary_search(id).is_ok()).count();
    Ok((found.len() - n_missing) as i64)
}

/// A filter that leaves over less than this, roughly, is looked up in the census even where nobody counts.
const RARE: f64 = 0.1;

/// A page with the total in each row. Without the second limit SQLite merges the two selects, and counts once for each
/// part of a page that is read in parts. The rows come as the page orders them.
fn beside(page: SelectStatement, total: SelectStatement, limit: u64) -> SelectStatement {
    Query::select()
        .column(Asterisk)
        .expr_as(Expr::from(SubQueryStatement::from(total)), "total")
        .from_subquery(page, "page")
        .limit(limit + 1)
        .take()
}

/// The items of a list of ids. Both databases then begin with the list.
pub(super) fn in_selected(ids: SelectStatement) -> Expr {
    Expr::col(("media", "id")).in_subquery(ids)
}

/// The condition of a search on each item that is come by. On SQLite it is a list, and the plus keeps that from being the
/// beginning: it may be long, and where it is short [`fewest`] has found that out. PostgreSQL looks each item up.
pub(super) fn searched(terms: &[Term], backend: DbBackend) -> Condition {
    let id = || match backend {
        DbBackend::Sqlite => Expr::cust(r#"+"media"."id""#),
        _ => Expr::col(("media", "id")),
    };
    if backend == DbBackend::Postgres
        && let Some(is_found) = matching::is_found_at(&id(), terms)
    {
        return is_found;
    }
    if let Some(found) = matching::found(terms, backend) {
        return Condition::all().add(id().in_subquery(found));
    }
    let ruled_out = matching::ruled_out(terms, backend);
    let of_list = matching::id_of(matching::OWN, backend);
    Condition::all().add_option(ruled_out.map(|ids| matching::not_among(id(), ids, of_list, backend)))
}

/// The condition that an item is not missing.
pub(super) fn is_present(id: Expr, backend: DbBackend) -> Expr {
    matching::not_among(id, missing(), Expr::col(("media", "id")), backend)
}

/// The items that are missing: few are.
fn missing() -> SelectStatement {
    Query::select()
        .column(("media", "id"))
        .from("media")
        .and_where(Expr::col(("media", "missing_at")).is_not_null())
        .take()
}

/// The condition on `media` of a filter and a search.
pub fn condition(
    viewer: UserId,
    sees: &Libraries,
    backend: DbBackend,
    descendants: &Descendants,
    filter: Option<&MediaFilter>,
    terms: &[Term],
) -> Result<Condition, Failure> {
    let translation = Translation {
        viewer,
        sees,
        backend,
        descendants,
    };
    let found = matching::found(terms, backend).filter(|_| backend == DbBackend::Postgres);
    let searched = found.map_or_else(
        || searched(terms, backend),
        |found| Condition::all().add(in_selected(found)),
    );
    Ok(shown(&translation, filter)?.add(searched))
}

/// The condition on `media` of a filter, in the libraries that the viewer sees. What is missing is hidden unless the filter
/// says something about it.
pub(super) fn shown(translation: &Translation<'_>, filter: Option<&MediaFilter>) -> Result<Condition, Failure> {
    let mut all = Condition::all().add_option(translation.sees.of_media(translation.backend));
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
        _ => order
            .keyset
            .select_by(&|part| own_part(viewer, order, condition, part, &base), window),
    }
}

/// A part of a list in an order that may begin with what the viewer did with items.
fn own_part(
    viewer: UserId,
    order: &Order,
    condition: &Condition,
    part: Part,
    base: &dyn Fn(Part) -> SelectStatement,
) -> PartOf {
    let plain = || PartOf {
        base: base(part),
        id: order.keyset.id.clone(),
        is_told: false,
    };
    match (order.begins_with, part) {
        // Those rows are read by an index that ends in the ids; the ids of `media` would have to be sorted.
        (Some(alias), Part::Present) => PartOf {
            id: Expr::col((alias, "media_id")),
            ..plain()
        },
        // Of a join that finds nothing for most items SQLite first makes a Bloom filter of all that the viewer ever did.
        (Some(alias), Part::Absent) if order.has_own_first_alone => {
            let own = Query::select()
                .expr(Expr::val(1))
                .from_as("media_user", alias)
                .and_where(Expr::col((alias, "media_id")).equals(("media", "id")))
                .and_where(Expr::col((alias, "user_id")).eq(i64::from(viewer)))
                .and_where(order.keyset.keys[0].expr.clone().is_not_null())
                .and_where_option((alias == "played").then(|| Expr::col((alias, "n_views")).gt(0)))
                .take();
            let base = Query::select()
                .from("media")
                .cond_where(condition.clone())
                .and_where(Expr::exists(own).not())
                .take();
            PartOf {
                base,
                is_told: true,
                ..plain()
            }
        }
        _ => plain(),
    }
}

/// How many present items a list of a search's ids holds: all of it, but for the few that are missing.
fn count_found(mut list: SelectStatement, backend: DbBackend) -> SelectStatement {
    let mut count = Query::select();
    count.expr(Expr::cust("count(*)"));
    if backend == DbBackend::Sqlite {
        // In the order of the ids, as SQLite merges all that is in it already.
        list.clear_order_by()
            .union(UnionType::Except, missing())
            .order_by("id", Direction::Asc);
        return count.from_subquery(list, "found").take();
    }
    let is_present = is_present(Expr::col(("found", "id")), backend);
    count.from_subquery(list, "found").and_where(is_present).take()
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
pub(super) fn everything() -> SelectStatement {
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
