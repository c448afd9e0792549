//! Files on their way in.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// The first table of this plugin.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

const TABLES: &str = "
create table upload (
    id bigint not null primary key,
    user_id bigint not null,
    library_id bigint,
    library_path_id bigint,
    filename text,
    metadata text not null,
    concat integer not null,
    parts text not null,
    n_bytes bigint,
    n_received bigint not null,
    status integer not null,
    epoch bigint not null,
    wanted_at bigint,
    modified_at bigint,
    content_hash bytea,
    target_folder bytea,
    target_name bytea,
    inode bigint,
    twin_id bigint,
    media_id bigint,
    job_id bigint,
    error_code text,
    error_message text,
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint upload_user_id_fkey foreign key (user_id) references \"user\" (id) on delete cascade,
    constraint upload_library_id_fkey foreign key (library_id) references library (id) on delete cascade,
    constraint upload_library_path_id_fkey foreign key (library_path_id) references library_path (id) on delete cascade,
    constraint upload_media_id_fkey foreign key (media_id) references media (id) on delete set null
);
create index upload_user_id_idx on upload (user_id, id);
create index upload_library_id_idx on upload (library_id);
create index upload_library_path_id_idx on upload (library_path_id);
create index upload_media_id_idx on upload (media_id);
create index upload_twin_id_idx on upload (twin_id);
create index upload_expires_at_idx on upload (expires_at);
create index upload_placed_idx on upload (id) where status = 3;
create unique index upload_content_hash_key on upload (content_hash) where status in (2, 3)
";
