//! Lists of named things: tags, people and studios are searched, sorted and answered alike.

use std::{collections::HashMap, fmt::Debug, hash::Hash, sync::Arc};

use async_graphql::{Context, Enum, InputObject};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    caches::Loaders,
    kit::{
        cells::FromCells,
        connection::{Connection, Total},
        criterion::{escape_like, like},
        error::ToGraphql,
        keyset::{IdPage, KEYS, Key, KeyKind, Keyset},
        libraries::Libraries,
        loader::Rows,
        page::{self, PageArgs},
        visible::Named,
    },
    media::inputs::SortDirection,
};

/// What named things are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum NamedSortField {
    /// The name in natural order.
    Name,
    /// How many items they have.
    MediaCount,
    /// When they were made.
    CreatedAt,
}

/// One key of an order; later ones decide between those that are equal by the earlier ones.
#[derive(Debug, Clone, InputObject)]
pub struct NamedSort {
    /// By what.
    pub field: NamedSortField,
    /// In which direction.
    #[graphql(default)]
    pub direction: SortDirection,
}

/// What a client asks of a list of named things.
#[derive(Debug, Clone)]
pub struct NamedListing {
    /// The table.
    pub table: &'static str,
    /// Where other names are: the table and its column for the owner.
    pub aliases: Option<(&'static str, &'static str)>,
    /// Only rows with this number in a column.
    pub only: Option<(&'static str, i32)>,
    /// Which page.
    pub page: PageArgs,
    /// A part of the name or of another name.
    pub search: Option<String>,
    /// In which order; by name if empty.
    pub sort: Vec<NamedSort>,
}

/// Answers a field with a page of named things; `wrap` makes a row what clients see. Pages that a request wants at the
/// same time are one statement.
pub async fn connection<K, M, T>(
    cx: &Context<'_>,
    listing: &NamedListing,
    rows: &Rows<K, M>,
    wrap: impl Fn(Arc<M>) -> T,
) -> async_graphql::Result<Connection<T>>
where
    K: Hash + Eq + Copy + Debug + From<i64> + Into<i64> + Send + Sync + 'static,
    M: FromCells + Clone + Send + Sync + 'static,
{
    let (cap, with_total) = (page::cap(cx), page::selects(cx, "totalCount"));
    let moment = rows.moment();
    let found = read::<M>(cx, listing, cap, with_total).await.graphql()?;
    rows.keep(moment, found.rows.iter().map(|row| (K::from(row.id()), row.clone())));
    let known: HashMap<i64, Arc<M>> = found.rows.into_iter().map(|row| (row.id(), Arc::new(row))).collect();
    let total = Total::Known(found.page.total.unwrap_or_default());
    Ok(Connection::new(found.page, total, |id| {
        known.get(&id).cloned().map(&wrap)
    }))
}

struct Found<M> {
    page: IdPage,
    rows: Vec<M>,
}

async fn read<M: FromCells>(
    cx: &Context<'_>,
    listing: &NamedListing,
    cap: usize,
    with_total: bool,
) -> Result<Found<M>, Failure> {
    let Loaders { together, sees, .. } = Loaders::of(cx);
    let backend = cx.data_unchecked::<Kernel>().store.backend();
    let keyset = keyset(listing, sees)?;
    let window = listing.page.window(&keyset, cap)?;
    let shown = Named::of_table(listing.table).and_then(|named| named.condition(sees));
    let condition = condition(listing, backend)?.add_option(shown.map(Expr::cust));
    let base = |_| {
        let mut select = Query::select();
        select.columns(M::COLUMNS.iter().map(|column| (listing.table, *column)));
        select.from(listing.table).cond_where(condition.clone()).take()
    };
    let columns = [&["id"][..], &KEYS[..keyset.keys.len()], M::COLUMNS].concat();
    let page = together.rows(keyset.select(&base, &window, None), columns);
    let total = async {
        let count = Query::select()
            .expr_as(Expr::cust("count(*)"), "n")
            .from(listing.table)
            .cond_where(condition.clone())
            .take();
        match with_total {
            true => together.number(count).await.map(Some),
            false => Ok(None),
        }
    };
    let (found, total) = futures_util::try_join!(page, total)?;
    let (mut places, mut rows) = (Vec::new(), Vec::new());
    for mut cells in found {
        let (place, _) = keyset.place(&mut cells)?;
        rows.push(M::read(place.id, &mut cells)?);
        places.push(place);
    }
    let mut page = IdPage::default().fill(places, &window);
    page.total = total;
    Ok(Found { page, rows })
}

fn condition(listing: &NamedListing, backend: DbBackend) -> Result<Condition, Failure> {
    let mut condition = Condition::all();
    if let Some((column, number)) = listing.only {
        condition = condition.add(Expr::col((listing.table, column)).eq(number));
    }
    let Some(text) = listing.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(condition);
    };
    if text.len() > 500 || text.contains('\0') {
        return Err(Failure::field("search", "longer than 500 bytes, or has a zero byte"));
    }
    let pattern = format!("%{}%", escape_like(text));
    let mut any = Condition::any().add(like(Expr::col((listing.table, "name")), pattern.clone(), backend));
    if let Some((table, owner)) = listing.aliases {
        let alias = Query::select()
            .expr(Expr::cust("1"))
            .from(table)
            .and_where(Expr::col((table, owner)).equals((listing.table, "id")))
            .and_where(like(Expr::col((table, "name")), pattern, backend))
            .take();
        any = any.add(Expr::exists(alias));
    }
    Ok(condition.add(any))
}

fn keyset(listing: &NamedListing, sees: &Libraries) -> Result<Keyset, Failure> {
    let by_name = [NamedSort {
        field: NamedSortField::Name,
        direction: SortDirection::Asc,
    }];
    let sorts = if listing.sort.is_empty() {
        &by_name[..]
    } else {
        &listing.sort
    };
    if sorts.len() > KEYS.len() {
        return Err(Failure::field("sort", format!("at most {} keys", KEYS.len())));
    }
    let id = Expr::col((listing.table, "id"));
    let mut keyset = Keyset {
        keys: Vec::new(),
        id,
        is_descending: false,
        signature: listing.table.to_owned(),
    };
    for (index, sort) in sorts.iter().enumerate() {
        if sorts[..index].iter().any(|earlier| earlier.field == sort.field) {
            return Err(Failure::field(format!("sort[{index}].field"), "occurs twice"));
        }
        let is_descending = sort.direction == SortDirection::Desc;
        let (column, kind) = match sort.field {
            NamedSortField::Name => ("sort_name", KeyKind::Text),
            NamedSortField::MediaCount => ("n_media", KeyKind::Int),
            NamedSortField::CreatedAt => ("created_at", KeyKind::Int),
        };
        keyset
            .signature
            .push_str(&format!("{}{column}", if is_descending { '-' } else { '+' }));
        keyset.is_descending = is_descending;
        let counted = Named::of_table(listing.table).filter(|_| sort.field == NamedSortField::MediaCount);
        let expr = match counted.and_then(|named| named.n_media(sees)) {
            Some(n_media) => Expr::cust(n_media),
            None => Expr::col((listing.table, column)),
        };
        keyset.keys.push(Key {
            expr,
            kind,
            is_nullable: false,
            is_descending,
        });
    }
    Ok(keyset)
}
