//! What an edit comes to, written by one statement, and rows of several tables read and held by one.
//!
//! On SQLite a statement writes one table; a view whose trigger writes the rest takes all of it as one JSON object. On
//! PostgreSQL one statement may write many tables, but it does not see what others wrote while it waited for their locks:
//! a function waits first, and reads then.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Makes the view or the function.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // Their bodies hold semicolons, so that they are no lists of statements.
        let statements: &[&str] = match manager.get_database_backend() {
            DbBackend::Sqlite => &[VIEW, TRIGGER],
            _ => &[FUNCTION],
        };
        for statement in statements {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

const VIEW: &str = "create view edit_settlement (body) as select null";

/// What a settlement writes on SQLite.
pub(crate) const TRIGGER: &str = "
create trigger edit_settlement_insert instead of insert on edit_settlement begin
    insert into edit (
        id, user_id, actor, action, is_private, n_subjects, n_changes, job_id, undoes_id, undone_by_id, created_at
    )
    select head.value ->> 0, head.value ->> 1, head.value ->> 2, head.value ->> 3, head.value ->> 4, head.value ->> 5,
        head.value ->> 6, head.value ->> 7, head.value ->> 8, null, head.value ->> 9
    from json_each(new.body, '$.head') as head
    where true
    on conflict (id) do update set
        n_subjects = n_subjects + excluded.n_subjects,
        n_changes = n_changes + excluded.n_changes,
        is_private = excluded.is_private;
    insert into edit_subject (edit_id, position, kind, subject_id, changes)
    select subject.value ->> 0, subject.value ->> 1, subject.value ->> 2, subject.value ->> 3, subject.value ->> 4
    from json_each(new.body, '$.subjects') as subject;
    update edit set undone_by_id = undone.by_id
    from (select value ->> 0 as id, value ->> 1 as by_id from json_each(new.body, '$.undone')) as undone
    where edit.id = undone.id;
    update media set updated_at = new.body ->> '$.now'
    where id in (select value from json_each(new.body, '$.media'));
    update tag set n_media = n_media + counted.n
    from (select value ->> 0 as id, value ->> 1 as n from json_each(new.body, '$.tag')) as counted
    where tag.id = counted.id;
    update person set n_media = n_media + counted.n
    from (select value ->> 0 as id, value ->> 1 as n from json_each(new.body, '$.person')) as counted
    where person.id = counted.id;
    update studio set n_media = n_media + counted.n
    from (select value ->> 0 as id, value ->> 1 as n from json_each(new.body, '$.studio')) as counted
    where studio.id = counted.id;
    update collection set n_media = n_media + counted.n
    from (select value ->> 0 as id, value ->> 1 as n from json_each(new.body, '$.collection')) as counted
    where collection.id = counted.id;
    insert or replace into media_search (rowid, title, names, path, description)
    select document.value ->> 0, document.value ->> 1, document.value ->> 2, document.value ->> 3, document.value ->> 4
    from json_each(new.body, '$.documents') as document;
    insert or ignore into search_word (n_letters, word)
    select word.value ->> 0, word.value ->> 1 from json_each(new.body, '$.words') as word;
end";

const FUNCTION: &str = "
create function read_held(hold text, query text) returns table (part integer, cells text)
language plpgsql volatile as $body$
begin
    execute hold;
    return query execute query;
end
$body$";
