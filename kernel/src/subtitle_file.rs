//! Subtitles that lie beside a video as files of their own, such as `film.de.srt` beside `film.mkv`: what a scan notes of
//! them on the video's row, and how they are found again.

use serde::{Deserialize, Serialize};

/// More beside one video are left out.
const MOST: usize = 64;
/// The formats that hold text.
const FORMATS: [&str; 4] = ["ass", "srt", "ssa", "vtt"];
/// What a row without any has.
pub const NONE: &str = "[]";

/// A file of subtitles beside a video.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubtitleFile {
    /// What its name has after the video's own without the extension: `.de.srt`. So it stays right when both are renamed.
    pub suffix: String,
    /// Its size in bytes.
    pub size: i64,
    /// Its modification time in nanoseconds.
    pub mtime_ns: i64,
}

impl SubtitleFile {
    /// The file of this name and state, if it holds subtitles of the video whose name without the extension is `stem`.
    pub fn beside(stem: &[u8], name: &[u8], size: i64, mtime_ns: i64) -> Option<Self> {
        let suffix = std::str::from_utf8(name.strip_prefix(stem)?).ok()?;
        let file = Self {
            suffix: suffix.to_owned(),
            size,
            mtime_ns,
        };
        (suffix.starts_with('.') && FORMATS.contains(&file.format().as_str())).then_some(file)
    }

    /// The extension of its name, in lowercase.
    pub fn format(&self) -> String {
        let (_, format) = self.suffix.rsplit_once('.').unwrap_or_default();
        format.to_ascii_lowercase()
    }

    /// Its name, beside a video of this name.
    pub fn name(&self, video: &[u8]) -> Vec<u8> {
        [stem(video), self.suffix.as_bytes()].concat()
    }
}

/// What a row says of the files beside it. Nothing that is not of ours.
pub fn parse(text: &str) -> Vec<SubtitleFile> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The same as a row has it: by name, and no more than anybody needs.
pub fn write(mut files: Vec<SubtitleFile>) -> String {
    files.sort_unstable_by(|a, b| a.suffix.cmp(&b.suffix));
    files.truncate(MOST);
    serde_json::to_string(&files).expect("texts and numbers can be written")
}

/// A name without its extension.
pub fn stem(name: &[u8]) -> &[u8] {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    dot.map_or(name, |dot| &name[..dot])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtitles_belong_to_the_video_whose_name_they_begin_with() {
        let suffix = |video: &str, name: &str| {
            let found = SubtitleFile::beside(stem(video.as_bytes()), name.as_bytes(), 1, 2)?;
            assert_eq!(found.name(video.as_bytes()), name.as_bytes());
            assert_eq!(parse(&write(vec![found.clone()])), std::slice::from_ref(&found));
            Some(found.suffix)
        };
        for (video, name, expected) in [
            ("film.mkv", "film.srt", Some(".srt")),
            ("film.mkv", "film.de.forced.ASS", Some(".de.forced.ASS")),
            ("film.mkv", "film.mkv.vtt", Some(".mkv.vtt")),
            ("film.mkv", "film 2.srt", None),
            ("film.mkv", "film.idx", None),
            ("film.mkv", "filmsrt", None),
            ("film", "film.en.ssa", Some(".en.ssa")),
        ] {
            assert_eq!(suffix(video, name).as_deref(), expected, "{name} beside {video}");
        }
        assert_eq!(parse("nonsense"), []);
        assert_eq!(write(Vec::new()), NONE);
    }
}
