//! `clips.transcode`: makes a rendition of a whole file, segment by segment. Each segment is on the disk before its row
//! is written, and no later one is begun before: killed at any point, at most one segment is made twice.

mod whole;

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use entities::id::RenditionId;
use kernel::{
    error::Failure,
    events::MediaChanged,
    jobs::{Interrupted, Job, JobCx, Lane},
    plugin::Kernel,
    sql,
    store::Durability,
};
use media_engine::{
    engine::Engine,
    head::{HeadJob, Made},
    source::Source,
};
use media_proto::head::{AudioHead, VIDEO_TICKS, VideoHead};
use sea_orm::Value;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{
    clip::{engine, told},
    watched::watched,
};
use crate::{
    Clips, code, joined, place,
    rendition::{self, Row, State, Wanted},
    source::Subject,
};

kernel::steps! {
    /// What making a rendition does, in this order.
    pub enum RenditionStep {
        Encode = "encode": 50.0,
        Join = "join",
        Verify = "verify",
        Keep = "keep",
    }
}

/// Makes one rendition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenderRendition {
    /// Which.
    pub rendition: RenditionId,
    /// What it is of, for people.
    #[serde(default)]
    pub title: String,
}

/// The number of a track's header among its segments.
const HEADER: i32 = -1;
/// Saved with each segment. Nothing reads it, for the rows say what is there; that something was saved is progress.
#[derive(Serialize)]
struct Done {
    n: i32,
}

#[async_trait::async_trait]
impl Job for RenderRendition {
    const KIND: &'static str = "clips.transcode";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    // Each segment grants new attempts, but the first may be long.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = RenditionStep;
    type Plugin = Clips;

    fn title(&self) -> String {
        format!("Render `{}`", self.title)
    }

    async fn run(&self, cx: &JobCx<RenditionStep>, clips: &Clips) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let Some(row) = rendition::find(kernel.store.reader(), self.rendition).await? else {
            return Ok(());
        };
        if row.status == State::Ready as i32 {
            // An attempt that was killed right after it had said so has left its work.
            return Ok(clear_work(kernel, row.id).await?);
        }
        let tx = cx.begin(Durability::Normal).await?;
        rendition::set_rendering(&*tx, row.id, kernel.clock.now_ms()).await?;
        tx.commit().await?;
        let Err(error) = make(cx, clips, &row).await else {
            return Ok(());
        };
        if error.downcast_ref::<Interrupted>().is_none() {
            let tx = cx.begin(Durability::Normal).await?;
            rendition::set_failed(&*tx, row.id, told(&error), kernel.clock.now_ms()).await?;
            tx.commit().await?;
        }
        Err(error)
    }
}

/// A track of a rendition.
struct Track {
    number: i32,
    head: HeadJob,
    n_segments: u32,
    ticks_per_second: u32,
}

impl Track {
    fn pictures(head: VideoHead) -> Self {
        Self {
            number: 0,
            n_segments: head.n_segments,
            ticks_per_second: VIDEO_TICKS,
            head: HeadJob::Video(head),
        }
    }

    fn sound(head: AudioHead, n_segments: u32) -> Self {
        Self {
            number: 1,
            n_segments,
            ticks_per_second: head.rendition.sample_rate,
            head: HeadJob::Audio(head),
        }
    }

    fn file_name(&self, rendition: RenditionId) -> String {
        let [pictures, sound, _] = rendition::work_names(rendition);
        match self.number {
            0 => pictures,
            _ => sound,
        }
    }

    /// What made it, for whoever plays it beside segments of other heads.
    fn settings(&self) -> Result<String, Failure> {
        let text = match &self.head {
            HeadJob::Video(head) => serde_json::to_string(head),
            HeadJob::Audio(head) => serde_json::to_string(head),
            HeadJob::Copy(_) | HeadJob::Keyframes(_) => Ok(String::new()),
        };
        text.map_err(Failure::internal)
    }

    /// The head from another segment on.
    fn from(&self, first: u32) -> HeadJob {
        match self.head.clone() {
            HeadJob::Video(head) => HeadJob::Video(VideoHead { first, ..head }),
            HeadJob::Audio(head) => HeadJob::Audio(AudioHead { first, ..head }),
            other => other,
        }
    }
}

/// A segment, or a header, that is in a track's file.
#[derive(Debug, Clone, Copy)]
struct Kept {
    n_bytes: u64,
    n_samples: u64,
    duration: i64,
}

async fn make(cx: &JobCx<RenditionStep>, clips: &Clips, row: &Row) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let engine = engine(kernel)?;
    let subject = Subject::of_file(kernel, row.file).await?;
    if (subject.file.size, subject.file.mtime_ns) != (row.size, row.mtime_ns) {
        let message = format!("`{}` has changed since the rendition was asked for", subject.file.path);
        return Err(Failure::new(&code::FILE_CHANGED, message).into());
    }
    let source = subject.open(kernel).await?;
    let tracks = tracks(&row.wanted, &subject)?;
    cx.unit("segments");
    cx.step(
        RenditionStep::Encode,
        Some(tracks.iter().map(|track| u64::from(track.n_segments)).sum()),
    );
    let mut parts = Vec::new();
    for track in &tracks {
        parts.push(encode(cx, &engine, &source, row.id, track).await?);
    }
    cx.step(RenditionStep::Join, None);
    let (file, layout) = whole::join(cx, row.id, &tracks, &parts).await?;
    cx.step(RenditionStep::Verify, None);
    let whole = Source::new(file.try_clone()?)?;
    let verified = watched(cx, engine.verify(&whole, cx.canceled()), || {}).await??;
    let duration_us = whole::hold(&verified, &tracks, &parts, subject.duration_us())?;
    cx.step(RenditionStep::Keep, None);
    let (key, n_bytes) = clips.objects.put_file(file).await.map_err(Failure::from)?;
    let tx = cx.begin(Durability::Full).await?;
    let place = (key, n_bytes, duration_us);
    rendition::set_ready(&*tx, row.id, place, layout.to_text()?, kernel.clock.now_ms()).await?;
    let text = "delete from clip_segment where rendition_id = $1";
    sql::execute(&*tx, text, [row.id.0.into()]).await?;
    tx.publish(MediaChanged {
        media: vec![subject.file.media_id],
    });
    tx.commit().await?;
    Ok(clear_work(kernel, row.id).await?)
}

/// Removes the files of work that is done.
async fn clear_work(kernel: &Kernel, id: RenditionId) -> Result<(), Failure> {
    let names = rendition::work_names(id);
    place::below(kernel, move |root| {
        for name in names {
            root.remove_file(&place::work(&name))?;
        }
        Ok(())
    })
    .await
}

fn tracks(wanted: &Wanted, subject: &Subject) -> Result<Vec<Track>, Failure> {
    let pictures = wanted
        .pictures(subject)
        .and_then(|pictures| subject.video_head(pictures));
    let sound = wanted.sound(subject).map(|(head, n)| Track::sound(head, n));
    let tracks: Vec<Track> = pictures.map(Track::pictures).into_iter().chain(sound).collect();
    if tracks.is_empty() {
        let message = format!("`{}` has nothing of that kind", subject.file.path);
        return Err(Failure::new(&code::NOT_PLAYABLE, message));
    }
    Ok(tracks)
}

/// A track's file, with what is in it: the header first, then all segments.
struct Part {
    file: Arc<File>,
    kept: Vec<Kept>,
}

impl Part {
    fn n_segments(&self) -> u32 {
        u32::try_from(self.kept.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn end(&self) -> u64 {
        self.kept.iter().map(|kept| kept.n_bytes).sum()
    }
}

/// What an earlier attempt has made of a track, if it is whole.
async fn resume(cx: &JobCx<RenditionStep>, id: RenditionId, track: &Track) -> anyhow::Result<Part> {
    let kernel = cx.kernel();
    let text =
        "select n_bytes, n_samples, duration from clip_segment where rendition_id = $1 and track = $2 order by n";
    let rows = sql::rows(kernel.store.reader(), text, [id.0.into(), track.number.into()]).await?;
    let mut kept = Vec::new();
    for row in &rows {
        kept.push(Kept {
            n_bytes: row.try_get_by_index::<i64>(0)?.unsigned_abs(),
            n_samples: row.try_get_by_index::<i32>(1)?.unsigned_abs().into(),
            duration: row.try_get_by_index(2)?,
        });
    }
    let end: u64 = kept.iter().map(|kept| kept.n_bytes).sum();
    let name = place::work(&track.file_name(id));
    let opened = place::below(kernel, move |root| {
        let file = root.work_file(&name)?;
        let is_whole = file.metadata()?.len() >= end;
        // What was written and not noted is made again.
        file.set_len(if is_whole { end } else { 0 })?;
        Ok((file, is_whole))
    });
    let (file, is_whole) = opened.await?;
    if !is_whole {
        tracing::warn!(rendition = %id, "the file of unfinished work is shorter than its rows say; it is made again");
        let tx = cx.begin(Durability::Normal).await?;
        let text = "delete from clip_segment where rendition_id = $1 and track = $2";
        sql::execute(&*tx, text, [id.0.into(), track.number.into()]).await?;
        tx.commit().await?;
        kept.clear();
    }
    let file = Arc::new(file);
    Ok(Part { file, kept })
}

/// Makes what is missing of a track.
async fn encode(
    cx: &JobCx<RenditionStep>,
    engine: &Engine,
    source: &Source,
    id: RenditionId,
    track: &Track,
) -> anyhow::Result<Part> {
    let mut part = resume(cx, id, track).await?;
    cx.advance(part.n_segments().into());
    let first = part.n_segments();
    if first >= track.n_segments {
        return Ok(part);
    }
    let head = track.from(first);
    let (send, mut made) = mpsc::channel(1);
    let (allow, until) = watch::channel(first + 1);
    let encoding = engine.track(source, &head, send, until, cx.canceled());
    let keeping = async {
        while let Some(made) = made.recv().await {
            match made {
                Made::Header(bytes) => keep_header(cx, id, track, &mut part, bytes).await?,
                // It comes as a whole as well.
                Made::Chunk(..) => {}
                Made::Segment(segment, bytes) => {
                    let n_samples = joined::n_samples(&bytes).map_err(malformed)?;
                    let n = i32::try_from(segment.index)?;
                    keep(cx, id, track, &mut part, (n, n_samples, segment.duration), bytes).await?;
                    cx.advance(1);
                    // Only now the next one may be begun.
                    allow.send_replace(segment.index + 2);
                }
            }
        }
        anyhow::Ok(())
    };
    let both = async {
        let (encoded, kept) = tokio::join!(encoding, keeping);
        // What could not be kept tells more than the head that was ended for it.
        kept.and(encoded.map_err(anyhow::Error::from))
    };
    watched(cx, both, || {}).await??;
    if part.n_segments() != track.n_segments {
        let message = format!("{} of {} segments were made", part.n_segments(), track.n_segments);
        return Err(Failure::new(&code::NOT_WHOLE, message).into());
    }
    Ok(part)
}

fn malformed(error: joined::Malformed) -> Failure {
    Failure::new(&code::NOT_WHOLE, error.to_string())
}

/// Keeps the header, or holds it against the one that the segments so far belong to.
async fn keep_header(
    cx: &JobCx<RenditionStep>,
    id: RenditionId,
    track: &Track,
    part: &mut Part,
    bytes: Bytes,
) -> anyhow::Result<()> {
    let Some(known) = part.kept.first() else {
        return keep(cx, id, track, part, (HEADER, 0, 0), bytes).await;
    };
    let mut own = vec![0; known.n_bytes as usize];
    part.file.read_exact_at(&mut own, 0)?;
    if own == bytes {
        return Ok(());
    }
    // Another FFmpeg than before: what there is does not fit what comes.
    let tx = cx.begin(Durability::Normal).await?;
    let text = "delete from clip_segment where rendition_id = $1";
    sql::execute(&*tx, text, [id.0.into()]).await?;
    tx.commit().await?;
    let message = "the server was changed while the rendition was made, which begins anew";
    Err(Failure::new(&code::NOT_WHOLE, message).into())
}

/// Bytes first, durably, then their row.
async fn keep(
    cx: &JobCx<RenditionStep>,
    id: RenditionId,
    track: &Track,
    part: &mut Part,
    (n, n_samples, duration): (i32, u32, i64),
    bytes: Bytes,
) -> anyhow::Result<()> {
    let (file, at, n_bytes) = (Arc::clone(&part.file), part.end(), bytes.len() as u64);
    let write = move || {
        file.write_all_at(&bytes, at)?;
        file.sync_data()
    };
    tokio::task::spawn_blocking(write).await??;
    let tx = cx.begin(Durability::Normal).await?;
    let text = "insert into clip_segment (rendition_id, track, n, n_bytes, n_samples, duration) \
        values ($1, $2, $3, $4, $5, $6)";
    let values: [Value; 6] = [
        id.0.into(),
        track.number.into(),
        n.into(),
        (n_bytes as i64).into(),
        i32::try_from(n_samples)?.into(),
        duration.into(),
    ];
    sql::execute(&*tx, text, values).await?;
    cx.save_in(&tx, &Done { n }).await?;
    tx.commit().await?;
    part.kept.push(Kept {
        n_bytes,
        n_samples: n_samples.into(),
        duration,
    });
    Ok(())
}
