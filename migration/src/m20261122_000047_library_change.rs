//! The log of changes that `libraryChanges` is told from, and resumed.

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

const TABLES: &str = r#"
create table library_change (
    id bigint not null primary key,
    kind bigint not null,
    media_ids text,
    created_at bigint not null
)
"#;
