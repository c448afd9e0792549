//! Which libraries an account sees, or may change: all of them, or those that are named. What is not named is not there.

use std::collections::BTreeSet;

use entities::id::LibraryId;
use kernel::sql;
use sea_orm::{
    DbBackend,
    sea_query::{Expr, IntoTableRef, Query},
};
use serde::{Deserialize, Serialize};

/// Some libraries, or all of them and those to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Libraries {
    /// All.
    #[default]
    All,
    /// These.
    Only(BTreeSet<LibraryId>),
}

impl Libraries {
    /// Whether these are all.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether a library is among them.
    pub fn has(&self, library: LibraryId) -> bool {
        match self {
            Self::All => true,
            Self::Only(some) => some.contains(&library),
        }
    }

    /// Equal for equal libraries and nothing for all: part of the question of every answer that is kept.
    pub fn key(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Only(some) => format!(" in {}", sql::ids(some.iter().copied())),
        }
    }

    /// What must hold for a column that says a library, as SQL; nothing for all. The ids are numbers.
    pub fn holds(&self, column: &str) -> Option<String> {
        match self {
            Self::All => None,
            Self::Only(some) if some.is_empty() => Some("1 = 2".to_owned()),
            Self::Only(some) => Some(format!("{column} in ({})", sql::ids(some.iter().copied()))),
        }
    }

    /// The same behind an `and`.
    pub fn and(&self, column: &str) -> String {
        self.holds(column)
            .map_or_else(String::new, |holds| format!(" and {holds}"))
    }

    /// What must hold for rows of `media`. On SQLite the plus keeps lists walking the index of their order, as they do for
    /// everybody else.
    pub fn of_media(&self, backend: DbBackend) -> Option<Expr> {
        let column = match backend {
            DbBackend::Sqlite => r#"+"media"."library_id""#,
            _ => r#""media"."library_id""#,
        };
        self.holds(column).map(Expr::cust)
    }

    /// What must hold for rows of a table whose `media_id` is their item.
    pub fn of_items(&self, table: &'static str) -> Option<Expr> {
        let holds = self.holds("seen.library_id")?;
        let item = format!(r#"seen.id = "{table}".media_id and {holds}"#);
        let seen = Query::select()
            .expr(Expr::cust("1"))
            .from("media".into_table_ref().alias("seen"))
            .and_where(Expr::cust(item))
            .take();
        Some(Expr::exists(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_libraries_add_nothing_and_none_find_nothing() {
        assert_eq!(Libraries::All.and("x"), "");
        assert_eq!(Libraries::All.key(), "");
        assert!(Libraries::All.of_media(DbBackend::Sqlite).is_none());
        let none = Libraries::Only(BTreeSet::new());
        assert_eq!(none.and("x"), " and 1 = 2");
        assert!(!none.has(LibraryId(1)));
        let some = Libraries::Only([LibraryId(2), LibraryId(1)].into());
        assert_eq!(some.holds("x").as_deref(), Some("x in (1,2)"));
        assert_ne!(some.key(), none.key());
    }
}
