//! Which part of a library a scan is about: all of it, or some of its folders with everything below them.

use std::path::{Component, Path, PathBuf};

use entities::id::LibraryPathId;
use kernel::{
    blob::{RelativePath, Root, path_bytes},
    error::Failure,
    plugin::Kernel,
};
use serde::{Deserialize, Serialize};

use crate::{
    known::{self, KnownLibrary},
    sql,
};

/// More folders than this are no part of a library, but all of it.
const MOST: usize = 100;

/// A folder that a scan is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Within {
    /// Which of the library's paths it is below.
    pub library_path: LibraryPathId,
    /// Where it is below that path; empty for the path itself.
    pub folder: String,
}

/// What a scan looks at below one of the library's paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    #[default]
    Whole,
    /// These folders and everything below them; nothing when there is none.
    Below(Vec<Vec<u8>>),
}

impl Scope {
    /// The scope below a library path; no folder at all means the whole library.
    pub fn of(within: &[Within], library_path: LibraryPathId) -> Self {
        let folders = within.iter().filter(|within| within.library_path == library_path);
        let folders: Vec<Vec<u8>> = folders.map(|within| within.folder.as_bytes().to_vec()).collect();
        if within.is_empty() || folders.iter().any(Vec::is_empty) {
            return Self::Whole;
        }
        Self::Below(folders)
    }

    /// Whether nothing is looked at.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Below(folders) if folders.is_empty())
    }

    /// Whether a file or folder belongs to it.
    pub fn covers(&self, path: &[u8]) -> bool {
        match self {
            Self::Whole => true,
            Self::Below(folders) => folders.iter().any(|folder| is_below(path, folder)),
        }
    }

    /// Whether a folder must be passed, because something below it belongs to the scope.
    pub fn leads_through(&self, path: &[u8]) -> bool {
        match self {
            Self::Whole => true,
            Self::Below(folders) => folders.iter().any(|folder| is_below(folder, path)),
        }
    }
}

/// Whether a path is another one or lies below it.
pub fn is_below(path: &[u8], top: &[u8]) -> bool {
    path == top || top.is_empty() || (path.starts_with(top) && path.get(top.len()) == Some(&b'/'))
}

/// The folders that a request names, relative to the library's paths or absolute. Empty when that is the whole library.
///
/// # Errors
/// The field of a path that is no folder of the library, neither on the disk nor among what is known of it.
pub async fn resolve(kernel: &Kernel, library: &KnownLibrary, paths: &[String]) -> Result<Vec<Within>, Failure> {
    if paths.len() > MOST {
        let message = format!("name at most {MOST} folders, or scan the whole library");
        return Err(Failure::field("input.paths", message));
    }
    let mut found = Vec::new();
    for (index, text) in paths.iter().enumerate() {
        let field = format!("input.paths[{index}]");
        let places = places(library, text).map_err(|message| Failure::field(&field, message))?;
        let before = found.len();
        for within in places {
            if exists(kernel, library, &within).await? {
                found.push(within);
            }
        }
        if found.len() == before {
            let name = &library.row.name;
            let message = format!("the library `{name}` has no folder `{text}`; a folder that a file lies in will do");
            return Err(Failure::field(field, message));
        }
    }
    Ok(reduce(found, library))
}

/// Where a text may point: an absolute one below one of the library's paths, another one below each.
fn places(library: &KnownLibrary, text: &str) -> Result<Vec<Within>, String> {
    let within = |library_path, folder: &Path| {
        Some(Within {
            library_path,
            folder: folder.to_str()?.to_owned(),
        })
    };
    let Some(path) = cleaned(text) else {
        return Err(format!("`{text}` must name a folder, without `..` in it"));
    };
    if !path.is_absolute() {
        return Ok(library.paths.iter().filter_map(|row| within(row.id, &path)).collect());
    }
    let place = |row: &entities::library_path::Model| {
        let root = Path::new(&row.path);
        // The library may have been given a path through a link, or the request may have one.
        let real = || path.strip_prefix(std::fs::canonicalize(root).ok()?).ok();
        within(row.id, path.strip_prefix(root).ok().or_else(real)?)
    };
    let places: Vec<Within> = library.paths.iter().filter_map(place).collect();
    if places.is_empty() {
        return Err(format!(
            "`{text}` is not below a path of the library `{}`",
            library.row.name
        ));
    }
    Ok(places)
}

/// The path without `.` and doubled slashes.
fn cleaned(text: &str) -> Option<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::ParentDir | Component::Prefix(_) => return None,
            Component::CurDir => {}
            Component::RootDir | Component::Normal(_) => path.push(part),
        }
    }
    Some(path)
}

/// Whether the folder is on the disk, or was there when it was last scanned: then its files are missing now.
async fn exists(kernel: &Kernel, library: &KnownLibrary, within: &Within) -> Result<bool, Failure> {
    let row = library.paths.iter().find(|row| row.id == within.library_path);
    let Some(row) = row else { return Ok(false) };
    let (root, folder) = (PathBuf::from(&row.path), relative(&within.folder));
    let opened = tokio::task::spawn_blocking(move || Root::open(&root)?.open_folder(&folder).map(drop)).await;
    if opened.map_err(Failure::internal)?.is_ok() {
        return Ok(true);
    }
    let text = "select path from folder where library_path_id = $1";
    let rows = sql::rows(kernel.store.reader(), text, vec![within.library_path.0.into()]).await?;
    for row in rows {
        let path: Vec<u8> = row.try_get_by_index(0)?;
        if is_below(&path, within.folder.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each folder once and none below another; nothing when every path of the library is there as a whole.
fn reduce(mut found: Vec<Within>, library: &KnownLibrary) -> Vec<Within> {
    found.sort();
    found.dedup();
    let is_covered = |within: &Within| {
        found.iter().any(|other| {
            other != within
                && other.library_path == within.library_path
                && is_below(within.folder.as_bytes(), other.folder.as_bytes())
        })
    };
    let kept: Vec<Within> = found.iter().filter(|within| !is_covered(within)).cloned().collect();
    let is_whole = |row: &entities::library_path::Model| {
        kept.iter()
            .any(|within| within.library_path == row.id && within.folder.is_empty())
    };
    if library.paths.iter().all(is_whole) {
        Vec::new()
    } else {
        kept
    }
}

fn relative(folder: &str) -> RelativePath {
    RelativePath::from_bytes(path_bytes(PathBuf::from(folder)))
}

/// What a scan of these folders is called.
pub fn title(name: &str, within: &[Within]) -> String {
    match within {
        [] => format!("Scan {name}"),
        // One of the library's paths, and all that is below it.
        [one] if one.folder.is_empty() => format!("Scan {name}"),
        [one] => format!("Scan {name}: {}", one.folder),
        many => format!("Scan {name}: {} folders", many.len()),
    }
}

/// Leaves of what is known only what a scope covers.
pub fn narrow(folders: &mut known::KnownFolders, scope: &Scope) {
    if *scope != Scope::Whole {
        folders.by_path.retain(|path, _| scope.covers(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_its_folders_and_leads_through_those_above() {
        let scope = Scope::Below(vec![b"films/a".to_vec()]);
        let covered: Vec<&str> = ["films/a", "films/a/b.mkv", "films/ab", "films", ""]
            .into_iter()
            .filter(|path| scope.covers(path.as_bytes()))
            .collect();
        assert_eq!(covered, ["films/a", "films/a/b.mkv"]);
        let passed: Vec<&str> = ["", "films", "films/a", "fil", "films/b"]
            .into_iter()
            .filter(|path| scope.leads_through(path.as_bytes()))
            .collect();
        assert_eq!(passed, ["", "films", "films/a"]);
        assert!(Scope::Below(Vec::new()).is_nothing() && !Scope::Whole.is_nothing());
    }

    #[test]
    fn a_scan_is_called_by_what_it_is_about() {
        let within = |folder: &str| Within {
            library_path: LibraryPathId(1),
            folder: folder.to_owned(),
        };
        assert_eq!(title("Films", &[]), "Scan Films");
        assert_eq!(title("Films", &[within("")]), "Scan Films");
        assert_eq!(title("Films", &[within("new/May")]), "Scan Films: new/May");
        assert_eq!(title("Films", &[within("a"), within("b")]), "Scan Films: 2 folders");
    }

    #[test]
    fn a_path_is_cleaned_and_never_climbs() {
        assert_eq!(cleaned("./films//a/"), Some(PathBuf::from("films/a")));
        assert_eq!(cleaned("/srv/./a"), Some(PathBuf::from("/srv/a")));
        assert_eq!(cleaned("films/../../etc"), None);
        assert_eq!(cleaned(""), None);
    }
}
