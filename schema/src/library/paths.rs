//! Whether a folder can be a library's: absolute, there, readable, and apart from every other library's.

use std::path::{Component, Path, PathBuf};

use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
};

/// A path that a library has already.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The library's name, for messages.
    pub library: String,
    /// The path.
    pub path: String,
}

/// Checks new paths against the disk, against each other and against those taken; returns them cleaned.
///
/// It asks the file system and may wait for it: not for async threads.
pub fn check(paths: &[String], taken: &[Taken], field: &str) -> Result<Vec<String>, Failure> {
    if paths.is_empty() {
        return Err(Failure::field(field, "give at least one folder"));
    }
    let mut cleaned: Vec<(String, PathBuf)> = Vec::new();
    for (index, text) in paths.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let (path, real) = usable(text, &field)?;
        if let Some((other, _)) = cleaned.iter().find(|(_, other)| overlaps(&real, other)) {
            return Err(Failure::field(
                field,
                format!("`{path}` and `{other}` are inside one another"),
            ));
        }
        for other in taken {
            // A path that is offline now cannot be resolved, and is compared as it was written.
            let other_real = std::fs::canonicalize(&other.path).unwrap_or_else(|_| PathBuf::from(&other.path));
            if overlaps(&real, &other_real) {
                let Taken { library, path: other } = other;
                let message = format!("`{path}` overlaps with `{other}` of the library `{library}`");
                return Err(Failure::field(field, message));
            }
        }
        cleaned.push((path, real));
    }
    Ok(cleaned.into_iter().map(|(path, _)| path).collect())
}

fn usable(text: &str, field: &str) -> Result<(String, PathBuf), Failure> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(Failure::field(
            field,
            format!("`{text}` is not absolute; begin with `/`"),
        ));
    }
    if text.contains('\0') || path.components().any(|part| part == Component::ParentDir) {
        return Err(Failure::field(field, format!("`{text}` has `..` or a zero byte in it")));
    }
    let cleaned: PathBuf = path.components().collect();
    let refused = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist on the server".to_owned(),
            std::io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
            std::io::ErrorKind::PermissionDenied => "cannot be read by the server's account".to_owned(),
            _ => format!("cannot be used: {error}"),
        };
        Failure::field(field, format!("`{}` {why}", cleaned.display()))
    };
    let real = std::fs::canonicalize(&cleaned).map_err(refused)?;
    let root = Root::open(&cleaned).map_err(refused)?;
    root.open_folder(&RelativePath::root()).map_err(refused)?;
    Ok((cleaned.display().to_string(), real))
}

fn overlaps(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readable_folders_apart_from_others_pass() {
        let world = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| world.path().join(name).display().to_string();
        for folder in ["films/new", "music", "musicals"] {
            std::fs::create_dir_all(world.path().join(folder)).expect("a folder");
        }
        std::fs::write(world.path().join("file"), "").expect("a file");
        std::os::unix::fs::symlink(world.path().join("films"), world.path().join("link")).expect("a link");
        let taken = [Taken {
            library: "Films".into(),
            path: at("films"),
        }];

        let good = check(&[at("music/"), at("musicals")], &taken, "input.paths").expect("good paths");
        assert_eq!(good, [at("music"), at("musicals")]);
        for (paths, words) in [
            (vec![], "at least one"),
            (vec!["films".to_owned()], "not absolute"),
            (vec![at("nothing")], "does not exist"),
            (vec![at("file")], "not a folder"),
            (vec![at("music/../films")], "`..`"),
            (vec![at("films/new")], "library `Films`"),
            (vec![at("link")], "library `Films`"),
            (vec![at("")], "library `Films`"),
            (vec![at("music"), at("music")], "inside one another"),
        ] {
            let failure = check(&paths, &taken, "input.paths").expect_err("a bad path");
            assert!(failure.message.contains(words), "{}", failure.message);
            assert!(
                failure.fields[0].path.starts_with("input.paths"),
                "{:?}",
                failure.fields
            );
        }
    }
}
