//! The plugin of these tests: small jobs whose steps a test can hold, count and look at.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kernel::{
    error::{Failure, code},
    jobs::{Job, JobCx, JobTable, Lane},
    steps,
    store::Durability,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What jobs did, and the gates that hold them.
#[derive(Default)]
pub struct Lab {
    log: Mutex<Vec<String>>,
    gates: Mutex<HashMap<String, watch::Sender<bool>>>,
}

impl Lab {
    pub fn fill(self: &Arc<Self>, table: &mut JobTable) {
        table.add::<Note>(self);
        table.add::<Once>(self);
        table.add::<Hold>(self);
        table.add::<Flaky>(self);
        table.add::<Count>(self);
        table.add::<Late>(self);
        table.add::<Deaf>(self);
        table.add::<Stray>(self);
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn write(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }

    fn gate(&self, name: &str) -> watch::Sender<bool> {
        self.gates
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_insert_with(|| watch::channel(false).0)
            .clone()
    }

    /// Lets jobs that wait at this gate pass, now and later.
    pub fn open(&self, name: &str) {
        self.gate(name).send_replace(true);
    }

    pub async fn pass(&self, name: &str) {
        let mut gate = self.gate(name).subscribe();
        let _ = gate.wait_for(|open| *open).await;
    }
}

steps! { pub enum One { Work = "work" } }
steps! { pub enum Two { Look = "look", Count = "count": 3.0 } }

/// Writes its name and is done.
#[derive(Serialize, Deserialize)]
pub struct Note(pub String);

#[async_trait::async_trait]
impl Job for Note {
    const KIND: &'static str = "lab.note";
    const LANE: Lane = Lane::Net;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        format!("Note {}", self.0)
    }

    async fn run(&self, _cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.write(&self.0);
        Ok(())
    }
}

/// One live job for each name.
#[derive(Serialize, Deserialize)]
pub struct Once(pub String);

#[async_trait::async_trait]
impl Job for Once {
    const KIND: &'static str = "lab.once";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Net;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        format!("Once {}", self.0)
    }

    async fn run(&self, _cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.pass(&self.0).await;
        lab.write(&self.0);
        Ok(())
    }
}

/// Works until its gate opens, noticing everything at once.
#[derive(Serialize, Deserialize)]
pub struct Hold(pub String);

#[async_trait::async_trait]
impl Job for Hold {
    const KIND: &'static str = "lab.hold";
    const LANE: Lane = Lane::Cpu;
    const MAX_ATTEMPTS: u32 = 2;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        format!("Hold {}", self.0)
    }

    async fn run(&self, cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.write(format!("begin {}", self.0));
        cx.step(One::Work, None);
        while tokio::time::timeout(Duration::from_millis(2), lab.pass(&self.0))
            .await
            .is_err()
        {
            cx.checkpoint().await?;
            cx.advance(1);
        }
        lab.write(format!("end {}", self.0));
        Ok(())
    }
}

/// How a flaky job fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    Error,
    Panic,
    Final,
}

/// Fails so many attempts, then succeeds.
#[derive(Serialize, Deserialize)]
pub struct Flaky(pub u32, pub Fault);

#[async_trait::async_trait]
impl Job for Flaky {
    const KIND: &'static str = "lab.flaky";
    const LANE: Lane = Lane::Net;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        "Flaky".to_owned()
    }

    fn backoff(_attempt: u32) -> Duration {
        Duration::from_millis(20)
    }

    async fn run(&self, cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.write(format!("attempt {}", cx.attempt()));
        if cx.attempt() > self.0 {
            return Ok(());
        }
        match self.1 {
            Fault::Error => anyhow::bail!("the tube broke"),
            Fault::Panic => panic!("the tube exploded"),
            Fault::Final => Err(Failure::new(&code::BAD_INPUT, "there is no tube").into()),
        }
    }
}

/// Counts to a number, saving each step; each attempt waits at the gate `count` after so many steps.
#[derive(Serialize, Deserialize)]
pub struct Count {
    pub to: u64,
    pub hold_after: Option<u64>,
}

#[async_trait::async_trait]
impl Job for Count {
    const KIND: &'static str = "lab.count";
    const LANE: Lane = Lane::Cpu;
    type Step = Two;
    type Plugin = Lab;

    fn title(&self) -> String {
        format!("Count to {}", self.to)
    }

    async fn run(&self, cx: &JobCx<Two>, lab: &Lab) -> anyhow::Result<()> {
        let from: u64 = cx.saved().unwrap_or_default();
        lab.write(format!("from {from}"));
        cx.step(Two::Look, Some(1));
        cx.advance(1);
        cx.step(Two::Count, Some(self.to));
        cx.unit("numbers");
        cx.advance(from);
        for n in from..self.to {
            cx.checkpoint().await?;
            if self.hold_after == Some(n - from) {
                while tokio::time::timeout(Duration::from_millis(2), lab.pass("count"))
                    .await
                    .is_err()
                {
                    cx.checkpoint().await?;
                }
            }
            cx.advance(1);
            cx.message(format!("number {n}"));
            cx.save(&(n + 1)).await?;
        }
        Ok(())
    }
}

/// On its first attempt waits for the gate `late`, however long its lease is over; then writes under the fence.
#[derive(Serialize, Deserialize)]
pub struct Late;

#[async_trait::async_trait]
impl Job for Late {
    const KIND: &'static str = "lab.late";
    const LANE: Lane = Lane::Cpu;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        "Late".to_owned()
    }

    fn backoff(_attempt: u32) -> Duration {
        Duration::ZERO
    }

    async fn run(&self, cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        let attempt = cx.attempt();
        lab.write(format!("begin {attempt}"));
        if attempt == 1 {
            lab.pass("late").await;
        }
        match cx.begin(Durability::Normal).await {
            Ok(tx) => {
                lab.write(format!("wrote {attempt}"));
                tx.commit().await?;
                Ok(())
            }
            Err(error) => {
                lab.write(format!("refused {attempt}"));
                Err(error.into())
            }
        }
    }
}

/// Hears nothing and says nothing.
#[derive(Serialize, Deserialize)]
pub struct Deaf;

#[async_trait::async_trait]
impl Job for Deaf {
    const KIND: &'static str = "lab.deaf";
    const LANE: Lane = Lane::Cpu;
    const MAX_ATTEMPTS: u32 = 1;
    const STALLS_AFTER: Duration = Duration::from_millis(200);
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        "Deaf".to_owned()
    }

    async fn run(&self, _cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.pass("never").await;
        Ok(())
    }
}

/// Each attempt waits at a gate of its own, and writes nothing.
#[derive(Serialize, Deserialize)]
pub struct Stray;

#[async_trait::async_trait]
impl Job for Stray {
    const KIND: &'static str = "lab.stray";
    const LANE: Lane = Lane::Cpu;
    type Step = One;
    type Plugin = Lab;

    fn title(&self) -> String {
        "Stray".to_owned()
    }

    fn backoff(_attempt: u32) -> Duration {
        Duration::ZERO
    }

    async fn run(&self, cx: &JobCx<One>, lab: &Lab) -> anyhow::Result<()> {
        lab.write(format!("begin {}", cx.attempt()));
        lab.pass(&format!("attempt {}", cx.attempt())).await;
        Ok(())
    }
}
