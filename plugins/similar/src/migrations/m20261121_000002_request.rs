//! What somebody asked to have compared, as rows: a selection may hold any number of items.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// The table of requests.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

const TABLES: &str = "
create table similar_request (
    request_id bigint not null,
    media_id bigint not null,
    asked_at bigint not null,
    constraint similar_request_pkey primary key (request_id, media_id),
    constraint similar_request_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index similar_request_media_id_idx on similar_request (media_id);
create index similar_request_asked_at_idx on similar_request (asked_at)
";
