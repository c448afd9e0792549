//! FTS5 walks what it finds in the order of the ids: each tier is a walk, so a page costs what it shows.

use sea_orm::{
    Condition, DbBackend, JoinType,
    sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement, UnionType},
};

use super::{Shown, Span};
use crate::search::{Term, matching};

const BACKEND: DbBackend = DbBackend::Sqlite;

pub(super) fn select(terms: &[Term], shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let mut tiers = span.tiers().map(|tier| walk(terms, tier, shown, span));
    let mut all = match tiers.next() {
        Some(first) => first,
        None => nothing(),
    };
    all.unions(tiers.map(|tier| (UnionType::All, tier)));
    Query::select()
        .columns(["id", "k0"])
        .from_subquery(all, "page")
        .order_by("k0", span.of_tiers())
        .order_by("id", span.of_ids())
        .limit(span.limit)
        .take()
}

fn walk(terms: &[Term], tier: usize, shown: &Shown<'_>, span: &Span) -> SelectStatement {
    let id = matching::id_column(BACKEND);
    let mut select = Query::select();
    select
        .expr_as(id.clone(), "id")
        .expr_as(Expr::cust(format!("cast({tier} as bigint)")), "k0")
        .from("media_search")
        .and_where(matching::in_tier(terms, tier, BACKEND))
        .cond_where(span.within(tier, &id))
        .order_by_expr(id, span.of_ids())
        .limit(span.limit);
    only(&mut select, shown);
    Query::select().column(Asterisk).from_subquery(select, "tier").take()
}

/// Leaves the items that are shown, as the index is walked and never the reverse: a cross join keeps its order, and has no
/// condition of its own; with the plus the ids are no way into the index.
fn only(select: &mut SelectStatement, shown: &Shown<'_>) {
    let condition = match shown {
        Shown::Present => Condition::all().add(Expr::col(("media", "missing_at")).is_null()),
        Shown::That(condition) => (*condition).clone(),
        Shown::These(ids) => {
            let id = Expr::cust(r#"+"media_search"."rowid""#);
            select.and_where(id.in_subquery((*ids).clone()));
            return;
        }
    };
    let on = Condition::all().add(Expr::col(("media", "id")).eq(matching::id_column(BACKEND)));
    select
        .join(JoinType::CrossJoin, "media", on.clone())
        .cond_where(on)
        .cond_where(condition);
}

fn nothing() -> SelectStatement {
    Query::select()
        .expr_as(matching::id_column(BACKEND), "id")
        .expr_as(Expr::cust("cast(0 as bigint)"), "k0")
        .from("media_search")
        .and_where(Expr::val(1).eq(2))
        .take()
}
