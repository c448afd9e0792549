//! `organize.retain`: forgets edits that are older than they are kept.

use kernel::jobs::{Job, JobCx, Lane};
use schema::edit::ledger;
use serde::{Deserialize, Serialize};

use crate::Organize;

/// Every night at 3:20, UTC.
pub const NIGHTLY: &str = "20 3 * * *";

kernel::steps! {
    /// What the retention does.
    pub enum RetainStep {
        Forget = "forget",
    }
}

/// Forgets old edits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetainEdits {}

#[async_trait::async_trait]
impl Job for RetainEdits {
    const KIND: &'static str = "organize.retain";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    type Step = RetainStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        "Forget old edits".to_owned()
    }

    async fn run(&self, cx: &JobCx<RetainStep>, _organize: &Organize) -> anyhow::Result<()> {
        cx.unit("edits");
        cx.step(RetainStep::Forget, None);
        let n = ledger::forget_old(cx.kernel()).await?;
        cx.advance(n);
        Ok(())
    }
}
