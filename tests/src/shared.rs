//! What lies beside the checkout on the team's machines: contract documents and real media. Tests that need it skip
//! without it, and say so.

use std::path::{Path, PathBuf};

/// A folder of the shared material, or none after saying what is skipped.
pub fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.is_dir() {
        return path.canonicalize().ok();
    }
    eprintln!("skipped: there is no folder {}", path.display());
    None
}

/// One contract document, such as `media-page.graphql`.
pub fn operation(name: &str) -> Option<String> {
    std::fs::read_to_string(folder("operations")?.join(name)).ok()
}
