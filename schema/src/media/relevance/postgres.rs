//! A GIN index knows neither the order of the ids nor in which column a word is. Where the page's first tier is frequent
//! the rows next to its cursor fill the page; otherwise all that the index finds is put into tiers and sorted. The planner
//! is not asked: it cannot know how often a tier has its words, and a walk for a rare one reads the whole library.

use sea_orm::{
    Condition, DbBackend, JoinType,
    sea_query::{CommonTableExpression, Expr, ExprTrait, Query, SelectStatement, SubQueryStatement, UnionType},
};

use super::{Shown, Span};
use crate::{
    media::page::is_present,
    search::{
        Term,
        matching::{self, OWN, SAID},
    },
};

const BACKEND: DbBackend = DbBackend::Postgres;

/// So many rows next to the cursor are looked at before the index is asked: a few milliseconds.
const NEAR: u64 = 10_000;

pub(super) fn select(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let all = sorted(terms, shown, span);
    let tiers = span.tiers();
    let first = if span.is_backward { *tiers.end() } else { *tiers.start() };
    let mut page = Query::select().columns(["id", "k0"]).take();
    if tiers.contains(&first) && first != SAID && !matches!(shown, Shown::These(_)) {
        let near = CommonTableExpression::new()
            .query(near(terms, first, shown, span))
            .table_name("near")
            .materialized(true)
            .to_owned();
        let n_near = Query::select().expr(Expr::cust("count(*)")).from("near").take();
        let is_full = || Expr::from(SubQueryStatement::from(n_near.clone())).eq(span.limit);
        let all = Query::select()
            .columns(["id", "k0"])
            .from_subquery(all, "found")
            .and_where(is_full().not())
            .take();
        page.with_cte(near)
            .from("near")
            .and_where(is_full())
            .union(UnionType::All, all);
    } else {
        page.from_subquery(all, "found");
    }
    page.order_by("k0", span.of_tiers())
        .order_by("id", span.of_ids())
        .limit(span.limit)
        .take()
}

/// The rows of one tier among those next to the cursor.
fn near(terms: &[Term], tier: usize, shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let id = matching::id_of(OWN, BACKEND);
    let next = Query::select()
        .expr(id.clone())
        .column((OWN, "document"))
        .from(OWN)
        .cond_where(span.within(tier, &id))
        .order_by_expr(id.clone(), span.of_ids())
        .limit(NEAR)
        .take();
    let mut select = Query::select();
    select
        .expr_as(id.clone(), "id")
        .expr_as(Expr::cust(format!("cast({tier} as bigint)")), "k0")
        .from_subquery(next, OWN)
        .and_where(matching::in_tier(terms, tier, BACKEND))
        .order_by_expr(id.clone(), span.of_ids())
        .limit(span.limit);
    only(&mut select, id, shown);
    select
}

/// All rows that the indexes find, in tiers: what only subtitles say, where the rest leaves room for it.
fn sorted(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let own = match shown {
        Shown::These(ids) => return in_order(ranked_of(terms, ids), shown, span),
        _ => in_order(ranked(terms), shown, span),
    };
    let said = matching::said(terms, BACKEND).filter(|_| span.tiers().contains(&SAID));
    let Some(said) = said else { return own };
    let known = CommonTableExpression::new()
        .query(own)
        .table_name("known")
        .materialized(true)
        .to_owned();
    let mut said = Query::select()
        .columns(["id", "k0"])
        .from_subquery(only_said(said, terms, shown, span), "said")
        .take();
    if !span.is_backward {
        let n_known = Query::select().expr(Expr::cust("count(*)")).from("known").take();
        said.and_where(Expr::from(SubQueryStatement::from(n_known)).lt(span.limit));
    }
    Query::select()
        .columns(["id", "k0"])
        .with_cte(known)
        .from("known")
        .union(UnionType::All, said)
        .take()
}

/// A page of ranked ids.
fn in_order(ranked: SelectStatement, shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let (id, tier) = (Expr::col(("ranked", "id")), Expr::col(("ranked", "k0")));
    let within = span.tiers().fold(Condition::any().add(Expr::val(false)), |any, n| {
        any.add(span.within(n, &id).add(tier.clone().eq(n as i64)))
    });
    let mut ordered = Query::select()
        .columns(["id", "k0"])
        .from_subquery(ranked, "ranked")
        .cond_where(within)
        .order_by("k0", span.of_tiers())
        .order_by("id", span.of_ids())
        .take();
    if !matches!(shown, Shown::That(_)) {
        // Before the sort, which then keeps no more than a page.
        only(&mut ordered, id, shown);
        return ordered.limit(span.limit).take();
    }
    let mut select = Query::select()
        .columns([("ordered", "id"), ("ordered", "k0")])
        .from_subquery(ordered, "ordered")
        .order_by(("ordered", "k0"), span.of_tiers())
        .order_by(("ordered", "id"), span.of_ids())
        .limit(span.limit)
        .take();
    only(&mut select, Expr::col(("ordered", "id")), shown);
    select
}

/// What a search finds by what is known of items, with its tiers.
fn ranked(terms: &[Term]) -> SelectStatement {
    // Without the offset the tier would be told anew for each time it is mentioned.
    Query::select()
        .expr_as(matching::id_of(OWN, BACKEND), "id")
        .expr_as(matching::tier_of_own(terms).cast_as("bigint"), "k0")
        .from(OWN)
        .cond_where(Condition::all().add_option(matching::is_found(terms, BACKEND)))
        .offset(0)
        .take()
}

/// A page of what only subtitles say. Whether the rest finds an item is looked up as late as possible.
fn only_said(mut said: SelectStatement, terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let id = Expr::col(("said", "id"));
    said.cond_where(span.within(SAID, &id))
        .order_by_expr(id.clone(), span.of_ids());
    let is_known = matching::is_known_at(&id, terms);
    let mut select = Query::select();
    let looked_at = match shown {
        Shown::That(_) => &mut select,
        _ => &mut said,
    };
    only(looked_at, id.clone(), shown);
    select
        .expr_as(id.clone(), "id")
        .expr_as(Expr::cust(format!("cast({SAID} as bigint)")), "k0")
        .from_subquery(said, "said")
        .cond_where(Condition::all().add_option(is_known.map(ExprTrait::not)))
        .order_by_expr(id, span.of_ids())
        .limit(span.limit)
        .take()
}

/// A few ids, of which each is found, with their tiers.
fn ranked_of(terms: &[Term], ids: &SelectStatement) -> SelectStatement {
    let document = Query::select()
        .column("document")
        .from(OWN)
        .and_where(Expr::col("media_id").eq(Expr::col(("these", "id"))))
        .limit(1)
        .take();
    Query::select()
        .expr_as(matching::tier_of_found(terms).cast_as("bigint"), "k0")
        .column(("these", "id"))
        .from_subquery(ids.clone(), "these")
        .join_lateral(JoinType::InnerJoin, document, OWN, Expr::cust("true"))
        .offset(0)
        .take()
}

/// Leaves the items that are shown. Those that a condition is asked of are looked up one by one, and no more of them than the
/// page needs.
fn only(select: &mut SelectStatement, id: Expr, shown: &Shown<'_>) {
    match shown {
        Shown::These(_) => select,
        Shown::Present => select.and_where(is_present(id, BACKEND)),
        Shown::That(condition) => {
            let item = Query::select()
                .expr(Expr::val(1))
                .from("media")
                .and_where(Expr::col(("media", "id")).eq(id))
                .cond_where((*condition).clone())
                .limit(1)
                .take();
            select.join_lateral(JoinType::InnerJoin, item, "shown", Expr::cust("true"))
        }
    };
}
