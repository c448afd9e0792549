//! What is compared, the pairs that were found, the groups they make, what is no duplicate, and merges to undo.

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
create table similar_state (
    name text not null primary key,
    value bigint not null
);
insert into similar_state (name, value) values ('version', 0);

create table similar_file (
    file_id bigint not null primary key,
    kind integer not null,
    way integer not null,
    hash bigint,
    terms bytea,
    duration_us bigint,
    analyzed_at bigint not null,
    version bigint not null,
    is_compared boolean not null,
    constraint similar_file_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create index similar_file_version_idx on similar_file (version, file_id);
create index similar_file_todo_idx on similar_file (file_id) where not is_compared;

create table similar_pair (
    a_file_id bigint not null,
    b_file_id bigint not null,
    distance integer not null,
    constraint similar_pair_pkey primary key (a_file_id, b_file_id),
    constraint similar_pair_a_file_id_fkey foreign key (a_file_id) references file (id) on delete cascade,
    constraint similar_pair_b_file_id_fkey foreign key (b_file_id) references file (id) on delete cascade
);
create index similar_pair_b_file_id_idx on similar_pair (b_file_id, a_file_id);

create table similar_member (
    level integer not null,
    media_id bigint not null,
    group_id bigint not null,
    kind integer not null,
    distance integer not null,
    constraint similar_member_pkey primary key (level, media_id)
);
create unique index similar_member_level_group_id_key on similar_member (level, group_id, media_id);
create index similar_member_media_id_idx on similar_member (media_id);

create table similar_dismissed (
    a_media_id bigint not null,
    b_media_id bigint not null,
    created_at bigint not null,
    constraint similar_dismissed_pkey primary key (a_media_id, b_media_id),
    constraint similar_dismissed_a_media_id_fkey foreign key (a_media_id) references media (id) on delete cascade,
    constraint similar_dismissed_b_media_id_fkey foreign key (b_media_id) references media (id) on delete cascade
);
create index similar_dismissed_b_media_id_idx on similar_dismissed (b_media_id);

create table similar_merge (
    id bigint not null primary key,
    media_id bigint not null,
    snapshot text not null,
    created_at bigint not null,
    constraint similar_merge_media_id_fkey foreign key (media_id) references media (id) on delete cascade
);
create index similar_merge_media_id_idx on similar_merge (media_id);
create index similar_merge_created_at_idx on similar_merge (created_at);

create index similar_media_copies_idx on media (id) where n_files > 1
";
