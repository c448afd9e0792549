//! `organize.bulk`: changes all items of a selection, in parts. Killed at any point, the next attempt goes on behind the
//! last part; run to the end once more, it finds nothing left to change.

use entities::{
    edit,
    id::{EditId, MediaId, UserId},
};
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    store::Durability,
};
use schema::{
    edit::session::Edit,
    kit::libraries::Libraries,
    media::{
        rules::{self, MediaEdit},
        selection::Selection,
    },
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::Organize;

kernel::steps! {
    /// What a bulk change does.
    pub enum BulkStep {
        Change = "change",
    }
}

/// Changes many items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BulkUpdate {
    /// The edit that it makes.
    pub edit: EditId,
    /// Whose ratings and views the filter means, and whose rating changes.
    pub user: UserId,
    /// Which items.
    pub selection: Selection,
    /// As far as they are in these libraries.
    #[serde(default)]
    pub libraries: Libraries,
    /// What changes.
    pub change: MediaEdit,
    /// How many items there were when it was started.
    pub n_matched: i64,
}

/// Where the next part begins.
#[derive(Debug, Default, Serialize, Deserialize)]
struct BulkState {
    after: i64,
    n_done: u64,
}

/// Items in one transaction: others wait meanwhile.
const PART: u64 = 500;

#[async_trait::async_trait]
impl Job for BulkUpdate {
    const KIND: &'static str = "organize.bulk";
    const LANE: Lane = Lane::Cpu;
    type Step = BulkStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        format!("Change {} items", self.n_matched)
    }

    async fn run(&self, cx: &JobCx<BulkStep>, _organize: &Organize) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let mut state: BulkState = cx.saved().unwrap_or_default();
        cx.unit("items");
        cx.step(BulkStep::Change, Some(self.n_matched.max(0) as u64));
        cx.advance(state.n_done);
        let reader = kernel.store.reader();
        loop {
            cx.checkpoint().await?;
            // Translated anew for each part: tags may move meanwhile.
            let selected = self.selection.open(reader, self.user, &self.libraries).await?;
            let part = selected.after(reader, MediaId(state.after), PART).await?;
            let Some(last) = part.last() else { return Ok(()) };
            state.after = last.0;
            state.n_done += part.len() as u64;
            let tx = cx.begin(Durability::Full).await?;
            let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
            let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
            let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
            rules::must_refer(&edit, &self.change).await?;
            rules::apply(&mut edit, self.user, &part, &self.change).await?;
            edit.settle().await?;
            cx.save_in(edit.tx(), &state).await?;
            edit.finish().await?;
            cx.advance(part.len() as u64);
        }
    }
}
