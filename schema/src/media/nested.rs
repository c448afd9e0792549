//! Pages of media below a tag, a person, a studio or a library: one statement for all parents of a page, a union of
//! limited index reads, newest first.

use std::{collections::HashMap, sync::Arc};

use dataloader::{BatchFn, cached::Loader};
use entities::id::{LibraryId, PersonId, StudioId, TagId};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, Order,
    sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement, UnionType},
};

use crate::{
    kit::{
        keyset::{IdPage, Key, KeyKind, Keyset, PageRow, Window},
        loader::YIELDS,
        page::PageArgs,
    },
    limits,
};

/// What media are listed below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parent {
    /// A tag.
    Tag(TagId),
    /// A person.
    Person(PersonId),
    /// A studio.
    Studio(StudioId),
    /// A library.
    Library(LibraryId),
}

impl Parent {
    fn key(self) -> i64 {
        match self {
            Self::Tag(id) => id.into(),
            Self::Person(id) => id.into(),
            Self::Studio(id) => id.into(),
            Self::Library(id) => id.into(),
        }
    }

    /// The join table and its column, or none where the item's own row has the column.
    fn link(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Tag(_) => (Some("media_tag"), "tag_id"),
            Self::Person(_) => (Some("media_person"), "person_id"),
            Self::Studio(_) => (None, "studio_id"),
            Self::Library(_) => (None, "library_id"),
        }
    }

    /// Newest first, on the table whose index begins with the parent.
    fn keyset(self) -> Keyset {
        let (table, id) = self.link().0.map_or(("media", "id"), |table| (table, "media_id"));
        let expr = Expr::col((table, "added_at"));
        Keyset {
            keys: vec![Key {
                expr,
                kind: KeyKind::Int,
                is_nullable: false,
                is_descending: true,
            }],
            id: Expr::col((table, id)),
            is_descending: true,
            signature: "-AddedAt".to_owned(),
        }
    }

    fn base(self) -> SelectStatement {
        let (table, column) = self.link();
        let mut select = Query::select();
        match table {
            Some(table) => select
                .from(table)
                .inner_join("media", Expr::col(("media", "id")).equals((table, "media_id")))
                .and_where(Expr::col((table, column)).eq(self.key())),
            None => select
                .from("media")
                .and_where(Expr::col(("media", column)).eq(self.key())),
        };
        select.and_where(Expr::col(("media", "missing_at")).is_null()).take()
    }
}

/// SQLite takes five hundred members of a union.
const MAX_UNION: usize = 400;

type Loaded = Result<IdPage, Arc<DbErr>>;
type Asked = (Parent, Window);

/// The nested pages of one request.
pub struct NestedPages {
    loader: Loader<Asked, Loaded, Read>,
}

struct Read {
    db: DatabaseConnection,
}

impl NestedPages {
    /// A loader over the reader.
    pub fn new(kernel: &Kernel) -> Self {
        let loader = Loader::new(Read {
            db: kernel.store.reader().clone(),
        });
        Self {
            loader: loader.with_yield_count(YIELDS).with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }

    /// The page of a parent.
    pub async fn get(&self, parent: Parent, args: &PageArgs, cap: usize) -> Result<IdPage, Failure> {
        let window = args.window(&parent.keyset(), cap)?;
        Ok(self
            .loader
            .try_load((parent, window))
            .await
            .map_err(Failure::internal)??)
    }
}

impl BatchFn<Asked, Loaded> for Read {
    async fn load(&mut self, asked: &[Asked]) -> HashMap<Asked, Loaded> {
        // Pages of different fields, or with different arguments, are read apart.
        let mut groups: HashMap<(&'static str, &Window), Vec<Parent>> = HashMap::new();
        for (parent, window) in asked {
            groups.entry((parent.link().1, window)).or_default().push(*parent);
        }
        let mut loaded = HashMap::new();
        for ((_, window), parents) in groups {
            for parents in parents.chunks(MAX_UNION) {
                match read(&self.db, parents, window).await {
                    Ok(pages) => loaded.extend(
                        pages
                            .into_iter()
                            .map(|(parent, page)| ((parent, window.clone()), Ok(page))),
                    ),
                    Err(error) => {
                        let error = Arc::new(error);
                        let failed = |parent: &Parent| ((*parent, window.clone()), Err(Arc::clone(&error)));
                        loaded.extend(parents.iter().map(failed));
                    }
                }
            }
        }
        loaded
    }
}

async fn read(db: &DatabaseConnection, parents: &[Parent], window: &Window) -> Result<Vec<(Parent, IdPage)>, DbErr> {
    let Some(first) = parents.first() else {
        return Ok(Vec::new());
    };
    let keyset = first.keyset();
    let mut rows: HashMap<i64, Vec<PageRow>> = HashMap::new();
    for row in db.query_all(&statement(parents, window)).await? {
        rows.entry(row.try_get("", "parent")?)
            .or_default()
            .push(keyset.row(&row)?);
    }
    let page = |parent: &Parent| {
        (
            *parent,
            IdPage::default().fill(rows.remove(&parent.key()).unwrap_or_default(), window),
        )
    };
    Ok(parents.iter().map(page).collect())
}

/// The statement that reads a page of each parent; all parents are of one kind.
pub fn statement(parents: &[Parent], window: &Window) -> SelectStatement {
    let member = |parent: &Parent| {
        let mut select = parent.keyset().select(&|_| parent.base(), window, None);
        select.expr_as(Expr::val(parent.key()).cast_as("bigint"), "parent");
        Query::select().column(Asterisk).from_subquery(select, "one").take()
    };
    let mut members = parents.iter().map(member);
    let mut all = members.next().unwrap_or_default();
    all.unions(members.map(|select| (UnionType::All, select)));
    // A union keeps no order of its own.
    let order = if window.is_backward { Order::Asc } else { Order::Desc };
    Query::select()
        .column(Asterisk)
        .from_subquery(all, "page")
        .order_by("parent", Order::Asc)
        .order_by("k0", order.clone())
        .order_by("id", order)
        .take()
}
