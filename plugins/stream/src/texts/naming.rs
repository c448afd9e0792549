//! What the name of a file of subtitles tells of it: language, and for whom it is, by the words that people and other
//! servers write between its dots.

use kernel::kind;

use super::languages;

/// What a name tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The language after BCP 47.
    pub language: Option<String>,
    /// What is left of the name.
    pub title: Option<String>,
    /// Whether it is to be shown from the start.
    pub is_default: bool,
    /// Whether it shows even when subtitles are off: signs, and what is said in a foreign language.
    pub is_forced: bool,
    /// Whether it tells of sounds too.
    pub tells_sounds: bool,
}

/// Reads the words between the video's name and the extension: `.de.forced.srt`.
pub fn read(suffix: &str) -> Named {
    let mut named = Named::default();
    let (words, _) = suffix.rsplit_once('.').unwrap_or_default();
    let mut rest = Vec::new();
    let mut words = words.split('.').filter(|word| !word.is_empty()).peekable();
    // Some are called after the whole name of the video.
    words.next_if(|word| kind::is_video(format!("x.{word}").as_bytes()));
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "forced" | "foreign" => named.is_forced = true,
            "sdh" | "cc" => named.tells_sounds = true,
            // Short for the hearing impaired, unless it is the only word for a language: then it is Hindi.
            "hi" if named.language.is_some() => named.tells_sounds = true,
            "default" => named.is_default = true,
            lowercase => match language(word) {
                Some(language) if named.language.is_none() => named.language = Some(language),
                Some(language) if named.language.as_deref() == Some("hi") && lowercase != "hi" => {
                    (named.language, named.tells_sounds) = (Some(language), true);
                }
                _ => rest.push(word),
            },
        }
    }
    let title: String = rest.join(" ").chars().filter(|c| !c.is_control()).take(80).collect();
    named.title = Some(title.trim().to_owned()).filter(|title| !title.is_empty());
    named
}

/// A word as a language: a code or an English name, and after a hyphen a region or a script.
fn language(word: &str) -> Option<String> {
    let (main, rest) = word
        .split_once(['-', '_'])
        .map_or((word, None), |(main, rest)| (main, Some(rest)));
    let main = languages::shortest(main)?;
    let Some(rest) = rest else { return Some(main.to_owned()) };
    let subtags = rest.split(['-', '_']);
    let is_subtag = |tag: &str| (2..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let subtags: Option<Vec<String>> = subtags
        .map(|tag| {
            is_subtag(tag).then(|| {
                if tag.len() == 2 {
                    tag.to_ascii_uppercase()
                } else {
                    tag.to_owned()
                }
            })
        })
        .collect();
    Some(format!("{main}-{}", subtags?.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_language_and_for_whom_they_are() {
        let of = |language: &str, title: &str, marks: &str| Named {
            language: Some(language.to_owned()).filter(|text| !text.is_empty()),
            title: Some(title.to_owned()).filter(|text| !text.is_empty()),
            is_default: marks.contains('d'),
            is_forced: marks.contains('f'),
            tells_sounds: marks.contains('s'),
        };
        for (suffix, expected) in [
            (".srt", of("", "", "")),
            (".de.srt", of("de", "", "")),
            (".ger.srt", of("de", "", "")),
            (".German.srt", of("de", "", "")),
            (".en.forced.srt", of("en", "", "f")),
            (".forced.eng.SRT", of("en", "", "f")),
            (".de.sdh.vtt", of("de", "", "s")),
            (".en.hi.srt", of("en", "", "s")),
            (".hi.en.srt", of("en", "", "s")),
            (".hi.srt", of("hi", "", "")),
            (".hi.forced.srt", of("hi", "", "f")),
            (".pt-br.default.ass", of("pt-BR", "", "d")),
            (".zh-Hans.srt", of("zh-Hans", "", "")),
            (".mkv.fr.srt", of("fr", "", "")),
            (".en.Director's Commentary.srt", of("en", "Director's Commentary", "")),
            (".xx.srt", of("", "xx", "")),
            (".en.de.srt", of("en", "de", "")),
            (".2019.srt", of("", "2019", "")),
        ] {
            assert_eq!(read(suffix), expected, "{suffix}");
        }
    }
}
