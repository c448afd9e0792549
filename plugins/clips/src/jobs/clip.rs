//! `clips.render`: cuts a clip, looks at it, and puts it where a scan finds it. Killed at any point, the next attempt
//! begins anew with what is not in its place yet.

use entities::id::ClipId;
use kernel::{
    blob::RelativePath,
    error::Failure,
    events::{FilesAdded, MediaChanged},
    jobs::{Interrupted, Job, JobCx, Lane},
    plugin::Kernel,
    store::Durability,
};
use media_engine::{engine::Engine, progress::Progress, source::Source};
use media_proto::{
    clip::{self as proto, ClipVideo, Clipped},
    error::MediaError,
    job::ProbeHints,
    rendition::{Preset, ladder, rung},
};
use schema::media::clip::{ClipFormat, ClipMode};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::watched::watched;
use crate::{
    Clips,
    clip::{self, Row, State},
    code, link, place,
    source::{Subject, sound_settings},
};

kernel::steps! {
    /// What rendering a clip does, in this order.
    pub enum ClipStep {
        Cut = "cut": 20.0,
        Place = "place",
    }
}

/// Cuts one clip.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenderClip {
    /// Which.
    pub clip: ClipId,
    /// Its title, for people.
    #[serde(default)]
    pub title: String,
}

/// Lines of animations at most.
const ANIMATION_LINES: u32 = 360;
/// How far the length of the file may be from what the worker says, in microseconds.
const TOLERANCE_US: i64 = 100_000;

#[async_trait::async_trait]
impl Job for RenderClip {
    const KIND: &'static str = "clips.render";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    type Step = ClipStep;
    type Plugin = Clips;

    fn title(&self) -> String {
        format!("Cut `{}`", self.title)
    }

    async fn run(&self, cx: &JobCx<ClipStep>, clips: &Clips) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let Some(row) = clip::find(kernel.store.reader(), self.clip).await? else {
            // Its source, or its library, was removed meanwhile.
            return Ok(());
        };
        if row.status == State::Placed as i32 || row.status == State::Ready as i32 {
            // An attempt that ended right after it had said so has linked nothing.
            return Ok(link::link(kernel, row.library).await?);
        }
        let tx = cx.begin(Durability::Normal).await?;
        clip::set_state(&*tx, row.id, State::Rendering, kernel.clock.now_ms()).await?;
        tx.commit().await?;
        let made = make(cx, clips, &row).await;
        let Err(error) = made else { return Ok(()) };
        if error.downcast_ref::<Interrupted>().is_none() {
            let tx = cx.begin(Durability::Normal).await?;
            clip::set_failed(&*tx, row.id, told(&error), kernel.clock.now_ms()).await?;
            tx.commit().await?;
        }
        Err(error)
    }
}

/// A stable name and a text for why something could not be made.
pub fn told(error: &anyhow::Error) -> (&'static str, String) {
    match (error.downcast_ref::<Failure>(), error.downcast_ref::<MediaError>()) {
        (Some(failure), _) => (failure.code.name, failure.message.clone()),
        (_, Some(error)) => (error.code(), error.to_string()),
        _ => (
            "INTERNAL",
            "something went wrong in the server; its log says more".to_owned(),
        ),
    }
}

async fn make(cx: &JobCx<ClipStep>, clips: &Clips, row: &Row) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let engine = engine(kernel)?;
    let (_, subject) = Subject::of_media(kernel, row.source).await?;
    let source = subject.open(kernel).await?;
    let wanted = wanted(row, &subject)?;

    cx.unit("frames");
    cx.step(ClipStep::Cut, None);
    let work = place::work(&row.file_name);
    let opened = work.clone();
    let into = place::below(kernel, move |root| {
        let file = root.work_file(&opened)?;
        file.set_len(0)?;
        Ok(file)
    });
    let into = into.await?;
    let (send, progress) = watch::channel(Progress::default());
    let cutting = engine.clip(
        &source,
        &wanted,
        into.try_clone()?,
        clips.config.max_bytes,
        cx.canceled(),
        Some(&send),
    );
    let mut done = 0;
    let cut = watched(cx, cutting, || {
        let now = *progress.borrow();
        if now.total > 0 {
            cx.set_total(now.total);
            cx.advance(now.done.saturating_sub(done));
            done = done.max(now.done);
        }
    });
    let clipped = match cut.await? {
        Ok(clipped) => clipped,
        // Whoever canceled it hears so from the job.
        Err(MediaError::Canceled) => {
            cx.checkpoint().await?;
            return Err(MediaError::Canceled.into());
        }
        Err(error) => return Err(error.into()),
    };
    cx.step(ClipStep::Place, None);
    let synced = into.try_clone()?;
    tokio::task::spawn_blocking(move || synced.sync_all()).await??;
    check(&engine, cx, Source::new(into)?, row, &clipped).await?;
    publish(cx, row, work, &clipped).await
}

/// The media engine.
pub fn engine(kernel: &Kernel) -> Result<std::sync::Arc<Engine>, Failure> {
    let missing = || {
        Failure::new(
            &code::NO_ENGINE,
            "the media engine is not running, so nothing can be made",
        )
    };
    kernel.parts.get::<Engine>().ok_or_else(missing)
}

/// What a worker is asked for.
fn wanted(row: &Row, subject: &Subject) -> Result<proto::Clip, Failure> {
    let is_film = row.format == ClipFormat::Mp4;
    let video = subject.video.as_ref().map(|video| {
        let shape = video.shape(&subject.file);
        let own = || ladder(&shape, Preset::Veryfast).into_iter().next();
        let small = || rung(&shape, Preset::Veryfast, ANIMATION_LINES, 1_000_000);
        ClipVideo {
            stream: video.stream.index.unsigned_abs(),
            rotation: u16::try_from(video.stream.rotation).unwrap_or(0),
            rendition: if is_film { own().unwrap_or_else(small) } else { small() },
        }
    });
    if video.is_none() && !is_film {
        let message = format!("`{}` has no pictures that move", subject.file.path);
        return Err(Failure::new(&code::NOT_PLAYABLE, message));
    }
    let sounds = subject.sounds.iter().filter(|_| is_film);
    Ok(proto::Clip {
        extension: subject.extension(),
        start_us: subject.start_us(),
        ranges: row.ranges.clone(),
        mode: match row.mode {
            ClipMode::Smart => proto::ClipMode::Smart,
            ClipMode::Exact => proto::ClipMode::Exact,
            ClipMode::Keyframe => proto::ClipMode::Keyframe,
        },
        format: match row.format {
            ClipFormat::Mp4 => proto::ClipFormat::Mp4,
            ClipFormat::Gif => proto::ClipFormat::Gif,
            ClipFormat::Webp => proto::ClipFormat::Webp,
        },
        video,
        audio: sounds
            .map(|sound| media_proto::rendition::AudioRendition {
                bit_rate: 192_000,
                ..sound_settings(sound)
            })
            .collect(),
    })
}

/// Looks at what was made as at any file.
async fn check(
    engine: &Engine,
    cx: &JobCx<ClipStep>,
    made: Source,
    row: &Row,
    clipped: &Clipped,
) -> anyhow::Result<()> {
    let hints = ProbeHints {
        extension: row
            .file_name
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_owned()),
    };
    let probe = watched(cx, engine.probe(&made, hints, cx.canceled()), || {}).await??;
    // What animations say of their length is of no use.
    let is_film = row.format == ClipFormat::Mp4;
    let off = probe.duration_us.map(|us| (us - clipped.duration_us).abs());
    if probe.streams.is_empty() || is_film && off.is_none_or(|off| off > TOLERANCE_US) {
        let message = format!(
            "the clip lasts {:?} µs instead of {} and was thrown away",
            probe.duration_us, clipped.duration_us
        );
        return Err(Failure::new(&code::NOT_WHOLE, message).into());
    }
    Ok(())
}

/// Puts the file in its place, then says so.
async fn publish(cx: &JobCx<ClipStep>, row: &Row, work: RelativePath, clipped: &Clipped) -> anyhow::Result<()> {
    let kernel = cx.kernel();
    let library = row.library;
    let target = place::placed(library, &row.file_name);
    let moved = place::below(kernel, move |root| {
        root.ensure_folder(&RelativePath::root().join(library.to_string().as_bytes()))?;
        // An attempt that was killed right after its move left the same under this name, which is this clip's alone.
        root.remove_file(&target)?;
        root.move_file(&work, &target)
    });
    moved.await?;
    let tx = cx.begin(Durability::Full).await?;
    if !clip::set_state(&*tx, row.id, State::Placed, kernel.clock.now_ms()).await? {
        // It was deleted at the last moment.
        drop(tx);
        let target = place::placed(library, &row.file_name);
        place::below(kernel, move |root| root.remove_file(&target)).await?;
        return Ok(());
    }
    place::ensure_path(kernel, &tx, library).await?;
    clip::set_made(&*tx, row.id, clipped).await?;
    tx.publish(FilesAdded {
        library,
        folder: place::folder(kernel, library),
    });
    tx.publish(MediaChanged {
        media: vec![row.source],
    });
    tx.commit().await?;
    // A scan that ran anyway may have found the file before its row said so.
    Ok(link::link(kernel, library).await?)
}
