//! Sources, captures, their files and their gaps.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// The first tables of this plugin.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

const TABLES: &str = "
create table capture_source (
    id bigint not null primary key,
    library_id bigint not null,
    name text not null,
    address text not null,
    is_enabled boolean not null,
    is_continuous boolean not null,
    schedule text,
    duration_s integer,
    keep_days integer,
    keep_bytes bigint,
    last_error text,
    last_tick bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint capture_source_library_id_fkey foreign key (library_id) references library (id) on delete cascade
);
create index capture_source_library_id_idx on capture_source (library_id);

create table capture (
    id bigint not null primary key,
    source_id bigint not null,
    job_id bigint,
    status integer not null,
    is_stopping boolean not null,
    started_at bigint not null,
    ends_at bigint,
    ended_at bigint,
    last_error text,
    updated_at bigint not null,
    constraint capture_source_id_fkey foreign key (source_id) references capture_source (id) on delete cascade
);
create index capture_source_id_idx on capture (source_id, id);
create unique index capture_live_key on capture (source_id) where status < 3;

create table capture_part (
    id bigint not null primary key,
    capture_id bigint not null,
    status integer not null,
    file_name text not null,
    started_at bigint not null,
    ended_at bigint,
    n_bytes bigint not null,
    n_frames bigint not null,
    duration_us bigint not null,
    hash bytea,
    is_interrupted boolean not null,
    media_id bigint,
    constraint capture_part_capture_id_fkey foreign key (capture_id) references capture (id) on delete cascade,
    constraint capture_part_media_id_fkey foreign key (media_id) references media (id) on delete set null
);
create index capture_part_capture_id_idx on capture_part (capture_id, id);
create index capture_part_media_id_idx on capture_part (media_id);
create index capture_part_todo_idx on capture_part (id) where status < 2;

create table capture_gap (
    id bigint not null primary key,
    capture_id bigint not null,
    began_at bigint not null,
    ended_at bigint,
    reason text not null,
    constraint capture_gap_capture_id_fkey foreign key (capture_id) references capture (id) on delete cascade
);
create index capture_gap_capture_id_idx on capture_gap (capture_id, id)
";
