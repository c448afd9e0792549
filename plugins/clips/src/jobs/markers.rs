//! `clips.markers`: makes clips of many markers: rows in parts, each with the job that cuts it. Killed at any point, the
//! next attempt goes on behind the last part; a marker that is a clip already is passed over.

use entities::id::{MarkerId, UserId};
use kernel::{
    events::MediaChanged,
    jobs::{Enqueue, Job, JobCx, Lane},
    store::Durability,
};
use serde::{Deserialize, Serialize};

use super::clip::RenderClip;
use crate::{
    Clips, clip, code,
    make::{self, NewClip},
    markers::Picked,
    source::Subject,
};

kernel::steps! {
    /// What it does.
    pub enum MarkersStep {
        Plan = "plan",
    }
}

/// Makes clips of markers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClipMarkers {
    /// Which, and what each becomes.
    pub picked: Picked,
    /// Whose filter it is.
    pub user: UserId,
    /// How many there were when it was started.
    pub n_matched: i64,
}

/// Where the next part begins.
#[derive(Debug, Default, Serialize, Deserialize)]
struct MarkersState {
    after: i64,
    n_done: u64,
    n_failed: u64,
}

/// Markers in one transaction.
const PART: u64 = 50;

#[async_trait::async_trait]
impl Job for ClipMarkers {
    const KIND: &'static str = "clips.markers";
    const LANE: Lane = Lane::Cpu;
    type Step = MarkersStep;
    type Plugin = Clips;

    fn title(&self) -> String {
        format!("Make clips of {} markers", self.n_matched)
    }

    async fn run(&self, cx: &JobCx<MarkersStep>, _clips: &Clips) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let mut state: MarkersState = cx.saved().unwrap_or_default();
        cx.unit("markers");
        cx.step(MarkersStep::Plan, Some(self.n_matched.max(0) as u64));
        cx.advance(state.n_done);
        let reader = kernel.store.reader();
        loop {
            cx.checkpoint().await?;
            // Translated anew for each part: tags may move meanwhile.
            let found = self.picked.open(reader, self.user).await?;
            let part = found.after(reader, MarkerId(state.after), PART).await?;
            let Some(last) = part.last() else { break };
            state.after = last.id.0;
            state.n_done += part.len() as u64;
            let mut rows = Vec::new();
            for marked in &part {
                let subject = Subject::of_media(kernel, marked.media).await;
                let row =
                    subject.and_then(|(item, subject)| NewClip::of_marker(&self.picked, marked).row(&item, &subject));
                match row {
                    Ok(row) => rows.push(row),
                    Err(failure) => {
                        // One that cannot be cut does not keep the others from it.
                        tracing::warn!(marker = %marked.id, error = %failure, "a marker does not become a clip");
                        state.n_failed += 1;
                    }
                }
            }
            let tx = cx.begin(Durability::Full).await?;
            for row in &mut rows {
                let work = RenderClip {
                    clip: row.id,
                    title: row.title.clone(),
                };
                let enqueued = kernel.jobs.enqueue(&tx, &work, Enqueue::default()).await?;
                row.job = Some(enqueued.job);
                clip::insert(&*tx, row, kernel.clock.now_ms()).await?;
            }
            tx.publish(MediaChanged {
                media: rows.iter().map(|row| row.source).collect(),
            });
            cx.save_in(&tx, &state).await?;
            tx.commit().await?;
            cx.advance(part.len() as u64);
        }
        make::all_cut(state.n_failed, &code::NOT_PLAYABLE)
    }
}
