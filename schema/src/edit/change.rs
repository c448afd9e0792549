//! The difference of a row, and differences of the same row as one.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::json;

use super::{
    row::Row,
    table::{SubjectKind, Table},
};

/// A difference of a row.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where.
    pub table: &'static Table,
    /// Absent for a new row.
    pub before: Option<Row>,
    /// Absent for a row that goes.
    pub after: Option<Row>,
}

impl Change {
    /// The images that there are.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        [&self.before, &self.after].into_iter().flatten()
    }

    /// The items that its row is of.
    pub(super) fn media(&self) -> impl Iterator<Item = i64> {
        let column = match self.table.name {
            "media" => Some("id"),
            _ => self
                .table
                .columns
                .iter()
                .map(|column| column.name)
                .find(|name| *name == "media_id"),
        };
        let of_row = move |row: &Row| column.map(|column| row.int(self.table, column));
        self.rows().filter_map(of_row)
    }

    pub(super) fn subject(&self) -> (SubjectKind, i64) {
        let (kind, column) = self.table.subject;
        let id = self.rows().next().map_or(0, |row| row.int(self.table, column));
        (kind, id)
    }

    /// The difference as it is kept: of a changed row the key and what changed.
    pub(super) fn kept(&self) -> serde_json::Value {
        let columns = match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let differs = |at: &usize| *at < self.table.n_key || before.0[*at] != after.0[*at];
                Some((0..self.table.columns.len()).filter(differs).collect::<Vec<usize>>())
            }
            _ => None,
        };
        let object = |row: &Option<Row>| row.as_ref().map(|row| row.object(self.table, columns.as_deref()));
        json!({ "table": self.table.name, "before": object(&self.before), "after": object(&self.after) })
    }
}

/// One change a row: what it was before the first and is after the last.
pub(super) fn coalesced(changes: Vec<Change>) -> Vec<Change> {
    let mut places: HashMap<(&'static str, String), usize> = HashMap::new();
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let Some(key) = change.rows().next().map(|row| row.key(change.table)) else {
            continue;
        };
        match places.entry((change.table.name, key)) {
            Entry::Occupied(place) => kept[*place.get()].after = change.after,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(change);
            }
        }
    }
    kept.retain(|change| change.before != change.after);
    kept
}
