//! Row differences as statements: few, whatever their number.

use std::collections::{BTreeMap, HashSet};

use kernel::{error::Failure, sql, store::Tx};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Value};
use serde_json::Value as Json;

use super::{
    change::Change,
    row::Row,
    table::{Kind, Shape, Table},
};
use crate::kit::error::violates;

/// Rows in one statement: with ten columns each they stay below PostgreSQL's and SQLite's number of parameters.
const CHUNK: usize = 400;

/// Writes changes: what goes, then what comes, then what changes, each in the order that references demand.
pub(super) async fn write(tx: &Tx, changes: &[Change], now: i64) -> Result<(), Failure> {
    let mut tables: BTreeMap<usize, (&'static Table, Vec<&Change>)> = BTreeMap::new();
    for change in changes {
        let entry = tables.entry(change.table.rank());
        entry.or_insert_with(|| (change.table, Vec::new())).1.push(change);
    }
    let goes = |change: &&Change| change.after.is_none();
    let named = |change: &Change| {
        (
            change.table.name,
            change.before.as_ref().and_then(|row| row.0[0].as_i64()),
        )
    };
    let gone: HashSet<(&str, Option<i64>)> = changes.iter().filter(goes).map(named).collect();
    for (table, changes) in tables.values().rev() {
        // Links go with what they link, by their foreign keys.
        let goes_along = |row: &&Row| {
            let keys = table
                .parents
                .iter()
                .filter(|(column, _)| table.at(column) < table.n_key);
            let mut parents = keys.map(|(column, parent)| (*parent, row.get(table, column).as_i64()));
            table.n_key > 1 && parents.any(|parent| gone.contains(&parent))
        };
        let gone: Vec<&Row> = changes
            .iter()
            .copied()
            .filter(goes)
            .filter_map(|change| change.before.as_ref())
            .filter(|row| !goes_along(row))
            .collect();
        for chunk in gone.chunks(CHUNK) {
            delete(tx, table, chunk).await?;
        }
    }
    for (table, changes) in tables.values() {
        let of = |is_new: bool| {
            let of = changes.iter().filter(move |change| change.before.is_none() == is_new);
            of.filter_map(|change| change.after.as_ref()).collect::<Vec<&Row>>()
        };
        for chunk in of(true).chunks(CHUNK) {
            insert(tx, table, chunk, now)
                .await
                .map_err(|error| clash(table, chunk, error))?;
        }
        let changed = of(false);
        for chunk in changed.chunks(CHUNK) {
            let done = match table.shape {
                Shape::Own(_) => insert(tx, table, chunk, now).await,
                _ => update(tx, table, chunk, now).await,
            };
            done.map_err(|error| clash(table, chunk, error))?;
        }
    }
    Ok(())
}

/// A clash of names as the code that clients know.
fn clash(table: &Table, rows: &[&Row], error: DbErr) -> Failure {
    let Some((_, code)) = table.unique.filter(|(constraint, _)| violates(&error, constraint)) else {
        return error.into();
    };
    let name = match rows {
        [row] => row.text(table, "name").unwrap_or_default(),
        _ => "one of these",
    };
    let noun = table.name.replace('_', " ");
    Failure::new(code, format!("there is a {noun} named `{name}` already"))
}

/// `key in (..)` for the keys of rows; keys of numbers go into the text.
pub(super) fn keyed(table: &Table, rows: &[&Row], values: &mut Vec<Value>) -> String {
    let mut one = |kind: Kind, value: &Json| match (kind, value) {
        (Kind::Id(_) | Kind::Long | Kind::Int, Json::Number(number)) => number.to_string(),
        _ => {
            values.push(Row::bind(kind, value));
            format!("${}", values.len())
        }
    };
    let mut tuple = |row: &&Row| {
        let parts: Vec<String> = table.columns[..table.n_key]
            .iter()
            .zip(&row.0)
            .map(|(column, value)| one(column.kind, value))
            .collect();
        if table.n_key == 1 {
            parts.join(", ")
        } else {
            format!("({})", parts.join(", "))
        }
    };
    let tuples: Vec<String> = rows.iter().map(&mut tuple).collect();
    let names: Vec<&str> = table.columns[..table.n_key].iter().map(|column| column.name).collect();
    if table.n_key == 1 {
        format!("{} in ({})", names.join(", "), tuples.join(", "))
    } else {
        format!("({}) in (values {})", names.join(", "), tuples.join(", "))
    }
}

async fn delete(tx: &Tx, table: &Table, rows: &[&Row]) -> Result<(), DbErr> {
    let mut values = Vec::new();
    let keyed = keyed(table, rows, &mut values);
    sql::execute(&**tx, format!("delete from {} where {keyed}", table.name), values).await?;
    Ok(())
}

/// Makes rows; those of an account are changed where they are.
async fn insert(tx: &Tx, table: &Table, rows: &[&Row], now: i64) -> Result<(), DbErr> {
    let (defaults, is_own) = match table.shape {
        Shape::Whole(defaults) => (defaults, false),
        Shape::Own(defaults) => (defaults, true),
        Shape::Part => (&[][..], false),
    };
    let mut names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    names.extend(defaults.iter().map(|(name, _)| *name));
    if table.is_stamped {
        names.push("updated_at");
    }
    let mut values = Vec::with_capacity(rows.len() * table.columns.len());
    let mut tuples = Vec::with_capacity(rows.len());
    for row in rows {
        let mut parts = Vec::with_capacity(names.len());
        for (column, value) in table.columns.iter().zip(&row.0) {
            values.push(Row::bind(column.kind, value));
            parts.push(format!("${}", values.len()));
        }
        parts.extend(defaults.iter().map(|(_, value)| (*value).to_owned()));
        if table.is_stamped {
            parts.push(now.to_string());
        }
        tuples.push(format!("({})", parts.join(", ")));
    }
    let mut text = format!(
        "insert into {} ({}) values {}",
        table.name,
        names.join(", "),
        tuples.join(", ")
    );
    if is_own {
        let key: Vec<&str> = names[..table.n_key].to_vec();
        let sets: Vec<String> = table.columns[table.n_key..]
            .iter()
            .map(|column| column.name)
            .chain(table.is_stamped.then_some("updated_at"))
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        text.push_str(&format!(
            " on conflict ({}) do update set {}",
            key.join(", "),
            sets.join(", ")
        ));
    }
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// Changes rows that are there: one statement for all of a chunk.
async fn update(tx: &Tx, table: &Table, rows: &[&Row], now: i64) -> Result<(), DbErr> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let mut values = Vec::with_capacity(rows.len() * names.len());
    let mut tuples = Vec::with_capacity(rows.len());
    for row in rows {
        let mut parts = Vec::with_capacity(names.len());
        for (column, value) in table.columns.iter().zip(&row.0) {
            values.push(Row::bind(column.kind, value));
            parts.push(format!("${}", values.len()));
        }
        tuples.push(format!("({})", parts.join(", ")));
    }
    let mut sets: Vec<String> = names[table.n_key..]
        .iter()
        .map(|name| format!("{name} = fresh.{name}"))
        .collect();
    if table.is_stamped {
        sets.push(format!("updated_at = {now}"));
    }
    let on: Vec<String> = names[..table.n_key]
        .iter()
        .map(|name| format!("{}.{name} = fresh.{name}", table.name))
        .collect();
    let text = format!(
        "with fresh ({}) as (values {}) update {} set {} from fresh where {}",
        names.join(", "),
        tuples.join(", "),
        table.name,
        sets.join(", "),
        on.join(" and ")
    );
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// The images of rows whose column has one of these values, by key.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    table: &Table,
    column: &str,
    ids: &[i64],
) -> Result<Vec<Row>, DbErr> {
    // What is read to be changed must not change meanwhile; SQLite has one writer.
    let lock = if db.get_database_backend() == DbBackend::Postgres {
        "for update"
    } else {
        ""
    };
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let order = names[..table.n_key].join(", ");
    let names = names.join(", ");
    let mut rows = Vec::new();
    for chunk in ids.chunks(sql::CHUNK) {
        let list = sql::ids(chunk.iter().copied());
        let text = format!(
            "select {names} from {} where {column} in ({list}) order by {order} {lock}",
            table.name
        );
        for row in sql::rows(db, text, []).await? {
            rows.push(Row::read(table, &row)?);
        }
    }
    Ok(rows)
}

/// The images of rows that have the keys of these.
pub(super) async fn read_keys(db: &impl ConnectionTrait, table: &Table, like: &[&Row]) -> Result<Vec<Row>, DbErr> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let mut rows = Vec::new();
    for chunk in like.chunks(CHUNK) {
        let mut values = Vec::new();
        let keyed = keyed(table, chunk, &mut values);
        let text = format!("select {} from {} where {keyed}", names.join(", "), table.name);
        for row in sql::rows(db, text, values).await? {
            rows.push(Row::read(table, &row)?);
        }
    }
    Ok(rows)
}
