//! Patterns of file names, such as `{studio}/{date} - {title} ({people})`: what stands in braces is taken, everything else
//! is there as it stands. A pattern is held against the end of a path without its extension, in any case; a space in it
//! is any run of spaces, dots and underscores.

use kernel::error::Failure;
use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const MAX_LENGTH: usize = 300;
/// The most places in one pattern.
const MAX_PLACES: usize = 20;
/// What a compiled pattern may weigh, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// What a place of a pattern takes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Title,
    Date,
    Year,
    Studio,
    People,
    Tags,
    Field(String),
    Skip,
}

/// A pattern that can be read.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    places: Vec<Place>,
}

/// What a path says by a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The title.
    pub title: Option<String>,
    /// ISO 8601 day.
    pub date: Option<String>,
    /// The name of the studio.
    pub studio: Option<String>,
    /// The names of people, in order.
    pub people: Vec<String>,
    /// The names of tags.
    pub tags: Vec<String>,
    /// Values of custom fields, by the fields' names.
    pub fields: Vec<(String, String)>,
}

impl Pattern {
    /// Reads a pattern; `path` is where it stands in the input.
    ///
    /// # Errors
    /// It takes nothing, names a place that there is not, or is too long.
    pub fn parse(text: &str, path: &str) -> Result<Self, Failure> {
        let refuse = |message: String| Failure::field(path, message);
        if text.len() > MAX_LENGTH {
            return Err(refuse(format!("longer than {MAX_LENGTH} bytes")));
        }
        let (mut source, mut places) = (String::from("(?:^|/)"), Vec::new());
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            source.push_str(&literally(literal));
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(refuse("a brace is not closed".to_owned()));
            };
            let place = place(name).ok_or_else(|| {
                let known = "title, date, year, studio, people, tags, skip or field:NAME";
                refuse(format!("no place `{{{name}}}`: use {known}"))
            })?;
            if place != Place::Skip && places.contains(&place) {
                return Err(refuse(format!("`{{{name}}}` occurs twice")));
            }
            source.push_str(match place {
                Place::Date => "([0-9]{4}[-._ ]?[0-9]{2}[-._ ]?[0-9]{2})",
                Place::Year => "([0-9]{4})",
                _ => "([^/]+?)",
            });
            places.push(place);
            rest = behind;
        }
        source.push_str(&literally(rest));
        source.push('$');
        if places.len() > MAX_PLACES {
            return Err(refuse(format!("at most {MAX_PLACES} places")));
        }
        if places.iter().all(|place| *place == Place::Skip) {
            return Err(refuse(
                "it takes nothing: put `{title}` or another place into it".to_owned(),
            ));
        }
        let regex = RegexBuilder::new(&source)
            .case_insensitive(true)
            .size_limit(MAX_SIZE)
            .build();
        let regex = regex.map_err(|error| refuse(format!("cannot be read: {error}")))?;
        Ok(Self { regex, places })
    }

    /// What a path says; nothing if it does not fit.
    pub fn read(&self, path: &str) -> Option<Said> {
        let stem = match path.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') && !stem.is_empty() && !stem.ends_with('/') => stem,
            _ => path,
        };
        let found = self.regex.captures(stem)?;
        let mut said = Said::default();
        for (at, place) in self.places.iter().enumerate() {
            let raw = found.get(at + 1).map_or("", |found| found.as_str());
            let text = readable(raw);
            if text.is_empty() {
                continue;
            }
            match place {
                Place::Title => said.title = Some(text),
                Place::Studio => said.studio = Some(text),
                Place::People => said.people = several(&text),
                Place::Tags => said.tags = several(&text),
                Place::Field(name) => said.fields.push((name.clone(), text)),
                Place::Year => said.date = said.date.or(day(&format!("{text}0101"))),
                // Digits that are no day make the whole pattern unfit: they stand for something else.
                Place::Date => said.date = Some(day(raw)?),
                Place::Skip => {}
            }
        }
        Some(said)
    }
}

fn place(name: &str) -> Option<Place> {
    Some(match name.trim() {
        "title" => Place::Title,
        "date" => Place::Date,
        "year" => Place::Year,
        "studio" => Place::Studio,
        "people" | "person" => Place::People,
        "tags" | "tag" => Place::Tags,
        "skip" => Place::Skip,
        other => match other.strip_prefix("field:").map(str::trim) {
            Some(name) if !name.is_empty() => Place::Field(name.to_owned()),
            _ => return None,
        },
    })
}

/// Text as it stands; spaces are as free as people write them.
fn literally(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(regex::escape).collect();
    words.join("[ ._]+")
}

/// A text as people read it: dots and underscores that stand for spaces are spaces.
fn readable(text: &str) -> String {
    let spaced = match text.contains(' ') {
        true => text.replace('_', " "),
        false => text.replace(['_', '.'], " "),
    };
    let clean: String = spaced
        .chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn several(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text
        .split([',', ';', '&', '+'])
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !names.iter().any(|known| known.to_lowercase() == name.to_lowercase()) {
            names.push(name.to_owned());
        }
    }
    names
}

fn day(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let date = jiff::civil::Date::new(
        part(0..4)?.parse().ok()?,
        part(4..6)?.parse().ok()?,
        part(6..8)?.parse().ok()?,
    );
    date.ok()
        .filter(|date| date.year() >= 1800)
        .map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pattern: &str, path: &str) -> Option<Said> {
        Pattern::parse(pattern, "input.pattern").expect("a pattern").read(path)
    }

    #[test]
    fn places_take_what_stands_in_a_path() {
        let found = said(
            "{studio}/{date} - {title} ({people}) [{tags}]",
            "films/Harbor_Films/2021.05.04 - Night.Train_(Ada Byron, Bob & ada byron)_[x;Y].mkv",
        );
        let found = found.expect("it fits");
        assert_eq!(
            (found.studio.as_deref(), found.date.as_deref()),
            (Some("Harbor Films"), Some("2021-05-04"))
        );
        assert_eq!(
            (found.title.as_deref(), found.people),
            (Some("Night Train"), vec!["Ada Byron".to_owned(), "Bob".to_owned()])
        );
        assert_eq!(found.tags, ["x", "Y"]);
    }

    #[test]
    fn what_does_not_fit_says_nothing() {
        assert_eq!(said("{date} {title}", "20219904 song.mp3"), None, "no day");
        assert_eq!(said("{title} - {year}", "Song.mp3"), None);
        assert_eq!(said("A.C/{title}", "abc/d.mp3"), None, "a dot is a dot");
        assert_eq!(
            said("show {skip}/{title}", "SHOW  one/two/x.mp3"),
            None,
            "a place does not span folders"
        );
        let found = said("show {skip}/{field: Episode}.{title}", "SHOW._one/07.the.end.mp3").expect("it fits");
        assert_eq!(
            (found.fields, found.title.as_deref()),
            (vec![("Episode".to_owned(), "07".to_owned())], Some("the end"))
        );
        assert_eq!(
            said("{title}", "a/.hidden").expect("it fits").title.as_deref(),
            Some("hidden")
        );
    }

    #[test]
    fn patterns_that_cannot_be_meant_are_refused() {
        let long = "x".repeat(301);
        for pattern in [
            "",
            "plain",
            "{skip}",
            "{title",
            "{titel}",
            "{title}{title}",
            "{field:}",
            long.as_str(),
        ] {
            let refused = Pattern::parse(pattern, "input.pattern").err();
            assert_eq!(
                refused.map(|failure| failure.fields[0].path.clone()).as_deref(),
                Some("input.pattern"),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = Pattern::parse(&format!("{{title}}{}", "{skip}".repeat(19)), "p").expect("a pattern");
        assert!(pattern.read(&"a".repeat(4_000)).is_some());
    }
}
