//! Edits, as clients see them.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object, SimpleObject};
use dataloader::{BatchFn, cached::Loader};
use entities::{
    edit,
    id::{EditId, UserId},
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{DatabaseConnection, DbErr};
use serde_json::Value as Json;

use super::{
    ledger::{self, Record},
    row::shown,
    table::{MEDIA_USER, SubjectKind},
};
use crate::{
    kit::{
        access::require,
        connection::{Connection, Total},
        cursor::RowCursor,
        error::ToGraphql,
        id,
        keyset::{IdPage, Keyset, PageRow},
        loader::YIELDS,
        page::{self, PageArgs},
        scalar::{DateTime, JsonValue},
    },
    limits,
};

/// A change that somebody made.
#[derive(Clone)]
pub struct Edit {
    /// The row.
    pub row: Arc<edit::Model>,
}

/// A change that somebody made, with what it changed. Edits are kept for ninety days.
#[Object]
impl Edit {
    /// Its id, which is also its undo token.
    pub async fn id(&self) -> ID {
        id::id(self.row.id)
    }

    /// The name of the mutation, such as `mergeTags`.
    async fn action(&self) -> &str {
        &self.row.action
    }

    /// The name of the account that made it, at that time.
    async fn actor(&self) -> &str {
        &self.row.actor
    }

    /// The account that made it; null when it was deleted since.
    async fn actor_id(&self) -> Option<ID> {
        self.row.user_id.map(id::id)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// How many things it changed.
    async fn changed_count(&self) -> i64 {
        self.row.n_subjects
    }

    /// Whether it was undone.
    async fn is_undone(&self) -> bool {
        self.row.undone_by_id.is_some()
    }

    /// The edit that it took back, if it is an undo.
    async fn undoes_id(&self) -> Option<ID> {
        self.row.undoes_id.map(id::id)
    }

    /// The job that made it, if it was too large for one request.
    async fn job_id(&self) -> Option<ID> {
        self.row.job_id.map(id::id)
    }

    /// What it changed, thing by thing, in the order of the changes.
    #[graphql(complexity = "limits::page_cost(first, last, child_complexity)")]
    async fn changes(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<EditChange>> {
        changes(cx, &self.row, &PageArgs::new(first, after, last, before))
            .await
            .graphql()
    }
}

/// What an edit changed about one thing.
#[derive(Clone)]
pub struct EditChange {
    record: Record,
    hides_own_of_others: bool,
}

/// What an edit changed about one thing.
#[Object]
impl EditChange {
    /// What the thing is.
    async fn kind(&self) -> SubjectKind {
        self.record.kind
    }

    /// The thing's id. It may be gone by now.
    async fn subject_id(&self) -> ID {
        ID(self.record.kind.id(self.record.subject))
    }

    /// The rows that changed. What others think of an item is not among them.
    async fn differences(&self) -> Vec<EditDifference> {
        let is_shown =
            |difference: &&ledger::Difference| !self.hides_own_of_others || difference.table != MEDIA_USER.name;
        let shown = |difference: &ledger::Difference| {
            let image = |image: &Option<serde_json::Map<String, Json>>| {
                let image = image.as_ref()?;
                let json = difference.table().map_or(Json::Null, |table| shown(table, image));
                Some(JsonValue(json))
            };
            EditDifference {
                table: difference.table.clone(),
                before: image(&difference.before),
                after: image(&difference.after),
            }
        };
        self.record.differences.iter().filter(is_shown).map(shown).collect()
    }
}

/// How a row changed.
#[derive(SimpleObject)]
pub struct EditDifference {
    /// The table, such as `media_tag`.
    table: String,
    /// The columns before; null for a row that was made. Of a changed row the key and what changed.
    before: Option<JsonValue>,
    /// The columns after; null for a row that went.
    after: Option<JsonValue>,
}

type Asked = (EditId, i64, i64);
type Loaded = Result<Vec<Record>, Arc<DbErr>>;

/// The changes of edits of one request.
pub struct ChangePages {
    loader: Loader<Asked, Loaded, Read>,
}

struct Read {
    db: DatabaseConnection,
}

impl ChangePages {
    /// A loader over the reader.
    pub fn new(kernel: &Kernel) -> Self {
        let loader = Loader::new(Read {
            db: kernel.store.reader().clone(),
        });
        Self {
            loader: loader.with_yield_count(YIELDS).with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }
}

impl BatchFn<Asked, Loaded> for Read {
    async fn load(&mut self, asked: &[Asked]) -> HashMap<Asked, Loaded> {
        let mut ranges: HashMap<(i64, i64), Vec<EditId>> = HashMap::new();
        for (edit, from, to) in asked {
            ranges.entry((*from, *to)).or_default().push(*edit);
        }
        let mut loaded: HashMap<Asked, Loaded> = HashMap::new();
        for ((from, to), edits) in ranges {
            match ledger::records(&self.db, &edits, from, to).await {
                Ok(records) => {
                    loaded.extend(edits.iter().map(|edit| ((*edit, from, to), Ok(Vec::new()))));
                    for record in records {
                        if let Some(Ok(page)) = loaded.get_mut(&(record.edit, from, to)) {
                            page.push(record);
                        }
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    loaded.extend(edits.iter().map(|edit| ((*edit, from, to), Err(Arc::clone(&error)))));
                }
            }
        }
        loaded
    }
}

/// A page of the changes of an edit. Their places are dense, so a page is a range of them.
async fn changes(cx: &Context<'_>, edit: &edit::Model, args: &PageArgs) -> Result<Connection<EditChange>, Failure> {
    let viewer: UserId = require(cx)?.user;
    let keyset = Keyset {
        keys: Vec::new(),
        id: sea_orm::sea_query::Expr::col("position"),
        is_descending: false,
        signature: "changes".to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let total = edit.n_subjects;
    let (least, end) = (
        window.after.as_ref().map_or(0, |cursor| cursor.id + 1).clamp(0, total),
        window.before.as_ref().map_or(total, |cursor| cursor.id).clamp(0, total),
    );
    let limit = window.limit as i64;
    let (from, to) = if window.is_backward {
        ((end - limit).max(least), end)
    } else {
        (least, (least + limit).min(end))
    };
    let loader = cx.data_unchecked::<Arc<crate::caches::Loaders>>();
    let records = match from < to {
        true => loader
            .edit_changes
            .loader
            .try_load((edit.id, from, to))
            .await
            .map_err(Failure::internal)??,
        false => Vec::new(),
    };
    let cursor = RowCursor::OfId(keyset.signature.as_str().into());
    let row = |record: &Record| PageRow {
        id: record.position,
        cursor: cursor.clone(),
    };
    let page = IdPage {
        rows: records.iter().map(row).collect(),
        has_next: to < total,
        has_previous: from > 0,
        total: Some(total),
    };
    let hides_own_of_others = edit.user_id != Some(viewer);
    let mut records: HashMap<i64, Record> = records.into_iter().map(|record| (record.position, record)).collect();
    let found: HashMap<i64, EditChange> = records
        .drain()
        .map(|(position, record)| {
            (
                position,
                EditChange {
                    record,
                    hides_own_of_others,
                },
            )
        })
        .collect();
    Ok(Connection::new(page, Total::Known(total), |position| {
        found.get(&position).cloned()
    }))
}
