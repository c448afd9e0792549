//! The log of changes that `libraryChanges` is told from, and resumed. What an edit comes to has a part that writes it.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::{ddl, m20261121_000032_settlement as settlement};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await?;
        let connection = manager.get_connection();
        // The trigger's body holds semicolons, so that these are no list of statements.
        match manager.get_database_backend() {
            DbBackend::Sqlite => {
                let trigger = format!("{}{TOLD}", settlement::TRIGGER.trim_end_matches("end").trim_end());
                connection
                    .execute_unprepared("drop trigger edit_settlement_insert")
                    .await?;
                connection.execute_unprepared(&trigger).await?;
            }
            _ => {
                connection
                    .execute_unprepared("create sequence library_change_id_seq")
                    .await?;
            }
        }
        Ok(())
    }
}

const TABLES: &str = "
create table library_change (
    id bigint not null primary key,
    kind bigint not null,
    media_ids text,
    created_at bigint not null
)";

/// What the trigger does beside what it did.
const TOLD: &str = "
    insert into library_change (id, kind, media_ids, created_at)
    select (select coalesce(max(id), 0) + 1 from library_change) + change.key, change.value ->> 0, change.value ->> 1,
        new.body ->> '$.now'
    from json_each(new.body, '$.changes') as change;
    delete from library_change where id <= (select max(id) from library_change) - 100000;
end";
