//! The text of subtitles, and the search index of it.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the tables of texts and the index. Lines have a table of their own: who looks for what is not read yet walks past all
/// that is. The index is one of its own: a film has ten thousand words, which no change of a
/// title may write anew.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TEXTS).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            ddl::apply(manager, DOCUMENTS).await?;
            return ddl::apply(manager, FUNCTION).await;
        }
        // The trigger's body has semicolons of its own.
        for statement in [VIRTUAL_TABLE, TRIGGER] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

const TEXTS: &str = "
create table subtitle_text (
    file_id bigint not null primary key,
    size bigint not null,
    mtime_ns bigint not null,
    beside text not null,
    version integer not null,
    n_lines bigint not null,
    failure text,
    retry_at bigint,
    read_at bigint not null,
    constraint subtitle_text_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create table subtitle_lines (
    file_id bigint not null primary key,
    packed bytea not null,
    constraint subtitle_lines_file_id_fkey foreign key (file_id) references subtitle_text (file_id) on delete cascade
);
create index media_has_subtitles_idx on media (id) where has_subtitles
";

const DOCUMENTS: &str = "
create table subtitle_search (
    media_id bigint not null primary key,
    document tsvector not null,
    constraint subtitle_search_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index subtitle_search_document_idx on subtitle_search using gin (document) with (gin_pending_list_limit = 64)
";

// Of a frequent word the planner would read the whole table: it counts pages, and the words of a film are not in them but
// unpacked one film after the other, two hundred times as slow as the index.
const FUNCTION: &str = "
create function subtitle_search_find(query tsquery) returns table (id bigint)
language sql stable rows 1000 set enable_seqscan = off
as 'select media_id from subtitle_search where document @@ query'
";

// As in `media_search`, words come folded.
const VIRTUAL_TABLE: &str = r#"
create virtual table subtitle_search using fts5(
    lines, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0"
)"#;

const TRIGGER: &str = "
create trigger subtitle_search_delete after delete on media begin
    delete from subtitle_search where rowid = old.id;
end";
