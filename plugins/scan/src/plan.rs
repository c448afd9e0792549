//! What a scan is going to do, decided before it writes anything. Pure.

use std::collections::{HashMap, HashSet};

use entities::id::{FileId, FolderId, LibraryPathId, ScanFailureId};
use kernel::blob::Facts;

use crate::{
    apply::Move,
    compare::{Comparison, FolderWork, Found},
    failures::KnownFailures,
    jobs::library::parent,
    known::{KnownFile, KnownFolders},
    look::Task,
    matching::Pairs,
    scope::{Scope, is_below},
    walk::{SeenFile, Walked},
};

/// The work of a scan.
#[derive(Debug, Default)]
pub struct Plan {
    /// The folders that changed.
    pub folders: Vec<FolderWork>,
    /// Known files under another path or inode.
    pub moves: Vec<Move>,
    /// Missing files that are back.
    pub restored: Vec<(KnownFile, usize, Facts)>,
    /// Present files that are gone.
    pub missing: Vec<KnownFile>,
    /// Files whose sidecar may have changed.
    pub described: Vec<(KnownFile, usize, SeenFile)>,
    /// Files beside which other subtitles lie than before.
    pub subtitled: Vec<(KnownFile, String)>,
    /// Files to look into, by path.
    pub tasks: Vec<Task>,
    /// Folders that are gone.
    pub gone_folders: Vec<FolderId>,
    /// For each of the library's paths how many of its known files were found somewhere.
    pub n_recognized: Vec<u64>,
}

/// Folders that the database knows and that were not seen, without those that merely could not be read.
pub fn vanished(folders: &KnownFolders, walked: &Walked) -> Vec<FolderId> {
    let seen: HashSet<FolderId> = walked.seen.iter().copied().collect();
    if seen.len() == folders.by_path.len() {
        return Vec::new();
    }
    let unknown: Vec<&[u8]> = walked
        .obstacles
        .iter()
        .filter(|obstacle| obstacle.is_folder)
        .map(|obstacle| obstacle.path.as_bytes())
        .collect();
    let is_vanished = |(path, known): &(&Vec<u8>, &crate::walk::KnownFolder)| {
        !seen.contains(&known.id) && !folders.gone.contains(&known.id) && !unknown.iter().any(|top| is_below(path, top))
    };
    let mut ids: Vec<FolderId> = folders
        .by_path
        .iter()
        .filter(is_vanished)
        .map(|(_, known)| known.id)
        .collect();
    ids.sort_unstable();
    ids
}

/// Rows that a found file may be: those whose path is empty or taken by another inode, and those missing for long.
pub fn candidates(comparison: &Comparison, missing: Vec<KnownFile>) -> Vec<KnownFile> {
    let restored = comparison.restored.iter().map(|(row, ..)| row.id);
    let changed = comparison
        .changed
        .iter()
        .filter_map(|found| Some(found.at_path.as_ref()?.id));
    let mut taken: HashSet<FileId> = restored.chain(changed).collect();
    let at_path = comparison.found.iter().filter_map(|found| found.at_path.clone());
    let rows = comparison.lost.iter().cloned().chain(at_path).chain(missing);
    rows.filter(|row| taken.insert(row.id)).collect()
}

/// Turns a comparison and the pairs that were found into work.
pub fn plan(
    comparison: Comparison,
    candidates: Vec<KnownFile>,
    pairs: &Pairs,
    failures: &KnownFailures,
    paths: &[LibraryPathId],
    root_of: impl Fn(FolderId) -> Option<usize>,
) -> Plan {
    let taken: HashSet<FileId> = pairs.taken.iter().map(|index| candidates[*index].id).collect();
    let mut plan = Plan {
        n_recognized: comparison.n_unchanged.clone(),
        ..Plan::default()
    };
    plan.n_recognized.resize(paths.len(), 0);
    let mut recognize = |row: &KnownFile| {
        if let Some(root) = root_of(row.folder) {
            plan.n_recognized[root] += 1;
        }
    };
    for row in comparison.restored.iter().map(|(row, ..)| row) {
        recognize(row);
    }
    for row in comparison.changed.iter().filter_map(|found| found.at_path.as_ref()) {
        recognize(row);
    }
    for index in &pairs.taken {
        recognize(&candidates[*index]);
    }

    let mut stays: HashSet<FileId> = HashSet::new();
    let mut look_into = comparison.changed;
    for (index, mut found) in comparison.found.into_iter().enumerate() {
        let paired = pairs.row_of[index].map(|row| &candidates[row]);
        match (paired, found.at_path.take()) {
            (Some(row), at_path) => {
                let displaced = at_path.filter(|at_path| at_path.id != row.id);
                plan.moves.push(Move {
                    row: row.clone(),
                    folder: found.folder,
                    seen: found.seen,
                    displaced,
                    subtitles: found.subtitles,
                });
            }
            (None, Some(row)) if taken.contains(&row.id) => look_into.push(found),
            // The same content under another inode, as after a restore: only the inode is to be noted.
            (None, Some(row)) if row.is_same_content(&found.seen.facts) => {
                stays.insert(row.id);
                plan.moves.push(Move {
                    row,
                    folder: found.folder,
                    seen: found.seen,
                    displaced: None,
                    subtitles: found.subtitles,
                });
            }
            (None, Some(row)) => {
                stays.insert(row.id);
                look_into.push(Found {
                    at_path: Some(row),
                    ..found
                });
            }
            (None, None) => look_into.push(found),
        }
    }
    let is_missing = |row: &KnownFile| row.is_present && !taken.contains(&row.id) && !stays.contains(&row.id);
    plan.missing = candidates.into_iter().filter(is_missing).collect();
    for found in look_into {
        let folder: &FolderWork = &comparison.folders[found.folder];
        let path = folder.path.join(&found.seen.name);
        let failure = failures.get(&(paths[folder.root], path.as_bytes().to_vec()));
        if failure.is_some_and(|failure| failure.is_same(&found.seen.facts)) {
            continue;
        }
        plan.tasks.push(Task {
            root: folder.root,
            folder: folder.path.clone(),
            path,
            found,
        });
    }
    // The order decides which of several equal files makes the item: it must not depend on anything but paths.
    plan.tasks.sort_by(|a, b| (a.root, &a.path).cmp(&(b.root, &b.path)));
    plan.folders = comparison.folders;
    plan.restored = comparison.restored;
    plan.described = comparison.described;
    plan.subtitled = comparison.subtitled;
    plan
}

/// Failures of earlier scans, in the scope of this one, whose file or folder is fine, gone, or out of sight.
pub fn gone_failures(
    failures: &KnownFailures,
    paths: &[LibraryPathId],
    scopes: &[Scope],
    walked: &[Walked],
) -> Vec<ScanFailureId> {
    let mut gone = Vec::new();
    if failures.is_empty() {
        return gone;
    }
    for ((library_path, scope), walked) in paths.iter().zip(scopes).zip(walked) {
        let seen: HashSet<&[u8]> = walked.folders.iter().map(Vec::as_slice).collect();
        let changed: HashMap<&[u8], _> = walked
            .changed
            .iter()
            .map(|folder| (folder.path.as_bytes(), folder))
            .collect();
        let in_scope = failures
            .iter()
            .filter(|((of, path), _)| of == library_path && scope.covers(path));
        for ((_, path), row) in in_scope {
            let folder = parent(path);
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let is_unknown = |obstacle: &crate::walk::Obstacle| {
                obstacle.path.as_bytes() == path || (obstacle.is_folder && is_below(path, obstacle.path.as_bytes()))
            };
            let is_kept = walked.obstacles.iter().any(is_unknown)
                || match changed.get(folder.as_bytes()) {
                    Some(folder) => folder.files.iter().any(|file| file.name == name),
                    None => seen.contains(folder.as_bytes()),
                };
            if !is_kept || seen.contains(path.as_slice()) {
                gone.push(row.id);
            }
        }
    }
    gone
}
