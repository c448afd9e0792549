//! Many rows into one table with few statements, whose texts repeat, so that the database parses each only once.

use kernel::store::Tx;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

/// Rows per statement: what is left over goes by the smaller ones. 256 rows of the widest table stay below the 32,766
/// parameters that SQLite takes.
const STEPS: [usize; 4] = [256, 32, 4, 1];

/// Rows that wait for one table.
pub struct Bulk {
    head: String,
    n_columns: usize,
    values: Vec<Value>,
}

impl Bulk {
    /// For these columns, separated by commas.
    pub fn new(table: &str, columns: &str) -> Self {
        Self {
            head: format!("insert into {table} ({columns}) values "),
            n_columns: columns.split(',').count(),
            values: Vec::new(),
        }
    }

    /// Adds a row, its values in the order of the columns.
    pub fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.n_columns, "{}", self.head);
        self.values.extend(row);
    }

    /// Writes what waits.
    pub async fn write(&mut self, tx: &Tx) -> Result<(), DbErr> {
        let backend = tx.get_database_backend();
        let mut values = std::mem::take(&mut self.values).into_iter();
        for step in STEPS {
            let n_values = step * self.n_columns;
            while values.len() >= n_values {
                let row = values.by_ref().take(n_values).collect::<Vec<_>>();
                tx.execute_raw(Statement::from_sql_and_values(backend, self.text(step, backend), row))
                    .await?;
            }
        }
        Ok(())
    }

    fn text(&self, n_rows: usize, backend: DbBackend) -> String {
        let mut text = String::with_capacity(self.head.len() + n_rows * (self.n_columns * 6 + 3));
        text.push_str(&self.head);
        for row in 0..n_rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..self.n_columns {
                if column > 0 {
                    text.push(',');
                }
                match backend {
                    DbBackend::Postgres => text.push_str(&format!("${}", row * self.n_columns + column + 1)),
                    _ => text.push('?'),
                }
            }
            text.push(')');
        }
        text
    }
}
