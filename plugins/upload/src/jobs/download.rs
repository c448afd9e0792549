//! `upload.download`: has a page's media fetched by another maker's program, and hands the file on as an upload that has come
//! completely.
//!
//! The file is on the disk, and ours, before the row says that it has come; whatever else the program has left goes.

use entities::id::UploadId;
use kernel::{
    error::Failure,
    jobs::{Enqueue, Interrupted, Job, JobCx, Lane, Priority},
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{
    Upload,
    download::{
        fetch::{Room, fetch},
        row as page,
    },
    place::Place,
    row::{self, Row},
    writer::complete,
};

kernel::steps! {
    /// What fetching a page does, in this order.
    pub enum DownloadStep {
        Fetch = "fetch": 20.0,
        Keep = "keep",
    }
}

/// Fetches one page's media.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DownloadPage {
    /// The upload that it becomes.
    pub upload: UploadId,
    /// Where the page is, for people.
    #[serde(skip)]
    pub shown: String,
}

#[async_trait::async_trait]
impl Job for DownloadPage {
    const KIND: &'static str = "upload.download";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Net;
    // A program that is missing may come back; what the page says is final at once.
    const MAX_ATTEMPTS: u32 = 3;
    type Step = DownloadStep;
    type Plugin = Upload;

    fn title(&self) -> String {
        format!("Fetch a page's media from {}", self.shown)
    }

    async fn run(&self, cx: &JobCx<DownloadStep>, upload: &Upload) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let Some(row) = row::find(kernel.store.reader(), self.upload).await? else {
            return Ok(());
        };
        if !page::is_awaited(kernel.store.reader(), row.id).await? {
            return Ok(());
        }
        let place = Place::of(kernel, &row);
        let folder = place.page(row.id);
        let room = Room { place, folder };
        let ended = bring(cx, upload, &row, &room).await;
        let Err(error) = ended else {
            return clear(&room).await;
        };
        // Paused or stopped, the next attempt goes on with what is there.
        let may_go_on = matches!(
            error.downcast_ref::<Interrupted>(),
            Some(Interrupted::Paused | Interrupted::Stopped | Interrupted::LeaseLost)
        );
        if !may_go_on {
            clear(&room).await?;
        }
        if let Some(failure) = error.downcast_ref::<Failure>()
            && !failure.code.category.is_servers_own()
        {
            let now = kernel.clock.now_ms();
            let tx = cx.begin(Durability::Full).await?;
            let told = (failure.code.name, failure.message.as_str());
            page::set_failed(&tx, row.id, told, (now, now + upload.keep_ms())).await?;
            tx.commit().await?;
        }
        Err(error)
    }
}

async fn bring(cx: &JobCx<DownloadStep>, upload: &Upload, row: &Row, room: &Room) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    cx.unit("bytes");
    cx.step(DownloadStep::Fetch, None);
    let url = page::source(kernel, row.id).await?;
    let folder = room.folder.clone();
    let target = room.place.file(row.id);
    let (made, stale) = (folder.clone(), target.clone());
    room.place
        .run(move |root| {
            root.ensure_folder(&made)?;
            // Of an attempt that was killed right before its row: the program is asked again, and goes on from its own files.
            root.remove_file(&stale).map(drop)
        })
        .await?;
    let fetched = fetch(cx, upload, room, &url).await?;

    cx.step(DownloadStep::Keep, None);
    let from = fetched.file.clone();
    room.place.run(move |root| root.adopt(&from, &target)).await?;
    let tx = cx.begin(Durability::Full).await?;
    let now = kernel.clock.now_ms();
    if page::fetched(&tx, row.id, &fetched.name, fetched.n_bytes, now).await? {
        complete(kernel, &tx, row.id, fetched.name).await?;
        tx.commit().await?;
    } else {
        // Somebody ended it meanwhile.
        room.place.remove(row.id).await?;
    }
    Ok(())
}

async fn clear(room: &Room) -> anyhow::Result<()> {
    let folder = room.folder.clone();
    room.place.run(move |root| root.remove_tree(&folder).map(drop)).await?;
    Ok(())
}

/// How such a job is enqueued: a person waits for it.
pub fn options() -> Enqueue {
    Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    }
}
