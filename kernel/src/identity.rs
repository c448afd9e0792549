//! How a file's bytes are recognized again: the quick fingerprint, the hash other tools exchange, and the full one.

use std::{fs::File, io, os::unix::fs::FileExt};

/// How much of the beginning and of the end the quick hashes read, in bytes.
pub const EDGE: u64 = 64 * 1024;

/// The quick hashes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// BLAKE3 over the size (64-bit little-endian) and the first and last 64 KiB; those overlap in a small file.
    pub blake3: [u8; 32],
    /// The size plus the sum of both edges as little-endian 64-bit words: the hash of OpenSubtitles. None below 64 KiB,
    /// for which it is not defined.
    pub oshash: Option<i64>,
}

/// Whether the fingerprint covers every byte of a file of this size.
pub fn covers_all(size: i64) -> bool {
    size as u64 <= 2 * EDGE
}

/// Reads the edges of a file; `size` is what `fstat` said.
pub fn fingerprint(file: &File, size: i64) -> io::Result<Fingerprint> {
    let size = size.max(0) as u64;
    let edge = size.min(EDGE) as usize;
    let mut buffer = vec![0; edge];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size.to_le_bytes());
    file.read_exact_at(&mut buffer, 0)?;
    hasher.update(&buffer);
    let mut sum = size.wrapping_add(words(&buffer));
    file.read_exact_at(&mut buffer, size - edge as u64)?;
    hasher.update(&buffer);
    sum = sum.wrapping_add(words(&buffer));
    let oshash = (size >= EDGE).then_some(sum as i64);
    Ok(Fingerprint {
        blake3: *hasher.finalize().as_bytes(),
        oshash,
    })
}

fn words(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    bytes.as_chunks::<8>().0.iter().map(word).fold(0, u64::wrapping_add)
}

/// BLAKE3 of all bytes; `go_on` is asked after each mebibyte, and `None` comes back when it says no.
pub fn content_hash(file: &File, mut go_on: impl FnMut() -> bool) -> io::Result<Option<[u8; 32]>> {
    let mut buffer = vec![0; 1024 * 1024];
    let mut hasher = blake3::Hasher::new();
    let mut offset = 0;
    loop {
        let n = match file.read_at(&mut buffer, offset) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if n == 0 {
            return Ok(Some(*hasher.finalize().as_bytes()));
        }
        hasher.update(&buffer[..n]);
        offset += n as u64;
        if !go_on() {
            return Ok(None);
        }
    }
}
