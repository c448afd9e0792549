//! Copies of the embedded database while it is used, and putting one in its place.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use kernel::{
    backups::{self, Stop},
    store::EMBEDDED_FILE,
};

use crate::{
    data_dir::{self, DataLock},
    settings::Settings,
};

/// Copies the database to a new file, consistent and compact, while servers use it. It has everything but what can be
/// made again: pictures and renditions. Gives its size in bytes.
///
/// # Errors
/// The database is PostgreSQL, the file is there already, or it cannot be written.
pub async fn back_up(settings: &Settings, target: &Path) -> anyhow::Result<u64> {
    embedded(settings, "`pg_dump --format=custom` copies it while it is used")?;
    ensure!(
        !target.exists(),
        "{} is there already; a backup replaces nothing",
        target.display()
    );
    let source = settings.data.join(EMBEDDED_FILE);
    ensure!(source.exists(), "there is no database in {}", settings.data.display());
    let part = beside(target, ".part")?;
    let _ = fs::remove_file(&part);
    let copied = async {
        backups::copy(&source, &part, Stop::default()).await?;
        backups::verify(&part, Stop::default()).await
    };
    if let Err(error) = copied.await {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    // A crash between the two leaves the part, never half a backup under the name.
    fs::rename(&part, target).with_context(|| format!("naming the backup {}", target.display()))?;
    sync_folder(target)?;
    Ok(fs::metadata(target)?.len())
}

/// Puts a backup in the place of the database. The present one is moved to `backups/`; gives where, if there was one.
///
/// # Errors
/// A server runs, the file is no backup, or it cannot be copied.
pub async fn restore(settings: &Settings, source: &Path) -> anyhow::Result<Option<PathBuf>> {
    embedded(settings, "`pg_restore --clean` puts a copy in its place")?;
    let data = data_dir::prepare(&settings.data)?;
    let Some(_lock) = DataLock::try_take(&data)? else {
        let holder = DataLock::holder(&data).map_or(String::new(), |pid| format!(" (process {pid})"));
        bail!("vitagraph{holder} uses {}; stop it first", data.display());
    };
    backups::verify(source, Stop::default()).await?;
    let part = data.join(format!("{EMBEDDED_FILE}.part"));
    fs::copy(source, &part).with_context(|| format!("copying {} to {}", source.display(), part.display()))?;
    File::open(&part)?
        .sync_all()
        .with_context(|| format!("writing {}", part.display()))?;
    let moved = set_aside(&data)?;
    let place = data.join(EMBEDDED_FILE);
    fs::rename(&part, &place).with_context(|| format!("putting the backup at {}", place.display()))?;
    sync_folder(&place)?;
    Ok(moved)
}

fn embedded(settings: &Settings, instead: &str) -> anyhow::Result<()> {
    ensure!(
        settings.is_embedded(),
        "this server keeps its data in PostgreSQL: {instead}"
    );
    Ok(())
}

/// Moves the present database with its log out of the way.
fn set_aside(data: &Path) -> anyhow::Result<Option<PathBuf>> {
    let place = data.join(EMBEDDED_FILE);
    if !place.exists() {
        return Ok(None);
    }
    let folder = data_dir::prepare(&data.join(backups::FOLDER))?;
    let moment = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3f");
    let aside = folder.join(format!("{}{moment}.db", backups::REPLACED));
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (beside(&place, suffix)?, beside(&aside, suffix)?);
        if from.exists() {
            fs::rename(&from, &to).with_context(|| format!("moving {} to {}", from.display(), to.display()))?;
        }
    }
    Ok(Some(aside))
}

fn beside(path: &Path, suffix: &str) -> anyhow::Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} is no name of a file", path.display()))?;
    Ok(path.with_file_name(format!("{name}{suffix}")))
}

fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?
        .sync_all()
        .with_context(|| format!("writing the folder {}", folder.display()))
}
