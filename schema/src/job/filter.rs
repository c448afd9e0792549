//! Which jobs are meant: a tree of criteria on kind, status and queue.

use async_graphql::InputObject;
use entities::job;
use kernel::error::Failure;
use sea_orm::{ColumnTrait, Condition, DbBackend, sea_query::Expr};

use crate::{
    job::types::JobStatus,
    kit::criterion::{Subject, TextCriterion},
};

/// A condition on a job's status.
#[derive(Debug, Clone, Default, InputObject)]
pub struct JobStatusCriterion {
    /// Equal to this.
    eq: Option<JobStatus>,
    /// Not equal to this.
    ne: Option<JobStatus>,
    /// One of these.
    #[graphql(name = "in")]
    is_in: Option<Vec<JobStatus>>,
    /// None of these.
    not_in: Option<Vec<JobStatus>>,
}

/// Which jobs are meant. All that is given must hold.
#[derive(Debug, Clone, Default, InputObject)]
pub struct JobFilter {
    /// All of these must hold.
    and: Option<Vec<JobFilter>>,
    /// One of these must hold.
    or: Option<Vec<JobFilter>>,
    /// This must not hold.
    not: Option<Box<JobFilter>>,
    /// The kind of work, such as `scan.library`.
    kind: Option<TextCriterion>,
    /// Where it is in its life.
    status: Option<JobStatusCriterion>,
    /// The queue it is in.
    queue: Option<TextCriterion>,
}

impl JobFilter {
    /// The condition on the `job` table. A text that cannot be in the table is an error at its field.
    pub fn condition(&self, backend: DbBackend, path: &str) -> Result<Condition, Failure> {
        let mut all = Condition::all();
        for (index, filter) in self.and.iter().flatten().enumerate() {
            all = all.add(filter.condition(backend, &format!("{path}.and[{index}]"))?);
        }
        if let Some(filters) = &self.or {
            // An empty `or` holds for nothing, as an empty `in` does.
            let mut any = Condition::any().add(Expr::cust("1 = 2"));
            for (index, filter) in filters.iter().enumerate() {
                any = any.add(filter.condition(backend, &format!("{path}.or[{index}]"))?);
            }
            all = all.add(any);
        }
        if let Some(filter) = &self.not {
            all = all.add(filter.condition(backend, &format!("{path}.not"))?.not());
        }
        for (criterion, column, name) in [
            (&self.kind, job::Column::Kind, "kind"),
            (&self.queue, job::Column::Queue, "queue"),
        ] {
            let Some(criterion) = criterion else { continue };
            criterion.check(&format!("{path}.{name}"))?;
            let subject = Subject::present(Expr::col((job::Entity, column)));
            all = all.add(criterion.condition(&subject, backend));
        }
        if let Some(criterion) = &self.status {
            all = all.add(criterion.condition());
        }
        Ok(all)
    }
}

impl JobStatusCriterion {
    fn condition(&self) -> Condition {
        let state = job::Column::State;
        let stored = |status: &JobStatus| job::JobStatus::from(*status);
        let mut all = Condition::all();
        if let Some(status) = &self.eq {
            all = all.add(state.eq(stored(status)));
        }
        if let Some(status) = &self.ne {
            all = all.add(state.ne(stored(status)));
        }
        if let Some(statuses) = &self.is_in {
            all = all.add(state.is_in(statuses.iter().map(stored)));
        }
        if let Some(statuses) = &self.not_in {
            all = all.add(state.is_not_in(statuses.iter().map(stored)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{InputType, Value};
    use sea_orm::{EntityTrait, QueryFilter, QuerySelect, QueryTrait};

    use super::*;

    fn sql(filter: serde_json::Value) -> Result<String, Failure> {
        let value = Value::from_json(filter).expect("a value");
        let filter = JobFilter::parse(Some(value)).map_err(|_| Failure::field("filter", "no filter"))?;
        let condition = filter.condition(DbBackend::Sqlite, "filter")?;
        let query = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(condition);
        let text = query.build(DbBackend::Sqlite).to_string();
        Ok(text
            .split_once(" WHERE ")
            .map_or_else(String::new, |(_, conditions)| conditions.to_owned()))
    }

    #[test]
    fn a_tree_becomes_one_condition_and_its_values_are_bound() {
        let tree = serde_json::json!({
            "status": { "in": ["READY", "RUNNING"] },
            "or": [{ "kind": { "eq": "scan.library" } }, { "not": { "queue": { "startsWith": "a'%" } } }],
        });
        let text = sql(tree).expect("a good filter");
        for part in [
            r#""job"."state" IN (1, 2)"#,
            r#""job"."kind" = 'scan.library'"#,
            "NOT",
            r"a''\%%",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_empty_choice_holds_for_nothing_and_an_empty_filter_for_all() {
        assert!(
            sql(serde_json::json!({ "or": [] }))
                .expect("a good filter")
                .contains("1 = 2")
        );
        assert_eq!(sql(serde_json::json!({})).expect("a good filter"), "TRUE");
        assert!(sql(serde_json::json!({ "kind": { "eq": "a\0" } })).is_err());
    }
}
