//! How long operations took, by the hour.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

// One row an hour, process and operation: what several processes counted is added up where it is read.
const TABLES: &str = "
create table operation_hour (
    hour_at bigint not null,
    process_id bigint not null,
    name text not null,
    n_operations bigint not null,
    n_errors bigint not null,
    n_statements bigint not null,
    counts text not null,
    constraint operation_hour_pkey primary key (hour_at, process_id, name)
)
";
