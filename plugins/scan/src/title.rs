//! Titles out of file names, and the keys that sort titles as people do.

/// Words that begin the technical tail of a release's name.
const TAIL: &[&str] = &[
    "480p", "576p", "720p", "1080p", "1080i", "1440p", "2160p", "4320p", "4k", "uhd", "bluray", "blu-ray", "bdrip",
    "brrip", "dvdrip", "dvdscr", "hdtv", "hdrip", "web", "web-dl", "webdl", "webrip", "remux", "x264", "x265", "h264",
    "h265", "hevc", "avc", "xvid", "divx", "aac", "ac3", "dts", "ddp5", "dd5", "10bit", "8bit", "hdr", "hdr10",
    "proper", "repack", "internal", "multi", "dubbed", "subbed",
];

/// The longest title kept, in characters.
pub const MAX_TITLE: usize = 300;

/// A readable title of a video or sound file: separators become spaces, and the technical tail of a release is cut.
pub fn from_file_name(name: &[u8]) -> String {
    let stem = stem(name);
    let spaced = if stem.contains(' ') {
        stem.replace('_', " ")
    } else {
        stem.replace(['_', '.'], " ")
    };
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let is_tail = |word: &&str| {
        let word = word.trim_matches(['[', ']', '(', ')', '{', '}']).to_ascii_lowercase();
        let word = word
            .split_once('-')
            .map_or(word.as_str(), |(head, _)| if head.len() > 3 { head } else { &word });
        TAIL.contains(&word)
    };
    // A single technical word may be a title ("Web"): the tail begins at a resolution or at two such words.
    let begins = words.iter().position(is_tail).filter(|begin| {
        *begin > 0 && (words[*begin..].iter().filter(|word| is_tail(word)).count() > 1 || is_resolution(words[*begin]))
    });
    let kept = &words[..begins.unwrap_or(words.len())];
    let title = match kept.split_last() {
        Some((year, rest)) if begins.is_some() && !rest.is_empty() && is_year(year) => {
            format!("{} ({year})", rest.join(" "))
        }
        _ => kept.join(" "),
    };
    let title = title.trim_end_matches(['-', '[', '(', '{', ' ']).trim();
    bounded(if title.is_empty() { &stem } else { title })
}

/// The file name without its extension, for pictures: cameras count with underscores and people search for that.
pub fn stem(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let stem = match kernel::kind::extension(name) {
        Some(extension) => &text[..text.len().saturating_sub(extension.len() + 1)],
        None => &text,
    };
    bounded(stem)
}

/// A text from outside as one line of at most [`MAX_TITLE`] characters; empty when nothing readable is in it.
pub fn bounded(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_TITLE).collect()
}

fn is_resolution(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', '(', ')']);
    word.strip_suffix(['p', 'i', 'P', 'I'])
        .is_some_and(|n| n.len() >= 3 && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.parse::<u32>().is_ok_and(|year| (1880..2100).contains(&year))
}
