//! The order of what a search finds: where all words are in the title first, then those with names, paths and
//! descriptions; among equals the newest first. Each tier is a walk of the search index, so a page costs what it shows.

use sea_orm::{
    Condition, DbBackend, JoinType,
    sea_query::{Asterisk, Expr, ExprTrait, Order, Query, SelectStatement, UnionType},
};

use crate::{
    kit::{
        cursor::Cursor,
        keyset::{Key, KeyKind, KeyValue, Keyset, Window},
    },
    search::{Term, matching},
};

/// The keyset: the tier, then the newest.
pub fn keyset() -> Keyset {
    Keyset {
        keys: vec![Key {
            expr: Expr::cust("0"),
            kind: KeyKind::Int,
            is_nullable: false,
            is_descending: false,
        }],
        id: Expr::col(("media", "id")),
        is_descending: true,
        signature: "Relevance".to_owned(),
    }
}

/// The statement of a page of what the terms find under a condition on `media`.
pub fn select(terms: &[Term], condition: &Condition, backend: DbBackend, window: &Window) -> SelectStatement {
    let id = matching::id_column(backend);
    let tier_of = |cursor: &Option<Cursor>| {
        let cursor = cursor.as_ref()?;
        match cursor.values.first() {
            Some(KeyValue::Int(tier)) => Some((usize::try_from(*tier).unwrap_or(0), cursor.id)),
            _ => None,
        }
    };
    let (after, before) = (tier_of(&window.after), tier_of(&window.before));
    let from = after.map_or(0, |(tier, _)| tier);
    let to = before
        .map_or(matching::TIERS.len() - 1, |(tier, _)| tier)
        .min(matching::TIERS.len() - 1);
    let order = |is_descending: bool| {
        if is_descending != window.is_backward {
            Order::Desc
        } else {
            Order::Asc
        }
    };
    let tier = |tier: usize| {
        let mut select = Query::select();
        select
            .from("media_search")
            .and_where(matching::in_tier(terms, tier, backend));
        let on = Condition::all().add(Expr::col(("media", "id")).eq(id.clone()));
        // On SQLite a cross join keeps its order: the index is walked and items are looked up, never the reverse.
        let join = if backend == DbBackend::Postgres {
            JoinType::InnerJoin
        } else {
            JoinType::CrossJoin
        };
        // A cross join has no condition of its own.
        select
            .join(join, "media", on.clone())
            .cond_where(on)
            .cond_where(condition.clone());
        if let Some((_, bound)) = after.filter(|(bound, _)| *bound == tier) {
            select.and_where(id.clone().lt(bound));
        }
        if let Some((_, bound)) = before.filter(|(bound, _)| *bound == tier) {
            select.and_where(id.clone().gt(bound));
        }
        select
            .expr_as(id.clone(), "id")
            .expr_as(Expr::cust(format!("cast({tier} as bigint)")), "k0");
        select.order_by_expr(id.clone(), order(true)).limit(window.limit + 1);
        Query::select().column(Asterisk).from_subquery(select, "tier").take()
    };
    let mut tiers = (from..=to).map(tier);
    let mut all = match tiers.next() {
        Some(first) => first,
        // After the last tier, or before an earlier cursor, there is nothing.
        None => tier_of_nothing(backend),
    };
    all.unions(tiers.map(|tier| (UnionType::All, tier)));
    Query::select()
        .columns(["id", "k0"])
        .from_subquery(all, "page")
        .order_by("k0", order(false))
        .order_by("id", order(true))
        .limit(window.limit + 1)
        .take()
}

fn tier_of_nothing(backend: DbBackend) -> SelectStatement {
    let id = matching::id_column(backend);
    let mut select = Query::select();
    select
        .expr_as(id, "id")
        .expr_as(Expr::cust("cast(0 as bigint)"), "k0")
        .from("media_search");
    select.and_where(Expr::val(1).eq(2)).take()
}
