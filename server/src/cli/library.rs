//! `vitagraph library`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use entities::library::{self, LibraryKind};
use schema::library::rules::{self, NewLibrary};

use super::{print_line, print_rows};
use crate::compose::Base;

/// Adds a library; relative folders are taken from where the command runs.
pub async fn add(base: Base, name: String, paths: Vec<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut absolute = Vec::new();
    for path in paths {
        let path = path
            .canonicalize()
            .with_context(|| format!("the folder {} cannot be opened", path.display()))?;
        let text = path
            .to_str()
            .with_context(|| format!("the folder's name {} is not UTF-8", path.display()))?;
        absolute.push(text.to_owned());
    }
    let new = NewLibrary {
        name,
        paths: absolute,
        kind: LibraryKind::Mixed,
        include_hidden: false,
    };
    let name = new.name.clone();
    rules::create_library(&base.kernel, new).await?;
    print_line(&format!(
        "added the library {name}; `vitagraph scan --library '{name}'` finds its files"
    ))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Lists libraries: name, items, state, folders.
pub async fn list(base: Base) -> anyhow::Result<ExitCode> {
    let row = |(library, paths): (library::Model, Vec<String>)| {
        let state = match (&library.offline_reason, library.is_online) {
            (_, true) if library.last_scanned_at.is_none() => "never scanned".to_owned(),
            (_, true) => "online".to_owned(),
            (Some(reason), false) => format!("offline: {reason}"),
            (None, false) => "offline".to_owned(),
        };
        let items = if library.n_media == 1 { "item" } else { "items" };
        let mut row = vec![library.name, format!("{} {items}", library.n_media), state];
        row.extend(paths);
        row
    };
    let libraries = rules::list_libraries(&base.kernel).await?;
    print_rows(&libraries.into_iter().map(row).collect::<Vec<_>>())?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}
