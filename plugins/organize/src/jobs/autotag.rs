//! `organize.autotag`: gives items the tags, people and studios whose names occur in their paths, in parts. Killed at any
//! point, the next attempt goes on behind the last part; run once more, it finds nothing that items lack.

use entities::{
    edit,
    id::{EditId, LibraryId, MediaId},
};
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    sql,
    store::Durability,
};
use schema::{edit::session::Edit, media::rules};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::{
    Organize,
    names::{self, Kinds, Names},
};

kernel::steps! {
    /// What it does.
    pub enum AutoTagStep {
        Look = "look",
    }
}

/// Tags items by their paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AutoTag {
    /// The edit that it makes.
    pub edit: EditId,
    /// Only a library.
    pub library: Option<LibraryId>,
    /// Whose names.
    pub kinds: Kinds,
}

/// Where the next part begins.
#[derive(Debug, Serialize, Deserialize)]
struct AutoTagState {
    after: i64,
    n_done: u64,
    n_changed: u64,
}

/// Items in one transaction.
const PART: u64 = 1_000;

#[async_trait::async_trait]
impl Job for AutoTag {
    const KIND: &'static str = "organize.autotag";
    const LANE: Lane = Lane::Cpu;
    type Step = AutoTagStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        "Tag items by names in their paths".to_owned()
    }

    async fn run(&self, cx: &JobCx<AutoTagStep>, _organize: &Organize) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let reader = kernel.store.reader();
        let library = self.library.map(|id| id.0);
        let of = library.map_or(String::new(), |id| format!("and library_id = {id}"));
        let text = format!("select count(*) from media where missing_at is null {of}");
        let rows = sql::rows(reader, text, []).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let mut state = cx.saved().unwrap_or(AutoTagState {
            after: i64::MIN,
            n_done: 0,
            n_changed: 0,
        });
        cx.unit("items");
        cx.step(AutoTagStep::Look, Some(n.max(0) as u64));
        cx.advance(state.n_done);
        let known = Names::read(reader, self.kinds).await?;
        loop {
            cx.checkpoint().await?;
            let items = names::items(reader, library, MediaId(state.after), PART).await?;
            let Some((last, _)) = items.last() else { break };
            state.after = last.0;
            state.n_done += items.len() as u64;
            let said = known.of_items(&items);
            if !said.is_empty() {
                let tx = cx.begin(Durability::Full).await?;
                let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
                let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
                let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
                let lacking = rules::lacking(&edit, said).await?;
                rules::add(&mut edit, &lacking).await?;
                edit.settle().await?;
                state.n_changed += lacking.len() as u64;
                cx.save_in(edit.tx(), &state).await?;
                edit.finish().await?;
            }
            cx.advance(items.len() as u64);
            cx.message(format!("{} items changed", state.n_changed));
        }
        Ok(())
    }
}
