//! Lists at a million items: indexes that cover what lists show, a stored shuffle, and the search index.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the indexes of lists and of the search.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, LISTS).await?;
        ddl::apply(manager, WORDS).await?;
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            return ddl::apply(manager, DOCUMENTS).await;
        }
        // Bodies of triggers have semicolons of their own.
        for statement in [VIRTUAL_TABLE, TRIGGER] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

// Lists leave out what is missing: an index without it is a list already, and no row must be looked up to know. The
// indexes that begin with a foreign key stay whole, because deleting what they refer to needs them.
const LISTS: &str = "
drop index media_added_at_idx;
drop index media_sort_title_idx;
drop index media_date_idx;
drop index media_modified_at_idx;
drop index media_size_idx;
drop index media_duration_us_idx;
drop index media_height_idx;
drop index media_bit_rate_idx;
drop index media_path_idx;
drop index media_kind_added_at_idx;
create index media_added_at_idx on media (added_at, id) where missing_at is null;
create index media_sort_title_idx on media (sort_title, id) where missing_at is null;
create index media_date_idx on media (date, id) where missing_at is null;
create index media_modified_at_idx on media (modified_at, id) where missing_at is null;
create index media_size_idx on media (size, id) where missing_at is null;
create index media_duration_us_idx on media (duration_us, id) where missing_at is null;
create index media_height_idx on media (height, id) where missing_at is null;
create index media_bit_rate_idx on media (bit_rate, id) where missing_at is null;
create index media_path_idx on media (path, id) where missing_at is null;
create index media_kind_added_at_idx on media (kind, added_at, id) where missing_at is null;
create index media_missing_at_idx on media (missing_at, added_at, id) where missing_at is not null;
create index media_shuffle_a_idx on media ((((((id % 2147483629) * 48271 + 11) % 2147483629) * (((id % 2147483629) * 48271 + 11) % 2147483629) + ((id % 2147483629) * 48271 + 11)) % 2147483629), id) where missing_at is null;
create index media_shuffle_b_idx on media ((((((id % 2147483629) * 69621 + 17) % 2147483629) * (((id % 2147483629) * 69621 + 17) % 2147483629) + ((id % 2147483629) * 69621 + 17)) % 2147483629), id) where missing_at is null;
create index media_user_is_favorite_idx on media_user (user_id, media_id) where is_favorite
";

// The words that occur, for finding those that somebody meant.
const WORDS: &str = "
create table search_word (
    n_letters integer not null,
    word text not null,
    constraint search_word_pkey primary key (n_letters, word)
)
";

const DOCUMENTS: &str = "
create table media_search (
    media_id bigint not null primary key,
    document tsvector not null,
    constraint media_search_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index media_search_document_idx on media_search using gin (document)
";

// Texts come as words without accents and in lower case already, and are kept nowhere else: the items have them.
const VIRTUAL_TABLE: &str = r#"
create virtual table media_search using fts5(
    title, names, path, description,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = "unicode61 remove_diacritics 0"
)"#;

const TRIGGER: &str = "
create trigger media_search_delete after delete on media begin
    delete from media_search where rowid = old.id;
end";
