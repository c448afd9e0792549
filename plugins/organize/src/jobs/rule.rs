//! `organize.rule`: gives items what their file names say by a rule, in parts. Killed at any point, the next attempt goes
//! on behind the last part; run once more, it finds nothing that items lack.

use entities::{
    edit,
    id::{EditId, LibraryId, MediaId, UserId},
};
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    sql,
    store::Durability,
};
use schema::edit::session::Edit;
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::{
    Organize,
    pattern::Pattern,
    rule::{self, Known, Rule},
};

kernel::steps! {
    /// What it does.
    pub enum NameRuleStep {
        Look = "look",
    }
}

/// Gives items what their file names say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NameRule {
    /// The edit that it makes.
    pub edit: EditId,
    /// Who makes it.
    pub user: UserId,
    /// Only a library.
    pub library: Option<LibraryId>,
    /// What file names look like.
    pub rule: Rule,
}

/// Where the next part begins.
#[derive(Debug, Serialize, Deserialize)]
struct NameRuleState {
    after: i64,
    n_done: u64,
    n_changed: u64,
}

/// Items in one transaction.
const PART: u64 = 250;

#[async_trait::async_trait]
impl Job for NameRule {
    const KIND: &'static str = "organize.rule";
    const LANE: Lane = Lane::Cpu;
    type Step = NameRuleStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        "Describe items by their file names".to_owned()
    }

    async fn run(&self, cx: &JobCx<NameRuleStep>, _organize: &Organize) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let reader = kernel.store.reader();
        let pattern = Pattern::parse(&self.rule.pattern, "pattern")?;
        let of = self
            .library
            .map_or(String::new(), |id| format!("and library_id = {}", id.0));
        let text = format!("select count(*) from media where missing_at is null {of}");
        let rows = sql::rows(reader, text, []).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let mut state = cx.saved().unwrap_or(NameRuleState {
            after: i64::MIN,
            n_done: 0,
            n_changed: 0,
        });
        cx.unit("items");
        cx.step(NameRuleStep::Look, Some(n.max(0) as u64));
        cx.advance(state.n_done);
        loop {
            cx.checkpoint().await?;
            let items = rule::items(reader, self.library, MediaId(state.after), PART).await?;
            let Some(last) = items.last() else { break };
            state.after = last.id.0;
            state.n_done += items.len() as u64;
            let said = self.rule.said(&pattern, &items);
            if !said.is_empty() {
                let tx = cx.begin(Durability::Full).await?;
                let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
                let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
                let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
                // Read anew each time: others make tags meanwhile, too.
                let mut known = Known::read(&**edit.tx()).await?;
                state.n_changed += rule::apply(&mut edit, self.user, &self.rule, &mut known, said).await?;
                edit.settle().await?;
                cx.save_in(edit.tx(), &state).await?;
                edit.finish().await?;
            }
            cx.advance(items.len() as u64);
            cx.message(format!("{} items described", state.n_changed));
        }
        Ok(())
    }
}
