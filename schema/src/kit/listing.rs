//! Lists of named things: tags, people and studios are searched and sorted alike.

use async_graphql::{Enum, InputObject};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    Condition, ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    kit::{
        criterion::{escape_like, like},
        keyset::{IdPage, KEYS, Key, KeyKind, Keyset},
        page::PageArgs,
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
    /// Which page.
    pub page: PageArgs,
    /// The largest page.
    pub cap: usize,
    /// A part of the name or of another name.
    pub search: Option<String>,
    /// In which order; by name if empty.
    pub sort: Vec<NamedSort>,
    /// Whether the total is wanted.
    pub with_total: bool,
}

/// Reads a page of ids.
pub async fn read(kernel: &Kernel, listing: &NamedListing) -> Result<IdPage, Failure> {
    let db = kernel.store.reader();
    let keyset = keyset(listing)?;
    let window = listing.page.window(&keyset, listing.cap)?;
    let mut condition = Condition::all();
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
    let select = keyset.select(&base, &window, listing.with_total.then(|| count.clone()));
    let mut page = keyset.fetch(db, &select, &window, listing.with_total).await?;
    if listing.with_total && page.total.is_none() {
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
