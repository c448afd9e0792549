//! How many run at once, and what that costs.

use std::time::Duration;

use entities::job::JobStatus;
use kernel::{
    jobs::{Enqueue, JobSettings, Limit, Priority},
    store::Durability,
};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::{
    lab::{Hold, Note},
    world::on_both,
};

const RUNNING: &str = "select count(*) from job where state = 2";

fn in_group(group: &str) -> Enqueue {
    Enqueue {
        group_key: Some(group.to_owned()),
        ..Enqueue::default()
    }
}

on_both! {
    async fn a_claim_never_takes_more_than_the_lane_has_room_for(world: World) {
        for _ in 0..60 {
            world.jobs.start_one(&Hold("gate".to_owned()), Enqueue::default()).await.unwrap();
        }
        let settings = || JobSettings { lanes: [1, 3, 1, 1], ..JobSettings::for_tests() };
        let one = world.run_on(world.elsewhere(settings()).await, world.table()).await;
        let two = world.run_on(world.elsewhere(settings()).await, world.table()).await;
        world.until("both are full", async || (world.lab.log().len() >= 6).then_some(())).await;
        assert_eq!(world.number(RUNNING).await, 6);
        world.lab.open("gate");
        world.drain().await;
        assert_eq!(world.number("select cast(max(attempt) as bigint) from job").await, 1, "no job was claimed twice");
        assert_eq!(world.lab.log().len(), 120);
        one.stop().await;
        two.stop().await;
    }

    async fn a_group_runs_as_many_as_its_limit_over_all_nodes(world: World) {
        world.jobs.set_limit("default", "library 7", Some(Limit { max_running: Some(2), ..Limit::default() })).await.unwrap();
        for _ in 0..12 {
            world.jobs.start_one(&Hold("gate".to_owned()), in_group("library 7")).await.unwrap();
        }
        let free = world.jobs.start_one(&Hold("free".to_owned()), in_group("library 8")).await.unwrap().job;
        let settings = || JobSettings { lanes: [8; 4], ..JobSettings::for_tests() };
        let one = world.run_on(world.elsewhere(settings()).await, world.table()).await;
        let two = world.run_on(world.elsewhere(settings()).await, world.table()).await;
        world.until_status(free, JobStatus::Running).await;
        world.until("the group is full", async || (world.lab.log().len() >= 3).then_some(())).await;
        // The runners have looked several times since.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!((world.number(RUNNING).await, world.lab.log().len()), (3, 3));
        world.jobs.set_limit("default", "library 7", None).await.unwrap();
        world.until("the rest runs", async || (world.number(RUNNING).await == 13).then_some(())).await;
        world.lab.open("gate");
        world.lab.open("free");
        world.drain().await;
        one.stop().await;
        two.stop().await;
    }

    async fn a_paused_queue_and_a_rate_are_kept(world: World) {
        let paused = Limit { is_paused: true, ..Limit::default() };
        world.jobs.set_limit("default", "", Some(paused)).await.unwrap();
        for n in 0..5 {
            world.jobs.start_one(&Note(format!("{n}")), in_group("host")).await.unwrap();
        }
        let node = world.run().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(world.lab.log().is_empty());
        let rate = Limit { rate_per_minute: Some(2.0), ..Limit::default() };
        world.jobs.set_limit("default", "host", Some(rate)).await.unwrap();
        world.jobs.set_limit("default", "", None).await.unwrap();
        world.until("two may begin", async || (world.lab.log().len() >= 2).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(world.lab.log().len(), 2);
        world.clock.advance(Duration::from_secs(30));
        world.until("one more may", async || (world.lab.log().len() >= 3).then_some(())).await;
        world.clock.advance(Duration::from_secs(60));
        world.until("the last two may", async || (world.lab.log().len() == 5).then_some(())).await;
        node.stop().await;
    }

    async fn a_claim_walks_the_partial_index(world: World) {
        let tx = world.store.begin(Durability::Normal).await.unwrap();
        let sql = "insert into job (id, queue, lane, kind, kind_version, title, payload, state, priority, run_at, attempt, \
            max_attempts, cancel_requested, pause_requested, n_open_needs, progress, created_at, updated_at) \
            with recursive n(id) as (select 1 union all select id + 1 from n where id < 20000) \
            select id, 'default', 'net', 'lab.note', 1, 'x', '\"x\"', 1, 0, id, 0, 3, false, false, 0, '{}', 0, 0 from n";
        tx.execute_unprepared(sql).await.unwrap();
        tx.execute_unprepared("analyze job").await.unwrap();
        tx.commit().await.unwrap();
        let plan = world.jobs.explain_claim(&world.table()).await.unwrap();
        assert!(plan.contains("job_ready_idx"), "{plan}");
        let walks_all = match world.store.backend() {
            DbBackend::Sqlite => plan.lines().any(|line| line.starts_with("SCAN job") || line.contains("TEMP B-TREE")),
            _ => plan.contains("Sort") || plan.contains("Seq Scan on job"),
        };
        assert!(!walks_all, "{plan}");
    }

    async fn an_idle_runner_is_quiet_and_a_job_costs_few_writes(world: World) {
        // The intervals of a real server.
        let jobs = kernel::jobs::Jobs::new(world.store.clone(), world.bus.clone(), JobSettings::default());
        let node = world.run_on(jobs.clone(), world.table()).await;
        let first = jobs.start_one(&Note("first".to_owned()), Enqueue::default()).await.unwrap().job;
        world.until_status(first, JobStatus::Succeeded).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = world.store.statements();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let idle = world.store.statements();
        assert!(idle.statements - before.statements <= 2, "{before:?} {idle:?}");
        let user = Enqueue { priority: Priority::User, ..Enqueue::default() };
        let job = jobs.start_one(&Note("second".to_owned()), user).await.unwrap().job;
        let mut views = Box::pin(jobs.watch(job));
        while let Some(view) = futures_util::StreamExt::next(&mut views).await {
            view.unwrap();
        }
        let after = world.store.statements();
        let writes = after.writes - idle.writes;
        // Insert, claims (one that finds nothing counts too), finish, attempt, edges.
        assert!((4..=9).contains(&writes), "{writes} writes for one job");
        assert!(after.statements - idle.statements <= 14, "{idle:?} {after:?}");
        node.stop().await;
    }
}
