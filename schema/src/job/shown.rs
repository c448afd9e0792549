//! Which jobs an account sees that has some libraries only: those of these libraries, and those of its own edits. What a job
//! is of is its group; a job without one is of all libraries.

use std::collections::BTreeSet;

use kernel::{jobs::JobView, sql};
use sea_orm::{
    Condition, DatabaseConnection, DbErr,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::kit::{access::Viewer, libraries::Libraries};

/// The groups of the jobs that an account sees; absent for who sees all.
#[derive(Debug, Clone)]
pub struct Groups(Option<BTreeSet<String>>);

impl Groups {
    /// Those of an account.
    pub fn of(viewer: &Viewer) -> Self {
        Self(match &viewer.sees {
            Libraries::All => None,
            Libraries::Only(some) => Some(some.iter().map(ToString::to_string).collect()),
        })
    }

    /// Whether a job is of one of them.
    pub fn have(&self, job: &JobView) -> bool {
        match (&self.0, &job.group_key) {
            (None, _) => true,
            (Some(groups), Some(group)) => groups.contains(group),
            (Some(_), None) => false,
        }
    }
}

/// What holds for the rows of jobs that an account sees.
pub fn condition(viewer: &Viewer) -> Option<Condition> {
    let groups = Groups::of(viewer).0?;
    let own = Query::select()
        .expr(Expr::cust("1"))
        .from("edit")
        .and_where(Expr::col(("edit", "job_id")).equals(("job", "id")))
        .and_where(Expr::col(("edit", "user_id")).eq(viewer.user.0))
        .take();
    let of_group = Expr::col(("job", "group_key")).is_in(groups);
    Some(Condition::any().add(of_group).add(Expr::exists(own)))
}

/// Of these jobs those that an account sees; at most one statement.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &DatabaseConnection, viewer: &Viewer, mut jobs: Vec<JobView>) -> Result<Vec<JobView>, DbErr> {
    let groups = Groups::of(viewer);
    let others: Vec<i64> = jobs
        .iter()
        .filter(|job| !groups.have(job))
        .map(|job| job.id.0)
        .collect();
    if others.is_empty() {
        return Ok(jobs);
    }
    let list = sql::ids(others);
    let text = format!("select job_id from edit where job_id in ({list}) and user_id = $1");
    let own = sql::rows(db, text, [viewer.user.0.into()]).await?;
    let own = own.iter().map(|row| row.try_get_by_index(0));
    let own: BTreeSet<i64> = own.collect::<Result<_, _>>()?;
    jobs.retain(|job| groups.have(job) || own.contains(&job.id.0));
    Ok(jobs)
}
