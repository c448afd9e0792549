//! The order of what a search finds: where all words are in the title first, then those with names, paths and
//! descriptions, and last what only subtitles say; among equals the newest first. Each database has its own way to a page.

mod postgres;
mod sqlite;

use std::ops::RangeInclusive;

use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, ExprTrait, Order, SelectStatement},
};

use crate::{
    kit::{
        cursor::Cursor,
        keyset::{Key, KeyKind, KeyValue, Keyset, Window},
    },
    search::{Term, matching::SAID},
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

/// Which items of those that a search finds are shown.
pub enum Shown<'a> {
    /// All that are not missing.
    Present,
    /// Those for which a condition on `media` holds.
    That(&'a Condition),
    /// These few ids, of which each is found.
    These(&'a SelectStatement),
}

/// The statement of a page of what the terms find. Columns: `id`, and the tier as `k0`.
pub fn select(terms: &[Term], shown: &Shown<'_>, backend: DbBackend, window: &Window) -> SelectStatement {
    let span = Span::of(window);
    match backend {
        DbBackend::Postgres => postgres::select(terms, shown, &span),
        _ => sqlite::select(terms, shown, &span),
    }
}

/// What a window asks for, in tiers.
struct Span {
    after: Option<(usize, i64)>,
    before: Option<(usize, i64)>,
    is_backward: bool,
    /// The page's rows, and one that says whether more follow.
    limit: u64,
}

impl Span {
    fn of(window: &Window) -> Self {
        let place = |cursor: &Option<Cursor>| {
            let cursor = cursor.as_ref()?;
            match cursor.values.first() {
                Some(KeyValue::Int(tier)) => Some((usize::try_from(*tier).unwrap_or(0), cursor.id)),
                _ => None,
            }
        };
        Self {
            after: place(&window.after),
            before: place(&window.before),
            is_backward: window.is_backward,
            limit: window.limit + 1,
        }
    }

    /// The tiers that it has a part in: none after the last tier, or before an earlier cursor.
    fn tiers(&self) -> RangeInclusive<usize> {
        self.after.map_or(0, |(tier, _)| tier)..=self.before.map_or(SAID, |(tier, _)| tier.min(SAID))
    }

    /// Which ids of a tier it covers.
    fn within(&self, tier: usize, id: &Expr) -> Condition {
        let bound = |cursor: Option<(usize, i64)>| cursor.filter(|(of, _)| *of == tier).map(|(_, bound)| bound);
        Condition::all()
            .add_option(bound(self.after).map(|bound| id.clone().lt(bound)))
            .add_option(bound(self.before).map(|bound| id.clone().gt(bound)))
    }

    /// The order of the tiers as the page is read.
    fn of_tiers(&self) -> Order {
        if self.is_backward { Order::Desc } else { Order::Asc }
    }

    /// The order of the ids of a tier as the page is read.
    fn of_ids(&self) -> Order {
        if self.is_backward { Order::Asc } else { Order::Desc }
    }
}
