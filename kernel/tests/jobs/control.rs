//! Cancel, pause, resume, retry.

use std::time::{Duration, Instant};

use entities::{id::JobId, job::JobStatus};
use kernel::jobs::{Enqueue, JobError, JobSettings, Need};

use crate::{
    lab::{Count, Fault, Flaky, Hold, Note, Once},
    world::on_both,
};

on_both! {
    async fn a_running_job_is_gone_within_two_seconds_of_its_cancel(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("never".to_owned()), Enqueue::default()).await.unwrap().job;
        let options = Enqueue { needs: vec![Need { job, run_anyway: false }], ..Enqueue::default() };
        let dependent = world.jobs.start_one(&Note("x".to_owned()), options).await.unwrap().job;
        world.until_status(job, JobStatus::Running).await;
        let asked = Instant::now();
        let view = world.jobs.cancel(job).await.unwrap();
        assert!(view.cancel_requested);
        let view = world.until_status(job, JobStatus::Canceled).await;
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        assert_eq!(view.error.unwrap().code, "JOB_CANCELED");
        assert_eq!(world.status(dependent).await, JobStatus::Canceled);
        node.stop().await;
    }

    async fn another_process_cancels_a_running_job_by_its_row(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("never".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(job, JobStatus::Running).await;
        let elsewhere = world.elsewhere(JobSettings::for_tests()).await;
        elsewhere.cancel(job).await.unwrap();
        world.until_status(job, JobStatus::Canceled).await;
        node.stop().await;
    }

    async fn what_does_not_run_is_canceled_at_once_and_the_ended_cannot_be(world: World) {
        let job = world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        assert_eq!(world.jobs.cancel(job).await.unwrap().status, JobStatus::Canceled);
        let error = world.jobs.cancel(job).await.unwrap_err();
        assert!(matches!(error, JobError::WrongState { state: JobStatus::Canceled, .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the job `{job}` is canceled and cannot be canceled"));
        assert!(matches!(world.jobs.resume(job).await, Err(JobError::WrongState { .. })));
        let unknown = JobId::new();
        assert!(matches!(world.jobs.cancel(unknown).await, Err(JobError::NotFound { id }) if id == unknown));
        let node = world.run().await;
        world.drain().await;
        assert!(world.lab.log().is_empty());
        node.stop().await;
    }

    async fn a_paused_job_goes_on_from_what_it_saved(world: World) {
        let node = world.run().await;
        let count = Count { to: 20, hold_after: Some(7) };
        let job = world.jobs.start_one(&count, Enqueue::default()).await.unwrap().job;
        world.until("it holds at 7", async || (world.view(job).await.progress.done == 7).then_some(())).await;
        world.jobs.pause(job).await.unwrap();
        let paused = world.until_status(job, JobStatus::Paused).await;
        assert_eq!((paused.progress.done, paused.progress.total), (7, Some(20)));
        assert!(!paused.pause_requested);
        assert!(matches!(world.jobs.pause(job).await, Err(JobError::WrongState { .. })));
        world.lab.open("count");
        world.jobs.resume(job).await.unwrap();
        let done = world.until_status(job, JobStatus::Succeeded).await;
        assert_eq!(world.lab.log(), ["from 0", "from 7"]);
        assert_eq!((done.attempts, done.progress.done, done.progress.fraction), (2, 20, 1.0));
        node.stop().await;
    }

    async fn a_job_that_is_not_running_pauses_and_waits_again(world: World) {
        let need = world.jobs.start_one(&Once("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        let options = Enqueue { needs: vec![Need { job: need, run_anyway: false }], ..Enqueue::default() };
        let job = world.jobs.start_one(&Note("x".to_owned()), options).await.unwrap().job;
        assert_eq!(world.jobs.pause(job).await.unwrap().status, JobStatus::Paused);
        assert_eq!(world.jobs.resume(job).await.unwrap().status, JobStatus::Waiting);
        world.jobs.pause(job).await.unwrap();
        let node = world.run().await;
        world.lab.open("gate");
        world.until_status(need, JobStatus::Succeeded).await;
        assert_eq!(world.status(job).await, JobStatus::Paused, "an end of a need does not resume what rests");
        assert_eq!(world.jobs.resume(job).await.unwrap().status, JobStatus::Ready);
        world.until_status(job, JobStatus::Succeeded).await;
        node.stop().await;
    }

    async fn a_failed_job_is_retried_by_hand_unless_its_like_lives(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Flaky(4, Fault::Error), Enqueue::default()).await.unwrap().job;
        world.until_status(job, JobStatus::Failed).await;
        let revived = world.jobs.retry(job).await.unwrap();
        assert_eq!((revived.status, revived.error, revived.finished_at), (JobStatus::Ready, None, None));
        let done = world.until_status(job, JobStatus::Succeeded).await;
        assert_eq!(done.attempts, 5);
        assert!(matches!(world.jobs.retry(job).await, Err(JobError::WrongState { .. })));
        let first = world.jobs.start_one(&Once("x".to_owned()), Enqueue::default()).await.unwrap().job;
        world.jobs.cancel(first).await.unwrap();
        world.until_status(first, JobStatus::Canceled).await;
        let second = world.jobs.start_one(&Once("x".to_owned()), Enqueue::default()).await.unwrap();
        assert!(second.is_new);
        assert!(matches!(world.jobs.retry(first).await, Err(JobError::Duplicate { .. })));
        world.lab.open("x");
        world.drain().await;
        node.stop().await;
    }
}
