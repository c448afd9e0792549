//! What was measured of a file's content, apart from its pictures: for finding similar files, and for playing.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLE).await
    }
}

const TABLE: &str = "
create table file_analysis (
    file_id bigint not null primary key,
    size bigint not null,
    mtime_ns bigint not null,
    version integer not null,
    phash bigint,
    audio_fingerprint bytea,
    loudness_lufs double precision,
    loudness_range_lu double precision,
    true_peak_dbtp double precision,
    scenes bytea,
    black bytea,
    silence bytea,
    made_at bigint not null,
    constraint file_analysis_file_id_fkey foreign key (file_id) references file (id) on delete cascade
);
create index file_analysis_made_at_idx on file_analysis (made_at, file_id)
";
