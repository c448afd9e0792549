//! FTS5 walks what it finds in the order of the ids: each tier is a walk, so a page costs what it shows.

use sea_orm::{
    Condition, DbBackend, JoinType,
    sea_query::{
        Asterisk, CommonTableExpression, Expr, ExprTrait, Query, SelectStatement, SubQueryStatement, UnionType,
    },
};

use super::{Shown, Span};
use crate::search::{
    Term,
    matching::{self, OWN, SAID, SUBTITLES},
};

const BACKEND: DbBackend = DbBackend::Sqlite;

pub(super) fn select(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let tiers = span.tiers();
    let mut walks = tiers.clone().filter(|tier| *tier != SAID).map(|tier| {
        let is_there = matching::in_tier(terms, tier, BACKEND);
        walk(OWN, is_there, tier, shown, span)
    });
    let mut page = Query::select().columns(["id", "k0"]).take();
    let own = walks.next().map(|mut first| {
        let rest = walks.map(|walk| (UnionType::All, walk));
        first.unions(rest).take()
    });
    let is_said = is_only_said(terms).filter(|_| tiers.contains(&SAID));
    match (own, is_said) {
        (Some(own), Some(is_said)) if !span.is_backward => {
            // What only subtitles say is told from the rest by all that the rest is: not where the rest fills the page.
            let known = CommonTableExpression::new()
                .query(own)
                .table_name("known")
                .materialized(true)
                .to_owned();
            let n_known = Query::select().expr(Expr::cust("count(*)")).from("known").take();
            let is_open = Expr::from(SubQueryStatement::from(n_known)).lt(span.limit);
            let all = Query::select()
                .columns(["id", "k0"])
                .from("known")
                .union(UnionType::All, walk(SUBTITLES, is_open.and(is_said), SAID, shown, span))
                .take();
            page.with_cte(known).from_subquery(all, "page");
        }
        (Some(mut own), Some(is_said)) => {
            own.union(UnionType::All, walk(SUBTITLES, is_said, SAID, shown, span));
            page.from_subquery(own, "page");
        }
        (Some(own), None) => {
            page.from_subquery(own, "page");
        }
        (None, Some(is_said)) => {
            page.from_subquery(walk(SUBTITLES, is_said, SAID, shown, span), "page");
        }
        (None, None) => {
            page.from_subquery(walk(OWN, Expr::val(1).eq(2), 0, shown, span), "page");
        }
    }
    page.order_by("k0", span.of_tiers())
        .order_by("id", span.of_ids())
        .limit(span.limit)
        .take()
}

/// The condition that the subtitles in scope are found, and what is known of the item is not.
fn is_only_said(terms: &[Term]) -> Option<Expr> {
    let own = matching::own(terms, BACKEND)?;
    let is_said = matching::is_said(terms, BACKEND)?;
    Some(is_said.and(matching::id_of(SUBTITLES, BACKEND).not_in_subquery(own)))
}

/// The rows of a tier in the order of their ids.
fn walk(index: &'static str, is_there: Expr, tier: usize, shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let id = matching::id_of(index, BACKEND);
    let mut select = Query::select();
    select
        .expr_as(id.clone(), "id")
        .expr_as(Expr::cust(format!("cast({tier} as bigint)")), "k0")
        .from(index)
        .and_where(is_there)
        .cond_where(span.within(tier, &id))
        .order_by_expr(id, span.of_ids())
        .limit(span.limit);
    only(&mut select, index, shown);
    Query::select().column(Asterisk).from_subquery(select, "tier").take()
}

/// Leaves the items that are shown, as the index is walked and never the reverse: a cross join keeps its order, and has no
/// condition of its own; with the plus the ids are no way into the index.
fn only(select: &mut SelectStatement, index: &'static str, shown: &Shown<'_>) {
    let condition = match shown {
        Shown::Present => Condition::all().add(Expr::col(("media", "missing_at")).is_null()),
        Shown::That(condition) => (*condition).clone(),
        Shown::These(ids) => {
            let id = Expr::cust(format!(r#"+"{index}"."rowid""#));
            select.and_where(id.in_subquery((*ids).clone()));
            return;
        }
    };
    let on = Condition::all().add(Expr::col(("media", "id")).eq(matching::id_of(index, BACKEND)));
    select
        .join(JoinType::CrossJoin, "media", on.clone())
        .cond_where(on)
        .cond_where(condition);
}
