//! What people make to organize items: collections, markers, saved filters and fields of their own.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the tables.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statements in [COLLECTIONS, MARKERS, FILTERS, FIELDS] {
            ddl::apply(manager, statements).await?;
        }
        Ok(())
    }
}

// A gallery is a collection of pictures, by hand or of one folder. Places are texts of lower-case letters and digits,
// which both databases sort alike.
const COLLECTIONS: &str = "
create table collection (
    id bigint not null primary key,
    kind integer not null,
    name text not null,
    sort_name text not null,
    description text,
    parent_id bigint,
    folder_id bigint,
    filter text,
    filter_version integer not null,
    n_media bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint collection_parent_id_fkey foreign key (parent_id) references collection (id) on delete set null,
    constraint collection_folder_id_fkey foreign key (folder_id) references folder (id) on delete set null
);
create index collection_parent_id_idx on collection (parent_id);
create index collection_kind_sort_name_idx on collection (kind, sort_name, id);
create index collection_kind_n_media_idx on collection (kind, n_media, id);
create index collection_kind_created_at_idx on collection (kind, created_at, id);
create unique index collection_folder_id_key on collection (folder_id);

create table collection_item (
    collection_id bigint not null,
    media_id bigint not null,
    position text not null,
    added_at bigint not null,
    constraint collection_item_pkey primary key (collection_id, media_id),
    constraint collection_item_collection_id_fkey foreign key (collection_id) references collection (id) on delete cascade,
    constraint collection_item_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index collection_item_collection_id_position_idx on collection_item (collection_id, position, media_id);
create index collection_item_media_id_idx on collection_item (media_id)
";

const MARKERS: &str = "
create table marker (
    id bigint not null primary key,
    media_id bigint not null,
    title text not null,
    start_us bigint not null,
    end_us bigint,
    created_at bigint not null,
    updated_at bigint not null,
    constraint marker_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index marker_media_id_start_us_idx on marker (media_id, start_us, id);

create table marker_tag (
    marker_id bigint not null,
    tag_id bigint not null,
    constraint marker_tag_pkey primary key (marker_id, tag_id),
    constraint marker_tag_marker_id_fkey foreign key (marker_id) references marker (id) on delete cascade,
    constraint marker_tag_tag_id_fkey foreign key (tag_id) references tag (id) on delete cascade
);
create index marker_tag_tag_id_idx on marker_tag (tag_id)
";

const FILTERS: &str = r#"
create table saved_filter (
    id bigint not null primary key,
    user_id bigint not null,
    name text not null,
    version integer not null,
    filter text not null,
    search text,
    sort text,
    created_at bigint not null,
    updated_at bigint not null,
    constraint saved_filter_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create unique index saved_filter_user_id_name_key on saved_filter (user_id, lower(name))
"#;

const FIELDS: &str = "
create table custom_field (
    id bigint not null primary key,
    name text not null,
    kind integer not null,
    choices text,
    description text,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index custom_field_name_key on custom_field (lower(name));

create table media_field (
    media_id bigint not null,
    field_id bigint not null,
    text_value text,
    number_value double precision,
    constraint media_field_pkey primary key (media_id, field_id),
    constraint media_field_media_id_fkey foreign key (media_id) references media (id) on delete cascade,
    constraint media_field_field_id_fkey foreign key (field_id) references custom_field (id) on delete cascade
);
create index media_field_field_id_number_value_idx on media_field (field_id, number_value, media_id)
";
