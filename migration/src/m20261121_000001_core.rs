//! The core tables: libraries, items, files and streams; tags, people and studios; accounts.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statements in [ACCOUNTS, LIBRARIES, MEDIA, FILES, ORGANIZATION, SHARED] {
            ddl::apply(manager, statements).await?;
        }
        Ok(())
    }
}

const ACCOUNTS: &str = r#"
create table "user" (
    id bigint not null primary key,
    name text not null,
    password_hash text not null,
    role integer not null,
    is_disabled boolean not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index user_name_key on "user" (lower(name));

create table session (
    id bigint not null primary key,
    user_id bigint not null,
    token_hash bytea not null,
    user_agent text,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null,
    constraint session_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create unique index session_token_hash_key on session (token_hash);
create index session_user_id_idx on session (user_id);
create index session_expires_at_idx on session (expires_at);

create table api_token (
    id bigint not null primary key,
    user_id bigint not null,
    name text not null,
    token_hash bytea not null,
    scope integer not null,
    created_at bigint not null,
    seen_at bigint,
    expires_at bigint,
    revoked_at bigint,
    constraint api_token_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create unique index api_token_token_hash_key on api_token (token_hash);
create index api_token_user_id_idx on api_token (user_id)
"#;

const LIBRARIES: &str = "
create table library (
    id bigint not null primary key,
    name text not null,
    kind integer not null,
    is_online boolean not null,
    offline_reason text,
    include_hidden boolean not null,
    n_media bigint not null,
    total_size bigint not null,
    total_duration_us bigint not null,
    last_scanned_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index library_name_key on library (lower(name));

create table library_path (
    id bigint not null primary key,
    library_id bigint not null,
    path text not null,
    position integer not null,
    constraint library_path_library_id_fkey foreign key (library_id) references library (id) on delete cascade
);
create unique index library_path_library_id_path_key on library_path (library_id, path);

create table folder (
    id bigint not null primary key,
    library_path_id bigint not null,
    path bytea not null,
    digest bytea,
    constraint folder_library_path_id_fkey foreign key (library_path_id) references library_path (id) on delete cascade
);
create unique index folder_library_path_id_path_key on folder (library_path_id, path)
";

const MEDIA: &str = "
create table studio (
    id bigint not null primary key,
    name text not null,
    sort_name text not null,
    parent_id bigint,
    n_media bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint studio_parent_id_fkey foreign key (parent_id) references studio (id) on delete set null
);
create unique index studio_name_key on studio (lower(name));
create index studio_parent_id_idx on studio (parent_id);
create index studio_sort_name_idx on studio (sort_name, id);
create index studio_n_media_idx on studio (n_media, id);

create table media (
    id bigint not null primary key,
    library_id bigint not null,
    kind integer not null,
    title text not null,
    sort_title text not null,
    title_origin integer not null,
    description text,
    date text,
    studio_id bigint,
    primary_file_id bigint,
    path text not null,
    size bigint not null,
    duration_us bigint,
    width integer,
    height integer,
    frame_rate_num integer,
    frame_rate_den integer,
    bit_rate bigint,
    video_codec text,
    audio_codec text,
    container text,
    has_subtitles boolean not null,
    n_files integer not null,
    thumbhash bytea,
    added_at bigint not null,
    modified_at bigint not null,
    updated_at bigint not null,
    missing_at bigint,
    constraint media_library_id_fkey foreign key (library_id) references library (id) on delete cascade,
    constraint media_studio_id_fkey foreign key (studio_id) references studio (id) on delete set null
);
create index media_added_at_idx on media (added_at, id);
create index media_sort_title_idx on media (sort_title, id);
create index media_date_idx on media (date, id);
create index media_modified_at_idx on media (modified_at, id);
create index media_size_idx on media (size, id);
create index media_duration_us_idx on media (duration_us, id);
create index media_height_idx on media (height, id);
create index media_bit_rate_idx on media (bit_rate, id);
create index media_path_idx on media (path, id);
create index media_library_id_added_at_idx on media (library_id, added_at, id);
create index media_kind_added_at_idx on media (kind, added_at, id);
create index media_studio_id_added_at_idx on media (studio_id, added_at, id)
";

const FILES: &str = r#"
create table file (
    id bigint not null primary key,
    media_id bigint not null,
    library_id bigint not null,
    folder_id bigint not null,
    name bytea not null,
    path text not null,
    status integer not null,
    missing_at bigint,
    size bigint not null,
    mtime_ns bigint not null,
    inode bigint not null,
    device bigint not null,
    fingerprint bytea,
    oshash bigint,
    content_hash bytea,
    container text,
    demuxer text,
    duration_us bigint,
    start_us bigint,
    bit_rate bigint,
    tags text not null,
    has_cover boolean not null,
    added_at bigint not null,
    probed_at bigint,
    constraint file_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint file_library_id_fkey foreign key (library_id) references library (id) on delete cascade,
    constraint file_folder_id_fkey foreign key (folder_id) references folder (id)
);
create unique index file_folder_id_name_key on file (folder_id, name);
create index file_media_id_idx on file (media_id, id);
create index file_library_id_status_idx on file (library_id, status);
create index file_fingerprint_idx on file (fingerprint) where fingerprint is not null;
create index file_content_hash_idx on file (content_hash) where content_hash is not null;
create index file_library_id_content_hash_todo_idx on file (library_id, id) where content_hash is null;

create table stream (
    id bigint not null primary key,
    file_id bigint not null,
    "index" integer not null,
    kind integer not null,
    codec text not null,
    codec_string text,
    codec_tag text,
    profile text,
    level integer,
    language text,
    title text,
    is_default boolean not null,
    is_forced boolean not null,
    is_cover boolean not null,
    bit_rate bigint,
    duration_us bigint,
    start_us bigint,
    time_base_num integer not null,
    time_base_den integer not null,
    n_frames bigint,
    width integer,
    height integer,
    sample_aspect_num integer,
    sample_aspect_den integer,
    frame_rate_num integer,
    frame_rate_den integer,
    pixel_format text,
    bit_depth integer,
    rotation integer not null,
    hdr text,
    color_space text,
    color_primaries text,
    color_transfer text,
    color_range text,
    field_order text,
    channels integer,
    channel_layout text,
    sample_rate integer,
    sample_format text,
    bits_per_sample integer,
    is_text boolean not null,
    tags text not null,
    constraint stream_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create unique index stream_file_id_index_key on stream (file_id, "index");

create table chapter (
    id bigint not null primary key,
    file_id bigint not null,
    position integer not null,
    title text,
    start_us bigint not null,
    end_us bigint not null,
    constraint chapter_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create unique index chapter_file_id_position_key on chapter (file_id, position)
"#;

const ORGANIZATION: &str = r#"
create table tag (
    id bigint not null primary key,
    name text not null,
    sort_name text not null,
    color text,
    description text,
    n_media bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index tag_name_key on tag (lower(name));
create index tag_sort_name_idx on tag (sort_name, id);
create index tag_n_media_idx on tag (n_media, id);

create table tag_alias (
    tag_id bigint not null,
    name text not null,
    constraint tag_alias_pkey primary key (tag_id, name),
    constraint tag_alias_tag_id_fkey foreign key (tag_id) references tag (id) on delete cascade
);
create index tag_alias_name_idx on tag_alias (lower(name));

create table tag_parent (
    tag_id bigint not null,
    parent_id bigint not null,
    constraint tag_parent_pkey primary key (tag_id, parent_id),
    constraint tag_parent_tag_id_fkey foreign key (tag_id) references tag (id) on delete cascade,
    constraint tag_parent_parent_id_fkey foreign key (parent_id) references tag (id) on delete cascade
);
create index tag_parent_parent_id_idx on tag_parent (parent_id, tag_id);

create table media_tag (
    media_id bigint not null,
    tag_id bigint not null,
    added_at bigint not null,
    constraint media_tag_pkey primary key (media_id, tag_id),
    constraint media_tag_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint media_tag_tag_id_fkey foreign key (tag_id) references tag (id) on delete cascade
);
create index media_tag_tag_id_added_at_idx on media_tag (tag_id, added_at, media_id);

create table person (
    id bigint not null primary key,
    name text not null,
    sort_name text not null,
    description text,
    n_media bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index person_name_key on person (lower(name));
create index person_sort_name_idx on person (sort_name, id);
create index person_n_media_idx on person (n_media, id);

create table person_alias (
    person_id bigint not null,
    name text not null,
    constraint person_alias_pkey primary key (person_id, name),
    constraint person_alias_person_id_fkey foreign key (person_id) references person (id) on delete cascade
);
create index person_alias_name_idx on person_alias (lower(name));

create table media_person (
    media_id bigint not null,
    person_id bigint not null,
    role text,
    position integer not null,
    added_at bigint not null,
    constraint media_person_pkey primary key (media_id, person_id),
    constraint media_person_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint media_person_person_id_fkey foreign key (person_id) references person (id) on delete cascade
);
create index media_person_person_id_added_at_idx on media_person (person_id, added_at, media_id);

create table media_user (
    media_id bigint not null,
    user_id bigint not null,
    rating integer,
    is_favorite boolean not null,
    n_views bigint not null,
    last_viewed_at bigint,
    position_us bigint,
    updated_at bigint not null,
    constraint media_user_pkey primary key (media_id, user_id),
    constraint media_user_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint media_user_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create index media_user_user_id_rating_idx on media_user (user_id, rating, media_id);
create index media_user_user_id_last_viewed_at_idx on media_user (user_id, last_viewed_at, media_id);
create index media_user_user_id_n_views_idx on media_user (user_id, n_views, media_id)
"#;

const SHARED: &str = "
create table setting (
    name text not null primary key,
    value bytea not null,
    updated_at bigint not null
);

create table quarantine (
    identity bytea not null,
    job_kind text not null,
    reason text not null,
    signal integer,
    ffmpeg text not null,
    created_at bigint not null,
    constraint quarantine_pkey primary key (identity, job_kind)
)
";
