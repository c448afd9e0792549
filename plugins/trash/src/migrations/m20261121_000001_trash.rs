//! What is in the trash, where it came from, and how far it is on its way.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// The first table of this plugin.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

const TABLES: &str = "
create table trash_file (
    file_id bigint not null primary key,
    library_path_id bigint not null,
    folder bytea not null,
    name bytea not null,
    step integer not null,
    trashed_at bigint not null,
    constraint trash_file_file_id_fkey foreign key (file_id) references file (id) on delete cascade,
    constraint trash_file_library_path_id_fkey foreign key (library_path_id) references library_path (id) on delete cascade
);
create index trash_file_trashed_at_idx on trash_file (trashed_at, file_id);
create index trash_file_step_idx on trash_file (step, file_id) where step <> 1;
create index trash_file_library_path_id_idx on trash_file (library_path_id)
";
