//! Seals what must be read again and is secret, such as the password in a camera's address, before it goes into a row.
//!
//! The key lies beside the database and never in it: a copy of the database opens nothing without it. What only has to be
//! recognized is hashed instead, and what signs URLs is in `signing`, since all nodes need it and it opens no row.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{error::Failure, plugin::Kernel};

/// The key's file in the data directory: 64 hexadecimal digits.
pub const KEY_FILE: &str = "secret.key";
/// What a sealed text begins with, which also says how it was sealed.
const MARK: &str = "v1.";
const KEY: usize = 32;

/// Why a text cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed with another key than the one in `{KEY_FILE}`, or is damaged")]
pub struct SealError;

/// Seals and opens texts with the key of a data directory.
pub struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// The kernel's one; the first call reads its key, or makes it.
    ///
    /// # Errors
    /// The key can be neither read nor made, or is damaged.
    pub fn of(kernel: &Kernel) -> Result<Arc<Self>, Failure> {
        if let Some(sealer) = kernel.parts.get::<Self>() {
            return Ok(sealer);
        }
        let sealer = Arc::new(Self::open(&kernel.data_dir).map_err(Failure::internal)?);
        Ok(kernel.parts.get_or_make(|| sealer))
    }

    /// Reads the key of a data directory; makes it, readable by its owner alone, where there is none. Of several processes
    /// that start at once one wins, and all use its key.
    ///
    /// # Errors
    /// The key can be neither read nor made, or is damaged.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(KEY_FILE);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(data, &path).map_err(named)?;
                fs::read(&path).map_err(named)?
            }
            other => other.map_err(named)?,
        };
        let mode = fs::metadata(&path).map_err(named)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"),
                "other accounts may read the key that seals secrets; `chmod 600` makes it private");
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).ok();
        let key = bytes.filter(|bytes| bytes.len() == KEY);
        let key = key.and_then(|bytes| UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok());
        let damaged = || io::Error::other("is no key of 64 hexadecimal digits; put back the one of a backup");
        Ok(Self {
            key: LessSafeKey::new(key.ok_or_else(|| named(damaged()))?),
        })
    }

    /// Seals a text for a place, such as a column of a row: nowhere else can it be opened.
    pub fn seal(&self, place: &str, text: &str) -> String {
        // A random nonce of 96 bits does for four billion texts of one key.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = text.as_bytes().to_vec();
        let aad = Aad::from(place.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
            .expect("only a text of gigabytes cannot be sealed");
        format!("{MARK}{}", BASE64URL_NOPAD.encode(&[&nonce[..], &bytes].concat()))
    }

    /// The text that was sealed for this place.
    ///
    /// # Errors
    /// It was not, or with another key.
    pub fn unseal(&self, place: &str, sealed: &str) -> Result<String, SealError> {
        let digits = sealed.strip_prefix(MARK).ok_or(SealError)?;
        let mut bytes = BASE64URL_NOPAD.decode(digits.as_bytes()).map_err(|_| SealError)?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let opened = self.key.open_in_place(nonce, Aad::from(place.as_bytes()), rest);
        String::from_utf8(opened.map_err(|_| SealError)?.to_vec()).map_err(|_| SealError)
    }
}

/// Whether a text was sealed.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Makes the key's file whole or not at all: a link takes its name only where nothing has it.
fn make(data: &Path, path: &Path) -> io::Result<()> {
    let part = data.join(format!("{KEY_FILE}.{:016x}.part", rand::random::<u64>()));
    let written = write(&part).and_then(|()| match fs::hard_link(&part, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&part);
    written.and(removed)?;
    File::open(data)?.sync_all()
}

fn write(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", HEXLOWER_PERMISSIVE.encode(&rand::random::<[u8; KEY]>()))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let sealer = Sealer::open(data.path()).expect("a key");
        let path = data.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).expect("the key").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(data.path()).expect("a folder").count(), 1);

        let sealed = sealer.seal("row 1", "rtsp://ann:hunter2@camera/");
        assert!(is_sealed(&sealed) && !sealed.contains("hunter2") && !is_sealed("rtsp://a/"));
        assert_ne!(sealed, sealer.seal("row 1", "rtsp://ann:hunter2@camera/"));
        let again = Sealer::open(data.path()).expect("the same key");
        assert_eq!(
            again.unseal("row 1", &sealed).as_deref(),
            Ok("rtsp://ann:hunter2@camera/")
        );
        assert_eq!(again.unseal("row 2", &sealed), Err(SealError));
        for bad in [
            "",
            "v1.",
            "v1.AAAA",
            "rtsp://a/",
            &sealed[..sealed.len() - 2],
            &format!("{sealed}AA"),
        ] {
            assert_eq!(again.unseal("row 1", bad), Err(SealError), "{bad}");
        }

        fs::write(&path, "short").expect("written");
        let error = Sealer::open(data.path()).err().expect("damaged");
        assert!(error.to_string().contains("secret.key"), "{error}");
        fs::remove_file(&path).expect("removed");
        let other = Sealer::open(data.path()).expect("another key");
        assert_eq!(other.unseal("row 1", &sealed), Err(SealError));
    }

    #[test]
    fn those_who_start_at_once_have_the_same_key() {
        let data = tempfile::tempdir().expect("a folder");
        let sealed: Vec<String> = std::thread::scope(|scope| {
            let start = || Sealer::open(data.path()).expect("a key").seal("a", "b");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        let sealer = Sealer::open(data.path()).expect("the key");
        for sealed in sealed {
            assert_eq!(sealer.unseal("a", &sealed).as_deref(), Ok("b"));
        }
    }
}
