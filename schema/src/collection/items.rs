//! Pages of what collections hold, and how much smart ones hold: one statement for all collections of a page of each
//! sort, a union of limited index reads.

use std::{collections::HashMap, sync::Arc};

use dataloader::{BatchFn, cached::Loader};
use entities::{
    collection,
    id::{CollectionId, UserId},
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter,
    sea_query::{Asterisk, Expr, ExprTrait, Order, Query, SelectStatement, SubQueryStatement, UnionType},
};

use crate::{
    kit::{
        keyset::{IdPage, Key, KeyKind, Keyset, PageRow, Window},
        loader::YIELDS,
        page::PageArgs,
    },
    limits,
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

type Asked = (CollectionId, bool, Window);
type Loaded<T> = Result<T, Arc<Failure>>;

/// The pages of collections of one request, as one account sees them.
pub struct ItemPages {
    pages: Loader<Asked, Loaded<ItemPage>, ReadPages>,
    counts: Loader<CollectionId, Loaded<i64>, ReadCounts>,
}

impl ItemPages {
    /// A loader over the reader.
    pub fn new(kernel: &Kernel, viewer: UserId) -> Self {
        let read = || Read {
            db: kernel.store.reader().clone(),
            viewer,
        };
        let pages = Loader::new(ReadPages(read())).with_yield_count(YIELDS);
        let counts = Loader::new(ReadCounts(read())).with_yield_count(YIELDS);
        Self {
            pages: pages.with_max_batch_size(limits::PAGE_OF_IDS),
            counts: counts.with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }

    /// A page of a collection's items.
    ///
    /// # Errors
    /// The arguments or the filter are not valid, or the database fails.
    pub async fn get(&self, row: &collection::Model, args: &PageArgs, cap: usize) -> Result<ItemPage, Failure> {
        let is_smart = row.filter.is_some();
        let window = args.window(&keyset(is_smart), cap)?;
        let loaded = self
            .pages
            .try_load((row.id, is_smart, window))
            .await
            .map_err(Failure::internal)?;
        loaded.map_err(told)
    }

    /// How many items a smart collection holds.
    ///
    /// # Errors
    /// The filter is not valid, or the database fails.
    pub async fn count(&self, id: CollectionId) -> Result<i64, Failure> {
        self.counts.try_load(id).await.map_err(Failure::internal)?.map_err(told)
    }
}

/// A failure that several wait for.
fn told(failure: Arc<Failure>) -> Failure {
    match Arc::try_unwrap(failure) {
        Ok(failure) => failure,
        Err(shared) => Failure::new(shared.code, shared.message.clone()),
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

struct Read {
    db: DatabaseConnection,
    viewer: UserId,
}

impl Read {
    /// The conditions of smart collections.
    async fn conditions(&self, ids: &[CollectionId]) -> Result<HashMap<CollectionId, Condition>, Failure> {
        let select = collection::Entity::find().filter(collection::Column::Id.is_in(ids.iter().copied()));
        let mut filters = HashMap::new();
        for row in select.all(&self.db).await? {
            let json = row
                .filter
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            let filter = KeptFilter::from_json(json).map_err(|message| {
                Failure::field(
                    "filter",
                    format!("the filter of `{}` cannot be read any more: {message}", row.name),
                )
            })?;
            filters.insert(row.id, filter);
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
                page::condition(self.viewer, backend, &descendants, Some(&filter.0), &[])?,
            ))
        };
        filters.into_iter().map(condition).collect()
    }

    async fn pages(
        &self,
        ids: &[CollectionId],
        is_smart: bool,
        window: &Window,
    ) -> Result<Vec<(CollectionId, ItemPage)>, Failure> {
        let conditions = if is_smart {
            self.conditions(ids).await?
        } else {
            HashMap::new()
        };
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
            select
        };
        let mut found: HashMap<i64, Vec<PageRow>> = HashMap::new();
        let mut places: HashMap<i64, HashMap<i64, String>> = HashMap::new();
        for ids in ids.chunks(MAX_UNION) {
            for row in self.db.query_all(&union(ids, &keyset, &base, window)).await? {
                let collection: i64 = row.try_get("", "parent")?;
                let item = keyset.row(&row)?;
                if !is_smart {
                    places
                        .entry(collection)
                        .or_default()
                        .insert(item.id, row.try_get("", "k0")?);
                }
                found.entry(collection).or_default().push(item);
            }
        }
        let page = |id: &CollectionId| {
            let rows = found.remove(&id.0).unwrap_or_default();
            let page = IdPage::default().fill(rows, window);
            (
                *id,
                ItemPage {
                    page,
                    places: places.remove(&id.0).unwrap_or_default(),
                },
            )
        };
        Ok(ids.iter().map(page).collect())
    }

    async fn counts(&self, ids: &[CollectionId]) -> Result<HashMap<CollectionId, i64>, Failure> {
        let conditions: Vec<(CollectionId, Condition)> = self.conditions(ids).await?.into_iter().collect();
        let mut counts = HashMap::new();
        for chunk in conditions.chunks(MAX_UNION) {
            let mut select = Query::select();
            for (_, condition) in chunk {
                let mut count = Query::select();
                count
                    .expr(Expr::cust("count(*)"))
                    .from("media")
                    .cond_where(condition.clone());
                select.expr(Expr::from(SubQueryStatement::from(count)));
            }
            let row = self.db.query_one(&select).await?;
            for (index, (id, _)) in chunk.iter().enumerate() {
                let n = row.as_ref().map_or(Ok(0), |row| row.try_get_by_index(index))?;
                counts.insert(*id, n);
            }
        }
        Ok(counts)
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

struct ReadPages(Read);

impl BatchFn<Asked, Loaded<ItemPage>> for ReadPages {
    async fn load(&mut self, asked: &[Asked]) -> HashMap<Asked, Loaded<ItemPage>> {
        let mut groups: HashMap<(bool, &Window), Vec<CollectionId>> = HashMap::new();
        for (id, is_smart, window) in asked {
            groups.entry((*is_smart, window)).or_default().push(*id);
        }
        let mut loaded = HashMap::new();
        for ((is_smart, window), ids) in groups {
            let key = |id: CollectionId| (id, is_smart, window.clone());
            match self.0.pages(&ids, is_smart, window).await {
                Ok(pages) => loaded.extend(pages.into_iter().map(|(id, page)| (key(id), Ok(page)))),
                Err(failure) => {
                    let failure = Arc::new(failure);
                    loaded.extend(ids.iter().map(|id| (key(*id), Err(Arc::clone(&failure)))));
                }
            }
        }
        loaded
    }
}

struct ReadCounts(Read);

impl BatchFn<CollectionId, Loaded<i64>> for ReadCounts {
    async fn load(&mut self, ids: &[CollectionId]) -> HashMap<CollectionId, Loaded<i64>> {
        match self.0.counts(ids).await {
            Ok(counts) => ids
                .iter()
                .map(|id| (*id, Ok(counts.get(id).copied().unwrap_or(0))))
                .collect(),
            Err(failure) => {
                let failure = Arc::new(failure);
                ids.iter().map(|id| (*id, Err(Arc::clone(&failure)))).collect()
            }
        }
    }
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
