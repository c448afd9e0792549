//! Archives that were compared with single pictures are compared again.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Has archives entered anew.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, AGAIN).await
    }
}

const AGAIN: &str = "update similar_file set analyzed_at = -1 where file_id in (select file_id from page)";
