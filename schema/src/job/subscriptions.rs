//! Jobs as they move: the present state first, then changes, and for one job always the terminal state.

use async_graphql::{Context, ID, Subscription};
use entities::{
    id::JobId,
    job::{self, JobStatus},
};
use futures_util::{Stream, StreamExt, stream};
use kernel::{
    error::{Failure, code},
    jobs::JobView,
    plugin::Kernel,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    job::{loader, shown::Groups, types::Job},
    kit::{
        access::{Needs, require},
        error::{ToGraphql, graphql_error},
        id::parse,
    },
};

/// The most live jobs that open `jobChanges`, the newest.
const OPENING: u64 = 200;

/// What can be followed of jobs.
#[derive(Default)]
pub struct JobSubscription;

/// What can be followed of jobs.
#[Subscription]
impl JobSubscription {
    /// One job: first as it is, then at most ten times a second, last in its terminal state; then it completes. A
    /// slow reader misses steps between, never the end.
    #[graphql(guard = "Needs::ViewSome")]
    async fn job_progress(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The job.")] id: ID,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<Job>> + use<>> {
        let id = parse::<JobId>(&id, "id").graphql()?;
        let jobs = cx.data::<Kernel>()?.jobs.clone();
        if loader::node(cx, id).await.graphql()?.is_none() {
            let failure = Failure::new(&code::NOT_FOUND, format!("no job `{id}`; it may be too old to be kept"));
            return Err(graphql_error(failure));
        }
        Ok(jobs.watch(id).map(|view| view.map(Job::from).graphql()))
    }

    /// All jobs: first those that are not finished (the newest 200), then every change of any job, its progress at
    /// most four times a second.
    #[graphql(guard = "Needs::ViewSome")]
    async fn job_changes(&self, cx: &Context<'_>) -> async_graphql::Result<impl Stream<Item = Job> + use<>> {
        let kernel = cx.data::<Kernel>()?;
        // Listening begins before reading, so that nothing falls between.
        let changes = kernel.jobs.watch_all();
        let groups = Groups::of(require(cx).graphql()?);
        let live = live(kernel).await.graphql()?;
        let shown = move |job: &JobView| std::future::ready(groups.have(job));
        Ok(stream::iter(live).chain(changes).filter(shown).map(Job::from))
    }
}

async fn live(kernel: &Kernel) -> Result<Vec<JobView>, Failure> {
    let states = [
        JobStatus::Waiting,
        JobStatus::Ready,
        JobStatus::Running,
        JobStatus::Paused,
    ];
    let live = job::Entity::find()
        .filter(job::Column::State.is_in(states))
        .order_by_desc(job::Column::Id);
    let ids: Vec<JobId> = live
        .limit(OPENING)
        .select_only()
        .column(job::Column::Id)
        .into_tuple()
        .all(kernel.store.reader())
        .await?;
    Ok(kernel.jobs.get_many(ids).await?)
}
