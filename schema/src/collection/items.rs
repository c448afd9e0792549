//! Pages of what collections hold, and how much smart ones hold: one statement for all collections of a page of each
//! sort, a union of limited index reads.

use std::{collections::HashMap, sync::Arc};

use entities::{
    collection,
    id::{CollectionId, UserId},
};
use futures_util::future::try_join_all;
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter,
    sea_query::{Asterisk, Expr, ExprTrait, Order, Query, SelectStatement, UnionType},
};

use crate::{
    kit::{
        access::Viewer,
        error,
        keyset::{IdPage, KEYS, Key, KeyKind, KeyValue, Keyset, PageRow, Window},
        libraries::Libraries,
        page::PageArgs,
        together::Together,
        turn::{self, Batches},
    },
    media::{filter, page, selection::KeptFilter},
};

/// Collections in one statement; SQLite takes five hundred members of a union.
const MAX_UNION: usize = 200;

/// A page of items, and where each is.
#[derive(Debug, Clone, Default)]
pub struct ItemPage {
    /// The items.
    pub page: IdPage,
    /// The place of each item; a smart collection's items have none.
    pub places: HashMap<i64, String>,
}

/// A collection whose items are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Holder {
    id: CollectionId,
    name: String,
    /// The filter of a smart one.
    filter: Option<String>,
}

impl Holder {
    fn of(row: &collection::Model) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            filter: row.filter.clone(),
        }
    }

    fn is_smart(&self) -> bool {
        self.filter.is_some()
    }
}

type Asked = (Holder, Window);
type Loaded<K, T> = Result<Arc<HashMap<K, T>>, Arc<Failure>>;

/// The pages of collections of one request, as one account sees them.
pub struct ItemPages {
    pages: Batches<Asked, Loaded<Asked, ItemPage>>,
    counts: Batches<Holder, Loaded<Holder, i64>>,
}

impl ItemPages {
    /// Reads together with whatever else the request wants.
    pub fn new(kernel: &Kernel, together: &Arc<Together>, viewer: &Viewer) -> Self {
        let read = Read {
            db: kernel.store.reader().clone(),
            together: Arc::clone(together),
            viewer: viewer.user,
            sees: viewer.sees.clone(),
        };
        let counting = read.clone();
        Self {
            pages: Batches::over_others(move |asked| {
                let read = read.clone();
                async move { read.all_pages(asked).await.map(Arc::new).map_err(Arc::new) }
            }),
            counts: Batches::over_others(move |ids| {
                let read = counting.clone();
                async move { read.counts(turn::distinct(ids)).await.map(Arc::new).map_err(Arc::new) }
            }),
        }
    }

    /// A page of a collection's items.
    ///
    /// # Errors
    /// The arguments or the filter are not valid, or the database fails.
    pub async fn get(&self, row: &collection::Model, args: &PageArgs, cap: usize) -> Result<ItemPage, Failure> {
        let holder = Holder::of(row);
        let window = args.window(&keyset(holder.is_smart()), cap)?;
        let asked = (holder, window);
        let pages = self.pages.get([asked.clone()]).await?.map_err(error::shared)?;
        Ok(pages.get(&asked).cloned().unwrap_or_default())
    }

    /// How many items a smart collection holds.
    ///
    /// # Errors
    /// The filter is not valid, or the database fails.
    pub async fn count(&self, row: &collection::Model) -> Result<i64, Failure> {
        let holder = Holder::of(row);
        let counts = self.counts.get([holder.clone()]).await?.map_err(error::shared)?;
        Ok(counts.get(&holder).copied().unwrap_or(0))
    }
}

fn keyset(is_smart: bool) -> Keyset {
    let (table, column, id) = match is_smart {
        true => ("media", "added_at", "id"),
        false => ("collection_item", "position", "media_id"),
    };
    Keyset {
        keys: vec![Key {
            expr: Expr::col((table, column)),
            kind: if is_smart { KeyKind::Int } else { KeyKind::Text },
            is_nullable: false,
            is_descending: is_smart,
        }],
        id: Expr::col((table, id)),
        is_descending: is_smart,
        signature: if is_smart { "-AddedAt" } else { "+Position" }.to_owned(),
    }
}

#[derive(Clone)]
struct Read {
    db: DatabaseConnection,
    together: Arc<Together>,
    viewer: UserId,
    sees: Libraries,
}

impl Read {
    /// The conditions of smart collections.
    async fn conditions(&self, holders: &[Holder]) -> Result<HashMap<CollectionId, Condition>, Failure> {
        let mut filters = HashMap::new();
        for holder in holders.iter().filter(|holder| holder.is_smart()) {
            let text = holder.filter.as_deref().unwrap_or_default();
            let filter = KeptFilter::from_json(serde_json::from_str(text).unwrap_or_default()).map_err(|message| {
                Failure::field(
                    "filter",
                    format!("the filter of `{}` cannot be read any more: {message}", holder.name),
                )
            })?;
            filters.insert(holder.id, filter);
        }
        let mut roots = std::collections::BTreeSet::new();
        for filter in filters.values() {
            roots.extend(filter::roots(&filter.0)?);
        }
        let descendants = filter::descendants(&self.db, &roots).await?;
        let backend = self.db.get_database_backend();
        let condition = |(id, filter): (CollectionId, KeptFilter)| {
            Ok((
                id,
                page::condition(self.viewer, &self.sees, backend, &descendants, Some(&filter.0), &[])?,
            ))
        };
        filters.into_iter().map(condition).collect()
    }

    async fn all_pages(&self, asked: Vec<Asked>) -> Result<HashMap<Asked, ItemPage>, Failure> {
        let mut groups: HashMap<(bool, Window), Vec<Holder>> = HashMap::new();
        for (holder, window) in turn::distinct(asked) {
            groups.entry((holder.is_smart(), window)).or_default().push(holder);
        }
        let read = groups.iter().map(|((_, window), holders)| self.pages(holders, window));
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    /// Pages of collections that are all smart, or none of them.
    async fn pages(&self, holders: &[Holder], window: &Window) -> Result<Vec<(Asked, ItemPage)>, Failure> {
        let conditions = self.conditions(holders).await?;
        let is_smart = holders.first().is_some_and(Holder::is_smart);
        let keyset = keyset(is_smart);
        let base = |id: &CollectionId| {
            let mut select = Query::select();
            match is_smart {
                true => select
                    .from("media")
                    .cond_where(conditions.get(id).cloned().unwrap_or_else(Condition::all)),
                false => select
                    .from("collection_item")
                    .inner_join(
                        "media",
                        Expr::col(("media", "id")).equals(("collection_item", "media_id")),
                    )
                    .and_where(Expr::col(("collection_item", "collection_id")).eq(id.0))
                    .and_where(Expr::col(("media", "missing_at")).is_null()),
            };
            if let Some(holds) = self.sees.holds("media.library_id").filter(|_| !is_smart) {
                select.and_where(Expr::cust(holds));
            }
            select
        };
        let ids: Vec<CollectionId> = holders.iter().map(|holder| holder.id).collect();
        let unions = ids.chunks(MAX_UNION).map(|ids| {
            let union = union(ids, &keyset, &base, window);
            self.together.rows(union, vec!["parent", "id", KEYS[0]])
        });
        let mut found: HashMap<i64, Vec<PageRow>> = HashMap::new();
        let mut places: HashMap<i64, HashMap<i64, String>> = HashMap::new();
        for mut cells in try_join_all(unions).await?.into_iter().flatten() {
            let collection = cells.int()?;
            let (item, values) = keyset.place(&mut cells)?;
            if let Some(KeyValue::Text(place)) = values.into_iter().next() {
                places.entry(collection).or_default().insert(item.id, place);
            }
            found.entry(collection).or_default().push(item);
        }
        let page = |holder: &Holder| {
            let rows = found.remove(&holder.id.0).unwrap_or_default();
            let page = ItemPage {
                page: IdPage::default().fill(rows, window),
                places: places.remove(&holder.id.0).unwrap_or_default(),
            };
            ((holder.clone(), window.clone()), page)
        };
        Ok(holders.iter().map(page).collect())
    }

    async fn counts(&self, holders: Vec<Holder>) -> Result<HashMap<Holder, i64>, Failure> {
        let conditions = self.conditions(&holders).await?;
        let count = |holder: &Holder| {
            let condition = conditions.get(&holder.id).cloned().unwrap_or_else(Condition::all);
            Query::select()
                .expr_as(Expr::cust("count(*)"), "n")
                .from("media")
                .cond_where(condition)
                .take()
        };
        let counts = holders.iter().map(|holder| self.together.number(count(holder)));
        let counts = try_join_all(counts).await?;
        Ok(holders.into_iter().zip(counts).collect())
    }
}

fn union(
    ids: &[CollectionId],
    keyset: &Keyset,
    base: &dyn Fn(&CollectionId) -> SelectStatement,
    window: &Window,
) -> SelectStatement {
    let member = |id: &CollectionId| {
        let mut select = keyset.select(&|_| base(id), window, None);
        select.expr_as(Expr::val(id.0).cast_as("bigint"), "parent");
        Query::select().column(Asterisk).from_subquery(select, "one").take()
    };
    let mut members = ids.iter().map(member);
    let mut all = members.next().unwrap_or_default();
    all.unions(members.map(|select| (UnionType::All, select)));
    // A union keeps no order of its own.
    let order = if keyset.is_descending != window.is_backward {
        Order::Desc
    } else {
        Order::Asc
    };
    Query::select()
        .column(Asterisk)
        .from_subquery(all, "page")
        .order_by("parent", Order::Asc)
        .order_by("k0", order.clone())
        .order_by("id", order)
        .take()
}

/// What a batch of rows came to, for the row cache.
///
/// # Errors
/// When the database fails.
pub async fn rows(
    db: DatabaseConnection,
    ids: Vec<CollectionId>,
) -> Result<HashMap<CollectionId, collection::Model>, DbErr> {
    let rows = collection::Entity::find()
        .filter(collection::Column::Id.is_in(ids))
        .all(&db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
