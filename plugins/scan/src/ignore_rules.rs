//! Which files and folders a scan leaves out: `.vitagraphignore` files in gitignore's syntax, nested.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, sync::Arc};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

/// The file with rules for its folder and everything below.
pub const IGNORE_FILE: &[u8] = b".vitagraphignore";
/// A folder that holds this file is left out, with everything below.
pub const NO_MEDIA_FILE: &[u8] = b".nomedia";
/// Longer ignore files are cut here, in bytes.
pub const IGNORE_FILE_LIMIT: u64 = 256 * 1024;

/// The rules in effect in a folder: its own before those of the folders above.
#[derive(Clone, Default)]
pub struct IgnoreRules {
    nearest: Option<Arc<Frame>>,
}

struct Frame {
    rules: Gitignore,
    /// Bytes of the folder's path with its slash: what is cut off a path before it is matched.
    prefix: usize,
    outer: IgnoreRules,
}

impl IgnoreRules {
    /// These rules with those of an ignore file in `folder`; a line that is no rule is left out, as git does.
    pub fn nested(&self, folder: &[u8], text: &[u8]) -> Self {
        let mut builder = GitignoreBuilder::new("");
        let text = String::from_utf8_lossy(text);
        for line in text.trim_start_matches('\u{feff}').lines() {
            if let Err(error) = builder.add_line(None, line) {
                let folder = String::from_utf8_lossy(folder);
                tracing::warn!(%folder, line, %error, "a line of .vitagraphignore is not a rule and was left out");
            }
        }
        match builder.build() {
            Ok(rules) if !rules.is_empty() => {
                let prefix = if folder.is_empty() { 0 } else { folder.len() + 1 };
                Self {
                    nearest: Some(Arc::new(Frame {
                        rules,
                        prefix,
                        outer: self.clone(),
                    })),
                }
            }
            _ => self.clone(),
        }
    }

    /// Whether any rule is in effect.
    pub fn is_empty(&self) -> bool {
        self.nearest.is_none()
    }

    /// Whether a path below the root is left out. Its parents must have been asked before: a walk goes top-down.
    pub fn leaves_out(&self, path: &[u8], is_folder: bool) -> bool {
        let mut rules = self;
        while let Some(frame) = &rules.nearest {
            let below = Path::new(OsStr::from_bytes(path.get(frame.prefix..).unwrap_or_default()));
            match frame.rules.matched(below, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = &frame.outer,
            }
        }
        false
    }
}
