//! What clients can do: cut clips, have whole files made into other forms, and delete either.

mod inputs;

use std::sync::Arc;

use async_graphql::{Context, Object};
use entities::{
    id::{ClipId, JobId, MediaId, RenditionId},
    media,
};
use kernel::{
    error::{Failure, code as general},
    events::MediaChanged,
    jobs::{Enqueue, Priority},
    plugin::Kernel,
    store::Durability,
};
use schema::{
    caches::Loaders,
    job::types::Job,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::{id, parse},
    },
    media::{clip::RenditionKind, contracts, types::Media},
};

use self::inputs::{
    CreateClipInput, CreateClipPayload, CreateClipsFromMarkersInput, CreateClipsFromMarkersPayload, DeleteClipInput,
    DeleteClipPayload, DeleteRenditionInput, DeleteRenditionPayload, RenderProxyInput, RenderProxyPayload,
};
use crate::{
    Clips, clip, code,
    delete::{self, Fate},
    jobs::{clip::RenderClip, markers::ClipMarkers, rendition::RenderRendition},
    rendition::{self, Wanted},
    source::Subject,
};

/// What can be done with clips and renditions.
#[derive(Default)]
pub struct ClipsMutation;

/// What can be done with clips and renditions.
#[Object]
impl ClipsMutation {
    /// Cuts parts of an item into an item of its own in the same library, exact to the frame. The item it comes from is not
    /// touched.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_clip(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Of which item, and which parts of it.")] input: CreateClipInput,
    ) -> async_graphql::Result<CreateClipPayload> {
        create_clip(cx, input).await.graphql()
    }

    /// Makes a clip of each marker of a selection, as a job: of some markers, or of those of all items that a filter finds.
    /// Markers that are clips of this mode and format already are passed over. With `dryRun` nothing is made.
    #[graphql(guard = "Needs::Edit")]
    async fn create_clips_from_markers(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which markers, and what becomes of them.")] input: CreateClipsFromMarkersInput,
    ) -> async_graphql::Result<CreateClipsFromMarkersPayload> {
        clips_from_markers(cx, input).await.graphql()
    }

    /// Deletes a clip. The item that it has become stays, or its file goes to the trash: `media` says which. Brought back
    /// from the trash, it is a clip again. One that is not ready yet is not made.
    #[graphql(guard = "Needs::EditSome")]
    async fn delete_clip(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which clip.")] input: DeleteClipInput,
    ) -> async_graphql::Result<DeleteClipPayload> {
        let clip: ClipId = parse(&input.id, "input.id").graphql()?;
        let fate = Fate::from(input.media);
        must_edit_clip(cx, clip).await.graphql()?;
        let source = delete::clip(cx.data_unchecked::<Kernel>(), clip, fate)
            .await
            .graphql()?;
        Ok(DeleteClipPayload {
            deleted_id: id(clip),
            source: item(cx, source).await.graphql()?,
        })
    }

    /// Makes an item's file into another form as a whole. One that is there already, or is being made, is returned.
    #[graphql(guard = "Needs::EditSome")]
    async fn render_proxy(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Of which item, and what.")] input: RenderProxyInput,
    ) -> async_graphql::Result<RenderProxyPayload> {
        render_proxy(cx, input).await.graphql()
    }

    /// Removes a rendition with its bytes for good; it can be made again. One that is being made is given up.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_rendition(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which rendition.")] input: DeleteRenditionInput,
    ) -> async_graphql::Result<DeleteRenditionPayload> {
        let rendition: RenditionId = parse(&input.id, "input.id").graphql()?;
        let objects = &cx.data_unchecked::<Arc<Clips>>().objects;
        let of = delete::rendition(cx.data_unchecked::<Kernel>(), objects, rendition)
            .await
            .graphql()?;
        Ok(DeleteRenditionPayload {
            deleted_id: id(rendition),
            media: item(cx, of).await.graphql()?,
        })
    }
}

async fn create_clip(cx: &Context<'_>, input: CreateClipInput) -> Result<CreateClipPayload, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let source = parse::<MediaId>(&input.media_id, "input.mediaId")?;
    must_edit(cx, source).await?;
    let (item, subject) = Subject::of_media(kernel, source).await?;
    let mut row = input.wanted()?.row(&item, &subject)?;
    let work = RenderClip {
        clip: row.id,
        title: row.title.clone(),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let enqueued = kernel.jobs.enqueue(&tx, &work, asked(&item)).await?;
    row.job = Some(enqueued.job);
    clip::insert(&*tx, &row, kernel.clock.now_ms()).await?;
    tx.publish(MediaChanged { media: vec![source] });
    tx.commit().await?;
    let clip = contract(cx)?.clip(cx, row.id).await?;
    Ok(CreateClipPayload {
        clip: clip.ok_or_else(|| gone(&row.id))?,
        job: job(kernel, enqueued.job).await?,
    })
}

async fn clips_from_markers(
    cx: &Context<'_>,
    input: CreateClipsFromMarkersInput,
) -> Result<CreateClipsFromMarkersPayload, Failure> {
    let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx)?);
    let picked = input.picked()?;
    let reader = kernel.store.reader();
    let (matched_count, n_todo) = picked.open(reader, viewer.user).await?.count(reader).await?;
    let started = match input.dry_run || n_todo == 0 {
        true => None,
        false => {
            let work = ClipMarkers {
                picked,
                user: viewer.user,
                n_matched: n_todo,
            };
            let enqueued = kernel.jobs.start_one(&work, of_all()).await?;
            Some(job(kernel, enqueued.job).await?)
        }
    };
    Ok(CreateClipsFromMarkersPayload {
        matched_count,
        clip_count: n_todo,
        job: started,
    })
}

async fn render_proxy(cx: &Context<'_>, input: RenderProxyInput) -> Result<RenderProxyPayload, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let media = parse::<MediaId>(&input.media_id, "input.mediaId")?;
    let wanted = Wanted {
        kind: input.kind.unwrap_or(RenditionKind::Proxy720p),
        own: input.checked()?,
    };
    must_edit(cx, media).await?;
    let (item, subject) = Subject::of_media(kernel, media).await?;
    if !wanted.is_possible(&subject) {
        let message = format!("`{}` has nothing of that kind", item.title);
        return Err(Failure::new(&code::NOT_PLAYABLE, message));
    }
    let tx = kernel.store.begin(Durability::Full).await?;
    let known = rendition::of_file(&*tx, &subject, &wanted).await?;
    let (id, job_id) = match known {
        Some(row) if row.status == rendition::State::Ready as i32 => (row.id, None),
        known => {
            let id = known.as_ref().map_or_else(RenditionId::new, |row| row.id);
            let work = RenderRendition {
                rendition: id,
                title: item.title.clone(),
            };
            let enqueued = kernel.jobs.enqueue(&tx, &work, asked(&item)).await?;
            if known.is_none() {
                let new = (id, enqueued.job);
                rendition::insert(&*tx, new, (media, &subject), &wanted, kernel.clock.now_ms()).await?;
            } else if enqueued.is_new {
                rendition::set_job(&*tx, id, enqueued.job).await?;
            }
            (id, Some(enqueued.job))
        }
    };
    tx.publish(MediaChanged { media: vec![media] });
    tx.commit().await?;
    let rendition = contract(cx)?.rendition(cx, id).await?;
    Ok(RenderProxyPayload {
        rendition: rendition.ok_or_else(|| gone(&id))?,
        job: match job_id {
            Some(id) => Some(job(kernel, id).await?),
            None => None,
        },
    })
}

/// What somebody waits for, of one library.
fn asked(item: &media::Model) -> Enqueue {
    Enqueue {
        group_key: Some(item.library_id.to_string()),
        ..of_all()
    }
}

/// What somebody waits for.
fn of_all() -> Enqueue {
    Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    }
}

/// Refuses a clip of an item that is not there for who asks, or that they may not change.
async fn must_edit_clip(cx: &Context<'_>, id: ClipId) -> Result<(), Failure> {
    if require(cx)?.edits.is_all() {
        return Ok(());
    }
    let clip = contract(cx)?.clip(cx, id).await?;
    let clip = clip.ok_or_else(|| Failure::new(&code::CLIP_NOT_FOUND, format!("no clip `{id}`")))?;
    must_edit(cx, clip.source).await
}

/// Refuses an item that is not there for who asks, or that they may not change.
async fn must_edit(cx: &Context<'_>, id: MediaId) -> Result<(), Failure> {
    let viewer = require(cx)?;
    if viewer.edits.is_all() {
        return Ok(());
    }
    let card = Loaders::of(cx).card.get(id).await?;
    let card = card.ok_or_else(|| Failure::new(&code::MEDIA_NOT_FOUND, format!("no media item `{id}`")))?;
    viewer.must_edit(card.library_id)
}

fn contract<'a>(cx: &Context<'a>) -> Result<&'a Arc<dyn contracts::Clips>, Failure> {
    let found = cx.data_opt::<Arc<dyn contracts::Clips>>();
    found.ok_or_else(|| Failure::internal("the request has no loaders of clips"))
}

fn gone<T: std::fmt::Display>(id: &T) -> Failure {
    Failure::new(&general::NOT_FOUND, format!("`{id}` was removed meanwhile"))
}

async fn job(kernel: &Kernel, id: JobId) -> Result<Job, Failure> {
    let view = kernel.jobs.get(id).await?;
    let view = view.ok_or_else(|| Failure::new(&general::NOT_FOUND, format!("no job `{id}`")))?;
    Ok(Job::from(view))
}

async fn item(cx: &Context<'_>, id: MediaId) -> Result<Option<Media>, Failure> {
    Ok(Loaders::of(cx).card.get(id).await?.map(Media::new))
}
