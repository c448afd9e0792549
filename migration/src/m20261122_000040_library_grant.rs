//! Accounts that see some libraries only, and how much they may do in each.

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
alter table "user" add column is_limited boolean not null default false;

create table library_grant (
    user_id bigint not null,
    library_id bigint not null,
    may_edit boolean not null,
    constraint library_grant_pkey primary key (user_id, library_id),
    constraint library_grant_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade,
    constraint library_grant_library_id_fkey foreign key (library_id) references library (id) on delete cascade
);
create index library_grant_library_id_idx on library_grant (library_id);
create index edit_job_id_idx on edit (job_id) where job_id is not null
"#;
