//! `similar.index`: enters what was measured of files, and compares it with everything.
//!
//! The rows say what is left: killed at any point, the next attempt goes on with what is not entered or not compared.

use std::time::Duration;

use kernel::{
    jobs::{Job, JobCx, Lane},
    sql,
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{
    Similar,
    compare::{self},
    enter::{self, Scope},
};

kernel::steps! {
    /// What comparing does, in this order.
    pub enum IndexStep {
        Enter = "enter",
        Compare = "compare": 4.0,
    }
}

/// Compares what a scope holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexSimilar {
    /// What is compared.
    pub scope: Scope,
    /// Whether to compare also what was compared.
    pub is_forced: bool,
}

/// What an earlier attempt has done that the rows do not say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexState {
    /// What was compared counts as not compared: once is enough.
    pub has_forgotten: bool,
}

#[async_trait::async_trait]
impl Job for IndexSimilar {
    const KIND: &'static str = "similar.index";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    // What is written grants new attempts; a server that dies again and again may not get that far.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = IndexStep;
    type Plugin = Similar;

    fn title(&self) -> String {
        match &self.scope {
            Scope::All => "Find similar media".to_owned(),
            Scope::Library(_) => "Find similar media of a library".to_owned(),
            Scope::Media(media) if media.len() == 1 => "Find what is similar to an item".to_owned(),
            Scope::Media(media) => format!("Find what is similar to {} items", media.len()),
            Scope::Request(_) => "Find what is similar to selected items".to_owned(),
        }
    }

    fn backoff(attempt: u32) -> Duration {
        Duration::from_secs(1 << attempt.min(6))
    }

    async fn run(&self, cx: &JobCx<IndexStep>, similar: &Similar) -> anyhow::Result<()> {
        cx.unit("files");
        cx.step(IndexStep::Enter, None);
        let has_forgotten = cx.saved::<IndexState>().is_some_and(|state| state.has_forgotten);
        if self.is_forced && !has_forgotten {
            enter::forget(cx, &self.scope).await?;
        }
        enter::enter(cx, &self.scope).await?;
        let n_waiting = compare::n_waiting(cx.kernel().store.reader(), &self.scope).await?;
        cx.step(IndexStep::Compare, Some(n_waiting));
        compare::compare(cx, similar.near(), &self.scope).await?;
        if let Scope::Request(request) = &self.scope {
            let tx = cx.begin(Durability::Normal).await?;
            let text = "delete from similar_request where request_id = $1";
            sql::execute(&*tx, text, [(*request).into()]).await?;
            tx.commit().await?;
        }
        let (bytes, n_entries) = similar.near().size();
        tracing::debug!(bytes, n_entries, "the index of similar media");
        Ok(())
    }
}
