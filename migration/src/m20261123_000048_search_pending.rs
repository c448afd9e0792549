//! How much of the search index PostgreSQL may put off.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Bounds what every search reads entry by entry, and what makes the planner shun the index: after a scan of many files the 4 MiB
/// that are usual make a search many times as dear until somebody vacuums. 64 KiB is the least that can be; writes cost the
/// same.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let limit = "alter index media_search_document_idx set (gin_pending_list_limit = 64)";
        manager.get_connection().execute_unprepared(limit).await?;
        Ok(())
    }
}
