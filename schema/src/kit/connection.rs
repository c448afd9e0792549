//! Relay connections with `edges`, `nodes`, `pageInfo` and a `totalCount` that costs nothing unless it is selected.

use std::{borrow::Cow, future::Future, pin::Pin};

use async_graphql::{Object, OutputType, TypeName, connection::PageInfo};
use kernel::error::Failure;

use crate::kit::{
    error::ToGraphql,
    keyset::{IdPage, PageRow},
};

type Counting = Pin<Box<dyn Future<Output = Result<i64, Failure>> + Send>>;

/// How many items there are in all.
pub enum Total {
    /// Counted already.
    Known(i64),
    /// Counted when it is asked for.
    Later(Box<dyn Fn() -> Counting + Send + Sync>),
}

impl Total {
    /// A count that runs when it is asked for.
    pub fn later<F>(count: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<i64, Failure>> + Send + 'static,
    {
        Self::Later(Box::new(move || Box::pin(count())))
    }
}

/// An item with its cursor.
pub struct Edge<T> {
    row: PageRow,
    node: T,
}

/// A page of a list.
pub struct Connection<T> {
    edges: Vec<Edge<T>>,
    ends: Option<(PageRow, PageRow)>,
    has_next: bool,
    has_previous: bool,
    total: Total,
}

impl<T> Connection<T> {
    /// A page of ids with the item that belongs to each; an id whose item is gone by now is left out.
    pub fn new(page: IdPage, total: Total, node: impl Fn(i64) -> Option<T>) -> Self {
        let ends = page.rows.first().zip(page.rows.last());
        let ends = ends.map(|(first, last)| (first.clone(), last.clone()));
        let edge = |row: PageRow| {
            Some(Edge {
                node: node(row.id)?,
                row,
            })
        };
        Self {
            edges: page.rows.into_iter().filter_map(edge).collect(),
            ends,
            has_next: page.has_next,
            has_previous: page.has_previous,
            total,
        }
    }

    /// A page whose items nobody selected.
    pub fn outline(page: IdPage, total: Total) -> Self {
        Self::new(page, total, |_| None)
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", <T as OutputType>::type_name()).into()
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", <T as OutputType>::type_name()).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The items with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items alone.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where the page begins and ends, and whether there is more.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.ends.as_ref().map(|(first, _)| first.cursor().into_owned()),
            end_cursor: self.ends.as_ref().map(|(_, last)| last.cursor().into_owned()),
        }
    }

    /// How many items the whole list has, on all pages. It is counted only when it is selected.
    async fn total_count(&self) -> async_graphql::Result<i64> {
        match &self.total {
            Total::Known(total) => Ok(*total),
            Total::Later(count) => count().await.graphql(),
        }
    }
}

/// An item of a list with its cursor.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// The place behind this item, for `after` and `before`.
    async fn cursor(&self) -> Cow<'_, str> {
        self.row.cursor()
    }

    /// The item.
    async fn node(&self) -> &T {
        &self.node
    }
}
