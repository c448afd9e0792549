//! Folders in which a program of another maker works: how much lies in them, what is taken out of them, and that they go.
//! Nothing in them is trusted: they may hold links, folders in folders without end, and files that nobody may read.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{EntryKind, Facts, RelativePath, Root, edit};

/// How deep folders are looked into.
const MAX_DEPTH: usize = 16;
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

impl Root {
    /// How many bytes the files in a folder take on the disk, those of its folders included; nothing where that is not to be
    /// told: where there are more entries than `most`, or folders too deep.
    ///
    /// # Errors
    /// The folder cannot be looked into.
    pub fn usage(&self, folder: &RelativePath, most: usize) -> io::Result<Option<u64>> {
        let (mut open, mut n_bytes, mut n_entries) = (vec![(self.folder(folder)?, 0)], 0, 0);
        while let Some((folder, depth)) = open.pop() {
            for (name, kind) in entries(&folder)? {
                n_entries += 1;
                if n_entries > most || depth > MAX_DEPTH {
                    return Ok(None);
                }
                if kind == FileType::Directory {
                    // What has gone meanwhile takes nothing.
                    if let Ok(inner) = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty()) {
                        open.push((inner, depth + 1));
                    }
                } else if let Ok(stat) = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
                    n_bytes += stat.st_blocks.unsigned_abs() * 512;
                }
            }
        }
        Ok(Some(n_bytes))
    }

    /// The regular files right in a folder, with their sizes.
    ///
    /// # Errors
    /// The folder cannot be looked into.
    pub fn files(&self, folder: &RelativePath) -> io::Result<Vec<(Vec<u8>, i64)>> {
        let folder = self.folder(folder)?;
        let mut files = Vec::new();
        for (name, _) in entries(&folder)? {
            let facts = Facts::from(rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW)?);
            if facts.kind == EntryKind::File {
                files.push((name.into_vec(), facts.size));
            }
        }
        Ok(files)
    }

    /// Takes a regular file of a foreign program as our own: its mode is that of ours, its bytes are on the disk, and it has
    /// the new name, which nothing else had.
    ///
    /// # Errors
    /// When it is none, the name is taken, or the disk refuses.
    pub fn adopt(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let (folder, name) = edit::parts(from)?;
        let folder = self.folder(&folder)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let descriptor = rustix::fs::openat(&folder, name, flags, Mode::empty())?;
        if Facts::from(rustix::fs::fstat(&descriptor)?).kind != EntryKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(0o644))?;
        File::from(descriptor).sync_all()?;
        self.move_file(from, to)
    }

    /// Removes a folder with all that is in it; says whether it was there. Links are removed and not followed.
    ///
    /// # Errors
    /// When it is no folder, or something in it does not go.
    pub fn remove_tree(&self, path: &RelativePath) -> io::Result<bool> {
        match self.facts(path)? {
            None => return Ok(false),
            Some(facts) if facts.kind != EntryKind::Folder => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a folder"));
            }
            Some(_) => {}
        }
        let (above, name) = edit::parts(path)?;
        let above = self.folder(&above)?;
        let top = rustix::fs::openat(&above, name, FOLDER, Mode::empty())?;
        empty(&top)?;
        rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR)?;
        edit::sync(&above)?;
        Ok(true)
    }
}

/// Empties a folder. However deep its folders are, only two are open at a time: the inner ones are brought up first.
fn empty(top: &OwnedFd) -> io::Result<()> {
    let mut n_brought = 0_u64;
    loop {
        let found = entries(top)?;
        if found.is_empty() {
            return Ok(());
        }
        for (name, _) in found {
            match rustix::fs::unlinkat(top, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                Err(Errno::ISDIR | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
            // Whoever made it may have taken our rights to it as well.
            rustix::fs::chmodat(top, &name, Mode::from_raw_mode(0o700), AtFlags::empty())?;
            let folder = rustix::fs::openat(top, &name, FOLDER, Mode::empty())?;
            for (inner, _) in entries(&folder)? {
                match rustix::fs::unlinkat(&folder, &inner, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    Err(Errno::ISDIR | Errno::PERM) => {}
                    Err(error) => return Err(error.into()),
                }
                loop {
                    n_brought += 1;
                    let up = OsString::from(format!(".{n_brought}"));
                    match rustix::fs::renameat_with(&folder, &inner, top, &up, RenameFlags::NOREPLACE) {
                        Ok(()) => break,
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            rustix::fs::unlinkat(top, &name, AtFlags::REMOVEDIR)?;
        }
    }
}

fn entries(folder: &OwnedFd) -> io::Result<Vec<(OsString, FileType)>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                FileType::from_raw_mode(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
            }
            known => known,
        };
        entries.push((name.to_owned(), kind));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::from_bytes(text.into())
    }

    #[test]
    fn what_a_program_leaves_is_counted_taken_and_removed() {
        let world = tempfile::tempdir().expect("a temporary folder");
        let top = world.path().join("root");
        fs::create_dir_all(top.join("work/inner")).expect("folders");
        fs::write(world.path().join("outside"), "x").expect("a file");
        fs::write(top.join("work/media.mp4"), vec![1; 100_000]).expect("a file");
        fs::set_permissions(top.join("work/media.mp4"), fs::Permissions::from_mode(0o4755)).expect("a mode");
        fs::write(top.join("work/inner/part"), vec![1; 50_000]).expect("a file");
        symlink(world.path(), top.join("work/inner/link")).expect("a link");
        symlink(world.path().join("outside"), top.join("work/media.mkv")).expect("a link");
        let root = Root::open(&top).expect("the root");

        let n_bytes = root.usage(&path("work"), 100).expect("a look").expect("few entries");
        assert!((150_000..200_000).contains(&n_bytes), "{n_bytes}");
        assert_eq!(root.usage(&path("work"), 3).expect("a look"), None);
        let files = root.files(&path("work")).expect("a look");
        assert_eq!(files, [(b"media.mp4".to_vec(), 100_000)]);

        assert!(
            root.adopt(&path("work/media.mkv"), &path("kept")).is_err(),
            "a link is no file"
        );
        assert!(root.adopt(&path("work/inner"), &path("kept")).is_err());
        root.adopt(&path("work/media.mp4"), &path("kept")).expect("it is taken");
        let mode = fs::metadata(top.join("kept")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);

        // Deeper than descriptors or a stack would bear.
        let mut deep = rustix::fs::open(top.join("work"), FOLDER, Mode::empty()).expect("a folder");
        for _ in 0..1200 {
            rustix::fs::mkdirat(&deep, "d", Mode::from_raw_mode(0o755)).expect("a folder");
            deep = rustix::fs::openat(&deep, "d", FOLDER, Mode::empty()).expect("a folder");
        }
        drop(deep);
        assert_eq!(root.usage(&path("work"), 100_000).expect("a look"), None);
        assert!(root.remove_tree(&path("work")).expect("it goes"));
        assert!(!root.remove_tree(&path("work")).expect("it is gone") && root.remove_tree(&path("kept")).is_err());
        assert!(!top.join("work").exists() && world.path().join("outside").exists());
    }
}
