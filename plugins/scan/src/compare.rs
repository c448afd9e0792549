//! Compares what a walk saw with what the database knows, folder by folder. Pure: it reads and writes nothing.

use std::collections::HashMap;

use entities::id::FolderId;
use kernel::{
    blob::{Facts, RelativePath},
    kind::extension,
};

use crate::{
    known::KnownFile,
    subtitles::Beside,
    walk::{ChangedFolder, Digest, SeenFile},
};

/// A changed folder, without its files.
#[derive(Debug, Clone)]
pub struct FolderWork {
    /// Which of the library's paths it is below.
    pub root: usize,
    /// Below that path.
    pub path: RelativePath,
    /// Its row, if it has one.
    pub known: Option<FolderId>,
    /// The digest to store once everything in it is recorded.
    pub digest: Digest,
    /// False when something in it must be looked at again by the next scan.
    pub is_settled: bool,
}

/// A file that was seen in a changed folder and is not known as it is.
#[derive(Debug, Clone)]
pub struct Found {
    /// Index of its folder.
    pub folder: usize,
    /// What the walk saw.
    pub seen: SeenFile,
    /// The row that has this path, if any, and why it does not simply fit.
    pub at_path: Option<KnownFile>,
    /// The NFO sidecar that belongs to it.
    pub nfo: Option<SeenFile>,
    /// The files of subtitles beside it, as a row has them.
    pub subtitles: String,
}

/// The outcome of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The changed folders.
    pub folders: Vec<FolderWork>,
    /// Files without a row, or at the path of a row that has another inode.
    pub found: Vec<Found>,
    /// Files with the same inode at the same path, and other content.
    pub changed: Vec<Found>,
    /// Files known as missing that are back as they were.
    pub restored: Vec<(KnownFile, usize, Facts)>,
    /// Present rows whose path holds nothing any more.
    pub lost: Vec<KnownFile>,
    /// Unchanged files with a sidecar, which may have changed.
    pub described: Vec<(KnownFile, usize, SeenFile)>,
    /// Unchanged files beside which other subtitles lie than before.
    pub subtitled: Vec<(KnownFile, String)>,
    /// For each of the library's paths, how many files are as the database knows them.
    pub n_unchanged: Vec<u64>,
}

impl Comparison {
    fn count_unchanged(&mut self, root: usize) {
        if self.n_unchanged.len() <= root {
            self.n_unchanged.resize(root + 1, 0);
        }
        self.n_unchanged[root] += 1;
    }
}

/// Compares changed folders with the rows of their files. `rows` holds all rows of those folders, and of folders that
/// vanished.
pub fn compare(folders: Vec<(usize, ChangedFolder)>, rows: Vec<KnownFile>) -> Comparison {
    let mut by_folder: HashMap<FolderId, HashMap<Vec<u8>, KnownFile>> = HashMap::new();
    for row in rows {
        by_folder.entry(row.folder).or_default().insert(row.name.clone(), row);
    }
    let mut comparison = Comparison::default();
    for (root, changed) in folders {
        let mut known = changed.known.and_then(|id| by_folder.remove(&id)).unwrap_or_default();
        let folder = comparison.folders.len();
        let n_files = changed.files.len();
        let beside = Beside::of(&changed.files, &changed.sidecars);
        for seen in changed.files {
            let nfo = nfo_of(&seen.name, n_files, &changed.sidecars).cloned();
            let subtitles = beside.of_file(&seen.name).to_owned();
            match known.remove(&seen.name) {
                Some(row) if row.is_same(&seen.facts) => {
                    // What could not be looked at may be among them.
                    if row.subtitles != subtitles && !changed.is_partial {
                        comparison.subtitled.push((row.clone(), subtitles));
                    }
                    if let Some(nfo) = nfo {
                        comparison.described.push((row.clone(), folder, nfo));
                    }
                    match row.is_present {
                        true => comparison.count_unchanged(root),
                        false => comparison.restored.push((row, folder, seen.facts)),
                    }
                }
                // Inodes are used again: that of a missing file says nothing.
                Some(row) if row.is_present && row.inode == seen.facts.inode => {
                    comparison.changed.push(Found {
                        folder,
                        seen,
                        at_path: Some(row),
                        nfo,
                        subtitles,
                    });
                }
                at_path => comparison.found.push(Found {
                    folder,
                    seen,
                    at_path,
                    nfo,
                    subtitles,
                }),
            }
        }
        // In a folder that could not be looked at completely, nobody knows what is gone.
        if !changed.is_partial {
            comparison.lost.extend(known.into_values().filter(|row| row.is_present));
        }
        comparison.folders.push(FolderWork {
            root,
            path: changed.path,
            known: changed.known,
            digest: changed.digest,
            is_settled: !changed.is_partial,
        });
    }
    // What is left belongs to folders that were not seen.
    comparison.lost.extend(
        by_folder
            .into_values()
            .flat_map(HashMap::into_values)
            .filter(|row| row.is_present),
    );
    comparison.lost.sort_unstable_by_key(|row| row.id);
    comparison
}

/// The NFO of a media file: the one of its own name, or `movie.nfo` when it is alone in its folder.
fn nfo_of<'a>(name: &[u8], n_files: usize, sidecars: &'a [SeenFile]) -> Option<&'a SeenFile> {
    let is_nfo = |sidecar: &&SeenFile| extension(&sidecar.name).as_deref() == Some("nfo");
    let own = sidecars
        .iter()
        .filter(is_nfo)
        .find(|sidecar| stem(&sidecar.name) == stem(name));
    own.or_else(|| {
        let movie = |sidecar: &&SeenFile| sidecar.name.eq_ignore_ascii_case(b"movie.nfo");
        (n_files == 1).then(|| sidecars.iter().find(movie)).flatten()
    })
}

fn stem(name: &[u8]) -> &[u8] {
    name.iter()
        .rposition(|byte| *byte == b'.')
        .map_or(name, |dot| &name[..dot])
}
