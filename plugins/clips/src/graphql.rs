//! What clients can do: cut clips, and have whole files made into other forms.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::{ClipId, JobId, MediaId, RenditionId};
use kernel::{
    error::{Failure, code as general},
    events::MediaChanged,
    jobs::{Enqueue, Priority},
    plugin::Kernel,
    sql,
    store::Durability,
};
use media_proto::clip::MAX_RANGES;
use schema::{
    job::types::Job,
    kit::{access::Needs, error::ToGraphql, id::parse, scalar::Seconds},
    media::clip::{Clip, ClipFormat, ClipMode, Rendition, RenditionKind},
};

use crate::{
    clip::{self, Row, State},
    code,
    jobs::{clip::RenderClip, rendition::RenderRendition},
    place, rendition,
    source::Subject,
};

/// The longest title.
const MAX_TITLE: usize = 300;

/// What can be done with clips and renditions.
#[derive(Default)]
pub struct ClipsMutation;

/// What can be done with clips and renditions.
#[Object]
impl ClipsMutation {
    /// Cuts parts of an item into an item of its own in the same library, exact to the frame. The item it comes from is not
    /// touched.
    #[graphql(guard = "Needs::Edit")]
    async fn create_clip(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Of which item, and which parts of it.")] input: CreateClipInput,
    ) -> async_graphql::Result<CreateClipPayload> {
        create_clip(cx.data::<Kernel>()?, input).await.graphql()
    }

    /// Makes an item's file into another form as a whole. One that is there already, or is being made, is returned.
    #[graphql(guard = "Needs::Edit")]
    async fn render_proxy(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Of which item, and what.")] input: RenderProxyInput,
    ) -> async_graphql::Result<RenderProxyPayload> {
        render_proxy(cx.data::<Kernel>()?, input).await.graphql()
    }
}

/// A part of an item.
#[derive(InputObject)]
pub struct ClipRangeInput {
    /// Where it begins. The first frame at or after it is the first of the clip.
    start: Seconds,
    /// Where it ends. The first frame at or after it is left out.
    end: Seconds,
}

/// Which clip to cut.
#[derive(InputObject)]
pub struct CreateClipInput {
    /// The item.
    media_id: ID,
    /// What the clip is named; after its item when omitted.
    title: Option<String>,
    /// Where it begins; with `end` instead of `ranges`.
    start: Option<Seconds>,
    /// Where it ends.
    end: Option<Seconds>,
    /// Several parts, joined in this order, at most a hundred.
    ranges: Option<Vec<ClipRangeInput>>,
    /// How pictures are cut. `SMART` when omitted.
    mode: Option<ClipMode>,
    /// What it is made into. `MP4` when omitted.
    format: Option<ClipFormat>,
}

/// The outcome of `createClip`.
#[derive(SimpleObject)]
pub struct CreateClipPayload {
    /// The clip.
    clip: Clip,
    /// The work.
    job: Job,
}

/// What to make a file into.
#[derive(InputObject)]
pub struct RenderProxyInput {
    /// The item.
    media_id: ID,
    /// What is made. `PROXY_720P` when omitted.
    kind: Option<RenditionKind>,
}

/// The outcome of `renderProxy`.
#[derive(SimpleObject)]
pub struct RenderProxyPayload {
    /// The rendition.
    rendition: Rendition,
    /// The work; null if there is nothing left to do.
    job: Option<Job>,
}

fn ranges(input: &CreateClipInput, duration_us: i64) -> Result<Vec<(i64, i64)>, Failure> {
    let ranges: Vec<(f64, f64)> = match (&input.ranges, input.start, input.end) {
        (Some(ranges), None, None) => ranges.iter().map(|range| (range.start.0, range.end.0)).collect(),
        (None, Some(start), Some(end)) => vec![(start.0, end.0)],
        _ => return Err(Failure::field("input.start", "give `start` and `end`, or `ranges`")),
    };
    if ranges.is_empty() || ranges.len() > MAX_RANGES {
        return Err(Failure::field("input.ranges", format!("1 to {MAX_RANGES} parts")));
    }
    let mut found = Vec::new();
    for (index, (start, end)) in ranges.into_iter().enumerate() {
        let path = |side: &str| match input.ranges {
            Some(_) => format!("input.ranges[{index}].{side}"),
            None => format!("input.{side}"),
        };
        let us = |seconds: f64| (seconds * 1e6).round() as i64;
        if !start.is_finite() || start < 0.0 || us(start) >= duration_us {
            let message = format!("between 0 and {} s, where the item ends", duration_us as f64 / 1e6);
            return Err(Failure::field(path("start"), message));
        }
        if !end.is_finite() || us(end) <= us(start) {
            return Err(Failure::field(path("end"), "after its start"));
        }
        found.push((us(start), us(end).min(duration_us.saturating_add(1_000_000))));
    }
    Ok(found)
}

async fn create_clip(kernel: &Kernel, input: CreateClipInput) -> Result<CreateClipPayload, Failure> {
    let source = parse::<MediaId>(&input.media_id, "input.mediaId")?;
    let (item, subject) = Subject::of_media(kernel, source).await?;
    let ranges = ranges(&input, subject.duration_us())?;
    let title = input.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    let title = title.map_or_else(|| format!("{} (clip)", item.title), str::to_owned);
    if title.chars().count() > MAX_TITLE {
        return Err(Failure::field("input.title", format!("at most {MAX_TITLE} characters")));
    }
    let format = input.format.unwrap_or(ClipFormat::Mp4);
    if format != ClipFormat::Mp4 && subject.video.is_none() {
        let message = "the item has no pictures that move";
        return Err(Failure::field("input.format", message));
    }
    let extension = match (format, &subject.video) {
        (ClipFormat::Gif, _) => "gif",
        (ClipFormat::Webp, _) => "webp",
        (ClipFormat::Mp4, Some(_)) => "mp4",
        (ClipFormat::Mp4, None) => "m4a",
    };
    let id = ClipId::new();
    let row = Row {
        id,
        source,
        library: item.library_id,
        file_name: place::file_name(&title, &id.to_string(), extension),
        title: title.clone(),
        ranges,
        mode: input.mode.unwrap_or(ClipMode::Smart),
        format,
        status: State::Waiting as i32,
    };
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    clip::insert(&*tx, &row, kernel.clock.now_ms()).await?;
    let enqueued = kernel
        .jobs
        .enqueue(&tx, &RenderClip { clip: id, title }, options)
        .await?;
    clip::set_job(&*tx, id, enqueued.job).await?;
    tx.publish(MediaChanged { media: vec![source] });
    tx.commit().await?;
    let text = format!("select {} where clip.id = $1", clip::SHOWN);
    let rows = sql::rows(kernel.store.reader(), text, [id.0.into()]).await?;
    let row = rows.first().ok_or_else(|| gone(&id))?;
    Ok(CreateClipPayload {
        clip: clip::shown(row)?,
        job: job(kernel, enqueued.job).await?,
    })
}

async fn render_proxy(kernel: &Kernel, input: RenderProxyInput) -> Result<RenderProxyPayload, Failure> {
    let media = parse::<MediaId>(&input.media_id, "input.mediaId")?;
    let kind = input.kind.unwrap_or(RenditionKind::Proxy720p);
    let (item, subject) = Subject::of_media(kernel, media).await?;
    let is_possible = match kind {
        RenditionKind::AudioOnly => !subject.sounds.is_empty(),
        _ => subject.video.is_some(),
    };
    if !is_possible {
        let message = format!("`{}` has nothing of that kind", item.title);
        return Err(Failure::new(&code::NOT_PLAYABLE, message));
    }
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let known = rendition::of_file(&*tx, &subject, kind).await?;
    let (id, job_id) = match known {
        Some(row) if row.status == rendition::State::Ready as i32 => (row.id, None),
        known => {
            let id = match known {
                Some(row) => row.id,
                None => rendition::insert(&*tx, (media, &subject), kind, kernel.clock.now_ms()).await?,
            };
            let work = RenderRendition {
                rendition: id,
                title: item.title.clone(),
            };
            let enqueued = kernel.jobs.enqueue(&tx, &work, options).await?;
            if enqueued.is_new {
                rendition::set_job(&*tx, id, enqueued.job).await?;
            }
            (id, Some(enqueued.job))
        }
    };
    tx.publish(MediaChanged { media: vec![media] });
    tx.commit().await?;
    let text = format!("select {} where made.id = $1", rendition::SHOWN);
    let rows = sql::rows(kernel.store.reader(), text, [id.0.into()]).await?;
    let row = rows.first().ok_or_else(|| gone::<RenditionId>(&id))?;
    Ok(RenderProxyPayload {
        rendition: rendition::shown(row)?.0,
        job: match job_id {
            Some(id) => Some(job(kernel, id).await?),
            None => None,
        },
    })
}

fn gone<T: std::fmt::Display>(id: &T) -> Failure {
    Failure::new(&general::NOT_FOUND, format!("`{id}` was removed meanwhile"))
}

async fn job(kernel: &Kernel, id: JobId) -> Result<Job, Failure> {
    let view = kernel.jobs.get(id).await?;
    let view = view.ok_or_else(|| Failure::new(&general::NOT_FOUND, format!("no job `{id}`")))?;
    Ok(Job::from(view))
}
