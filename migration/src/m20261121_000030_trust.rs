//! Where sessions come from, second factors of accounts, and links that open one thing to whoever has them.

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
alter table session add column address text;

create table second_factor (
    user_id bigint not null primary key,
    secret text not null,
    is_confirmed boolean not null,
    last_step bigint not null,
    created_at bigint not null,
    constraint second_factor_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);

create table recovery_code (
    user_id bigint not null,
    code_hash bytea not null,
    constraint recovery_code_pkey primary key (user_id, code_hash),
    constraint recovery_code_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);

create table share_link (
    id bigint not null primary key,
    user_id bigint not null,
    token_hash bytea not null,
    name text not null,
    media_id bigint,
    collection_id bigint,
    password_hash text,
    created_at bigint not null,
    expires_at bigint,
    seen_at bigint,
    constraint share_link_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade,
    constraint share_link_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint share_link_collection_id_fkey foreign key (collection_id) references collection (id) on delete cascade
);
create unique index share_link_token_hash_key on share_link (token_hash);
create index share_link_user_id_idx on share_link (user_id);
create index share_link_media_id_idx on share_link (media_id);
create index share_link_collection_id_idx on share_link (collection_id)
"#;
