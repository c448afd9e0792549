//! When libraries are scanned by themselves.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Makes the table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLE).await
    }
}

const TABLE: &str = "
create table scan_schedule (
    library_id bigint not null primary key,
    pattern text not null,
    last_tick bigint not null,
    constraint scan_schedule_library_id_fkey foreign key (library_id) references library (id) on delete cascade
)
";
