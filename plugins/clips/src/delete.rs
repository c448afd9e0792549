//! Deleting clips and renditions. What a clip has become goes to the trash, from where people bring it back, or stays.

use entities::id::{ClipId, FileId, JobId, MediaId, RenditionId};
use kernel::{
    discard::Trash,
    error::Failure,
    events::MediaChanged,
    jobs::JobError,
    objects::{ObjectKey, Objects},
    plugin::Kernel,
    sql,
    store::Durability,
};

use crate::{
    clip::{self, State},
    code, place, rendition,
};

/// What becomes of the item that a clip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays, and is an item like any other.
    Keep,
    /// Its file goes to the trash; brought back from there, it is a clip again.
    Trash,
}

/// Deletes a clip; gives the item that it was cut out of.
///
/// # Errors
/// There is none, it is just becoming an item, its file cannot go to the trash, or the database fails.
pub async fn clip(kernel: &Kernel, id: ClipId, fate: Fate) -> Result<MediaId, Failure> {
    let missing = || Failure::new(&code::CLIP_NOT_FOUND, format!("no clip `{id}`"));
    let row = clip::find(kernel.store.reader(), id).await?.ok_or_else(missing)?;
    if row.status == State::Placed as i32 {
        let message = format!(
            "the clip `{}` is just becoming an item; try again in a moment",
            row.title
        );
        return Err(Failure::new(&code::NOT_YET, message));
    }
    stop(kernel, row.job).await?;
    let text = match (fate, row.result) {
        (Fate::Trash, Some(item)) => {
            discard(kernel, item, &row.file_name).await?;
            "update clip set deleted_at = $2 where id = $1"
        }
        _ => "delete from clip where id = $1 and $2 > 0",
    };
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    sql::execute(&*tx, text, [id.0.into(), now.into()]).await?;
    tx.publish(MediaChanged {
        media: [row.source].into_iter().chain(row.result).collect(),
    });
    tx.commit().await?;
    let work = place::work(&row.file_name);
    place::below(kernel, move |root| root.remove_file(&work)).await?;
    Ok(row.source)
}

/// Puts the file of a clip in the trash, if it is not there already.
async fn discard(kernel: &Kernel, item: MediaId, name: &str) -> Result<(), Failure> {
    let text = "select id from file where media_id = $1 and path = $2 and status = 0";
    let rows = sql::rows(kernel.store.reader(), text, [item.0.into(), name.into()]).await?;
    let files = rows.iter().map(|row| row.try_get_by_index(0).map(FileId));
    let files: Vec<FileId> = files.collect::<Result<_, _>>()?;
    let missing = || {
        Failure::new(
            &code::NO_TRASH,
            "this server has no trash; delete the clip and keep its item",
        )
    };
    let trash = kernel.parts.get::<Trash>().ok_or_else(missing)?;
    match trash.0.discard(kernel, &files).await?.into_iter().next() {
        Some((_, failure)) => Err(failure),
        None => Ok(()),
    }
}

/// Deletes a rendition with its bytes; gives its item.
///
/// # Errors
/// There is none, or the disk or the database fails.
pub async fn rendition(kernel: &Kernel, objects: &Objects, id: RenditionId) -> Result<MediaId, Failure> {
    let missing = || Failure::new(&code::RENDITION_NOT_FOUND, format!("no rendition `{id}`"));
    let row = rendition::find(kernel.store.reader(), id).await?.ok_or_else(missing)?;
    stop(kernel, row.job).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    sql::execute(&*tx, "delete from clip_rendition where id = $1", [id.0.into()]).await?;
    tx.publish(MediaChanged { media: vec![row.media] });
    tx.commit().await?;
    if let Some(key) = row.key {
        remove(kernel, objects, key).await?;
    }
    let names = rendition::work_names(id);
    let cleared = place::below(kernel, move |root| {
        for name in names {
            root.remove_file(&place::work(&name))?;
        }
        Ok(())
    });
    cleared.await?;
    Ok(row.media)
}

/// Removes an object, unless another rendition has the same bytes.
async fn remove(kernel: &Kernel, objects: &Objects, key: ObjectKey) -> Result<(), Failure> {
    let text = "select 1 from clip_rendition where object_key = $1 limit 1";
    let known = sql::rows(kernel.store.reader(), text, [key.as_bytes().to_vec().into()]).await?;
    if known.is_empty() {
        objects.delete(key).await?;
    }
    Ok(())
}

/// Cancels the job of what goes, if it has not ended.
async fn stop(kernel: &Kernel, job: Option<JobId>) -> Result<(), Failure> {
    let Some(job) = job else { return Ok(()) };
    match kernel.jobs.cancel(job).await {
        Ok(_) | Err(JobError::NotFound { .. } | JobError::WrongState { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
