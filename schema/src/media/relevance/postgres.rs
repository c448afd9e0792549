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
    search::{Term, matching},
};

const BACKEND: DbBackend = DbBackend::Postgres;

/// So many rows next to the cursor are looked at before the index is asked: a few milliseconds.
const NEAR: u64 = 10_000;

pub(super) fn select(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let all = sorted(terms, shown, span);
    let tiers = span.tiers();
    let first = if span.is_backward { *tiers.end() } else { *tiers.start() };
    let mut page = Query::select().columns(["id", "k0"]).take();
    if tiers.contains(&first) && !matches!(shown, Shown::These(_)) {
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
    let id = matching::id_column(BACKEND);
    let next = Query::select()
        .expr(id.clone())
        .column(("media_search", "document"))
        .from("media_search")
        .cond_where(span.within(tier, &id))
        .order_by_expr(id.clone(), span.of_ids())
        .limit(NEAR)
        .take();
    let mut select = Query::select();
    select
        .expr_as(id.clone(), "id")
        .expr_as(Expr::cust(format!("cast({tier} as bigint)")), "k0")
        .from_subquery(next, "media_search")
        .and_where(matching::in_tier(terms, tier, BACKEND))
        .order_by_expr(id.clone(), span.of_ids())
        .limit(span.limit);
    only(&mut select, id, shown);
    select
}

/// All rows that the index finds, in tiers.
fn sorted(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let mut ranked = Query::select();
    ranked.expr_as(matching::tier_of_found(terms).cast_as("bigint"), "k0");
    match shown {
        Shown::These(ids) => {
            let document = Query::select()
                .column("document")
                .from("media_search")
                .and_where(Expr::col("media_id").eq(Expr::col(("these", "id"))))
                .limit(1)
                .take();
            ranked
                .column(("these", "id"))
                .from_subquery((*ids).clone(), "these")
                .join_lateral(JoinType::InnerJoin, document, "media_search", Expr::cust("true"));
        }
        _ => {
            ranked
                .expr_as(matching::id_column(BACKEND), "id")
                .from("media_search")
                .cond_where(Condition::all().add_option(matching::is_found(terms, BACKEND)));
        }
    }
    // Without the offset the tier would be told anew for each time it is mentioned.
    ranked.offset(0);
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
