//! Where each film can be cut.

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
create table keyframe_table (
    file_id bigint not null primary key,
    size bigint not null,
    mtime_ns bigint not null,
    version integer not null,
    stream_index integer not null,
    time_base_num integer not null,
    time_base_den integer not null,
    start_pts bigint not null,
    end_pts bigint,
    reorder_depth integer not null,
    is_from_index boolean not null,
    n_keyframes integer not null,
    deltas bytea not null,
    reason text,
    made_at bigint not null,
    constraint keyframe_table_file_id_fkey foreign key (file_id) references file (id) on delete cascade
)
";
