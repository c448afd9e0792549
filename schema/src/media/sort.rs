//! Orders of media: from sort inputs to keys.

use kernel::error::Failure;
use sea_orm::sea_query::Expr;

use crate::{
    kit::keyset::{KEYS, Key, KeyKind, Keyset},
    media::{
        inputs::{MediaSort, MediaSortField, SortDirection},
        relevance,
        shuffle::Shuffle,
    },
};

/// The order of a list of media, and what it needs joined.
#[derive(Debug, Clone)]
pub struct Order {
    /// The keys.
    pub keyset: Keyset,
    /// How its pages are read.
    pub walk: Walk,
    /// Whether `media_user` of the viewer is joined, under the name `own`.
    pub needs_own: bool,
    /// Whether `media_user` of the viewer is joined where it counts views, under the name `played`.
    pub needs_played: bool,
    /// The joined table of the first key, if not all rows have it.
    pub begins_with: Option<&'static str>,
    /// Whether no other key is of a joined table.
    pub has_own_first_alone: bool,
}

/// How the pages of an order are read.
#[derive(Debug, Clone, Copy)]
pub enum Walk {
    /// By the keys.
    Keys,
    /// By a stored hash.
    Shuffle(Shuffle),
    /// By the search index.
    Relevance,
}

/// The order that clients ask for; without one, the best match of a search comes first, or what was added last.
pub fn order(sorts: &[MediaSort], is_search: bool) -> Result<Order, Failure> {
    let newest = [MediaSort {
        field: MediaSortField::AddedAt,
        direction: SortDirection::Desc,
        seed: None,
    }];
    let mut order = Order {
        keyset: Keyset {
            keys: Vec::new(),
            id: Expr::col(("media", "id")),
            is_descending: false,
            signature: String::new(),
        },
        walk: Walk::Keys,
        needs_own: false,
        needs_played: false,
        begins_with: None,
        has_own_first_alone: true,
    };
    let by_relevance = sorts.iter().position(|sort| sort.field == MediaSortField::Relevance);
    if let Some(index) = by_relevance.filter(|_| sorts.len() > 1 || !is_search) {
        let message = "RELEVANCE needs a search for at least one word, and no other key beside it";
        return Err(Failure::field(format!("sort[{index}].field"), message));
    }
    if by_relevance.is_some() || (sorts.is_empty() && is_search) {
        order.keyset = relevance::keyset();
        order.walk = Walk::Relevance;
        return Ok(order);
    }
    let sorts = if sorts.is_empty() { &newest[..] } else { sorts };
    if sorts.len() > KEYS.len() {
        return Err(Failure::field("sort", format!("at most {} keys", KEYS.len())));
    }
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
    }
    if let [first, ..] = sorts
        && first.field == MediaSortField::Random
    {
        // Hardly two items are equal by chance: what follows cannot matter.
        let shuffle = Shuffle::new(first.seed.unwrap_or(0));
        order.keyset = shuffle.keyset(first.direction == SortDirection::Desc);
        order.walk = Walk::Shuffle(shuffle);
        return Ok(order);
    }
    for (index, sort) in sorts.iter().enumerate() {
        let is_descending = sort.direction == SortDirection::Desc;
        order.keyset.is_descending = is_descending;
        order.keyset.signature.push_str(&signature(sort));
        if sort.field == MediaSortField::Id {
            // No two items are equal by id: what follows cannot matter.
            break;
        }
        let (expr, kind, is_nullable) = key(sort);
        let joined = match sort.field {
            MediaSortField::Rating | MediaSortField::LastViewedAt => Some("own"),
            MediaSortField::ViewCount => Some("played"),
            _ => None,
        };
        order.needs_own |= joined == Some("own");
        order.needs_played |= joined == Some("played");
        if index == 0 {
            order.begins_with = joined;
        } else if joined.is_some() {
            order.has_own_first_alone = false;
        }
        order.keyset.keys.push(Key {
            expr,
            kind,
            is_nullable,
            is_descending,
        });
    }
    Ok(order)
}

/// Whether the order depends on what the viewer did with items.
pub fn mentions_viewer(sorts: &[MediaSort]) -> bool {
    let own = [
        MediaSortField::Rating,
        MediaSortField::ViewCount,
        MediaSortField::LastViewedAt,
    ];
    sorts.iter().any(|sort| own.contains(&sort.field))
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
        // Joined only where it is greater than 0: never played is absent, and comes last.
        MediaSortField::ViewCount => (Expr::col(("played", "n_views")), KeyKind::Int, true),
        MediaSortField::LastViewedAt => (own("last_viewed_at"), KeyKind::Int, true),
        MediaSortField::Path => (media("path"), KeyKind::Text, false),
        MediaSortField::Random => (Shuffle::new(sort.seed.unwrap_or(0)).place(), KeyKind::Int, false),
        // Never beside other keys; alone it is no key at all.
        MediaSortField::Relevance => (Expr::cust("0"), KeyKind::Int, false),
    }
}
