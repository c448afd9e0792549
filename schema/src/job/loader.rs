//! Jobs by id for one request or subscription: a page's parents cost one statement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Data};
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::JobId;
use kernel::{
    error::Failure,
    jobs::{JobView, Jobs},
    plugin::Kernel,
};
use sea_orm::DbErr;

use crate::{
    job::{shown, types::Job},
    kit::{access::require, loader::YIELDS},
};

type Loaded = Result<Option<Arc<JobView>>, Arc<DbErr>>;

struct Batch {
    jobs: Jobs,
}

impl BatchFn<JobId, Loaded> for Batch {
    async fn load(&mut self, ids: &[JobId]) -> HashMap<JobId, Loaded> {
        match self.jobs.get_many(ids.to_vec()).await {
            Ok(views) => {
                let mut views: HashMap<_, _> = views.into_iter().map(|view| (view.id, Arc::new(view))).collect();
                ids.iter().map(|id| (*id, Ok(views.remove(id)))).collect()
            }
            Err(error) => {
                let error = Arc::new(error);
                ids.iter().map(|id| (*id, Err(Arc::clone(&error)))).collect()
            }
        }
    }
}

/// It keeps nothing: a job moves, and a subscription outlives every cache.
struct JobLoader(Loader<JobId, Loaded, Batch>);

/// Puts the loader of jobs into a request's data.
pub fn loaders(kernel: &Kernel, data: &mut Data) {
    let loader = Loader::new(Batch {
        jobs: kernel.jobs.clone(),
    });
    data.insert(JobLoader(loader.with_yield_count(YIELDS)));
}

/// The job behind an edge such as `parent`.
pub(super) async fn parent(cx: &Context<'_>, id: JobId) -> Result<Option<Job>, Failure> {
    let JobLoader(loader) = cx
        .data::<JobLoader>()
        .map_err(|error| Failure::internal(error.message))?;
    let loaded = loader.try_load(id).await.map_err(Failure::internal)?;
    let Some(job) = loaded? else { return Ok(None) };
    let kernel = cx.data::<Kernel>().map_err(|error| Failure::internal(error.message))?;
    let is_shown = Box::pin(shown::is_shown(kernel, require(cx)?, &job)).await?;
    Ok(is_shown.then_some(Job(job)))
}

/// The job behind `node(id:)`.
pub async fn node(cx: &Context<'_>, id: JobId) -> Result<Option<Job>, Failure> {
    require(cx)?;
    parent(cx, id).await
}
