//! Rows of several tables that an edit wants before it begins, in one statement.

use entities::id::LibraryId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use serde_json::Value as Json;

use super::{
    row::Row,
    session::{Edit, Locked},
    table::{Kind, Table},
};
use crate::kit::held;

/// Rows of a table that an edit wants.
pub struct Want {
    /// Where they are.
    pub table: &'static Table,
    /// Which they are: SQL whose only values are ids.
    pub condition: String,
}

const ITEM: [&str; 4] = ["id", "added_at", "missing_at", "library_id"];

impl Edit {
    /// The rows of each want, by key; nobody changes them until the edit ends. `items` is which items the edit holds, too.
    /// Fractions lose digits on the way: a table that has any is read by [`Edit::read`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gather(&mut self, wants: &[Want], items: &str) -> Result<Vec<Vec<Row>>, DbErr> {
        let is_postgres = self.tx().get_database_backend() == DbBackend::Postgres;
        let mut parts = vec![part(is_postgres, wants.len(), "media", (&ITEM, 1), items)];
        for (at, Want { table, condition }) in wants.iter().enumerate() {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            parts.push(part(is_postgres, at, table.name, (&names, table.n_key), condition));
        }
        let mut found: Vec<Vec<Row>> = wants.iter().map(|_| Vec::new()).collect();
        let text = parts.join(" union all ");
        let hold = format!("select count(*) from ({text}) as held");
        for row in held::read(self.tx(), &hold, &text).await? {
            let at: i32 = row.try_get_by_index(0)?;
            let cells: String = row.try_get_by_index(1)?;
            let cells: Vec<Json> = serde_json::from_str(&cells).map_err(|error| DbErr::Json(error.to_string()))?;
            let Some((rows, Want { table, .. })) = found.get_mut(at as usize).zip(wants.get(at as usize)) else {
                self.hold(&cells);
                continue;
            };
            // SQLite has numbers for truths.
            let cell = |(column, cell): (&super::table::Column, Json)| match (column.kind, cell.as_i64()) {
                (Kind::Flag, Some(number)) => Json::Bool(number != 0),
                _ => cell,
            };
            rows.push(Row(table.columns.iter().zip(cells).map(cell).collect()));
        }
        for (rows, Want { table, .. }) in found.iter_mut().zip(wants) {
            rows.sort_by_cached_key(|row| row.key(table));
        }
        Ok(found)
    }

    fn hold(&mut self, cells: &[Json]) {
        let [id, added_at, missing_at, library] = cells else {
            return;
        };
        let locked = Locked {
            added_at: added_at.as_i64().unwrap_or_default(),
            is_counted: missing_at.is_null(),
            library: LibraryId(library.as_i64().unwrap_or_default()),
        };
        self.locked(id.as_i64().unwrap_or_default(), locked);
    }
}

fn part(is_postgres: bool, at: usize, table: &str, (names, n_key): (&[&str], usize), condition: &str) -> String {
    let (array, lock) = match is_postgres {
        true => ("json_build_array", "for update"),
        false => ("json_array", ""),
    };
    let key = names[..n_key].join(", ");
    let names = names.join(", ");
    format!(
        "select {at} as part, cast({array}({names}) as text) as cells from (select {names} from {table} where {condition} order by {key} \
         {lock}) as part_{at}"
    )
}
