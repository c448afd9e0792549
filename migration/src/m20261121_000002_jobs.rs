//! The job table and its companions.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await?;
        ddl::apply(manager, INDEXES).await
    }
}

const TABLES: &str = r#"
create table job_batch (
    id bigint not null primary key,
    is_open boolean not null,
    total bigint not null,
    done bigint not null,
    failed bigint not null,
    canceled bigint not null,
    on_done text,
    created_at bigint not null
);

create table job (
    id bigint not null primary key,
    queue text not null,
    lane text not null,
    kind text not null,
    kind_version integer not null,
    title text not null,
    payload text not null,
    state integer not null,
    priority integer not null,
    run_at bigint not null,
    attempt integer not null,
    max_attempts integer not null,
    lease_owner bigint,
    lease_until bigint,
    cancel_requested boolean not null,
    pause_requested boolean not null,
    idempotency_key text,
    single_key text,
    group_key text,
    parent_id bigint,
    batch_id bigint,
    n_open_needs integer not null,
    progress text not null,
    checkpoint text,
    error_code text,
    error_message text,
    trace_id text,
    created_at bigint not null,
    updated_at bigint not null,
    started_at bigint,
    finished_at bigint,
    constraint job_state_check check (state between 0 and 6),
    constraint job_parent_id_fkey foreign key (parent_id) references job (id) on delete set null,
    constraint job_batch_id_fkey foreign key (batch_id) references job_batch (id)
);

create table job_need (
    job_id bigint not null,
    needs_job_id bigint not null,
    run_anyway boolean not null,
    is_open boolean not null,
    constraint job_need_pkey primary key (job_id, needs_job_id),
    constraint job_need_job_id_fkey foreign key (job_id) references job (id) on delete cascade,
    constraint job_need_needs_job_id_fkey foreign key (needs_job_id) references job (id) on delete cascade
);

create table job_attempt (
    job_id bigint not null,
    attempt integer not null,
    node_id bigint not null,
    started_at bigint not null,
    ended_at bigint not null,
    outcome text not null,
    error text,
    constraint job_attempt_pkey primary key (job_id, attempt),
    constraint job_attempt_job_id_fkey foreign key (job_id) references job (id) on delete cascade
);

create table job_schedule (
    id bigint not null primary key,
    name text not null,
    cron text not null,
    kind text not null,
    job text not null,
    is_paused boolean not null,
    last_tick bigint not null
);

create table queue_limit (
    queue text not null,
    group_key text not null,
    max_running integer,
    rate_per_minute double precision,
    tokens double precision not null,
    refilled_at bigint not null,
    is_paused boolean not null,
    constraint queue_limit_pkey primary key (queue, group_key)
);

create table node (
    id bigint not null primary key,
    version text not null,
    roles text not null,
    started_at bigint not null,
    seen_at bigint not null
)
"#;

// Each partial index repeats a state literal that the statements have in their text, never as a parameter.
const INDEXES: &str = r#"
create unique index job_idempotency_key_key on job (idempotency_key);
create unique index job_single_key_key on job (single_key) where state in (0, 1, 2, 6);
create index job_ready_idx on job (queue, lane, priority desc, run_at, id) where state = 1;
create index job_due_idx on job (run_at) where state = 1;
create index job_running_idx on job (lease_until) where state = 2;
create index job_purge_idx on job (finished_at) where state in (3, 5);
create index job_state_idx on job (state, id);
create index job_updated_at_idx on job (updated_at);
create index job_parent_id_idx on job (parent_id);
create index job_batch_id_idx on job (batch_id);
create index job_need_needs_job_id_idx on job_need (needs_job_id);
create unique index job_schedule_name_key on job_schedule (name)
"#;
