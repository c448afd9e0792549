//! Orders of media: from sort inputs to keys.

use kernel::error::Failure;
use sea_orm::sea_query::{Expr, ExprTrait, Func};

use crate::{
    kit::keyset::{KEYS, Key, KeyKind, Keyset},
    media::inputs::{MediaSort, MediaSortField, SortDirection},
};

/// The order of a list of media, and what it needs joined.
#[derive(Debug, Clone)]
pub struct Order {
    /// The keys.
    pub keyset: Keyset,
    /// Whether `media_user` of the viewer is joined, under the name `own`.
    pub needs_own: bool,
    /// Whether the first key is one that only some rows of `own` have.
    pub begins_with_own: bool,
}

/// The order that clients ask for; without one, what was added last comes first.
pub fn order(sorts: &[MediaSort]) -> Result<Order, Failure> {
    let newest = [MediaSort {
        field: MediaSortField::AddedAt,
        direction: SortDirection::Desc,
        seed: None,
    }];
    let sorts = if sorts.is_empty() { &newest[..] } else { sorts };
    if sorts.len() > KEYS.len() {
        return Err(Failure::field("sort", format!("at most {} keys", KEYS.len())));
    }
    let mut order = Order {
        keyset: Keyset {
            keys: Vec::new(),
            id: Expr::col(("media", "id")),
            is_descending: false,
            signature: String::new(),
        },
        needs_own: false,
        begins_with_own: false,
    };
    for (index, sort) in sorts.iter().enumerate() {
        if sorts[..index].iter().any(|earlier| earlier.field == sort.field) {
            return Err(Failure::field(format!("sort[{index}].field"), "occurs twice"));
        }
        if sort.seed.is_some() && sort.field != MediaSortField::Random {
            return Err(Failure::field(
                format!("sort[{index}].seed"),
                "only RANDOM takes a seed",
            ));
        }
        let is_descending = sort.direction == SortDirection::Desc;
        order.keyset.is_descending = is_descending;
        order.keyset.signature.push_str(&signature(sort));
        if sort.field == MediaSortField::Id {
            // No two items are equal by id: what follows cannot matter.
            break;
        }
        let (expr, kind, is_nullable) = key(sort);
        let is_own = matches!(
            sort.field,
            MediaSortField::Rating | MediaSortField::ViewCount | MediaSortField::LastViewedAt
        );
        order.needs_own |= is_own;
        order.begins_with_own |= is_own && is_nullable && index == 0;
        order.keyset.keys.push(Key {
            expr,
            kind,
            is_nullable,
            is_descending,
        });
    }
    Ok(order)
}

fn signature(sort: &MediaSort) -> String {
    let direction = if sort.direction == SortDirection::Desc {
        '-'
    } else {
        '+'
    };
    let seed = sort.seed.map(|seed| seed.to_string()).unwrap_or_default();
    format!("{direction}{:?}{seed}", sort.field)
}

fn key(sort: &MediaSort) -> (Expr, KeyKind, bool) {
    let media = |column: &'static str| Expr::col(("media", column));
    let own = |column: &'static str| Expr::col(("own", column));
    match sort.field {
        MediaSortField::Id => (media("id"), KeyKind::Int, false),
        MediaSortField::Title => (media("sort_title"), KeyKind::Text, false),
        MediaSortField::Date => (media("date"), KeyKind::Text, true),
        MediaSortField::AddedAt => (media("added_at"), KeyKind::Int, false),
        MediaSortField::ModifiedAt => (media("modified_at"), KeyKind::Int, false),
        MediaSortField::Rating => (own("rating"), KeyKind::Int, true),
        MediaSortField::Size => (media("size"), KeyKind::Int, false),
        MediaSortField::Duration => (media("duration_us"), KeyKind::Int, true),
        MediaSortField::Height => (media("height"), KeyKind::Int, true),
        MediaSortField::BitRate => (media("bit_rate"), KeyKind::Int, true),
        MediaSortField::ViewCount => (
            Expr::from(Func::coalesce([own("n_views"), Expr::cust("0")])),
            KeyKind::Int,
            false,
        ),
        MediaSortField::LastViewedAt => (own("last_viewed_at"), KeyKind::Int, true),
        MediaSortField::Path => (media("path"), KeyKind::Text, false),
        MediaSortField::Random => (random(sort.seed.unwrap_or(0)), KeyKind::Int, false),
    }
}

/// A keyed hash of the id that both databases compute alike: steps modulo a prime below 2^31, so that no product
/// leaves 63 bits, where SQLite would go on in floating point and PostgreSQL would fail.
fn random(seed: i32) -> Expr {
    const PRIME: i64 = 2_147_483_629;
    let mut state = seed as u64;
    // SplitMix64: neighboring seeds give unrelated constants.
    let mut constant = || -> i64 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        1 + ((mixed ^ (mixed >> 31)) % (PRIME as u64 - 1)) as i64
    };
    let number = |value: i64| Expr::cust(value.to_string());
    let step =
        |expr: Expr, factor: i64, offset: i64| expr.mul(number(factor)).add(number(offset)).modulo(number(PRIME));
    let linear = step(Expr::col(("media", "id")).modulo(number(PRIME)), constant(), constant());
    let squared = linear
        .clone()
        .mul(linear.clone())
        .add(number(constant()))
        .modulo(number(PRIME));
    step(squared, constant(), constant()).add(linear).modulo(number(PRIME))
}
