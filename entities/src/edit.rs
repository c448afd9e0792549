//! A change that somebody made: the head of its audit record.

use sea_orm::entity::prelude::*;

use crate::id::{EditId, JobId, UserId};

/// A row of `edit`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "edit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EditId,
    pub user_id: Option<UserId>,
    /// The account's name when it made the change.
    pub actor: String,
    /// The mutation's name.
    pub action: String,
    /// Whether it changed nothing but what is the account's own.
    pub is_private: bool,
    pub n_subjects: i64,
    pub n_changes: i64,
    /// The job that makes it, if it is too large for one request.
    pub job_id: Option<JobId>,
    /// The edit that it took back.
    pub undoes_id: Option<EditId>,
    /// The edit that took it back.
    pub undone_by_id: Option<EditId>,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
