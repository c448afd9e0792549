//! Lists of named things: tags, people and studios are searched, sorted and answered alike.

use std::{collections::HashMap, fmt::Debug, hash::Hash, sync::Arc};

use async_graphql::{Context, Enum, InputObject};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    kit::{
        connection::{Connection, Total},
        criterion::{escape_like, like},
        error::ToGraphql,
        keyset::{IdPage, KEYS, Key, KeyKind, Keyset},
        loader::Rows,
        page::{self, PageArgs},
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

/// Answers a field with a page of named things; `wrap` makes a row what clients see.
pub async fn connection<K, M, T>(
    cx: &Context<'_>,
    listing: &NamedListing,
    rows: &Rows<K, M>,
    wrap: impl Fn(Arc<M>) -> T,
) -> async_graphql::Result<Connection<T>>
where
    K: Hash + Eq + Copy + Debug + From<i64> + Into<i64> + Send + Sync + 'static,
    M: Send + Sync + 'static,
{
    let (kernel, with_total) = (cx.data_unchecked::<Kernel>(), page::selects(cx, "totalCount"));
    let page = read(kernel, listing, page::cap(cx), with_total).await.graphql()?;
    let total = Total::Known(page.total.unwrap_or_default());
    let found = rows.get_pairs(page.ids()).await.graphql()?;
    let found: HashMap<i64, Arc<M>> = found.into_iter().map(|(id, row)| (id.into(), row)).collect();
    Ok(Connection::new(page, total, |id| found.get(&id).cloned().map(&wrap)))
}

async fn read(kernel: &Kernel, listing: &NamedListing, cap: usize, with_total: bool) -> Result<IdPage, Failure> {
    let db = kernel.store.reader();
    let keyset = keyset(listing)?;
    let window = listing.page.window(&keyset, cap)?;
    let mut condition = Condition::all();
    if let Some((column, number)) = listing.only {
        condition = condition.add(Expr::col((listing.table, column)).eq(number));
    }
    if let Some(text) = listing.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        if text.len() > 500 || text.contains('\0') {
            return Err(Failure::field("search", "longer than 500 bytes, or has a zero byte"));
        }
        let pattern = format!("%{}%", escape_like(text));
        let mut any = Condition::any().add(like(
            Expr::col((listing.table, "name")),
            pattern.clone(),
            kernel.store.backend(),
        ));
        if let Some((table, owner)) = listing.aliases {
            let alias = Query::select()
                .expr(Expr::cust("1"))
                .from(table)
                .and_where(Expr::col((table, owner)).equals((listing.table, "id")))
                .and_where(like(Expr::col((table, "name")), pattern, kernel.store.backend()))
                .take();
            any = any.add(Expr::exists(alias));
        }
        condition = condition.add(any);
    }
    let count = Query::select()
        .expr(Expr::cust("count(*)"))
        .from(listing.table)
        .cond_where(condition.clone())
        .take();
    let base = |_| Query::select().from(listing.table).cond_where(condition.clone()).take();
    let select = keyset.select(&base, &window, with_total.then(|| count.clone()));
    let mut page = keyset.fetch(db, &select, &window, with_total).await?;
    if with_total && page.total.is_none() {
        page.total = Some(
            db.query_one(&count)
                .await?
                .map_or(Ok(0), |row| row.try_get_by_index(0))?,
        );
    }
    Ok(page)
}

fn keyset(listing: &NamedListing) -> Result<Keyset, Failure> {
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
        let expr = Expr::col((listing.table, column));
        keyset.keys.push(Key {
            expr,
            kind,
            is_nullable: false,
            is_descending,
        });
    }
    Ok(keyset)
}
