//! Settings that were decided in the app.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLE).await
    }
}

const TABLE: &str = "
create table server_setting (
    id bigint not null primary key,
    name text not null,
    value text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index server_setting_name_key on server_setting (name)
";
