//! Where an upload is placed in its library: by the server's template, with what a client said only as words in it.

use anyhow::bail;
use jiff::{Timestamp, tz::TimeZone};
use kernel::blob::RelativePath;

/// Letters of other scripts take several bytes, and file systems count these: 255 at most, with room for a number.
const MAX_BYTES: usize = 200;

/// `{year}/{month}/{name}`: how places are named. An extension is added by itself.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<String>,
}

/// What a template may speak of.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The client's name for the file, without its extension.
    pub name: &'a str,
    /// The account's name.
    pub user: &'a str,
    /// `video`, `audio` or `image`.
    pub kind: &'a str,
    /// The moment that the file is of, UTC milliseconds.
    pub at: i64,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub hash: &'a str,
    /// Its extension.
    pub extension: &'a str,
}

const WORDS: [&str; 7] = ["name", "user", "kind", "year", "month", "day", "hash"];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When it names nothing, leaves the library, or speaks of something unknown.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        if parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
            bail!("`{text}` must be names between single slashes, and none may begin with a dot");
        }
        for part in &parts {
            let mut rest = part.as_str();
            while let Some((_, after)) = rest.split_once('{') {
                let Some((word, after)) = after.split_once('}') else {
                    bail!("`{text}` has a `{{` without its `}}`");
                };
                if !WORDS.contains(&word) {
                    bail!("`{text}` speaks of `{{{word}}}`; there are {{{}}}", WORDS.join("}, {"));
                }
                rest = after;
            }
        }
        Ok(Self { parts })
    }

    /// The place of a file; `attempt` counts from 1, and those after the first have their number.
    pub fn place(&self, subject: &Subject<'_>, attempt: u32) -> RelativePath {
        let at = Timestamp::from_millisecond(subject.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let day = at.to_zoned(TimeZone::UTC);
        let value = |word: &str| match word {
            "name" => subject.name.to_owned(),
            "user" => subject.user.to_owned(),
            "kind" => subject.kind.to_owned(),
            "year" => format!("{:04}", day.year()),
            "month" => format!("{:02}", day.month()),
            "day" => format!("{:02}", day.day()),
            _ => subject.hash.chars().take(16).collect(),
        };
        let mut path = RelativePath::root();
        for (index, part) in self.parts.iter().enumerate() {
            let mut text = part.clone();
            for word in WORDS {
                // What is put in is cleaned first, so that it is nothing but a word.
                text = text.replace(&format!("{{{word}}}"), &clean(&value(word)));
            }
            let mut name = clean(&text);
            if index + 1 == self.parts.len() {
                if attempt > 1 {
                    name.push_str(&format!(" ({attempt})"));
                }
                name.push('.');
                name.push_str(subject.extension);
            }
            path = path.join(name.as_bytes());
        }
        path
    }
}

/// A name that is one on every file system, hides nothing and leads nowhere.
fn clean(text: &str) -> String {
    let safe = |letter: char| match letter {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '{' | '}' => '_',
        // Marks that turn the direction of writing let a name look like another one.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '_',
        letter if letter.is_control() => '_',
        letter => letter,
    };
    let text: String = text.chars().map(safe).collect();
    let mut name = text.trim_start_matches(['.', ' ']).to_owned();
    while name.len() > MAX_BYTES {
        name.pop();
    }
    let name = name.trim_end_matches(['.', ' ']).to_owned();
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = match stem.as_bytes() {
        b"con" | b"prn" | b"aux" | b"nul" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    match name.as_str() {
        "" => "untitled".to_owned(),
        _ if is_device => format!("_{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(template: &str, name: &str, attempt: u32) -> String {
        let subject = Subject {
            name,
            user: "../eve",
            kind: "video",
            at: 784_111_777_000,
            hash: "00112233445566778899",
            extension: "mp4",
        };
        let template = Template::parse(template).expect("a template");
        template.place(&subject, attempt).display()
    }

    #[test]
    fn a_template_names_folder_and_file() {
        assert_eq!(
            place("in/{year}-{month}/{name}", "Night Train", 1),
            "in/1994-11/Night Train.mp4"
        );
        assert_eq!(
            place("{kind}/{name} {hash}", "a", 3),
            "video/a 0011223344556677 (3).mp4"
        );
        assert_eq!(place("{user}/{name}", "a", 1), "_eve/a.mp4");
        for bad in ["", "/a", "a//b", "../{name}", ".a/{name}", "{path}", "{name"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_name_of_a_client_leads_anywhere() {
        for name in [
            "..",
            "../../etc/passwd",
            "/etc/passwd",
            "a\0b",
            ".hidden",
            "..\\..\\x",
            "%2e%2e/",
            "\u{202e}4pm.exe",
            "CON",
            "lpt1.x",
            "abé",
            "",
            "   ",
            "....",
            "{hash}",
            "{name}",
            "a/../b",
        ] {
            let found = place("in/{name}", name, 1);
            let last = found
                .strip_prefix("in/")
                .unwrap_or_else(|| panic!("{name} became {found}"));
            assert!(
                !last.contains(['/', '\\', '\0', '{', '\u{202e}']),
                "{name:?} became {found:?}"
            );
            assert!(
                !last.starts_with('.') && last.ends_with(".mp4") && last.len() > 4,
                "{name:?} became {found:?}"
            );
            assert!(
                !["con.mp4", "lpt1.x.mp4"].contains(&last.to_ascii_lowercase().as_str()),
                "{name:?}"
            );
        }
        assert!(place("{name}", &"ж".repeat(500), 9999).len() < 255);
        assert!(place("{name}", &"a".repeat(500), 2).ends_with(" (2).mp4"));
    }
}
