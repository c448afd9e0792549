//! `organize.undo`: takes back an edit of many things, in parts, the latest change first. Killed at any point, the next
//! attempt goes on before the last part.

use entities::{edit, id::EditId};
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    store::Durability,
};
use schema::edit::{
    ledger,
    revert::{self, Conflict},
    session::Edit,
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::Organize;

kernel::steps! {
    /// What an undo does.
    pub enum UndoStep {
        Look = "look",
        Revert = "revert": 2.0,
    }
}

/// Takes an edit back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UndoEdit {
    /// The edit that it makes.
    pub edit: EditId,
    /// The edit that it takes back.
    pub undone: EditId,
    /// How many things that changed.
    pub n_subjects: i64,
    /// Whether what cannot be taken back is left as it is; otherwise nothing is taken back then.
    pub skips: bool,
}

/// What is left: the places below.
#[derive(Debug, Serialize, Deserialize)]
struct UndoState {
    below: i64,
    n_skipped: u64,
}

/// Things in one transaction.
const PART: i64 = 500;

#[async_trait::async_trait]
impl Job for UndoEdit {
    const KIND: &'static str = "organize.undo";
    const LANE: Lane = Lane::Cpu;
    type Step = UndoStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        format!("Undo a change of {} things", self.n_subjects)
    }

    async fn run(&self, cx: &JobCx<UndoStep>, _organize: &Organize) -> anyhow::Result<()> {
        cx.unit("things");
        let saved: Option<UndoState> = cx.saved();
        if saved.is_none() && !self.skips {
            let conflicts = self.look(cx).await?;
            if !conflicts.is_empty() {
                let tx = cx.begin(Durability::Full).await?;
                ledger::mark_standing(&tx, self.undone).await?;
                tx.commit().await?;
            }
            revert::refuse(&conflicts)?;
        }
        let mut state = saved.unwrap_or(UndoState {
            below: self.n_subjects,
            n_skipped: 0,
        });
        cx.step(UndoStep::Revert, Some(self.n_subjects.max(0) as u64));
        cx.advance((self.n_subjects - state.below).max(0) as u64);
        let kernel = cx.kernel();
        while state.below > 0 {
            cx.checkpoint().await?;
            let from = (state.below - PART).max(0);
            let tx = cx.begin(Durability::Full).await?;
            let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
            let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
            let mut records = ledger::records(&*tx, &[self.undone], from, state.below).await?;
            records.reverse();
            let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
            let conflicts = revert::revert(&mut edit, &records).await?;
            edit.settle().await?;
            cx.advance((state.below - from) as u64);
            state = UndoState {
                below: from,
                n_skipped: state.n_skipped + conflicts.len() as u64,
            };
            cx.save_in(edit.tx(), &state).await?;
            edit.finish().await?;
        }
        if state.n_skipped > 0 {
            cx.message(format!(
                "{} changes stay, because they were changed since",
                state.n_skipped
            ));
        }
        Ok(())
    }
}

impl UndoEdit {
    /// Works everything out once without writing it: what is in the way?
    async fn look(&self, cx: &JobCx<UndoStep>) -> anyhow::Result<Vec<Conflict>> {
        let kernel = cx.kernel();
        cx.step(UndoStep::Look, Some(self.n_subjects.max(0) as u64));
        let mut below = self.n_subjects;
        let mut conflicts: Vec<Conflict> = Vec::new();
        while below > 0 {
            cx.checkpoint().await?;
            let from = (below - PART).max(0);
            let tx = cx.begin(Durability::Normal).await?;
            let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
            let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
            let mut records = ledger::records(&*tx, &[self.undone], from, below).await?;
            records.reverse();
            // Dropped without a commit: it rolls back.
            let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
            conflicts.extend(revert::revert(&mut edit, &records).await?);
            cx.advance((below - from) as u64);
            below = from;
        }
        Ok(conflicts)
    }
}
