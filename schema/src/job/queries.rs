//! Reads of jobs.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Object};
use entities::{id::JobId, job};
use kernel::{error::Failure, jobs::JobView, plugin::Kernel};
use sea_orm::{
    Condition, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use crate::{
    job::{filter::JobFilter, shown, types::Job},
    kit::{
        access::{Needs, require},
        connection::{Connection, Total},
        error::ToGraphql,
        keyset::Keyset,
        page::{self, PageArgs},
    },
};

/// What can be read of jobs.
#[derive(Default)]
pub struct JobQuery;

/// What can be read of jobs.
#[Object]
impl JobQuery {
    /// Jobs, newest first. Finished ones are kept for some days.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "crate::limits::page_cost(first, last, child_complexity)"
    )]
    async fn jobs(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which jobs are meant; all when omitted.")] filter: Option<JobFilter>,
    ) -> async_graphql::Result<Connection<Job>> {
        let kernel = cx.data::<Kernel>()?;
        let filter = filter
            .unwrap_or_default()
            .condition(kernel.store.backend(), "filter")
            .graphql()?;
        let shown = shown::condition(require(cx).graphql()?);
        let filter = Condition::all().add(filter).add_option(shown);
        let args = PageArgs::new(first, after, last, before);
        jobs(kernel, filter, args, page::cap(cx)).await.graphql()
    }
}

async fn jobs(kernel: &Kernel, filter: Condition, args: PageArgs, cap: usize) -> Result<Connection<Job>, Failure> {
    // Ids grow with time, so the newest job has the greatest, and the primary key is the order's index.
    let keyset = Keyset {
        keys: Vec::new(),
        id: Expr::col((job::Entity, job::Column::Id)),
        is_descending: true,
        signature: "jobs".to_owned(),
    };
    let window = args.window(&keyset, cap)?;
    let base = |_| Query::select().from(job::Entity).cond_where(filter.clone()).take();
    let page = keyset
        .fetch(
            kernel.store.reader(),
            &keyset.select(&base, &window, None),
            &window,
            false,
        )
        .await?;
    let ids: Vec<JobId> = page.rows.iter().map(|row| JobId(row.id)).collect();
    let views = kernel.jobs.get_many(ids).await?;
    let views: HashMap<i64, Arc<JobView>> = views.into_iter().map(|view| (view.id.0, Arc::new(view))).collect();
    let store = kernel.store.clone();
    let total = Total::later(move || {
        let (store, filter) = (store.clone(), filter.clone());
        async move { Ok(job::Entity::find().filter(filter).count(store.reader()).await? as i64) }
    });
    Ok(Connection::new(page, total, |id| {
        views.get(&id).map(|view| Job(Arc::clone(view)))
    }))
}
