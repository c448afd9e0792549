//! The URLs of files: signed, the same for hours, and with the file's name at the end for people and players.

use std::time::Duration;

use anyhow::{Context, ensure};
use axum::http::Uri;
use entities::{file, id::FileId};
use kernel::signing::Signer;
use schema::media::contracts::FileUrls;

use crate::{plan::choice::Choice, texts::TextId};

/// Where [`crate::routes::router`] is mounted.
const PREFIX: &str = "/p/stream";
/// Longer names are cut: the end of a URL is only for reading.
const NAME_BYTES: usize = 120;

/// Makes URLs of files.
pub struct Urls {
    signer: Signer,
    valid: Duration,
    /// What stands before each path: empty, or the address of a server in front of this one.
    base: String,
}

/// Where clients find the paths, without a final slash; empty for this server itself.
///
/// # Errors
/// It is no address of a web server.
pub fn base(base: Option<&str>) -> anyhow::Result<&str> {
    let base = base.unwrap_or_default().trim_end_matches('/');
    if !base.is_empty() {
        let uri: Uri = base.parse().with_context(|| format!("`{base}` is not a URL"))?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
        ensure!(is_web, "`{base}` must begin with http:// or https:// and have no query");
    }
    Ok(base)
}

impl Urls {
    /// Signs with these keys for this long. Clients find the paths at `base`, where it is not this server itself.
    pub fn new(signer: Signer, valid: Duration, base: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self {
            signer,
            valid,
            base: self::base(base)?.to_owned(),
        })
    }

    /// Whether clients find the paths at another server.
    pub fn has_base(&self) -> bool {
        !self.base.is_empty()
    }

    /// A path on this server as clients find it.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The HLS playlist of a file.
    pub fn hls(&self, file: FileId, choice: Choice) -> String {
        self.play(file, &format!("{choice}/master.m3u8"))
    }

    /// The DASH manifest of a file.
    pub fn dash(&self, file: FileId, choice: Choice) -> String {
        self.play(file, &format!("{choice}/manifest.mpd"))
    }

    /// Subtitles of a file, as WebVTT.
    pub fn text(&self, file: FileId, text: TextId) -> String {
        self.play(file, &format!("{text}/all.vtt"))
    }

    /// The signature is over the folder, so that it stands for all that the playlist names.
    fn play(&self, file: FileId, below: &str) -> String {
        let signed = self.signer.sign(&format!("{PREFIX}/play/{file}"), self.valid);
        let (folder, query) = signed.split_once('?').unwrap_or((&signed, ""));
        format!("{}{folder}/{below}?{query}", self.base)
    }
}

impl FileUrls for Urls {
    fn direct(&self, file: &file::Model) -> String {
        let path = format!("{PREFIX}/file/{}/{}", file.id, segment(&file.name));
        format!("{}{}", self.base, self.signer.sign(&path, self.valid))
    }
}

/// A file's name as one segment of a path, in UTF-8, as routers decode it: only what no client rewrites stays as it is. Never
/// `.` or `..`, which clients would resolve.
fn segment(name: &[u8]) -> String {
    let name = shorten(name);
    if name.iter().all(|byte| *byte == b'.') {
        return "file".to_owned();
    }
    encode(String::from_utf8_lossy(name).as_bytes())
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// Keeps the end, where the extension is.
fn shorten(name: &[u8]) -> &[u8] {
    let mut from = name.len().saturating_sub(NAME_BYTES);
    // Not in the middle of a UTF-8 character.
    while from > 0 && from < name.len() && name[from] & 0xc0 == 0x80 {
        from += 1;
    }
    &name[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_segment_that_no_client_rewrites() {
        for (name, expected) in [
            (&b"a b.mkv"[..], "a%20b.mkv"),
            ("Größe/?#%.mp4".as_bytes(), "Gr%C3%B6%C3%9Fe%2F%3F%23%25.mp4"),
            (b"..", "file"),
            (b"", "file"),
            (b"\xff.mp4", "%EF%BF%BD.mp4"),
        ] {
            assert_eq!(segment(name), expected);
        }
        let long = segment("ä".repeat(200).as_bytes());
        assert_eq!(long, "%C3%A4".repeat(60));
    }
}
