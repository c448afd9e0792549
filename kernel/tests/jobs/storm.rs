//! Whatever happens, in whatever order: random requests and dying processes, then the invariants of the table.

use std::collections::HashMap;

use entities::{
    id::{JobBatchId, JobId},
    job::{self, JobStatus},
    job_batch, job_need,
};
use kernel::{
    jobs::{Enqueue, JobError, JobSettings, JobView, Jobs, Need, Priority},
    store::Durability,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sea_orm::EntityTrait;

use crate::{
    lab::{Count, Fault, Flaky, Hold, Note, Once},
    world::{Node, World, on_both},
};

on_both! {
    async fn the_table_is_in_order_after_any_storm(world: World) {
        let seed = std::env::var("STORM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        eprintln!("STORM_SEED={seed} repeats the order of these requests");
        let mut storm = Storm::begin(world, seed).await;
        for _ in 0..250 {
            storm.blow().await;
        }
        storm.calm().await;
    }
}

struct Storm {
    world: World,
    random: StdRng,
    jobs: Vec<JobId>,
    batch: JobBatchId,
    nodes: Vec<Node>,
}

impl Storm {
    async fn begin(world: World, seed: u64) -> Self {
        let tx = world.store.begin(Durability::Normal).await.unwrap();
        let batch = world.jobs.open_batch(&tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut storm = Self {
            world,
            random: StdRng::seed_from_u64(seed),
            jobs: Vec::new(),
            batch,
            nodes: Vec::new(),
        };
        storm.start_node().await;
        storm.start_node().await;
        storm
    }

    async fn start_node(&mut self) {
        let settings = JobSettings {
            lanes: [2, 3, 1, 2],
            ..JobSettings::for_tests()
        };
        let jobs = self.world.elsewhere(settings).await;
        self.nodes.push(self.world.run_on(jobs, self.world.table()).await);
    }

    /// One thing that users, jobs or the power company do.
    async fn blow(&mut self) {
        match self.random.random_range(0..100) {
            0..45 => self.enqueue().await,
            45..53 => self.ask(async |jobs, id| jobs.cancel(id).await).await,
            53..61 => self.ask(async |jobs, id| jobs.pause(id).await).await,
            61..69 => self.ask(async |jobs, id| jobs.resume(id).await).await,
            69..77 => self.ask(async |jobs, id| jobs.retry(id).await).await,
            77..91 => self.world.lab.open(&format!("gate {}", self.random.random_range(0..8))),
            91..95 => {
                let n = self.random.random_range(0..self.nodes.len());
                match self.nodes.swap_remove(n) {
                    node if self.random.random_bool(0.5) => node.kill().await,
                    node => node.stop().await,
                }
                // What was killed has its lease still.
                self.world.clock.advance(std::time::Duration::from_secs(31));
                self.start_node().await;
            }
            _ => tokio::time::sleep(std::time::Duration::from_millis(self.random.random_range(1..20))).await,
        }
    }

    /// Only the job's state is a reason to refuse.
    async fn ask(&mut self, request: impl AsyncFn(&Jobs, JobId) -> Result<JobView, JobError>) {
        let id = self.any();
        match request(&self.world.jobs, id).await {
            Ok(_) | Err(JobError::NotFound { .. } | JobError::WrongState { .. } | JobError::Duplicate { .. }) => {}
            Err(error) => panic!("{id}: {error:?}"),
        }
    }

    fn any(&mut self) -> JobId {
        match self.jobs.len() {
            0 => JobId::new(),
            n => self.jobs[self.random.random_range(0..n)],
        }
    }

    async fn enqueue(&mut self) {
        let n_needs = if self.jobs.is_empty() {
            0
        } else {
            self.random.random_range(0..3)
        };
        let needs = (0..n_needs)
            .map(|_| Need {
                job: self.any(),
                run_anyway: self.random.random_bool(0.5),
            })
            .collect();
        let priority = [Priority::Background, Priority::User, Priority::Interactive][self.random.random_range(0..3)];
        let batch = self.random.random_bool(0.5).then_some(self.batch);
        let options = Enqueue {
            needs,
            priority,
            batch,
            ..Enqueue::default()
        };
        let (jobs, n) = (&self.world.jobs, self.random.random_range(0..8));
        let enqueued = match self.random.random_range(0..5) {
            0 => jobs.start_one(&Note(format!("note {n}")), options).await,
            1 => jobs.start_one(&Once(format!("gate {n}")), options).await,
            2 => jobs.start_one(&Hold(format!("gate {n}")), options).await,
            3 => {
                jobs.start_one(
                    &Count {
                        to: n,
                        hold_after: None,
                    },
                    options,
                )
                .await
            }
            _ => {
                let fault = [Fault::Error, Fault::Panic, Fault::Final][self.random.random_range(0..3)];
                jobs.start_one(&Flaky(n as u32 / 2, fault), options).await
            }
        };
        let enqueued = enqueued.unwrap();
        if enqueued.is_new {
            self.jobs.push(enqueued.job);
        }
    }

    /// Lets everything end, then looks at every row.
    async fn calm(mut self) {
        (0..8).for_each(|n| self.world.lab.open(&format!("gate {n}")));
        self.world.clock.advance(std::time::Duration::from_secs(31));
        let (world, jobs) = (&self.world, &self.jobs);
        world
            .until("every job has ended", async || {
                for id in jobs {
                    // One that is asked to pause may rest only later, so this is asked until nothing rests.
                    let _ = world.jobs.resume(*id).await;
                }
                // What waits for its next attempt need not be waited for.
                world.clock.advance(std::time::Duration::from_secs(1));
                let sql = "select count(*) from job where state in (0, 1, 2, 6)";
                (world.number(sql).await == 0).then_some(())
            })
            .await;
        for node in self.nodes.drain(..) {
            node.stop().await;
        }
        self.look().await;
    }

    async fn look(&self) {
        let reader = self.world.store.reader();
        let rows: HashMap<JobId, job::Model> = job::Entity::find()
            .all(reader)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        assert_eq!(rows.len(), self.jobs.len(), "no job is lost, none is doubled");
        for row in rows.values() {
            assert!(row.state.is_terminal() && row.finished_at.is_some(), "{row:?}");
            assert!(row.lease_owner.is_none() && row.lease_until.is_none(), "{row:?}");
            assert!(!row.cancel_requested && !row.pause_requested, "{row:?}");
            assert_eq!(row.error_code.is_none(), row.state == JobStatus::Succeeded, "{row:?}");
            assert!(row.attempt <= row.max_attempts, "{row:?}");
        }
        let edges = job_need::Entity::find().all(reader).await.unwrap();
        for row in rows.values() {
            let n_open = edges
                .iter()
                .filter(|edge| edge.job_id == row.id && edge.is_open)
                .count();
            assert_eq!(row.n_open_needs as usize, n_open, "{row:?}");
            assert!(
                n_open == 0 || row.state == JobStatus::Canceled,
                "ran before what it needs: {row:?}"
            );
        }
        let sql = "select count(*) from job where attempt <= 20 and attempt <> \
            (select count(*) from job_attempt where job_attempt.job_id = job.id)";
        assert_eq!(self.world.number(sql).await, 0, "every attempt is on record");
        let batch = job_batch::Entity::find_by_id(self.batch)
            .one(reader)
            .await
            .unwrap()
            .unwrap();
        let count = |state| {
            rows.values()
                .filter(|row| row.batch_id.is_some() && row.state == state)
                .count() as i64
        };
        let counted = [JobStatus::Succeeded, JobStatus::Failed, JobStatus::Canceled].map(count);
        assert_eq!([batch.done, batch.failed, batch.canceled], counted);
        assert_eq!(batch.total, counted.iter().sum::<i64>());
    }
}
