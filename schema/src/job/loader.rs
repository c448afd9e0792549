//! Jobs by id for one request or subscription: a page's parents cost one statement, and one more for an account that has
//! some libraries only.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Data};
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::JobId;
use kernel::{
    error::Failure,
    jobs::{JobView, Jobs},
    plugin::Kernel,
};
use sea_orm::{DatabaseConnection, DbErr};

use crate::{
    job::{shown, types::Job},
    kit::{
        access::{Access, Viewer, require},
        loader::YIELDS,
    },
};

type Loaded = Result<Option<Arc<JobView>>, Arc<DbErr>>;

struct Batch {
    jobs: Jobs,
    db: DatabaseConnection,
    viewer: Option<Viewer>,
}

impl Batch {
    /// The jobs that who asks sees.
    async fn read(&self, ids: &[JobId]) -> Result<Vec<JobView>, DbErr> {
        let Some(viewer) = &self.viewer else {
            return Ok(Vec::new());
        };
        let jobs = self.jobs.get_many(ids.to_vec()).await?;
        shown::of(&self.db, viewer, jobs).await
    }
}

impl BatchFn<JobId, Loaded> for Batch {
    async fn load(&mut self, ids: &[JobId]) -> HashMap<JobId, Loaded> {
        match self.read(ids).await {
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
pub fn loaders(kernel: &Kernel, access: &Access, data: &mut Data) {
    let loader = Loader::new(Batch {
        jobs: kernel.jobs.clone(),
        db: kernel.store.reader().clone(),
        viewer: match access {
            Access::Viewer(viewer) => Some(viewer.clone()),
            Access::Anonymous => None,
        },
    });
    data.insert(JobLoader(loader.with_yield_count(YIELDS)));
}

/// The job behind an edge such as `parent`.
pub(super) async fn parent(cx: &Context<'_>, id: JobId) -> Result<Option<Job>, Failure> {
    let JobLoader(loader) = cx
        .data::<JobLoader>()
        .map_err(|error| Failure::internal(error.message))?;
    let loaded = loader.try_load(id).await.map_err(Failure::internal)?;
    Ok(loaded?.map(Job))
}

/// The job behind `node(id:)`.
pub async fn node(cx: &Context<'_>, id: JobId) -> Result<Option<Job>, Failure> {
    require(cx)?;
    parent(cx, id).await
}
