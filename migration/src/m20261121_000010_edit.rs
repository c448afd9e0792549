//! The audit log: who changed what, with the difference of every row, so that it can be undone.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

/// Makes the tables of edits.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, EDITS).await
    }
}

const EDITS: &str = r#"
create table edit (
    id bigint not null primary key,
    user_id bigint,
    actor text not null,
    action text not null,
    is_private boolean not null,
    n_subjects bigint not null,
    n_changes bigint not null,
    job_id bigint,
    undoes_id bigint,
    undone_by_id bigint,
    created_at bigint not null,
    constraint edit_user_id_fkey foreign key (user_id) references "user" (id) on delete set null
);
create index edit_created_at_idx on edit (created_at, id);
create index edit_user_id_created_at_idx on edit (user_id, created_at, id);

create table edit_subject (
    edit_id bigint not null,
    position bigint not null,
    kind integer not null,
    subject_id bigint not null,
    changes text not null,
    constraint edit_subject_pkey primary key (edit_id, position),
    constraint edit_subject_edit_id_fkey foreign key (edit_id) references edit (id) on delete cascade
);
create index edit_subject_subject_id_idx on edit_subject (subject_id, edit_id)
"#;
