//! What runs, when, and how often: keys, priorities, needs, batches, schedules.

use entities::{id::JobId, job::JobStatus};
use kernel::{
    jobs::{Enqueue, JobSettings, Need, Priority},
    store::Durability,
};

use crate::{
    lab::{Fault, Flaky, Hold, Note, Once},
    world::on_both,
};

fn needing(job: JobId, run_anyway: bool) -> Enqueue {
    Enqueue {
        needs: vec![Need { job, run_anyway }],
        ..Enqueue::default()
    }
}

on_both! {
    async fn an_idempotency_key_makes_one_job_of_two_requests(world: World) {
        let options = || Enqueue { idempotency_key: Some("import 7".to_owned()), ..Enqueue::default() };
        let first = world.jobs.start_one(&Note("a".to_owned()), options()).await.unwrap();
        let second = world.jobs.start_one(&Note("a".to_owned()), options()).await.unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.job, second.job);
        let node = world.run().await;
        world.drain().await;
        let third = world.jobs.start_one(&Note("a".to_owned()), options()).await.unwrap();
        assert_eq!(third.job, first.job, "the key is kept after the job has ended");
        world.drain().await;
        assert_eq!(world.lab.log(), ["a"]);
        node.stop().await;
    }

    async fn a_job_of_a_rolled_back_transaction_never_was(world: World) {
        let tx = world.store.begin(Durability::Full).await.unwrap();
        let enqueued = world.jobs.enqueue(&tx, &Note("a".to_owned()), Enqueue::default()).await.unwrap();
        drop(tx);
        assert_eq!(world.jobs.get(enqueued.job).await.unwrap(), None);
        let node = world.run().await;
        world.drain().await;
        assert!(world.lab.log().is_empty());
        node.stop().await;
    }

    async fn a_unique_job_is_alone_while_it_lives_and_takes_the_higher_priority(world: World) {
        let once = Once("library 7".to_owned());
        let first = world.jobs.start_one(&once, Enqueue::default()).await.unwrap();
        let urgent = Enqueue { priority: Priority::User, ..Enqueue::default() };
        let second = world.jobs.start_one(&once, urgent).await.unwrap();
        assert_eq!((second.job, second.is_new), (first.job, false));
        assert_eq!(world.view(first.job).await.priority, Priority::User);
        assert!(world.jobs.start_one(&Once("library 8".to_owned()), Enqueue::default()).await.unwrap().is_new);
        world.lab.open("library 7");
        world.lab.open("library 8");
        let node = world.run().await;
        world.drain().await;
        let third = world.jobs.start_one(&once, Enqueue::default()).await.unwrap();
        assert!(third.is_new, "an ended job does not hold its key");
        node.stop().await;
    }

    async fn urgent_jobs_go_first_and_equals_in_their_order(world: World) {
        let priorities = [Priority::Background, Priority::User, Priority::Interactive, Priority::User];
        for (n, priority) in priorities.into_iter().enumerate() {
            let options = Enqueue { priority, ..Enqueue::default() };
            world.jobs.start_one(&Note(format!("{priority:?} {n}")), options).await.unwrap();
        }
        let jobs = world.elsewhere(JobSettings { lanes: [1; 4], ..JobSettings::for_tests() }).await;
        let node = world.run_on(jobs, world.table()).await;
        world.drain().await;
        assert_eq!(world.lab.log(), ["Interactive 2", "User 1", "User 3", "Background 0"]);
        node.stop().await;
    }

    async fn a_job_that_was_ready_for_very_long_goes_first(world: World) {
        world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap();
        let jobs = world.elsewhere(JobSettings { lanes: [1; 4], ..JobSettings::for_tests() }).await;
        let node = world.run_on(jobs, world.table()).await;
        world.until("the lane is full", async || (!world.lab.log().is_empty()).then_some(())).await;
        let old = world.jobs.start_one(&Hold("old".to_owned()), Enqueue::default()).await.unwrap();
        // Less than the lease, so that the held job goes on; the old one is moved into the past instead.
        world.execute("update job set run_at = run_at - 700000 where id = $1", vec![old.job.0.into()]).await;
        let user = Enqueue { priority: Priority::User, ..Enqueue::default() };
        world.jobs.start_one(&Hold("new".to_owned()), user).await.unwrap();
        world.until("it is moved forward", async || {
            (world.view(old.job).await.priority == Priority::Interactive).then_some(())
        }).await;
        ["gate", "old", "new"].into_iter().for_each(|gate| world.lab.open(gate));
        world.drain().await;
        let begun: Vec<_> = world.lab.log().into_iter().filter(|line| line.starts_with("begin")).collect();
        assert_eq!(begun, ["begin gate", "begin old", "begin new"]);
        node.stop().await;
    }

    async fn a_job_waits_for_what_it_needs(world: World) {
        let first = world.jobs.start_one(&Hold("a".to_owned()), Enqueue::default()).await.unwrap().job;
        let second = world.jobs.start_one(&Hold("b".to_owned()), Enqueue::default()).await.unwrap().job;
        let needs = [first, second, first].map(|job| Need { job, run_anyway: false }).to_vec();
        let both = Enqueue { needs, ..Enqueue::default() };
        let last = world.jobs.start_one(&Note("last".to_owned()), both).await.unwrap().job;
        let node = world.run().await;
        world.lab.open("a");
        world.until_status(first, JobStatus::Succeeded).await;
        assert_eq!(world.status(last).await, JobStatus::Waiting);
        world.lab.open("b");
        world.until_status(last, JobStatus::Succeeded).await;
        let after = world.jobs.start_one(&Note("after".to_owned()), needing(last, false)).await.unwrap().job;
        world.until_status(after, JobStatus::Succeeded).await;
        node.stop().await;
    }

    async fn a_failed_need_cancels_what_depends_on_it_unless_that_runs_anyway(world: World) {
        let need = world.jobs.start_one(&Flaky(9, Fault::Final), Enqueue::default()).await.unwrap().job;
        let strict = world.jobs.start_one(&Note("strict".to_owned()), needing(need, false)).await.unwrap().job;
        let chained = world.jobs.start_one(&Note("chained".to_owned()), needing(strict, false)).await.unwrap().job;
        let anyway = world.jobs.start_one(&Note("anyway".to_owned()), needing(need, true)).await.unwrap().job;
        let node = world.run().await;
        world.drain().await;
        assert_eq!(world.status(need).await, JobStatus::Failed);
        for job in [strict, chained] {
            let view = world.view(job).await;
            assert_eq!(view.status, JobStatus::Canceled);
            assert_eq!(view.error.unwrap().code, "JOB_NEED_FAILED");
        }
        assert_eq!(world.status(anyway).await, JobStatus::Succeeded);
        let late = world.jobs.start_one(&Note("late".to_owned()), needing(need, false)).await.unwrap().job;
        assert_eq!(world.status(late).await, JobStatus::Canceled);
        // Revived by hand, it runs although its need has failed.
        world.jobs.retry(strict).await.unwrap();
        world.until_status(strict, JobStatus::Succeeded).await;
        assert!(!world.lab.log().contains(&"late".to_owned()));
        node.stop().await;
    }

    async fn a_batch_counts_its_jobs_and_the_last_one_starts_what_follows(world: World) {
        let tx = world.store.begin(Durability::Full).await.unwrap();
        let batch = world.jobs.open_batch(&tx).await.unwrap();
        let options = || Enqueue { batch: Some(batch), ..Enqueue::default() };
        for n in 0..5 {
            world.jobs.enqueue(&tx, &Note(format!("{n}")), options()).await.unwrap();
        }
        let bad = world.jobs.enqueue(&tx, &Flaky(1, Fault::Final), options()).await.unwrap().job;
        let held = world.jobs.enqueue(&tx, &Hold("held".to_owned()), options()).await.unwrap().job;
        tx.commit().await.unwrap();
        let node = world.run().await;
        world.until_status(bad, JobStatus::Failed).await;
        world.until_status(held, JobStatus::Running).await;
        let tx = world.store.begin(Durability::Full).await.unwrap();
        world.jobs.close_batch(&tx, batch, &Note("follows".to_owned())).await.unwrap();
        let closed = world.jobs.enqueue(&tx, &Note("too late".to_owned()), options()).await;
        assert!(closed.is_err(), "{closed:?}");
        drop(tx);
        let tx = world.store.begin(Durability::Full).await.unwrap();
        world.jobs.close_batch(&tx, batch, &Note("follows".to_owned())).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!world.lab.log().contains(&"follows".to_owned()));
        world.jobs.cancel(held).await.unwrap();
        world.until_status(held, JobStatus::Canceled).await;
        world.drain().await;
        world.jobs.retry(bad).await.unwrap();
        world.drain().await;
        let log = world.lab.log();
        assert_eq!(log.iter().filter(|line| *line == "follows").count(), 1, "{log:?}");
        let counts = "select total * 1000 + done * 100 + failed * 10 + canceled from job_batch";
        assert_eq!(world.number(counts).await, 7 * 1000 + 6 * 100 + 1);
        node.stop().await;
    }

    async fn a_due_time_is_kept(world: World) {
        let later = Enqueue { run_at: Some(world.clock.now_ms() + 20_000), ..Enqueue::default() };
        let job = world.jobs.start_one(&Note("later".to_owned()), later).await.unwrap().job;
        let node = world.run().await;
        let now = world.jobs.start_one(&Note("now".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(now, JobStatus::Succeeded).await;
        assert_eq!(world.status(job).await, JobStatus::Ready);
        world.clock.advance(std::time::Duration::from_secs(20));
        world.until_status(job, JobStatus::Succeeded).await;
        node.stop().await;
    }

    async fn two_runners_make_one_job_of_a_tick(world: World) {
        let table = || {
            let mut table = world.table();
            table.schedule("every minute", "* * * * *", &Note("tick".to_owned())).unwrap();
            table
        };
        let one = world.run_on(world.elsewhere(JobSettings::for_tests()).await, table()).await;
        let two = world.run_on(world.elsewhere(JobSettings::for_tests()).await, table()).await;
        world.until("the schedule is written", async || {
            (world.number("select count(*) from job_schedule").await == 1).then_some(())
        }).await;
        for n in 1..=3 {
            world.clock.advance(std::time::Duration::from_secs(60));
            // Ended, not only begun: the next minute would outlast its lease, and it would run again.
            let ended = "select count(*) from job where finished_at is not null";
            world.until("the tick comes", async || (world.number(ended).await >= n).then_some(())).await;
        }
        one.stop().await;
        two.stop().await;
        // A real minute may end meanwhile, and makes one more tick; two runners never make two of one.
        let n_jobs = world.number("select count(*) from job").await;
        assert!((3..=4).contains(&n_jobs), "{n_jobs} jobs for three ticks");
    }

    async fn a_schedule_with_a_bad_pattern_is_refused(world: World) {
        let error = world.table().schedule("broken", "every day", &Note("x".to_owned())).unwrap_err();
        assert!(error.to_string().contains("`every day` is not a cron pattern"), "{error}");
    }
}
