//! Failures, reports, requests, and which sidecar was applied to a file.

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
create table scan_failure (
    id bigint not null primary key,
    library_id bigint not null,
    library_path_id bigint not null,
    path bytea not null,
    path_text text not null,
    file_id bigint,
    code text not null,
    reason text not null,
    size bigint not null,
    mtime_ns bigint not null,
    inode bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    ffmpeg text not null,
    constraint scan_failure_library_id_fkey foreign key (library_id) references library (id) on delete cascade,
    constraint scan_failure_library_path_id_fkey foreign key (library_path_id) references library_path (id)
        on delete cascade,
    constraint scan_failure_file_id_fkey foreign key (file_id) references file (id) on delete set null
);
create unique index scan_failure_library_path_id_path_key on scan_failure (library_path_id, path);
create index scan_failure_library_id_idx on scan_failure (library_id, id);
create index scan_failure_file_id_idx on scan_failure (file_id);

create table scan_report (
    job_id bigint not null primary key,
    library_id bigint not null,
    counts text not null,
    created_at bigint not null,
    constraint scan_report_library_id_fkey foreign key (library_id) references library (id) on delete cascade
);
create index scan_report_library_id_idx on scan_report (library_id, job_id);

create table scan_request (
    library_id bigint not null primary key,
    created_at bigint not null,
    constraint scan_request_library_id_fkey foreign key (library_id) references library (id) on delete cascade
);

create table scan_sidecar (
    file_id bigint not null primary key,
    digest bytea not null,
    constraint scan_sidecar_file_id_fkey foreign key (file_id) references file (id) on delete cascade
)
";
