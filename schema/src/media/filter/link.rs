//! Criteria over what items are linked to: by a table between, or by a column.

use std::str::FromStr;

use async_graphql::ID;
use entities::id::{IdError, TypedId};
use kernel::error::Failure;
use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, ExprTrait, Func, Query},
};

use super::Driver;
use crate::{kit::id, media::inputs::RelationCriterion};

/// The most ids in one list.
const MAX_IDS: usize = 1_000;

/// An item has about so many links.
const FEW_IDS: usize = 4;

/// A table that links media to something.
#[derive(Clone, Copy)]
pub(super) struct Link {
    table: &'static str,
    alias: &'static str,
    column: &'static str,
    /// Where what is linked to keeps count of its items.
    named: &'static str,
}

pub(super) const TAGGED: Link = Link {
    table: "media_tag",
    alias: "mt",
    column: "tag_id",
    named: "tag",
};
pub(super) const CREDITED: Link = Link {
    table: "media_person",
    alias: "mp",
    column: "person_id",
    named: "person",
};

impl Link {
    /// The items that have one of the first, and those that have each of the second.
    pub(super) fn drivers<T: TypedId + FromStr<Err = IdError>>(
        self,
        any_of: &Option<Vec<ID>>,
        all_of: &Option<Vec<ID>>,
        expand: impl Fn(Vec<T>) -> Vec<T>,
    ) -> Result<Vec<Driver>, Failure> {
        let any_of = any_of.iter().map(Vec::as_slice);
        let each = all_of.iter().flatten().map(std::slice::from_ref);
        let driver = |ids: &[ID]| {
            let ids = expand(typed::<T>(ids, "filter")?);
            let mut select = Query::select();
            select.column((self.alias, "media_id")).from_as(self.table, self.alias);
            select.and_where(is_in((self.alias, self.column), &ids));
            // An item that has several counts for each: it is a bound, and missing items are few.
            let sum = Func::coalesce([
                Expr::from(Func::sum(Expr::col((self.named, "n_media")))),
                Expr::cust("0"),
            ]);
            let at_most = Query::select()
                .expr(Expr::from(sum).cast_as("bigint"))
                .from(self.named)
                .and_where(is_in((self.named, "id"), &ids))
                .take();
            Ok(Driver {
                ids: select,
                at_most: Some(at_most),
            })
        };
        any_of.chain(each).map(driver).collect()
    }

    /// The item has one of these; without ids: any at all.
    pub(super) fn exists<T: TypedId>(self, ids: Option<&[T]>, backend: DbBackend) -> Expr {
        let mut select = Query::select();
        select.expr(Expr::cust("1")).from_as(self.table, self.alias);
        select.and_where(Expr::col((self.alias, "media_id")).equals(("media", "id")));
        if let Some(ids) = ids {
            select.and_where(match backend {
                // SQLite would look each of them up by an index, for every item; the plus makes it look at the few that the
                // item has.
                DbBackend::Sqlite if ids.len() > FEW_IDS => {
                    let column = Expr::cust(format!(r#"+"{}"."{}""#, self.alias, self.column));
                    column.is_in(numbers(ids))
                }
                _ => is_in((self.alias, self.column), ids),
            });
        }
        Expr::exists(select.take())
    }
}

pub(super) fn column_is<T: TypedId>(column: (&'static str, &'static str), ids: Option<&[T]>) -> Expr {
    match ids {
        // Guarded, so that the negation of an absent value is true.
        Some(ids) => Expr::col(column).is_not_null().and(is_in(column, ids)),
        None => Expr::col(column).is_not_null(),
    }
}

pub(super) fn is_in<T: TypedId>(column: (&'static str, &'static str), ids: &[T]) -> Expr {
    Expr::col(column).is_in(numbers(ids))
}

fn numbers<T: TypedId>(ids: &[T]) -> impl Iterator<Item = i64> {
    ids.iter().map(|id| (*id).into())
}

pub(super) fn relation<T: TypedId + FromStr<Err = IdError>>(
    criterion: &RelationCriterion,
    path: &str,
    has: impl Fn(Option<&[T]>) -> Expr,
) -> Result<Condition, Failure> {
    let mut all = Condition::all();
    if let Some(ids) = &criterion.any_of {
        let ids = typed::<T>(ids, &format!("{path}.anyOf"))?;
        all = if ids.is_empty() {
            all.add(never())
        } else {
            all.add(has(Some(&ids)))
        };
    }
    if let Some(ids) = &criterion.all_of {
        for id in typed::<T>(ids, &format!("{path}.allOf"))? {
            all = all.add(has(Some(&[id])));
        }
    }
    if let Some(ids) = &criterion.none_of {
        let ids = typed::<T>(ids, &format!("{path}.noneOf"))?;
        if !ids.is_empty() {
            all = all.add(has(Some(&ids)).not());
        }
    }
    if let Some(is_empty) = criterion.is_empty {
        all = all.add(if is_empty { has(None).not() } else { has(None) });
    }
    Ok(all)
}

pub(super) fn typed<T: TypedId + FromStr<Err = IdError>>(ids: &[ID], path: &str) -> Result<Vec<T>, Failure> {
    if ids.len() > MAX_IDS {
        return Err(Failure::field(path, format!("more than {MAX_IDS} ids")));
    }
    id::parse_many(ids, path)
}

/// What no row fulfills.
pub(super) fn never() -> Condition {
    Condition::all().add(Expr::val(1).eq(0))
}
