//! Tags, people and studios count the items that their lists show: those of which a file is present.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Counts anew what was counted with missing items.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, COUNTS).await
    }
}

const COUNTS: &str = "
update tag set n_media = (
    select count(*) from media_tag join media on media.id = media_tag.media_id
    where media_tag.tag_id = tag.id and media.missing_at is null
);
update person set n_media = (
    select count(*) from media_person join media on media.id = media_person.media_id
    where media_person.person_id = person.id and media.missing_at is null
);
update studio set n_media = (
    select count(*) from media where media.studio_id = studio.id and media.missing_at is null
)
";
