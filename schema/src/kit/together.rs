//! Small reads that different fields of a request want at the same time, in one statement: each select becomes one
//! column that holds its rows as JSON. It is for lists that are bounded and short.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kernel::{error::Failure, store::Store};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr,
    sea_query::{Expr, ExprTrait, Func, Iden, IntoColumnRef, IntoIden, Query, SelectStatement, SubQueryStatement},
};
use serde_json::Value;

use crate::kit::{cells::Cells, turn::Batches};

/// Selects in one statement; each is a column of its only row.
const MAX_SELECTS: usize = 50;

#[derive(Clone)]
struct Asked {
    id: u64,
    select: Asks,
    columns: Vec<&'static str>,
}

#[derive(Clone)]
enum Asks {
    Built(Box<SelectStatement>),
    Written(String),
}

/// The text of each answer: whoever asked reads it.
type Answered = Result<Arc<HashMap<u64, String>>, Arc<DbErr>>;

/// Reads that wait for each other, for one request.
pub struct Together {
    backend: DbBackend,
    batches: Batches<Asked, Answered>,
    next: AtomicU64,
}

impl Together {
    /// Over the connections for reading.
    pub fn new(store: &Store) -> Self {
        let db = store.reader().clone();
        Self {
            backend: store.backend(),
            batches: Batches::new(move |asked| {
                let db = db.clone();
                async move { read(&db, asked).await.map(Arc::new).map_err(Arc::new) }
            }),
            next: AtomicU64::new(0),
        }
    }

    /// Which database is read.
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// A column of bytes as the text that [`Cells::bytes`] reads.
    pub fn digits(&self, column: impl IntoColumnRef) -> Expr {
        let column = Expr::col(column);
        match self.backend {
            DbBackend::Postgres => Func::cust("encode").arg(column).arg("hex").into(),
            _ => Func::cust("hex").arg(column).into(),
        }
    }

    /// The rows of a select in its own order; `columns` are the names of its columns, all of them integers, texts,
    /// truths or absent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, select: SelectStatement, columns: Vec<&'static str>) -> Result<Vec<Cells>, Failure> {
        Ok(self.read(select, columns).await?)
    }

    /// The same for what is kept by others, too, who get the failure as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self, select: SelectStatement, columns: Vec<&'static str>) -> Result<Vec<Cells>, Arc<DbErr>> {
        self.ask(Asks::Built(Box::new(select)), columns).await
    }

    /// The same for a select that is written by hand, without values.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_text(&self, select: String, columns: Vec<&'static str>) -> Result<Vec<Cells>, Arc<DbErr>> {
        self.ask(Asks::Written(select), columns).await
    }

    async fn ask(&self, select: Asks, columns: Vec<&'static str>) -> Result<Vec<Cells>, Arc<DbErr>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let answered = self.batches.get([Asked { id, select, columns }]).await;
        let answered = answered.map_err(|failure| DbErr::Custom(failure.message))??;
        let text = answered.get(&id).map_or("[]", String::as_str);
        let rows: Vec<Vec<Value>> = serde_json::from_str(text).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(rows.into_iter().map(Cells::of).collect())
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

/// A failure that others wait for, too, for whoever has it alone.
pub fn unshared(error: Arc<DbErr>) -> DbErr {
    Arc::try_unwrap(error).unwrap_or_else(|error| DbErr::Custom(error.to_string()))
}

async fn read(db: &DatabaseConnection, asked: Vec<Asked>) -> Result<HashMap<u64, String>, DbErr> {
    let mut answered = HashMap::with_capacity(asked.len());
    for chunk in asked.chunks(MAX_SELECTS) {
        let Some(row) = db.query_one(&statement(db.get_database_backend(), chunk)).await? else {
            continue;
        };
        for (at, asked) in chunk.iter().enumerate() {
            // PostgreSQL gathers nothing of no rows.
            let text: Option<String> = row.try_get_by_index(at)?;
            answered.extend(text.map(|text| (asked.id, text)));
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
        // Both databases aggregate in the order of a sorted subquery as long as nothing is joined to it.
        let part = match &asked.select {
            Asks::Built(select) => {
                let cells = asked.columns.iter().map(|column| Expr::col(("part", *column)));
                let rows = Func::cust(name(gather)).arg(Func::cust(name(row)).args(cells));
                let part = Query::select()
                    .expr(Expr::from(rows).cast_as("text"))
                    .from_subquery((**select).clone(), "part")
                    .take();
                Expr::from(SubQueryStatement::from(part))
            }
            Asks::Written(select) => {
                let cells = asked.columns.join(", ");
                Expr::cust(format!(
                    "(select cast({gather}({row}({cells})) as text) from ({select}) as part)"
                ))
            }
        };
        all.expr(part);
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
