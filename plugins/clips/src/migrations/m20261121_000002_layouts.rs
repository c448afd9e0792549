//! What deletion, clips of markers, renditions of own settings and their playback add.

use migration::ddl;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// The columns.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, COLUMNS).await
    }
}

const COLUMNS: &str = "
alter table clip add column marker_id bigint
    constraint clip_marker_id_fkey references marker (id) on delete set null;
alter table clip add column deleted_at bigint;
create index clip_marker_id_idx on clip (marker_id);
create index clip_deleted_at_idx on clip (deleted_at) where deleted_at is not null;

alter table clip_rendition add column settings text not null default '';
alter table clip_rendition add column layout text;
drop index clip_rendition_file_id_kind_key;
create unique index clip_rendition_file_id_kind_key on clip_rendition (file_id, kind, settings, size, mtime_ns)
";
