//! `vitagraph export` and `vitagraph import`.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use schema::transfer::{export::export, import::Import};

use super::print_line;
use crate::compose::Base;

/// Writes everything that people decided to a new file.
pub async fn write(base: Base, path: &Path) -> anyhow::Result<ExitCode> {
    let file = File::create_new(path).with_context(|| format!("making the file {}", path.display()))?;
    let mut out = BufWriter::new(file);
    let n_lines = export(&base.kernel, &mut out).await?;
    out.into_inner()?
        .sync_all()
        .with_context(|| format!("writing {}", path.display()))?;
    print_line(&format!("wrote {n_lines} lines to {}", path.display()))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Takes in an export.
pub async fn read(base: Base, path: &Path, is_embedded: bool) -> anyhow::Result<ExitCode> {
    if is_embedded && !base.owns_data() {
        // Its caches would not hear of it.
        bail!("a server runs on this data; stop it, import, and start it again");
    }
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut import = Import::begin(&base.kernel).await?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("reading {}", path.display()))?;
        let done = import.line(&line).await;
        done.with_context(|| format!("line {} of {}", index + 1, path.display()))?;
    }
    let done = import.done;
    let unknown = match done.n_unknown {
        0 => String::new(),
        n => format!("; {n} items are not in any library here"),
    };
    print_line(&format!(
        "read {} lines: {} items brought in line{unknown}",
        done.n_lines, done.n_media
    ))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}
