//! Archives of pictures, as comics and sets are kept: which entries are pages, and the bytes of the one that is asked for.
//!
//! The directory is read and the page is unpacked here, in the sandbox, into memory. Names are display text: nothing is
//! ever opened by one.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use flate2::read::DeflateDecoder;
use media_proto::error::{MediaError, display_text};
use media_proto::probe::{MAX_PAGES, Page};
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};
use rustix::fs::MemfdFlags;

/// The most entries of any kind: more is no set of pictures.
const MAX_ENTRIES: u64 = 50_000;
/// The longest page once it is unpacked.
const MAX_PAGE: u64 = 128 << 20;
/// The longest that all pages may be together, as the directory says.
const MAX_TOTAL: u64 = 64 << 30;
/// A page of more than a megabyte that is packed more tightly than so is made to fill memory, and is no photograph.
const MAX_RATIO: u64 = 300;
const SMALL: u64 = 1 << 20;

/// What pages are named.
const PICTURES: [&str; 15] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "png", "tif", "tiff", "webp",
];
/// What is not looked into.
const ARCHIVES: [&str; 9] = ["7z", "cb7", "cbr", "cbz", "gz", "rar", "tar", "xz", "zip"];

/// An archive whose directory was read.
pub struct Archive {
    zip: ZipArchive<FileReader>,
    entries: Vec<Entry>,
    /// Archives in it.
    n_nested: u32,
}

struct Entry {
    name: String,
    size: u64,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

/// Reads the directory of an archive; none if the file is not one.
///
/// # Errors
/// It is damaged, encrypted or past a limit, or holds other things than pictures.
pub fn open(source: &OwnedFd) -> Result<Option<Archive>, MediaError> {
    let mut head = [0; 4];
    let n = rustix::io::pread(source, &mut head, 0).unwrap_or(0);
    // A local file header, APPNOTE.TXT 4.3.7.
    if &head[..n] != b"PK\x03\x04" {
        return Ok(None);
    }
    let file = File::from(source.try_clone().map_err(io_error)?);
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let zip = ZipArchive::from_file(file, &mut buffer).map_err(corrupt)?;
    let mut archive = Archive {
        zip,
        entries: Vec::new(),
        n_nested: 0,
    };
    let (mut n_entries, mut n_files, mut total) = (0u64, 0usize, 0u64);
    let mut found = Vec::new();
    let mut entries = archive.zip.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(corrupt)? {
        n_entries += 1;
        if n_entries > MAX_ENTRIES {
            return Err(too_large(format!("more than {MAX_ENTRIES} entries in an archive")));
        }
        let path = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
        // What macOS puts beside each file is no page, and neither is what is hidden.
        let is_hidden = |part: &str| part == "__MACOSX" || (part.starts_with('.') && !matches!(part, "." | ".."));
        let is_hidden = path.split('/').any(is_hidden);
        if entry.is_dir() || is_hidden {
            continue;
        }
        n_files += 1;
        let extension = path
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        let extension = extension.unwrap_or_default();
        archive.n_nested += u32::from(ARCHIVES.contains(&extension.as_str()));
        if !PICTURES.contains(&extension.as_str()) {
            continue;
        }
        if entry.flags().is_encrypted() || entry.compression_method() == CompressionMethod::AES {
            let reason = "its content is encrypted, and there is no key".to_owned();
            return Err(MediaError::Unsupported { reason });
        }
        let (size, packed) = (entry.uncompressed_size_hint(), entry.compressed_size_hint());
        total = total.saturating_add(size);
        if size > MAX_PAGE || total > MAX_TOTAL {
            return Err(too_large(format!(
                "pages of {} MiB, and of {} GiB together",
                MAX_PAGE >> 20,
                MAX_TOTAL >> 30
            )));
        }
        if size > SMALL && size / packed.max(1) > MAX_RATIO {
            return Err(too_large(format!(
                "a page that is packed more tightly than 1 to {MAX_RATIO}"
            )));
        }
        if found.len() == MAX_PAGES {
            return Err(too_large(format!("more than {MAX_PAGES} pages")));
        }
        found.push(Entry {
            name: path,
            size,
            place: entry.wayfinder(),
            method: entry.compression_method(),
        });
    }
    // An archive of something else may hold a few pictures, too.
    if found.is_empty() || found.len() * 2 < n_files {
        return Err(MediaError::NoStream);
    }
    found.sort_by(|one, other| natural(&one.name, &other.name).then_with(|| one.name.cmp(&other.name)));
    archive.entries = found;
    Ok(Some(archive))
}

impl Archive {
    /// Its pages in their order.
    pub fn pages(&self) -> Vec<Page> {
        let page = |entry: &Entry| Page {
            name: display_text(&entry.name),
            n_bytes: entry.size,
        };
        self.entries.iter().map(page).collect()
    }

    /// What is odd about it.
    pub fn warnings(&self) -> Vec<String> {
        let nested = (self.n_nested > 0).then(|| format!("{} archives in it are not looked into", self.n_nested));
        nested.into_iter().collect()
    }

    /// The bytes of a page as a file in memory, and its name's extension.
    ///
    /// # Errors
    /// There is no such page, or it is damaged, longer than it says, or packed in a way that is not known.
    pub fn page(&self, number: u32) -> Result<(OwnedFd, String), MediaError> {
        let entry = self.entries.get(number as usize).ok_or_else(|| MediaError::Invalid {
            reason: format!("page {number} of {}", self.entries.len()),
        })?;
        let packed = self.zip.get_entry(entry.place).map_err(corrupt)?;
        let memory = rustix::fs::memfd_create("page", MemfdFlags::CLOEXEC).map_err(|error| io_error(error.into()))?;
        let mut memory = File::from(memory);
        match entry.method {
            CompressionMethod::STORE => copy(packed.verifying_reader(packed.reader()), &mut memory)?,
            CompressionMethod::DEFLATE => {
                let unpacked = DeflateDecoder::new(packed.reader());
                copy(packed.verifying_reader(unpacked), &mut memory)?;
            }
            other => {
                let reason = format!("a page is packed by method {}", other.as_u16());
                return Err(MediaError::Unsupported { reason });
            }
        }
        let extension = entry.name.rsplit_once('.').map(|(_, extension)| extension);
        Ok((memory.into(), extension.unwrap_or_default().to_ascii_lowercase()))
    }
}

/// Copies a page; the directory may have lied about its length.
fn copy(from: impl Read, to: &mut File) -> Result<(), MediaError> {
    let mut from = from.take(MAX_PAGE + 1);
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let mut total = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) => {
                return Err(MediaError::Corrupt {
                    reason: format!("a page does not unpack: {error}"),
                });
            }
        };
        total += n as u64;
        if total > MAX_PAGE {
            return Err(too_large(format!("a page of more than {} MiB", MAX_PAGE >> 20)));
        }
        to.write_all(&buffer[..n]).map_err(io_error)?;
    }
}

/// Names as people count: `page 2` before `page 10`, whatever the case.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (a, b) = (digits(one), digits(other));
        if a > 0 && b > 0 {
            let number = |text: &str| text.trim_start_matches('0').to_owned();
            let (left, right) = (number(&one[..a]), number(&other[..b]));
            let order = left.len().cmp(&right.len()).then_with(|| left.cmp(&right));
            if order != Ordering::Equal {
                return order;
            }
            (one, other) = (&one[a..], &other[b..]);
            continue;
        }
        let (mut left, mut right) = (one.chars(), other.chars());
        match (left.next(), right.next()) {
            (Some(a), Some(b)) => {
                let order = a.to_lowercase().cmp(b.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
            }
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
        (one, other) = (left.as_str(), right.as_str());
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn corrupt(error: rawzip::Error) -> MediaError {
    MediaError::Corrupt {
        reason: format!("the archive does not read: {error}"),
    }
}

fn too_large(limit: String) -> MediaError {
    MediaError::TooLarge { limit }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stand_as_people_count() {
        let mut names = [
            "b/1.jpg",
            "a/page 10.jpg",
            "a/Page 2.jpg",
            "a/page 002b.jpg",
            "a/page.jpg",
            "A/page 1.jpg",
        ];
        names.sort_by(|one, other| natural(one, other));
        let expected = [
            "A/page 1.jpg",
            "a/Page 2.jpg",
            "a/page 002b.jpg",
            "a/page 10.jpg",
            "a/page.jpg",
            "b/1.jpg",
        ];
        assert_eq!(names, expected);
    }

    /// An archive of entries: a name, bytes, and whether they are packed.
    fn zip(entries: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
        for (name, bytes, is_packed) in entries {
            let method = match is_packed {
                true => CompressionMethod::DEFLATE,
                false => CompressionMethod::STORE,
            };
            let new = archive.new_file(name).compression_method(method);
            let (mut entry, config) = new.start().expect("an entry");
            let descriptor = if *is_packed {
                let packer = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
                let mut writer = config.wrap(packer);
                writer.write_all(bytes).expect("bytes");
                let (packer, descriptor) = writer.finish().expect("bytes");
                packer.finish().expect("bytes");
                descriptor
            } else {
                let mut writer = config.wrap(&mut entry);
                writer.write_all(bytes).expect("bytes");
                writer.finish().expect("bytes").1
            };
            entry.finish(descriptor).expect("an entry");
        }
        archive.finish().expect("an archive");
        // The writer makes no such names.
        for at in 0..out.len().saturating_sub(6) {
            if &out[at..at + 6] == b"xx/xx/" {
                out[at..at + 6].copy_from_slice(b"../../");
            }
        }
        out
    }

    fn opened(bytes: &[u8]) -> Result<Option<Archive>, MediaError> {
        let memory = rustix::fs::memfd_create("zip", MemfdFlags::CLOEXEC).expect("a memory file");
        let mut file = File::from(memory);
        file.write_all(bytes).expect("bytes");
        open(&OwnedFd::from(file))
    }

    fn read(archive: &Archive, number: u32) -> Vec<u8> {
        use std::os::unix::fs::FileExt;
        let (memory, _) = archive.page(number).expect("a page");
        let file = File::from(memory);
        let mut bytes = vec![0; file.metadata().expect("a size").len() as usize];
        file.read_exact_at(&mut bytes, 0).expect("its bytes");
        bytes
    }

    #[test]
    fn pages_are_found_sorted_and_read_however_they_are_packed() {
        let archive = opened(&zip(&[
            ("10.png", b"ten", true),
            ("__MACOSX/2.jpg", b"no page", false),
            ("2.JPG", b"two", false),
            ("info.txt", b"words", true),
            ("more.zip", b"PK", false),
            ("xx/xx/etc/3.jpg", b"three", false),
            ("4.jpg", b"four", false),
        ]));
        let archive = archive.expect("it reads").expect("an archive");
        let names: Vec<String> = archive.pages().into_iter().map(|page| page.name).collect();
        assert_eq!(names, ["../../etc/3.jpg", "2.JPG", "4.jpg", "10.png"]);
        assert_eq!(
            (read(&archive, 1), read(&archive, 3)),
            (b"two".to_vec(), b"ten".to_vec())
        );
        assert_eq!(archive.page(1).expect("a page").1, "jpg");
        assert!(matches!(archive.page(4), Err(MediaError::Invalid { .. })));
        assert_eq!(archive.warnings(), ["1 archives in it are not looked into"]);
    }

    #[test]
    fn what_is_no_set_of_pictures_or_too_much_is_refused() {
        assert!(opened(b"\xff\xd8\xff\xe0 a picture").expect("it is read").is_none());
        let code = zip(&[("a.rs", b"1", true), ("b.rs", b"2", true), ("c.png", b"3", true)]);
        assert!(matches!(opened(&code), Err(MediaError::NoStream)));
        let bomb = vec![0; 4 << 20];
        let bomb = zip(&[("1.bmp", &bomb, true)]);
        assert!(matches!(opened(&bomb), Err(MediaError::TooLarge { .. })));
        let whole = zip(&[("1.png", b"some bytes of a page", true)]);
        for cut in [whole.len() - 10, whole.len() / 2, 8] {
            assert!(
                matches!(opened(&whole[..cut]), Err(MediaError::Corrupt { .. })),
                "cut at {cut}"
            );
        }
        // The flag of encryption, bit 0 of the general purpose flags, in the directory's header (APPNOTE.TXT 4.3.12).
        let mut locked = whole.clone();
        let at = locked
            .windows(4)
            .position(|part| part == b"PK\x01\x02")
            .expect("a directory");
        locked[at + 8] |= 1;
        assert!(matches!(opened(&locked), Err(MediaError::Unsupported { .. })));
        // Other bytes than their checksum says.
        let mut damaged = zip(&[("1.png", b"some bytes of a page", false)]);
        let at = damaged.windows(4).position(|part| part == b"some").expect("the bytes");
        damaged[at] = b'S';
        let damaged = opened(&damaged).expect("it reads").expect("an archive");
        assert!(matches!(damaged.page(0), Err(MediaError::Corrupt { .. })));
    }
}
