//! `trash.empty`: removes what was put in the trash before a moment, for good. Killed at any point, the next attempt goes
//! on with what is left.

use entities::id::FileId;
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{
    Trash, code,
    held::{self, Step},
    moves,
};

kernel::steps! {
    /// What emptying does.
    pub enum EmptyStep {
        Remove = "remove",
    }
}

/// Empties the trash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmptyTrash {
    /// Only what was put there before this moment, in UTC milliseconds.
    pub before: i64,
}

/// Files in one transaction.
const BATCH: u64 = 50;

/// Saved with what was removed. Nothing reads it, for the rows say what is left; that something was saved is progress.
#[derive(Serialize)]
struct EmptyState {
    n_last: usize,
}

#[async_trait::async_trait]
impl Job for EmptyTrash {
    const KIND: &'static str = "trash.empty";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    type Step = EmptyStep;
    type Plugin = Trash;

    fn title(&self) -> String {
        "Empty the trash".to_owned()
    }

    async fn run(&self, cx: &JobCx<EmptyStep>, _trash: &Trash) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let n = held::n_older_than(kernel.store.reader(), self.before).await?;
        cx.unit("files");
        cx.step(EmptyStep::Remove, Some(n));
        let mut after = (i64::MIN, FileId(i64::MIN));
        let (mut n_failed, mut first) = (0, None);
        loop {
            cx.checkpoint().await?;
            let batch = held::older_than(kernel.store.reader(), self.before, after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = (last.trashed_at, last.file);
            let files: Vec<FileId> = batch.iter().map(|held| held.file).collect();
            // Somebody may be restoring one of them: who comes first has it.
            let tx = cx.begin(Durability::Full).await?;
            let mut leaving = held::go(&tx, &files, Step::Held, Step::Leaving).await?;
            let begun = batch.iter().filter(|held| held.step == Step::Leaving);
            leaving.extend(begun.map(|held| held.file));
            cx.save_in(&tx, &EmptyState { n_last: leaving.len() }).await?;
            tx.commit().await?;
            for held in batch.iter().filter(|held| leaving.contains(&held.file)) {
                cx.message(held.place().display());
                if let Err(failure) = moves::remove(kernel, held).await {
                    tracing::warn!(file = %held.file, path = %held.place(), error = %failure, "a file of the trash could not be removed");
                    let tx = cx.begin(Durability::Full).await?;
                    held::go(&tx, &[held.file], Step::Leaving, Step::Held).await?;
                    tx.commit().await?;
                    n_failed += 1;
                    first.get_or_insert(failure);
                }
                cx.advance(1);
            }
        }
        match first {
            Some(failure) => {
                let message = format!("{n_failed} of {n} files could not be removed; the first: {failure}");
                Err(Failure::new(&code::NOT_MOVED, message).into())
            }
            None => Ok(()),
        }
    }
}
