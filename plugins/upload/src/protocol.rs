//! The headers of tus 1.0, read strictly.

use std::io;

use axum::http::HeaderMap;
use data_encoding::BASE64;
use entities::id::UploadId;
use kernel::error::Failure;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{code, row::Concat};

/// The one version.
pub const VERSION: &str = "1.0.0";
/// What this server adds to the core.
pub const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";
/// The checksums it knows.
pub const ALGORITHMS: &str = "sha1,sha256,blake3";
/// The type of bodies with bytes.
pub const BODY_TYPE: &str = "application/offset+octet-stream";
/// Metadata is a handful of words.
const MAX_METADATA: usize = 8 * 1024;
/// A film in more parts is none.
const MAX_PARTS: usize = 1000;

/// A header as text, if it is there.
///
/// # Errors
/// When it is no text, or is there twice.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_once = values.next().is_none();
    let text = value.to_str().ok().filter(|_| is_once);
    text.map(|text| Some(text.trim()))
        .ok_or_else(|| bad(format!("send one header `{name}` in ASCII")))
}

/// A header that is a number of bytes.
///
/// # Errors
/// When it is none.
pub fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Failure> {
    let Some(text) = text(headers, name)? else {
        return Ok(None);
    };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse::<u64>()
        .ok()
        .filter(|number| is_plain && *number <= i64::MAX as u64);
    number
        .map(Some)
        .ok_or_else(|| bad(format!("`{name}` is a number of bytes, not `{text}`")))
}

/// A request that cannot be read.
pub fn bad(message: impl Into<String>) -> Failure {
    Failure::new(&code::BAD_REQUEST, message)
}

/// What a client tells of its file, as `Upload-Metadata` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no list of keys with values in Base64.
    pub fn parse(header: &str) -> Result<Self, Failure> {
        if header.len() > MAX_METADATA {
            return Err(bad(format!("`Upload-Metadata` may have {MAX_METADATA} bytes")));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in header.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let value = BASE64.decode(value.trim().as_bytes()).ok();
            let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
            let value = value.ok_or_else(|| bad(format!("the metadata `{key}` is no text in Base64")))?;
            if pairs.iter().any(|(known, _)| known == key) {
                return Err(bad(format!("the metadata `{key}` is there twice")));
            }
            pairs.push((key.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// What is told otherwise than by the header.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of the first of these keys that has one.
    pub fn get(&self, keys: &[&str]) -> Option<&str> {
        let value = |key: &&str| self.0.iter().find(|(known, value)| known == key && !value.is_empty());
        keys.iter().find_map(value).map(|(_, value)| value.as_str())
    }
}

/// What `Upload-Concat` says.
///
/// # Errors
/// When it is neither `partial` nor `final;` with uploads.
pub fn concat(headers: &HeaderMap) -> Result<(Concat, Vec<UploadId>), Failure> {
    let Some(text) = text(headers, "upload-concat")? else {
        return Ok((Concat::Whole, Vec::new()));
    };
    if text == "partial" {
        return Ok((Concat::Partial, Vec::new()));
    }
    let Some(urls) = text.strip_prefix("final;") else {
        return Err(bad(
            "`Upload-Concat` is `partial`, or `final;` and the URLs of the parts",
        ));
    };
    let id = |url: &str| {
        let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        last.parse::<UploadId>()
            .map_err(|_| bad(format!("`{url}` is not the URL of an upload")))
    };
    let parts = urls.split_whitespace().map(id).collect::<Result<Vec<_>, _>>()?;
    match parts.len() {
        1..=MAX_PARTS => Ok((Concat::Final, parts)),
        _ => Err(bad(format!("a whole has 1 to {MAX_PARTS} parts"))),
    }
}

/// Computes a checksum that a client has announced.
pub struct Check {
    sum: Sum,
    wanted: Vec<u8>,
}

enum Sum {
    Sha1(Sha1),
    Sha256(Sha256),
    Blake3(Box<blake3::Hasher>),
}

impl Check {
    /// What `Upload-Checksum` asks for, if it is there.
    ///
    /// # Errors
    /// When the algorithm is unknown, or the value is no such sum.
    pub fn parse(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(text) = text(headers, "upload-checksum")? else {
            return Ok(None);
        };
        let (name, value) = text.split_once(' ').unwrap_or((text, ""));
        let (sum, n_bytes) = match name {
            "sha1" => (Sum::Sha1(Sha1::new()), 20),
            "sha256" => (Sum::Sha256(Sha256::new()), 32),
            "blake3" => (Sum::Blake3(Box::default()), 32),
            _ => return Err(bad(format!("the checksum `{name}` is none of {ALGORITHMS}"))),
        };
        let wanted = BASE64.decode(value.trim().as_bytes()).unwrap_or_default();
        if wanted.len() != n_bytes {
            return Err(bad(format!("`{value}` is no {name} in Base64")));
        }
        Ok(Some(Self { sum, wanted }))
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Sha1(sum) => sum.update(bytes),
            Sum::Sha256(sum) => sum.update(bytes),
            Sum::Blake3(sum) => {
                sum.update(bytes);
            }
        }
    }

    /// Whether the bytes are those that were announced.
    pub fn holds(self) -> bool {
        let found = match self.sum {
            Sum::Sha1(sum) => sum.finalize().to_vec(),
            Sum::Sha256(sum) => sum.finalize().to_vec(),
            Sum::Blake3(sum) => sum.finalize().as_bytes().to_vec(),
        };
        found == self.wanted
    }
}

/// A moment as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// # Errors
/// When it is too far away to be written.
pub fn http_date(ms: i64) -> io::Result<String> {
    let moment = jiff::Timestamp::from_millisecond(ms).map_err(io::Error::other)?;
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&moment)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(name),
            HeaderValue::from_str(value).expect("a value"),
        )])
    }

    #[test]
    fn metadata_is_read_strictly() {
        let metadata = Metadata::parse("filename bsOkLm1wNA==,empty, is_last").expect("metadata");
        assert_eq!(metadata.get(&["name", "filename"]), Some("nä.mp4"));
        assert_eq!(metadata.get(&["empty"]), None);
        for bad in ["a b c", "a !", "a YQ==,a YQ==", "a /w=="] {
            assert!(Metadata::parse(bad).is_err(), "{bad}");
        }
        assert!(Metadata::parse(&format!("a {}", "A".repeat(9000))).is_err());
    }

    #[test]
    fn numbers_are_plain_digits() {
        let read = |text: &str| number(&headers("upload-length", text), "upload-length");
        assert_eq!(read("17").expect("a number"), Some(17));
        for bad in [
            "-1",
            "+1",
            "1.0",
            "",
            "0x10",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wholes_name_their_parts_by_any_url() {
        let id = UploadId::new();
        let read = |text: &str| concat(&headers("upload-concat", text));
        let found = read(&format!("final;/uploads/{id} http://a.example/uploads/{id}")).expect("two parts");
        assert_eq!(found, (Concat::Final, vec![id, id]));
        assert_eq!(read("partial").expect("a part").0, Concat::Partial);
        for bad in ["final", "final;", "final;/uploads/med_0000000000000", "whole"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn checksums_hold_for_their_bytes_alone() {
        for (sum, wanted) in [
            ("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", true),
            ("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J4=", false),
            ("sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", true),
        ] {
            let mut check = Check::parse(&headers("upload-checksum", sum))
                .expect("read")
                .expect("one");
            check.update(b"ab");
            check.update(b"c");
            assert_eq!(check.holds(), wanted, "{sum}");
        }
        for bad in ["crc32 AAAA", "sha1 AAAA", "sha1", ""] {
            assert!(Check::parse(&headers("upload-checksum", bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(
            http_date(784_111_777_000).expect("a date"),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }
}
