//! What clients can do: start a backup, and delete one. The list is `system.backups`.

use std::sync::Arc;

use async_graphql::{Context, Data, InputObject, Object, SimpleObject};
use kernel::{
    backups::Backups,
    error::{Failure, code as codes},
    jobs::{Enqueue, Priority},
    plugin::Kernel,
};
use schema::{
    job::types::Job,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        surface::{NoFields, NoSubscription, Surface},
    },
    system::{backups as shown, contracts::BackupReport},
};

use crate::{
    Backup, code,
    jobs::back_up::{BackUp, must_have_room},
    routes,
};

impl Surface for Backup {
    type Query = NoFields;
    type Mutation = BackupMutation;
    type Subscription = NoSubscription;

    fn loaders(&self, _kernel: &Kernel, data: &mut Data) {
        data.insert::<Arc<dyn BackupReport>>(self.report.clone());
    }

    fn routes(self: Arc<Self>, kernel: &Kernel) -> axum::Router {
        routes::router(kernel.clone(), self)
    }
}

/// What can be done with backups.
#[derive(Default)]
pub struct BackupMutation;

/// What can be done with backups.
#[Object]
impl BackupMutation {
    /// Starts to copy the database while it is used; nobody who writes waits for it. The copy is checked before it is in
    /// `system.backups`.
    #[graphql(guard = "Needs::Admin")]
    async fn start_backup(&self, cx: &Context<'_>) -> async_graphql::Result<StartBackupPayload> {
        start(cx).await.graphql()
    }

    /// Deletes a backup for good.
    #[graphql(guard = "Needs::Admin")]
    async fn delete_backup(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which backup.")] input: DeleteBackupInput,
    ) -> async_graphql::Result<DeleteBackupPayload> {
        delete(cx, input).await.graphql()
    }
}

/// The outcome of `startBackup`.
#[derive(SimpleObject)]
pub struct StartBackupPayload {
    /// What copies, with its progress.
    job: Job,
    /// The name that the backup will have.
    name: String,
}

/// Which backup to delete.
#[derive(InputObject)]
pub struct DeleteBackupInput {
    /// Its name.
    name: String,
}

/// The outcome of `deleteBackup`.
#[derive(SimpleObject)]
pub struct DeleteBackupPayload {
    /// The name of the backup that is gone.
    name: String,
    /// The backups that there are still, the newest first.
    backups: Vec<shown::Backup>,
}

async fn start(cx: &Context<'_>) -> Result<StartBackupPayload, Failure> {
    let kernel = cx.data::<Kernel>().map_err(graphql)?;
    let plugin = cx.data::<Arc<Backup>>().map_err(graphql)?;
    let backups = plugin.backups()?;
    let n = plugin.report.list().await?.map_or(0, |listed| listed.len());
    if n >= plugin.config.most as usize {
        let message = format!(
            "there are {n} backups, and `most` in `[backup]` allows {}; delete one first",
            plugin.config.most
        );
        return Err(Failure::new(&code::TOO_MANY, message));
    }
    must_have_room(backups)?;
    let name = Backups::name_at(kernel.clock.now_ms());
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let enqueued = kernel.jobs.start_one(&BackUp { name: name.clone() }, options).await?;
    let view = kernel.jobs.get(enqueued.job).await?;
    let view = view.ok_or_else(|| Failure::new(&codes::NOT_FOUND, format!("no job `{}`", enqueued.job)))?;
    tracing::info!(by = require(cx)?.name, backup = name, "a backup was asked for");
    Ok(StartBackupPayload {
        job: Job::from(view),
        name,
    })
}

async fn delete(cx: &Context<'_>, input: DeleteBackupInput) -> Result<DeleteBackupPayload, Failure> {
    let plugin = cx.data::<Arc<Backup>>().map_err(graphql)?;
    let backups = plugin.backups()?.clone();
    let name = input.name.clone();
    let removed = tokio::task::spawn_blocking(move || backups.remove(&name)).await;
    if !removed.map_err(Failure::internal)?.map_err(Failure::internal)? {
        let message = format!("no backup `{}`", input.name);
        return Err(Failure::new(&code::NOT_FOUND, message));
    }
    tracing::info!(by = require(cx)?.name, backup = input.name, "a backup was deleted");
    Ok(DeleteBackupPayload {
        name: input.name,
        backups: plugin.report.list().await?.unwrap_or_default(),
    })
}

fn graphql(error: async_graphql::Error) -> Failure {
    Failure::internal(error.message)
}
