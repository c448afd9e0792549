//! An index in which all present items are counted by kind and size without being read.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the index.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, INDEX).await
    }
}

const INDEX: &str = "create index media_kind_size_idx on media (kind, width, height) where missing_at is null";
