//! What a file is called in HTTP, and whether a browser may show it: never what could run a script.

use mime_guess::{Mime, from_ext};

use crate::urls::encode;

/// The media type of a file and how it is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// For `Content-Type`.
    pub mime: String,
    /// Shown in place; otherwise offered as a download.
    pub is_inline: bool,
}

/// The media type by the name's extension; where that is no medium, by what the probe found.
pub fn kind(name: &[u8], container: Option<&str>) -> Kind {
    let extension = extension(name);
    let mime = by_extension(&extension).or_else(|| container.and_then(by_container));
    match mime {
        Some(mime) => Kind {
            is_inline: is_harmless(&mime),
            mime,
        },
        None => Kind {
            mime: "application/octet-stream".to_owned(),
            is_inline: false,
        },
    }
}

/// `Content-Disposition` after RFC 6266: a name in plain ASCII for old clients, the true one beside it.
pub fn disposition(kind: &Kind, name: &[u8]) -> String {
    let how = if kind.is_inline { "inline" } else { "attachment" };
    let text = String::from_utf8_lossy(name);
    let plain: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "{how}; filename=\"{plain}\"; filename*=UTF-8''{}",
        encode(text.as_bytes())
    )
}

fn extension(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
}

fn by_extension(extension: &str) -> Option<String> {
    // Where the registry's answer is one that browsers do not play, or where there is none.
    let better = match extension {
        "ts" | "m2ts" | "mts" => "video/mp2t",
        "m4v" => "video/mp4",
        "mkv" => "video/x-matroska",
        "mka" => "audio/x-matroska",
        "m4a" | "m4b" => "audio/mp4",
        "opus" | "oga" | "ogg" => "audio/ogg",
        "ogv" => "video/ogg",
        "mov" | "qt" => "video/quicktime",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "jxl" => "image/jxl",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "avif" => "image/avif",
        _ => "",
    };
    if !better.is_empty() {
        return Some(better.to_owned());
    }
    let guessed: Mime = from_ext(extension).first()?;
    matches!(guessed.type_().as_str(), "video" | "audio" | "image").then(|| guessed.essence_str().to_owned())
}

fn by_container(container: &str) -> Option<String> {
    let mime = match container {
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "matroska" => "video/x-matroska",
        "mpegts" => "video/mp2t",
        "avi" => "video/x-msvideo",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        _ => return None,
    };
    Some(mime.to_owned())
}

/// SVG is a document with scripts; everything that is neither sound nor picture may be one.
fn is_harmless(mime: &str) -> bool {
    let is_medium = ["video/", "audio/", "image/"]
        .iter()
        .any(|family| mime.starts_with(family));
    is_medium && !mime.contains("xml") && !mime.contains("svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_and_pictures_are_shown_in_place() {
        for (name, container, mime, is_inline) in [
            ("a.MKV", None, "video/x-matroska", true),
            ("a.mp4", Some("matroska"), "video/mp4", true),
            ("a.ts", None, "video/mp2t", true),
            ("a.jpg", None, "image/jpeg", true),
            ("a.svg", None, "image/svg+xml", false),
            ("a.svgz", None, "image/svg+xml", false),
            ("a.html", None, "application/octet-stream", false),
            ("a.xhtml", None, "application/octet-stream", false),
            ("a.js", None, "application/octet-stream", false),
            ("movie", Some("mp4"), "video/mp4", true),
            ("movie.bin", Some("unknown"), "application/octet-stream", false),
        ] {
            let found = kind(name.as_bytes(), container);
            assert_eq!((found.mime.as_str(), found.is_inline), (mime, is_inline), "{name}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let inline = Kind {
            mime: "video/mp4".into(),
            is_inline: true,
        };
        let text = disposition(&inline, "a\"; x=\r\nö%41.mp4".as_bytes());
        assert_eq!(
            text,
            "inline; filename=\"a_; x=____41.mp4\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%C3%B6%2541.mp4"
        );
    }
}
