//! Times the stat-only pass: `cargo run --release -p plugin-scan --example walk -- FOLDER`.
//!
//! The second walk knows the digests of the first one: it is what a rescan costs when nothing has changed, without the
//! database.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::{collections::HashMap, collections::HashSet, path::PathBuf, time::Instant};

use entities::id::FolderId;
use kernel::blob::Root;
use plugin_scan::{
    scope::Scope,
    walk::{KnownFolder, WalkProgress, WalkRules, walk},
};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let root = Root::open(&folder)?;
    let rules = WalkRules {
        include_hidden: false,
        trust_digests: true,
        scope: Scope::Whole,
    };
    let mut known = HashMap::new();
    for _ in 0..3 {
        let begun = Instant::now();
        let walked = walk(&root, rules.clone(), &known, &HashSet::new(), &WalkProgress::default())?;
        let took = begun.elapsed();
        println!(
            "{} files, {} unchanged, {} changed folders, {took:?}",
            walked.n_files,
            walked.n_unchanged,
            walked.changed.len()
        );
        for folder in walked.changed {
            let known_folder = KnownFolder {
                id: FolderId::new(),
                digest: Some(folder.digest),
            };
            known.insert(folder.path.as_bytes().to_vec(), known_folder);
        }
    }
    Ok(())
}
