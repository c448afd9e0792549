//! What was drawn of each item, where its bytes are, what failed, and what was asked for.

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
create table picture_object (
    key bytea not null primary key,
    role integer not null,
    bytes bigint not null,
    made_at bigint not null
);
create index picture_object_role_idx on picture_object (role, made_at, key);
create index picture_object_made_at_idx on picture_object (made_at, key);

create table picture_total (
    id integer not null primary key,
    bytes bigint not null,
    n_surveys bigint not null,
    survey_ms bigint not null
);
insert into picture_total (id, bytes, n_surveys, survey_ms) values (1, 0, 0, 0);

create table picture_set (
    media_id bigint not null primary key,
    file_id bigint not null,
    size bigint not null,
    mtime_ns bigint not null,
    version integer not null,
    poster_source integer,
    poster_at_us bigint,
    thumbhash bytea,
    sprite_count integer,
    sprite_columns integer,
    sprite_tile_width integer,
    sprite_tile_height integer,
    sprite_interval_us bigint,
    peaks_per_second integer,
    made_at bigint not null,
    constraint picture_set_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint picture_set_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create index picture_set_file_id_idx on picture_set (file_id);

create table picture_part (
    media_id bigint not null,
    role integer not null,
    format integer not null,
    width integer not null,
    height integer not null,
    key bytea not null,
    constraint picture_part_pkey primary key (media_id, role, format, width),
    constraint picture_part_media_id_fkey foreign key (media_id) references picture_set (media_id) on delete cascade,
    constraint picture_part_key_fkey foreign key (key) references picture_object (key)
);
create index picture_part_key_idx on picture_part (key);

create table picture_still (
    file_id bigint not null,
    at_us bigint not null,
    format integer not null,
    width integer not null,
    size bigint not null,
    mtime_ns bigint not null,
    key bytea not null,
    constraint picture_still_pkey primary key (file_id, at_us, format, width),
    constraint picture_still_file_id_fkey foreign key (file_id) references file (id) on delete cascade,
    constraint picture_still_key_fkey foreign key (key) references picture_object (key)
);
create index picture_still_key_idx on picture_still (key);

create table picture_failure (
    media_id bigint not null primary key,
    file_id bigint not null,
    size bigint not null,
    mtime_ns bigint not null,
    version integer not null,
    ffmpeg text not null,
    path text not null,
    code text not null,
    message text not null,
    attempts integer not null,
    failed_at bigint not null,
    retry_at bigint,
    constraint picture_failure_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint picture_failure_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create index picture_failure_failed_at_idx on picture_failure (failed_at, media_id);
create index picture_failure_file_id_idx on picture_failure (file_id);

create table picture_request (
    request_id bigint not null,
    media_id bigint not null,
    asked_at bigint not null,
    constraint picture_request_pkey primary key (request_id, media_id),
    constraint picture_request_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index picture_request_media_id_idx on picture_request (media_id)
";
