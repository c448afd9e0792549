//! Random orders that are index ranges: each item has two fixed hashes, both indexed; a seed says which of them, where
//! to begin, and which way round.

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};

use crate::kit::{
    cursor::Cursor,
    keyset::{Key, KeyKind, KeyValue, Keyset, Part, Window},
};

/// A prime below 2^31, so that no product leaves 63 bits, where SQLite would go on in floating point and PostgreSQL
/// would fail.
const PRIME: i64 = 2_147_483_629;

/// The hashes, in the words of their indexes: a database finds an index on an expression only by the same expression.
const HASHES: [&str; 2] = [
    r#"((((("media"."id" % 2147483629) * 48271 + 11) % 2147483629) * ((("media"."id" % 2147483629) * 48271 + 11) % 2147483629) + (("media"."id" % 2147483629) * 48271 + 11)) % 2147483629)"#,
    r#"((((("media"."id" % 2147483629) * 69621 + 17) % 2147483629) * ((("media"."id" % 2147483629) * 69621 + 17) % 2147483629) + (("media"."id" % 2147483629) * 69621 + 17)) % 2147483629)"#,
];

/// One of the random orders. The place of an item in it is how far its hash is from the beginning.
#[derive(Debug, Clone, Copy)]
pub struct Shuffle {
    which: usize,
    hash: &'static str,
    begin: i64,
    is_mirrored: bool,
}

impl Shuffle {
    /// The order of a seed.
    pub fn new(seed: i32) -> Self {
        // SplitMix64: neighboring seeds are unrelated.
        let mut mixed = (seed as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let which = (mixed & 1) as usize;
        Self {
            which,
            hash: HASHES[which],
            begin: ((mixed >> 2) % PRIME as u64) as i64,
            is_mirrored: mixed & 2 != 0,
        }
    }

    /// An item's place.
    pub fn place(self) -> Expr {
        self.place_of(Expr::cust(self.hash))
    }

    /// How a hash becomes a place, and a place a hash.
    fn place_of(self, hash: Expr) -> Expr {
        let number = |value: i64| Expr::cust(value.to_string());
        let turned = if self.is_mirrored {
            number(self.begin + PRIME).sub(hash)
        } else {
            hash.add(number(PRIME - self.begin))
        };
        turned.modulo(number(PRIME))
    }

    fn hash_of(self, place: i64) -> i64 {
        if self.is_mirrored {
            (self.begin + PRIME - place).rem_euclid(PRIME)
        } else {
            (self.begin + place).rem_euclid(PRIME)
        }
    }

    /// The keyset whose only key is the place. Ids of equal places go along with their hashes.
    pub fn keyset(self, is_descending: bool) -> Keyset {
        let keys = vec![Key {
            expr: self.place(),
            kind: KeyKind::Int,
            is_nullable: false,
            is_descending,
        }];
        Keyset {
            keys,
            id: Expr::col(("media", "id")),
            is_descending: is_descending != self.is_mirrored,
            signature: format!(
                "{}Shuffle{}.{}",
                if is_descending { '-' } else { '+' },
                self.which,
                self.begin
            ),
        }
    }

    /// The statement of a page: the hashes from the beginning on, then those before it, each an index range.
    pub fn select(self, base: &dyn Fn() -> SelectStatement, keyset: &Keyset, window: &Window) -> SelectStatement {
        let is_descending = keyset.keys[0].is_descending;
        let by_hash = Keyset {
            keys: vec![Key {
                expr: Expr::cust(self.hash),
                kind: KeyKind::Int,
                is_nullable: false,
                is_descending: is_descending != self.is_mirrored,
            }],
            ..keyset.clone()
        };
        // Whether a place lies in the second range, in the order of places.
        let is_second = |place: i64| {
            let first = if self.is_mirrored {
                self.begin
            } else {
                PRIME - 1 - self.begin
            };
            place > first
        };
        let mut parts = Vec::new();
        for second in [false, true] {
            let mut own = Window {
                after: None,
                before: None,
                ..window.clone()
            };
            // The hashes of the range: those from the beginning on, or those before it.
            let is_upward = self.is_mirrored == second;
            let begin = |is_greater: bool| match (is_greater, second) {
                (true, false) => Expr::cust(self.hash).gte(self.begin),
                (true, true) => Expr::cust(self.hash).gt(self.begin),
                (false, false) => Expr::cust(self.hash).lte(self.begin),
                (false, true) => Expr::cust(self.hash).lt(self.begin),
            };
            let mut bounds = vec![(is_upward, begin(is_upward))];
            let mut is_beyond = false;
            for (bound, is_after) in [(&window.after, true), (&window.before, false)] {
                let Some(Cursor { values, id }) = bound else { continue };
                let place = match values.first() {
                    Some(KeyValue::Int(place)) => *place,
                    _ => 0,
                };
                // What is wanted lies on the side of greater places: the second range reaches further there.
                let is_above = is_after != is_descending;
                if is_second(place) == second {
                    let hash = self.hash_of(place);
                    let is_greater = is_above != self.is_mirrored;
                    // SQLite enters an index on an expression by plain comparisons alone, and by one on either side: the
                    // cursor lies within the range, so it says more than where that begins.
                    let plain = match is_greater {
                        true => Expr::cust(self.hash).gte(hash),
                        false => Expr::cust(self.hash).lte(hash),
                    };
                    bounds.retain(|(side, _)| *side != is_greater);
                    bounds.push((is_greater, plain));
                    let cursor = Cursor {
                        values: vec![KeyValue::Int(hash)],
                        id: *id,
                    };
                    *(if is_after { &mut own.after } else { &mut own.before }) = Some(cursor);
                } else if is_above != second {
                    is_beyond = true;
                }
            }
            if is_beyond {
                continue;
            }
            let range = |_: Part| {
                let mut select = base();
                for (_, bound) in &bounds {
                    select.and_where(bound.clone());
                }
                select
            };
            parts.push(by_hash.select(&range, &own, None));
        }
        let wrap = |part| Query::select().column(Asterisk).from_subquery(part, "range").take();
        let mut parts = parts.into_iter().map(wrap);
        let Some(mut both) = parts.next() else {
            return keyset.select(&|_| base().and_where(Expr::val(1).eq(2)).take(), window, None);
        };
        both.unions(parts.map(|part| (UnionType::All, part)));
        let order = |is_descending: bool| {
            if is_descending != window.is_backward {
                Order::Desc
            } else {
                Order::Asc
            }
        };
        let mut page = Query::select();
        page.column("id")
            .expr_as(self.place_of(Expr::col("k0")), "k0")
            .from_subquery(both, "page");
        page.order_by_expr(self.place_of(Expr::col("k0")), order(is_descending));
        page.order_by("id", order(keyset.is_descending)).limit(window.limit + 1);
        page
    }
}
