//! What watchers see: the present state first, the newest after, the terminal state last, whoever is slow.

use std::time::{Duration, Instant};

use entities::{id::JobId, job::JobStatus};
use futures_util::{StreamExt, future::join_all};
use kernel::jobs::{Enqueue, JobError, JobSettings, JobView, Jobs};

use crate::{
    lab::{Count, Hold, Note},
    world::{PATIENCE, on_both},
};

async fn watch_to_the_end(jobs: &Jobs, id: JobId) -> Vec<JobView> {
    let watching = jobs.watch(id).map(|view| view.unwrap()).collect();
    tokio::time::timeout(PATIENCE, watching).await.expect("the stream ends")
}

on_both! {
    async fn a_watcher_sees_the_present_first_and_the_end_last(world: World) {
        let job = world.jobs.start_one(&Count { to: 40, hold_after: Some(20) }, Enqueue::default()).await.unwrap().job;
        let watcher = tokio::spawn({
            let jobs = world.jobs.clone();
            async move { watch_to_the_end(&jobs, job).await }
        });
        let mut views = Box::pin(world.jobs.watch(job));
        assert_eq!(views.next().await.unwrap().unwrap().status, JobStatus::Ready);
        let node = world.run().await;
        let half = loop {
            let view = views.next().await.unwrap().unwrap();
            if view.progress.done == 20 {
                break view;
            }
        };
        assert_eq!(half.status, JobStatus::Running);
        let progress = &half.progress;
        assert_eq!((progress.step.as_deref(), progress.step_index, progress.step_count), (Some("count"), 1, 2));
        assert_eq!((progress.unit.as_deref(), progress.total), (Some("numbers"), Some(40)));
        // One of four parts for the first step, half of three for the second.
        assert!((progress.fraction - 0.625).abs() < 1e-9, "{progress:?}");
        world.lab.open("count");
        let seen = watcher.await.unwrap();
        assert_eq!(seen.last().unwrap().status, JobStatus::Succeeded);
        assert!(seen.windows(2).all(|pair| pair[0].progress.fraction <= pair[1].progress.fraction), "{seen:?}");
        assert_eq!(seen.iter().filter(|view| view.status.is_terminal()).count(), 1);
        let ended = watch_to_the_end(&world.jobs, job).await;
        assert_eq!(ended.len(), 1, "who comes after the end sees the end");
        node.stop().await;
    }

    async fn ten_updates_a_second_reach_a_watcher_at_most(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        let mut views = Box::pin(world.jobs.watch(job));
        let begun = Instant::now();
        let mut n_views = 0;
        while begun.elapsed() < Duration::from_secs(1) {
            views.next().await.unwrap().unwrap();
            n_views += 1;
        }
        // The snapshot, and the change to running, come besides the ten.
        assert!((4..=12).contains(&n_views), "{n_views} updates in {:?}", begun.elapsed());
        world.lab.open("gate");
        world.drain().await;
        node.stop().await;
    }

    async fn a_slow_watcher_holds_nobody_up_and_sees_the_newest(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Count { to: 30, hold_after: None }, Enqueue::default()).await.unwrap().job;
        let mut slow = Box::pin(world.jobs.watch(job));
        assert!(!slow.next().await.unwrap().unwrap().status.is_terminal());
        // It does not read until the job has ended and another has come and gone.
        world.until_status(job, JobStatus::Succeeded).await;
        world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap();
        world.drain().await;
        let view = slow.next().await.unwrap().unwrap();
        assert_eq!((view.status, view.progress.done), (JobStatus::Succeeded, 30));
        assert!(slow.next().await.is_none());
        node.stop().await;
    }

    async fn a_job_of_another_process_is_watched_by_its_row(world: World) {
        let node = world.run_on(world.elsewhere(JobSettings::for_tests()).await, world.table()).await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        let watchers: Vec<_> = (0..50).map(|_| {
            let jobs = world.jobs.clone();
            tokio::spawn(async move { watch_to_the_end(&jobs, job).await })
        }).collect();
        let mut views = Box::pin(world.jobs.watch(job));
        while views.next().await.unwrap().unwrap().progress.done == 0 {}
        world.lab.open("gate");
        for watcher in watchers {
            assert_eq!(watcher.await.unwrap().last().unwrap().status, JobStatus::Succeeded);
        }
        node.stop().await;
    }

    async fn a_thousand_watchers_all_see_the_end(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        let watchers: Vec<_> = (0..1000).map(|_| {
            let jobs = world.jobs.clone();
            tokio::spawn(async move { watch_to_the_end(&jobs, job).await })
        }).collect();
        world.until("it reports", async || (world.view(job).await.progress.done > 100).then_some(())).await;
        world.lab.open("gate");
        for seen in join_all(watchers).await {
            let seen = seen.unwrap();
            assert_eq!(seen.last().unwrap().status, JobStatus::Succeeded);
        }
        node.stop().await;
    }

    async fn a_crowd_that_comes_for_one_job_reads_its_row_once(world: World) {
        let jobs = Jobs::new(world.store.clone(), world.bus.clone(), JobSettings::default());
        let job = jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        let before = world.store.statements().statements;
        let coming = (0..1000).map(|_| async {
            let mut views = Box::pin(jobs.watch(job));
            let view = views.next().await.unwrap().unwrap();
            (view.status, views)
        });
        let crowd = join_all(coming).await;
        assert!(crowd.iter().all(|(status, _)| *status == JobStatus::Ready));
        let n = world.store.statements().statements - before;
        assert!(n < 20, "{n} statements");
    }

    async fn who_comes_after_progress_was_saved_sees_it_move(world: World) {
        let node = world.run().await;
        let job = world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap().job;
        let saved = format!("select count(*) from job where id = {} and updated_at > started_at", job.0);
        world.until("its progress is saved", async || (world.number(&saved).await == 1).then_some(())).await;
        let mut views = Box::pin(world.jobs.watch(job));
        let first = views.next().await.unwrap().unwrap().progress.done;
        let moves = async { while views.next().await.unwrap().unwrap().progress.done < first + 5 {} };
        tokio::time::timeout(PATIENCE, moves).await.expect("it moves");
        world.lab.open("gate");
        world.drain().await;
        node.stop().await;
    }

    async fn each_change_of_a_row_is_later_than_the_one_before(world: World) {
        let job = world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        let mut at = world.view(job).await.updated_at;
        for _ in 0..20 {
            for view in [world.jobs.pause(job).await.unwrap(), world.jobs.resume(job).await.unwrap()] {
                assert!(view.updated_at > at, "{} after {at}", view.updated_at);
                at = view.updated_at;
            }
        }
    }

    async fn an_unknown_job_is_an_error_and_not_a_silence(world: World) {
        let views: Vec<_> = world.jobs.watch(JobId::new()).collect().await;
        assert!(matches!(views.as_slice(), [Err(JobError::NotFound { .. })]), "{views:?}");
        let job = world.jobs.start_one(&Note("x".to_owned()), Enqueue::default()).await.unwrap().job;
        let mut views = Box::pin(world.jobs.watch(job));
        views.next().await.unwrap().unwrap();
        world.execute("delete from job where id = $1", vec![job.0.into()]).await;
        let last = tokio::time::timeout(PATIENCE, views.next()).await.unwrap();
        assert!(matches!(last, Some(Err(JobError::NotFound { .. }))), "{last:?}");
        assert!(views.next().await.is_none());
    }

    async fn who_watches_all_sees_every_job_go_forward(world: World) {
        let here = world.jobs.clone();
        let elsewhere = world.elsewhere(JobSettings::for_tests()).await;
        let collect = |jobs: Jobs| tokio::spawn(async move {
            let mut changes = Box::pin(jobs.watch_all());
            let mut seen = Vec::new();
            while seen.iter().filter(|(_, status)| *status == JobStatus::Succeeded).count() < 20 {
                let view = changes.next().await.unwrap();
                let change = (view.id, view.status);
                if seen.last() != Some(&change) {
                    seen.push(change);
                }
            }
            seen
        });
        let (near, far) = (collect(here), collect(elsewhere));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let node = world.run().await;
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(world.jobs.start_one(&Note(format!("{n}")), Enqueue::default()).await.unwrap().job);
        }
        let seen = tokio::time::timeout(PATIENCE, near).await.unwrap().unwrap();
        for id in &ids {
            let states: Vec<_> = seen.iter().filter(|(job, _)| job == id).map(|(_, status)| *status).collect();
            // That it is ready may be told after that it runs, and then it is not told.
            let states = states.strip_prefix(&[JobStatus::Ready]).unwrap_or(&states);
            assert_eq!(states, [JobStatus::Running, JobStatus::Succeeded], "{id}");
        }
        let seen = tokio::time::timeout(PATIENCE, far).await.expect("rows tell it too").unwrap();
        assert!(ids.iter().all(|id| seen.contains(&(*id, JobStatus::Succeeded))));
        node.stop().await;
    }

    async fn a_reader_of_all_that_lags_hears_how_things_stand(world: World) {
        let mut changes = Box::pin(world.jobs.watch_all());
        let node = world.run().await;
        let mut last = None;
        for n in 0..500 {
            last = Some(world.jobs.start_one(&Note(format!("{n}")), Enqueue::default()).await.unwrap().job);
        }
        world.drain().await;
        let (last, mut n_seen) = (last.unwrap(), 0);
        let reading = async {
            loop {
                let view = changes.next().await.unwrap();
                n_seen += 1;
                if view.id == last && view.status == JobStatus::Succeeded {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the newest state of the last job arrives");
        assert!(n_seen < 1500, "it lagged: {n_seen}");
        node.stop().await;
    }
}
