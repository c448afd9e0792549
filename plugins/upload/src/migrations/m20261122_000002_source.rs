//! Where an upload is fetched from, if the server fetches it: sealed, for addresses may hold secrets, and what may be shown.

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
            "alter table upload add column source text;
            alter table upload add column source_shown text",
        )
        .await
    }
}
