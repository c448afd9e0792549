//! Pages of media below a tag, a person, a studio or a library: one statement for all parents of a page, unions of
//! limited index reads, newest first.

use std::{collections::HashMap, sync::Arc};

use entities::id::{LibraryId, PersonId, StudioId, TagId};
use kernel::error::Failure;
use sea_orm::{
    Order,
    sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement, UnionType},
};

use crate::kit::{
    error,
    keyset::{IdPage, KEYS, Key, KeyKind, Keyset, PageRow, Window},
    libraries::Libraries,
    page::PageArgs,
    together::Together,
    turn::{self, Batches},
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

    fn base(self, sees: &Libraries) -> SelectStatement {
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
        if let Some(holds) = sees.holds("media.library_id") {
            select.and_where(Expr::cust(holds));
        }
        select.and_where(Expr::col(("media", "missing_at")).is_null()).take()
    }
}

/// SQLite takes five hundred members of a union.
const MAX_UNION: usize = 400;

type Asked = (Parent, Window);
type Read = Result<Arc<HashMap<Asked, IdPage>>, Arc<Failure>>;

/// The nested pages of one request.
pub struct NestedPages {
    batches: Batches<Asked, Read>,
}

impl NestedPages {
    /// Reads together with whatever else the request wants.
    pub fn new(together: Arc<Together>, sees: Libraries) -> Self {
        Self {
            batches: Batches::over_others(move |asked| {
                let (together, sees) = (Arc::clone(&together), sees.clone());
                async move { read(&together, &sees, asked).await.map(Arc::new).map_err(Arc::new) }
            }),
        }
    }

    /// The page of a parent.
    pub async fn get(&self, parent: Parent, args: &PageArgs, cap: usize) -> Result<IdPage, Failure> {
        let asked = (parent, args.window(&parent.keyset(), cap)?);
        let pages = self.batches.get([asked.clone()]).await?.map_err(error::shared)?;
        Ok(pages.get(&asked).cloned().unwrap_or_default())
    }
}

/// Each column's parents with equal windows are a union; all unions are one statement.
async fn read(together: &Together, sees: &Libraries, asked: Vec<Asked>) -> Result<HashMap<Asked, IdPage>, Failure> {
    let mut groups: HashMap<(&'static str, Window), Vec<Parent>> = HashMap::new();
    for (parent, window) in turn::distinct(asked) {
        groups.entry((parent.link().1, window)).or_default().push(parent);
    }
    let unions = groups.iter().flat_map(|((_, window), parents)| {
        let union = move |parents| union(together, sees, parents, window);
        parents.chunks(MAX_UNION).map(union)
    });
    let pages = futures_util::future::try_join_all(unions).await?;
    Ok(pages.into_iter().flatten().collect())
}

async fn union(
    together: &Together,
    sees: &Libraries,
    parents: &[Parent],
    window: &Window,
) -> Result<Vec<(Asked, IdPage)>, Failure> {
    let Some(first) = parents.first() else {
        return Ok(Vec::new());
    };
    let keyset = first.keyset();
    let mut rows: HashMap<i64, Vec<PageRow>> = HashMap::new();
    let found = together
        .rows(statement(sees, parents, window), vec!["parent", "id", KEYS[0]])
        .await?;
    for mut cells in found {
        let parent = cells.int()?;
        rows.entry(parent).or_default().push(keyset.place(&mut cells)?.0);
    }
    let page = |parent: &Parent| {
        let rows = rows.remove(&parent.key()).unwrap_or_default();
        ((*parent, window.clone()), IdPage::default().fill(rows, window))
    };
    Ok(parents.iter().map(page).collect())
}

/// The statement that reads a page of each parent; all parents are of one kind.
pub fn statement(sees: &Libraries, parents: &[Parent], window: &Window) -> SelectStatement {
    let member = |parent: &Parent| {
        let mut select = parent.keyset().select(&|_| parent.base(sees), window, None);
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
