//! How long one operation took in one hour, as one process of the server has counted it.

use sea_orm::entity::prelude::*;

/// A row of `operation_hour`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operation_hour")]
pub struct Model {
    /// When the hour began, in UTC milliseconds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour_at: i64,
    /// Chosen by the process when it starts.
    #[sea_orm(primary_key, auto_increment = false)]
    pub process_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub n_operations: i64,
    pub n_errors: i64,
    pub n_statements: i64,
    /// JSON: pairs of microseconds and how many took so long.
    pub counts: String,
}

impl ActiveModelBehavior for ActiveModel {}
