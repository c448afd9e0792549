//! Into the trash and back, file by file: what is meant is written down, then done, then written down as done.

use entities::{
    file::{self, FileStatus},
    id::FileId,
};
use kernel::{error::Failure, plugin::Kernel, sql, store::Durability};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Value};

use crate::{
    code,
    disk::{self, Found},
    held::{self, Held, Step},
    rows,
};

/// What came of each file.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Those that are where they should be.
    pub done: Vec<FileId>,
    /// The others, and why.
    pub failed: Vec<(FileId, Failure)>,
}

/// Puts files into the trash of their library's path.
///
/// # Errors
/// When the database fails. What is wrong with a file is in the outcome.
pub async fn trash(kernel: &Kernel, files: &[FileId]) -> Result<Outcome, Failure> {
    let now = kernel.clock.now_ms();
    let mut outcome = Outcome::default();
    let tx = kernel.store.begin(Durability::Full).await?;
    let found = file::Entity::find().filter(file::Column::Id.is_in(files.iter().copied()));
    let found = found.all(&*tx).await?;
    let mut begun = Vec::new();
    for id in files {
        let failure = match found.iter().find(|file| file.id == *id).map(|file| file.status) {
            Some(FileStatus::Present) => {
                begun.push(*id);
                continue;
            }
            Some(FileStatus::Trashed) => {
                Failure::new(&code::WRONG_STATE, format!("the file `{id}` is in the trash already"))
            }
            Some(FileStatus::Missing) => {
                Failure::new(&code::FILE_NOT_FOUND, format!("the file `{id}` is missing on the disk"))
            }
            None => Failure::new(&code::FILE_NOT_FOUND, format!("no file `{id}`")),
        };
        outcome.failed.push((*id, failure));
    }
    let text = format!(
        "insert into trash_file (file_id, library_path_id, folder, name, step, trashed_at) \
         select file.id, folder.library_path_id, folder.path, file.name, $1, $2 from file \
         join folder on folder.id = file.folder_id where file.id in ({}) on conflict do nothing",
        sql::ids(begun.iter().copied())
    );
    let values: [Value; 2] = [(Step::Entering as i32).into(), now.into()];
    sql::execute(&*tx, text, values).await?;
    tx.commit().await?;
    for held in held::by_files(kernel.store.reader(), &begun).await? {
        match enter(kernel, &held).await {
            Ok(()) => outcome.done.push(held.file),
            Err(failure) => {
                give_up(kernel, &held).await?;
                outcome.failed.push((held.file, failure));
            }
        }
    }
    Ok(outcome)
}

/// Brings files back to where they came from.
///
/// # Errors
/// When the database fails. What is wrong with a file is in the outcome.
pub async fn restore(kernel: &Kernel, files: &[FileId]) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let tx = kernel.store.begin(Durability::Full).await?;
    let begun = held::go(&tx, files, Step::Held, Step::Returning).await?;
    tx.commit().await?;
    for id in files.iter().filter(|id| !begun.contains(id)) {
        let failure = Failure::new(&code::WRONG_STATE, format!("the file `{id}` is not in the trash"));
        outcome.failed.push((*id, failure));
    }
    for held in held::by_files(kernel.store.reader(), &begun).await? {
        match leave(kernel, &held).await {
            Ok(()) => outcome.done.push(held.file),
            Err(failure) => {
                let tx = kernel.store.begin(Durability::Full).await?;
                held::go(&tx, &[held.file], Step::Returning, Step::Held).await?;
                tx.commit().await?;
                outcome.failed.push((held.file, failure));
            }
        }
    }
    Ok(outcome)
}

/// Takes everything to its end that was on its way when a process ended. What cannot be done now, because a folder is
/// away, waits for the next start.
pub async fn repair(kernel: &Kernel) -> Result<(), Failure> {
    let mut after = FileId(i64::MIN);
    loop {
        let batch = held::unfinished(kernel.store.reader(), after).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = last.file;
        for held in batch {
            let done = match held.step {
                Step::Entering => enter(kernel, &held).await,
                Step::Returning => leave(kernel, &held).await,
                Step::Leaving => remove(kernel, &held).await,
                Step::Held => Ok(()),
            };
            if let Err(failure) = done {
                tracing::warn!(file = %held.file, path = %held.place(), error = %failure, "a file of the trash is still on its way");
            }
        }
    }
}

/// Removes a file for good.
///
/// # Errors
/// The disk or the database fails; the file may be removed already then, and the next try finds that out.
pub async fn remove(kernel: &Kernel, held: &Held) -> Result<(), Failure> {
    let now = kernel.clock.now_ms();
    disk::remove(held).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    rows::left(&tx, held, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn enter(kernel: &Kernel, held: &Held) -> Result<(), Failure> {
    match disk::bring_in(held).await? {
        Found::There(_) => Ok(rows::entered(kernel, held).await?),
        Found::Nowhere => {
            rows::lost(kernel, held).await?;
            Err(Failure::new(
                &code::FILE_NOT_FOUND,
                format!("`{}` is not on the disk any more", held.place()),
            ))
        }
    }
}

async fn leave(kernel: &Kernel, held: &Held) -> Result<(), Failure> {
    match disk::bring_back(held).await? {
        Found::There(facts) => Ok(rows::returned(kernel, held, facts).await?),
        Found::Nowhere => {
            rows::lost(kernel, held).await?;
            Err(Failure::new(
                &code::FILE_NOT_FOUND,
                format!("`{}` is not in the trash any more", held.place()),
            ))
        }
    }
}

/// A file that could not be moved is as it was.
async fn give_up(kernel: &Kernel, held: &Held) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let text = "delete from trash_file where file_id = $1 and step = $2";
    sql::execute(&*tx, text, [held.file.0.into(), (Step::Entering as i32).into()]).await?;
    tx.commit().await?;
    Ok(())
}
