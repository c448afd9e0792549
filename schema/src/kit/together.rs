//! Small reads that different fields of a request want at the same time, in one statement: each select becomes one
//! column that holds its rows as JSON. It is for lists that are bounded and short.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use kernel::{error::Failure, store::Store};
use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseConnection, DbBackend, DbErr,
    sea_query::{Expr, ExprTrait, Func, Iden, IntoIden, Query, SelectStatement, SubQueryStatement},
};
use serde_json::Value;

use crate::kit::turn::Batches;

/// Selects in one statement; each is a column of its only row.
const MAX_SELECTS: usize = 50;

#[derive(Clone)]
struct Asked {
    id: u64,
    select: SelectStatement,
    columns: Vec<&'static str>,
}

type Answered = Result<Arc<Vec<(u64, Vec<Vec<Value>>)>>, Arc<DbErr>>;

/// Reads that wait for each other, for one request.
pub struct Together {
    batches: Batches<Asked, Answered>,
    next: AtomicU64,
}

impl Together {
    /// Over the connections for reading.
    pub fn new(store: &Store) -> Self {
        let db = store.reader().clone();
        Self {
            batches: Batches::new(move |asked| {
                let db = db.clone();
                async move { read(&db, asked).await.map(Arc::new).map_err(Arc::new) }
            }),
            next: AtomicU64::new(0),
        }
    }

    /// The rows of a select in its own order; `columns` are the names of its columns, all of them integers, texts or
    /// absent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, select: SelectStatement, columns: Vec<&'static str>) -> Result<Vec<Cells>, Failure> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let answered = self.batches.get([Asked { id, select, columns }]).await??;
        let own = answered.iter().find(|(of, _)| *of == id).map(|(_, rows)| rows.clone());
        Ok(own
            .unwrap_or_default()
            .into_iter()
            .map(|row| Cells(row.into_iter()))
            .collect())
    }

    /// The one number of a select, such as a count; its column is named `n`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn number(&self, select: SelectStatement) -> Result<i64, Failure> {
        let mut rows = self.rows(select, vec!["n"]).await?;
        Ok(rows.first_mut().map_or(Ok(0), Cells::int)?)
    }
}

async fn read(db: &DatabaseConnection, asked: Vec<Asked>) -> Result<Vec<(u64, Vec<Vec<Value>>)>, DbErr> {
    let mut answered = Vec::with_capacity(asked.len());
    for chunk in asked.chunks(MAX_SELECTS) {
        let Some(row) = db.query_one(&statement(db.get_database_backend(), chunk)).await? else {
            continue;
        };
        for (at, asked) in chunk.iter().enumerate() {
            let text: Option<String> = row.try_get_by_index(at)?;
            let rows = serde_json::from_str(text.as_deref().unwrap_or("[]"));
            answered.push((asked.id, rows.map_err(|error| DbErr::Json(error.to_string()))?));
        }
    }
    Ok(answered)
}

fn statement(backend: DbBackend, asked: &[Asked]) -> SelectStatement {
    let (gather, row) = match backend {
        DbBackend::Postgres => ("json_agg", "json_build_array"),
        _ => ("json_group_array", "json_array"),
    };
    let mut all = Query::select();
    for asked in asked {
        let cells = asked.columns.iter().map(|column| Expr::col(("part", *column)));
        let rows = Func::cust(name(gather)).arg(Func::cust(name(row)).args(cells));
        // Both databases aggregate in the order of a sorted subquery as long as nothing is joined to it.
        let part = Query::select()
            .expr(Expr::from(rows).cast_as("text"))
            .from_subquery(asked.select.clone(), "part")
            .take();
        all.expr(Expr::from(SubQueryStatement::from(part)));
    }
    all
}

fn name(function: &'static str) -> impl IntoIden {
    struct Name(&'static str);
    impl Iden for Name {
        fn unquoted(&self) -> &str {
            self.0
        }
    }
    Name(function)
}

/// The values of a row, taken one after the other.
pub struct Cells(std::vec::IntoIter<Value>);

impl Cells {
    /// The next value as an integer.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&mut self) -> Result<i64, DbErr> {
        self.int_or_absent()?
            .ok_or_else(|| unexpected("an integer", &Value::Null))
    }

    /// The next value as an integer, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn int_or_absent(&mut self) -> Result<Option<i64>, DbErr> {
        match self.0.next() {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| unexpected("an integer", &value)),
        }
    }

    /// The next value as a number that stands for one of a few.
    ///
    /// # Errors
    /// When it does not.
    pub fn one_of<E: ActiveEnum<Value = i32>>(&mut self) -> Result<E, DbErr> {
        E::try_from_value(&self.small()?)
    }

    /// The next value as an integer of 32 bits.
    ///
    /// # Errors
    /// When it is none.
    pub fn small(&mut self) -> Result<i32, DbErr> {
        i32::try_from(self.int()?).map_err(|error| DbErr::Type(error.to_string()))
    }

    /// The next value as text.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&mut self) -> Result<String, DbErr> {
        self.text_or_absent()?.ok_or_else(|| unexpected("text", &Value::Null))
    }

    /// The next value as text, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text_or_absent(&mut self) -> Result<Option<String>, DbErr> {
        match self.0.next() {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(unexpected("text", &value)),
        }
    }
}

fn unexpected(wanted: &str, value: &Value) -> DbErr {
    DbErr::Type(format!("{wanted} was expected, not {value}"))
}
