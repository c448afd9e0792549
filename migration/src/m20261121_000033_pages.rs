//! The pictures in archives of pictures.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the table of pages.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, PAGES).await
    }
}

const PAGES: &str = "
create table page (
    file_id bigint not null,
    position integer not null,
    name text not null,
    n_bytes bigint not null,
    constraint page_pkey primary key (file_id, position),
    constraint page_file_id_fkey foreign key (file_id) references file (id) on delete cascade
)
";
