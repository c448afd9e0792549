//! Other ways to sign in than a password: passkeys, and accounts at a sign-in provider.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::ddl;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::apply(manager, TABLES).await
    }
}

const TABLES: &str = r#"
create table passkey (
    id bigint not null primary key,
    user_id bigint not null,
    credential_id bytea not null,
    algorithm bigint not null,
    public_key bytea not null,
    n_uses bigint not null,
    name text not null,
    created_at bigint not null,
    seen_at bigint,
    constraint passkey_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create unique index passkey_credential_id_key on passkey (credential_id);
create index passkey_user_id_idx on passkey (user_id);

create table provider_account (
    issuer text not null,
    subject text not null,
    user_id bigint not null,
    created_at bigint not null,
    seen_at bigint not null,
    constraint provider_account_pkey primary key (issuer, subject),
    constraint provider_account_user_id_fkey foreign key (user_id) references "user" (id) on delete cascade
);
create index provider_account_user_id_idx on provider_account (user_id)
"#;
