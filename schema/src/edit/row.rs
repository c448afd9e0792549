//! The image of a row: the columns that people decide, as JSON values in the order of their table.

use sea_orm::{DbErr, QueryResult, Value};
use serde_json::{Map, Value as Json};

use super::table::{Kind, Table};

/// The image of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Json>);

impl Row {
    /// The value of a column.
    ///
    /// # Panics
    /// When the table has no such column: a mistake in the program.
    pub fn get(&self, table: &Table, column: &str) -> &Json {
        &self.0[table.at(column)]
    }

    /// A whole number of a column; 0 where there is none.
    pub fn int(&self, table: &Table, column: &str) -> i64 {
        self.get(table, column).as_i64().unwrap_or_default()
    }

    /// The text of a column.
    pub fn text(&self, table: &Table, column: &str) -> Option<&str> {
        self.get(table, column).as_str()
    }

    /// The image with another value of a column.
    pub fn with(mut self, table: &Table, column: &str, value: impl Into<Json>) -> Self {
        self.0[table.at(column)] = value.into();
        self
    }

    /// The values of the key as one text.
    pub(super) fn key(&self, table: &Table) -> String {
        Json::Array(self.0[..table.n_key].to_vec()).to_string()
    }

    /// Reads an image from a row whose columns are the table's.
    pub(super) fn read(table: &Table, row: &QueryResult) -> Result<Self, DbErr> {
        let value = |(index, column): (usize, &super::table::Column)| -> Result<Json, DbErr> {
            Ok(match column.kind {
                Kind::Id(_) | Kind::Long => row.try_get_by_index::<Option<i64>>(index)?.into(),
                Kind::Int => row.try_get_by_index::<Option<i32>>(index)?.into(),
                Kind::Flag => row.try_get_by_index::<Option<bool>>(index)?.into(),
                Kind::Real => row.try_get_by_index::<Option<f64>>(index)?.into(),
                Kind::Text | Kind::Name => row.try_get_by_index::<Option<String>>(index)?.into(),
            })
        };
        let values = table.columns.iter().enumerate().map(value);
        Ok(Self(values.collect::<Result<_, _>>()?))
    }

    /// The value of a column for a statement.
    pub(super) fn bind(kind: Kind, value: &Json) -> Value {
        match kind {
            Kind::Id(_) | Kind::Long => Value::BigInt(value.as_i64()),
            Kind::Int => Value::Int(value.as_i64().map(|value| value as i32)),
            Kind::Flag => Value::Bool(value.as_bool()),
            Kind::Real => Value::Double(value.as_f64()),
            Kind::Text | Kind::Name => Value::String(value.as_str().map(str::to_owned)),
        }
    }

    /// The image as an object; without `columns` all of it.
    pub(super) fn object(&self, table: &Table, columns: Option<&[usize]>) -> Map<String, Json> {
        let all: Vec<usize> = (0..table.columns.len()).collect();
        let pair = |at: &usize| (table.columns[*at].name.to_owned(), self.0[*at].clone());
        columns.unwrap_or(&all).iter().map(pair).collect()
    }
}

/// An object of column names as people see it: ids as clients know them.
pub(super) fn shown(table: &Table, object: &Map<String, Json>) -> Json {
    let show = |(name, value): (&String, &Json)| {
        let kind = table
            .columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| column.kind);
        let value = match (kind, value.as_i64()) {
            (Some(Kind::Id(text)), Some(id)) => Json::from(text(id)),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Json::Object(object.iter().map(show).collect())
}
