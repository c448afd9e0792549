//! How much moved in recordings, and which of them are kept for it.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Makes the columns.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(
            manager,
            "-- In percent. Below it a file is not kept.
            alter table capture_source add column motion_threshold integer;
            -- Percent, a byte for each second.
            alter table capture_part add column motion bytea;
            alter table capture add column n_skipped integer not null default 0",
        )
        .await
    }
}
