//! The end of an edit as one statement: who did what to which things, and what follows from it for time stamps, counters
//! and the search.
//!
//! It is one JSON object. On SQLite the trigger of the view `edit_settlement` takes it apart; on PostgreSQL one statement
//! with a part for each table does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use entities::id::MediaId;
use kernel::{
    changes::{self, ChangeKind},
    sql,
    store::Tx,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use serde_json::{Value as Json, json};

use crate::search::index::Prepared;

/// What is to be written. What is empty is left as it is.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// The edit's own row; of one that is there already the counts grow.
    pub head: Option<Json>,
    /// The rows of what it changed.
    pub subjects: Vec<Json>,
    /// Edits, and by which one they are undone now.
    pub undone: Vec<(i64, Option<i64>)>,
    /// The time of everything in it.
    pub now: i64,
    /// Items that changed now.
    pub media: Vec<i64>,
    /// By how much counters move: the table, then ids.
    pub counts: BTreeMap<&'static str, Vec<(i64, i64)>>,
    /// What the search is to hold.
    pub search: Prepared,
    /// Items that the log of changes is to tell of.
    pub told: BTreeSet<MediaId>,
}

impl Settlement {
    fn is_empty(&self) -> bool {
        self.head.is_none()
            && self.undone.is_empty()
            && self.media.is_empty()
            && self.counts.is_empty()
            && self.search.is_empty()
            && self.told.is_empty()
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write(self, tx: &Tx) -> Result<(), DbErr> {
        if self.is_empty() {
            return Ok(());
        }
        let backend = tx.get_database_backend();
        let changes = (!self.told.is_empty()).then(|| json!([ChangeKind::Changed as i64, changes::named(&self.told)]));
        let mut body = json!({
            "head": self.head.as_slice(),
            "subjects": self.subjects,
            "undone": self.undone,
            "now": self.now,
            "media": self.media,
            "documents": self.search.documents(backend),
            "words": self.search.words(),
            "changes": changes.as_slice(),
        });
        for (table, counts) in self.counts {
            body[table] = json!(counts);
        }
        let text = match backend {
            DbBackend::Postgres => &*PARTS,
            _ => "insert into edit_settlement (body) values ($1)",
        };
        sql::execute(&**tx, text, [body.to_string().into()]).await?;
        Ok(())
    }
}

/// The trigger of the view, in PostgreSQL's words.
static PARTS: LazyLock<String> = LazyLock::new(|| {
    format!("
with body as materialized (select cast($1 as jsonb) as parts),
head as (
    insert into edit (
        id, user_id, actor, action, is_private, n_subjects, n_changes, job_id, undoes_id, undone_by_id, created_at
    )
    select cast(row ->> 0 as bigint), cast(row ->> 1 as bigint), row ->> 2, row ->> 3, cast(row ->> 4 as boolean),
        cast(row ->> 5 as bigint), cast(row ->> 6 as bigint), cast(row ->> 7 as bigint), cast(row ->> 8 as bigint), null,
        cast(row ->> 9 as bigint)
    from body, jsonb_array_elements(parts -> 'head') as row
    on conflict (id) do update set
        n_subjects = edit.n_subjects + excluded.n_subjects,
        n_changes = edit.n_changes + excluded.n_changes,
        is_private = excluded.is_private
),
subjects as (
    insert into edit_subject (edit_id, position, kind, subject_id, changes)
    select cast(row ->> 0 as bigint), cast(row ->> 1 as bigint), cast(row ->> 2 as integer), cast(row ->> 3 as bigint),
        row ->> 4
    from body, jsonb_array_elements(parts -> 'subjects') as row
),
undone as (
    update edit set undone_by_id = cast(row ->> 1 as bigint)
    from body, jsonb_array_elements(parts -> 'undone') as row
    where edit.id = cast(row ->> 0 as bigint)
),
stamped as (
    update media set updated_at = cast(parts ->> 'now' as bigint)
    from body, jsonb_array_elements_text(parts -> 'media') as wanted (changed_id)
    where media.id = cast(changed_id as bigint)
),
tags as (
    update tag set n_media = n_media + cast(row ->> 1 as bigint)
    from body, jsonb_array_elements(parts -> 'tag') as row
    where tag.id = cast(row ->> 0 as bigint)
),
people as (
    update person set n_media = n_media + cast(row ->> 1 as bigint)
    from body, jsonb_array_elements(parts -> 'person') as row
    where person.id = cast(row ->> 0 as bigint)
),
studios as (
    update studio set n_media = n_media + cast(row ->> 1 as bigint)
    from body, jsonb_array_elements(parts -> 'studio') as row
    where studio.id = cast(row ->> 0 as bigint)
),
collections as (
    update collection set n_media = n_media + cast(row ->> 1 as bigint)
    from body, jsonb_array_elements(parts -> 'collection') as row
    where collection.id = cast(row ->> 0 as bigint)
),
documents as (
    insert into media_search (media_id, document)
    select cast(row ->> 0 as bigint), cast(row ->> 1 as tsvector)
    from body, jsonb_array_elements(parts -> 'documents') as row
    on conflict (media_id) do update set document = excluded.document
),
held as materialized ({} from body where jsonb_array_length(parts -> 'changes') > 0),
told as (
    insert into library_change (id, kind, media_ids, created_at)
    select nextval('library_change_id_seq'), cast(row ->> 0 as bigint), row ->> 1, cast(parts ->> 'now' as bigint)
    from body, jsonb_array_elements(parts -> 'changes') as row, held
),
forgotten as (
    delete from library_change where id <= (select max(id) - {} from library_change)
)
insert into search_word (n_letters, word)
select cast(row ->> 0 as integer), row ->> 1
from body, jsonb_array_elements(parts -> 'words') as row
on conflict do nothing", changes::HOLD, changes::KEPT)
});
