//! `vitagraph library`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use entities::library::LibraryKind;
use schema::library::rules::{self, NewLibrary};

use super::print_line;
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
    print_line(&format!("added the library {name}"))?;
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Lists libraries, one a line: name, items, state, folders.
pub async fn list(base: Base) -> anyhow::Result<ExitCode> {
    for (library, paths) in rules::list_libraries(&base.kernel).await? {
        let state = match (&library.offline_reason, library.is_online) {
            (_, true) => "online".to_owned(),
            (Some(reason), false) => format!("offline: {reason}"),
            (None, false) => "offline".to_owned(),
        };
        print_line(&format!(
            "{}\t{} items\t{state}\t{}",
            library.name,
            library.n_media,
            paths.join(" ")
        ))?;
    }
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}
