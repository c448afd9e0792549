//! What may be shown of an address, beside the address, which is sealed from now on. Where it is empty, the address is still
//! as an old version wrote it; `secret` seals those when the server starts, for it needs the key of the data directory.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// Makes the column.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(
            manager,
            "alter table capture_source add column shown text not null default ''",
        )
        .await
    }
}
