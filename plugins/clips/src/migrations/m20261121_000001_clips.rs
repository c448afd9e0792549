//! Clips, renditions, and the segments of renditions that are not whole yet.

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
create table clip (
    id bigint not null primary key,
    media_id bigint not null,
    library_id bigint not null,
    title text not null,
    ranges text not null,
    mode integer not null,
    format integer not null,
    made_mode integer,
    reason text,
    status integer not null,
    file_name text not null,
    result_media_id bigint,
    job_id bigint,
    error_code text,
    error_message text,
    created_at bigint not null,
    updated_at bigint not null,
    constraint clip_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint clip_library_id_fkey foreign key (library_id) references library (id) on delete cascade,
    constraint clip_result_media_id_fkey foreign key (result_media_id) references media (id) on delete set null
);
create index clip_media_id_idx on clip (media_id, id);
create index clip_library_id_idx on clip (library_id);
create index clip_result_media_id_idx on clip (result_media_id);
create index clip_todo_idx on clip (library_id, id) where status = 2;

create table clip_rendition (
    id bigint not null primary key,
    media_id bigint not null,
    file_id bigint not null,
    size bigint not null,
    mtime_ns bigint not null,
    kind integer not null,
    label text not null,
    width integer,
    height integer,
    bit_rate bigint,
    status integer not null,
    job_id bigint,
    object_key bytea,
    n_bytes bigint,
    duration_us bigint,
    error_code text,
    error_message text,
    created_at bigint not null,
    updated_at bigint not null,
    constraint clip_rendition_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint clip_rendition_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create unique index clip_rendition_file_id_kind_key on clip_rendition (file_id, kind, size, mtime_ns);
create index clip_rendition_media_id_idx on clip_rendition (media_id, id);
create index clip_rendition_object_key_idx on clip_rendition (object_key);

create table clip_segment (
    rendition_id bigint not null,
    track integer not null,
    n integer not null,
    n_bytes bigint not null,
    n_samples integer not null,
    duration bigint not null,
    constraint clip_segment_pkey primary key (rendition_id, track, n),
    constraint clip_segment_rendition_id_fkey foreign key (rendition_id) references clip_rendition (id) on delete cascade
)
";
