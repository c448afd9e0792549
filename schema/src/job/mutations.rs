//! Control of jobs: cancel, retry, pause, resume.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::JobId;
use kernel::plugin::Kernel;

use crate::{
    job::types::Job,
    kit::{access::Needs, error::ToGraphql, id::parse},
};

macro_rules! control {
    ($($input:ident, $payload:ident, $what:literal;)+) => {
        $(
            #[doc = concat!("The job to ", $what, ".")]
            #[derive(InputObject)]
            pub struct $input {
                /// The job.
                id: ID,
            }

            /// The job as it is now.
            #[derive(SimpleObject)]
            pub struct $payload {
                /// The job.
                job: Job,
            }
        )+
    };
}

control! {
    CancelJobInput, CancelJobPayload, "cancel";
    RetryJobInput, RetryJobPayload, "try again";
    PauseJobInput, PauseJobPayload, "pause";
    ResumeJobInput, ResumeJobPayload, "resume";
}

/// What can be changed of jobs.
#[derive(Default)]
pub struct JobMutation;

/// What can be changed of jobs.
#[Object]
impl JobMutation {
    /// Ends a job. A running one ends at its next checkpoint, usually within two seconds.
    #[graphql(guard = "Needs::Edit")]
    async fn cancel_job(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The job.")] input: CancelJobInput,
    ) -> async_graphql::Result<CancelJobPayload> {
        let id = parse::<JobId>(&input.id, "input.id").graphql()?;
        let job = cx.data::<Kernel>()?.jobs.cancel(id).await.graphql()?;
        Ok(CancelJobPayload { job: job.into() })
    }

    /// Begins a failed or canceled job anew, with all its attempts.
    #[graphql(guard = "Needs::Edit")]
    async fn retry_job(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The job.")] input: RetryJobInput,
    ) -> async_graphql::Result<RetryJobPayload> {
        let id = parse::<JobId>(&input.id, "input.id").graphql()?;
        let job = cx.data::<Kernel>()?.jobs.retry(id).await.graphql()?;
        Ok(RetryJobPayload { job: job.into() })
    }

    /// Rests a job until it is resumed. A running one rests at its next checkpoint and keeps what it has done.
    #[graphql(guard = "Needs::Edit")]
    async fn pause_job(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The job.")] input: PauseJobInput,
    ) -> async_graphql::Result<PauseJobPayload> {
        let id = parse::<JobId>(&input.id, "input.id").graphql()?;
        let job = cx.data::<Kernel>()?.jobs.pause(id).await.graphql()?;
        Ok(PauseJobPayload { job: job.into() })
    }

    /// Lets a paused job go on.
    #[graphql(guard = "Needs::Edit")]
    async fn resume_job(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The job.")] input: ResumeJobInput,
    ) -> async_graphql::Result<ResumeJobPayload> {
        let id = parse::<JobId>(&input.id, "input.id").graphql()?;
        let job = cx.data::<Kernel>()?.jobs.resume(id).await.graphql()?;
        Ok(ResumeJobPayload { job: job.into() })
    }
}
