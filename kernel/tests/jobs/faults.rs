//! What goes wrong: errors, panics, dead processes, lost leases, a database that goes away.

use std::time::Duration;

use entities::job::JobStatus;
use kernel::jobs::{Enqueue, JobSettings};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::{
    lab::{Count, Deaf, Fault, Flaky, Hold, Late, Note, Stray},
    world::on_both,
};

on_both! {
    async fn errors_and_panics_are_retried_until_the_attempts_are_used_up(world: World) {
        let node = world.run().await;
        for (fault, code, text) in [
            (Fault::Error, "JOB_FAILED", "the tube broke"),
            (Fault::Panic, "JOB_PANICKED", "the tube exploded"),
        ] {
            let recovers = world.jobs.start_one(&Flaky(2, fault), Enqueue::default()).await.unwrap().job;
            let view = world.until_status(recovers, JobStatus::Succeeded).await;
            assert_eq!((view.attempts, view.error), (3, None));
            let fails = world.jobs.start_one(&Flaky(3, fault), Enqueue::default()).await.unwrap().job;
            let view = world.until_status(fails, JobStatus::Failed).await;
            let error = view.error.unwrap();
            assert_eq!((view.attempts, error.code.as_str(), error.message.as_str()), (3, code, text));
            let attempts = format!("select count(*) from job_attempt where outcome = 'failed' and job_id = {}", fails.0);
            assert_eq!(world.number(&attempts).await, 3);
        }
        let hopeless = world.jobs.start_one(&Flaky(1, Fault::Final), Enqueue::default()).await.unwrap().job;
        let view = world.until_status(hopeless, JobStatus::Failed).await;
        assert_eq!((view.attempts, view.error.unwrap().code.as_str()), (1, "BAD_INPUT"));
        node.stop().await;
    }

    async fn a_late_worker_changes_nothing(world: World) {
        // This node never renews a lease.
        let settings = JobSettings { heartbeat: Duration::from_secs(3600), ..JobSettings::for_tests() };
        let slow = world.run_on(world.elsewhere(settings).await, world.table()).await;
        let job = world.jobs.start_one(&Late, Enqueue::default()).await.unwrap().job;
        world.until("it began", async || (world.lab.log() == ["begin 1"]).then_some(())).await;
        slow.stop.cancel();
        let quick = world.run().await;
        world.clock.advance(Duration::from_secs(31));
        let done = world.until_status(job, JobStatus::Succeeded).await;
        world.lab.open("late");
        slow.stop().await;
        assert_eq!(world.lab.log(), ["begin 1", "begin 2", "wrote 2", "refused 1"]);
        assert_eq!(world.view(job).await, done);
        quick.stop().await;
    }

    async fn a_late_end_does_not_end_the_attempt_that_runs_now(world: World) {
        // Its lane is full, so that it does not take the second attempt before it knows that it is to stop.
        let settings = JobSettings { heartbeat: Duration::from_secs(3600), lanes: [1; 4], ..JobSettings::for_tests() };
        let slow = world.run_on(world.elsewhere(settings).await, world.table()).await;
        let job = world.jobs.start_one(&Stray, Enqueue::default()).await.unwrap().job;
        world.until("it began", async || (world.lab.log().len() == 1).then_some(())).await;
        slow.stop.cancel();
        let quick = world.run().await;
        world.clock.advance(Duration::from_secs(31));
        world.until("it began again", async || (world.lab.log().len() == 2).then_some(())).await;
        world.lab.open("attempt 1");
        slow.stop().await;
        let view = world.view(job).await;
        assert_eq!((view.status, view.attempts), (JobStatus::Running, 2));
        world.lab.open("attempt 2");
        world.until_status(job, JobStatus::Succeeded).await;
        quick.stop().await;
    }

    async fn a_lease_that_is_renewed_does_not_expire(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(job, JobStatus::Running).await;
        for _ in 0..4 {
            let sql = format!("select lease_until from job where id = {}", job.0);
            let before = world.number(&sql).await;
            world.clock.advance(Duration::from_secs(12));
            world.until("it is renewed", async || (world.number(&sql).await > before).then_some(())).await;
        }
        world.lab.open("gate");
        assert_eq!(world.until_status(job, JobStatus::Succeeded).await.attempts, 1);
        node.stop().await;
    }

    async fn the_job_of_a_dead_process_goes_on_from_what_it_saved(world: World) {
        let job = world.jobs.start_one(&Count { to: 9, hold_after: Some(1) }, Enqueue::default()).await.unwrap().job;
        // More deaths than attempts: what is saved is progress, and progress grants the attempts anew.
        for n in 1..=6 {
            let settings = JobSettings { owns_database: true, ..JobSettings::for_tests() };
            let node = world.run_on(world.elsewhere(settings).await, world.table()).await;
            let saved = format!("select count(*) from job where state = 2 and checkpoint = '{n}'");
            world.until("it has saved", async || (world.number(&saved).await == 1).then_some(())).await;
            if n == 6 {
                world.lab.open("count");
                assert_eq!(world.until_status(job, JobStatus::Succeeded).await.attempts, 6);
            }
            node.kill().await;
        }
        assert_eq!(world.lab.log(), ["from 0", "from 1", "from 2", "from 3", "from 4", "from 5"]);
    }

    async fn a_job_that_kills_its_process_each_time_ends_failed(world: World) {
        let job = world.jobs.start_one(&Hold("never".to_owned()), Enqueue::default()).await.unwrap().job;
        for n in 0..2 {
            let settings = JobSettings { owns_database: true, ..JobSettings::for_tests() };
            let node = world.run_on(world.elsewhere(settings).await, world.table()).await;
            world.until("it runs", async || (world.lab.log().len() > n).then_some(())).await;
            node.kill().await;
        }
        let settings = JobSettings { owns_database: true, ..JobSettings::for_tests() };
        let node = world.run_on(world.elsewhere(settings).await, world.table()).await;
        let view = world.until_status(job, JobStatus::Failed).await;
        assert_eq!((view.attempts, view.error.unwrap().code.as_str()), (2, "JOB_INTERRUPTED"));
        node.stop().await;
    }

    async fn a_server_that_stops_hands_its_jobs_back(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(job, JobStatus::Running).await;
        node.stop().await;
        let view = world.view(job).await;
        assert_eq!((view.status, view.max_attempts - view.attempts), (JobStatus::Ready, 2));
        assert_eq!(world.number("select count(*) from node").await, 0);
        world.lab.open("gate");
        let node = world.run().await;
        world.until_status(job, JobStatus::Succeeded).await;
        node.stop().await;
    }

    async fn a_job_that_hears_and_says_nothing_is_ended(world: World) {
        let settings = JobSettings { grace: Duration::from_millis(100), ..JobSettings::for_tests() };
        let node = world.run_on(world.elsewhere(settings).await, world.table()).await;
        let job = world.jobs.start_one(&Deaf, Enqueue::default()).await.unwrap().job;
        let view = world.until_status(job, JobStatus::Failed).await;
        assert_eq!(view.error.unwrap().code, "JOB_STALLED");
        node.stop().await;
    }

    async fn a_job_of_a_newer_version_is_left_to_newer_servers(world: World) {
        let job = world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        world.execute("update job set kind_version = 2 where id = $1", vec![job.0.into()]).await;
        let node = world.run().await;
        let other = world.jobs.start_one(&Note("y".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(other, JobStatus::Succeeded).await;
        assert_eq!(world.status(job).await, JobStatus::Ready);
        node.stop().await;
    }

    async fn old_rows_go_and_failed_ones_stay(world: World) {
        let node = world.run().await;
        let old = world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        let failed = world.jobs.start_one(&Flaky(1, Fault::Final), Enqueue::default()).await.unwrap().job;
        world.drain().await;
        node.stop().await;
        world.execute("update job set finished_at = finished_at - 604900000", Vec::new()).await;
        let node = world.run().await;
        world.until("it is purged", async || world.jobs.get(old).await.unwrap().is_none().then_some(())).await;
        assert_eq!(world.status(failed).await, JobStatus::Failed);
        node.stop().await;
    }

    async fn a_database_that_fails_does_not_end_the_runner(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(job, JobStatus::Running).await;
        // Nothing about jobs can be read or written until the table has its name again.
        world.execute("alter table job rename to hidden", Vec::new()).await;
        let failures = world.store.statements().failures;
        world.lab.open("gate");
        world.until("statements fail", async || (world.store.statements().failures > failures + 3).then_some(())).await;
        if world.store.backend() == DbBackend::Postgres {
            let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid()";
            world.store.reader().execute_unprepared(sql).await.unwrap();
        }
        // On a terminated connection the first statement fails.
        world.until("the table has its name again", async || {
            world.try_execute("alter table hidden rename to job", Vec::new()).await.ok()
        }).await;
        world.until_status(job, JobStatus::Succeeded).await;
        let next = world.jobs.start_one(&Note("next".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(next, JobStatus::Succeeded).await;
        node.stop().await;
    }
}
