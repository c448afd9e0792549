//! The paging arguments of a connection, checked.

use async_graphql::{Context, SelectionField};
use kernel::error::Failure;

use crate::{
    kit::{
        cursor::{Cursor, RowCursor},
        keyset::{IdPage, Keyset, PageRow, Window},
    },
    limits,
};

/// `first`, `after`, `last` and `before` as a client sent them.
#[derive(Debug, Clone, Default)]
pub struct PageArgs {
    /// How many from the beginning, or after `after`.
    pub first: Option<i32>,
    /// Only what comes after this cursor.
    pub after: Option<String>,
    /// How many from the end, or before `before`.
    pub last: Option<i32>,
    /// Only what comes before this cursor.
    pub before: Option<String>,
}

impl PageArgs {
    /// Gathers the arguments of a field.
    pub fn new(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Self {
        Self {
            first,
            after,
            last,
            before,
        }
    }

    /// The window of an order; `cap` is the largest page.
    pub fn window(&self, keyset: &Keyset, cap: usize) -> Result<Window, Failure> {
        let (limit, is_backward) = self.extent(cap)?;
        let decode = |text: &Option<String>, path| {
            text.as_deref()
                .map(|text| Cursor::decode(text, keyset, path))
                .transpose()
        };
        Ok(Window {
            limit,
            is_backward,
            after: decode(&self.after, "after")?,
            before: decode(&self.before, "before")?,
        })
    }

    /// A page of a list that is in memory already. The cursor of an item is `keyset`'s with the id alone.
    pub fn slice(&self, ids: &[i64], keyset: &Keyset, cap: usize) -> Result<IdPage, Failure> {
        let window = self.window(keyset, cap)?;
        let find = |cursor: &Option<Cursor>| {
            cursor
                .as_ref()
                .and_then(|cursor| ids.iter().position(|id| *id == cursor.id))
        };
        let from = find(&window.after).map_or(0, |at| at + 1);
        let to = find(&window.before).unwrap_or(ids.len()).max(from);
        let n = (window.limit as usize).min(to - from);
        let range = if window.is_backward { to - n..to } else { from..from + n };
        let cursor = RowCursor::OfId(keyset.signature.as_str().into());
        let row = |id: &i64| PageRow {
            id: *id,
            cursor: cursor.clone(),
        };
        Ok(IdPage {
            has_next: range.end < ids.len(),
            has_previous: range.start > 0,
            rows: ids[range].iter().map(row).collect(),
            total: Some(ids.len() as i64),
        })
    }

    fn extent(&self, cap: usize) -> Result<(u64, bool), Failure> {
        let (rows, path, is_backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(Failure::field("last", "give `first` or `last`, not both")),
            (None, Some(last)) => (last, "last", true),
            (Some(first), None) => (first, "first", false),
            (None, None) => {
                return Ok((
                    limits::PAGE_DEFAULT.min(cap) as u64,
                    self.before.is_some() && self.after.is_none(),
                ));
            }
        };
        match usize::try_from(rows) {
            Ok(rows) if rows <= cap => Ok((rows as u64, is_backward)),
            Ok(_) => Err(Failure::field(
                path,
                format!("at most {cap} at a time (1000 when only ids are selected)"),
            )),
            Err(_) => Err(Failure::field(path, "must not be negative")),
        }
    }
}

/// The largest page of this field: more when nothing but ids is selected.
pub fn cap(cx: &Context<'_>) -> usize {
    let has_only_ids = |fields: SelectionField<'_>| {
        fields
            .selection_set()
            .all(|field| matches!(field.name(), "id" | "__typename"))
    };
    let is_light = |field: SelectionField<'_>| match field.name() {
        "nodes" => has_only_ids(field),
        "edges" => field.selection_set().all(|field| match field.name() {
            "node" => has_only_ids(field),
            name => matches!(name, "cursor" | "__typename"),
        }),
        name => matches!(name, "pageInfo" | "totalCount" | "facets" | "__typename"),
    };
    if cx.field().selection_set().all(is_light) {
        limits::PAGE_OF_IDS
    } else {
        limits::PAGE
    }
}

/// Whether a field of the connection is selected.
pub fn selects(cx: &Context<'_>, field: &str) -> bool {
    cx.look_ahead().field(field).exists()
}
