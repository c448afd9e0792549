//! What people type into a search box: words, "quoted phrases", -exclusions and beginnings*.
//!
//! Both databases get the same words, cut and folded here, so that a search means the same on both.

pub mod highlight;
pub mod index;
pub mod kept;
pub mod matching;
pub mod subtitles;
pub mod token;
pub mod typo;

use kernel::error::Failure;

/// The most words and phrases of a search.
const MAX_TERMS: usize = 20;
/// The longest search text, in bytes.
const MAX_BYTES: usize = 500;

/// A word or phrase that an item must have, or must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its words, which stand side by side.
    pub words: Vec<String>,
    /// Whether the last word may go on.
    pub is_prefix: bool,
    /// Whether it must not occur.
    pub is_excluded: bool,
    /// Whether it was given in quotes.
    pub is_quoted: bool,
    /// Words that were probably meant, if its only word occurs nowhere.
    pub meant: Vec<String>,
}

/// Reads a search text. A quote that is not closed ends with the text; what has no letter or digit is left out.
pub fn parse(text: &str) -> Result<Vec<Term>, Failure> {
    if text.len() > MAX_BYTES {
        return Err(Failure::field("search", format!("longer than {MAX_BYTES} bytes")));
    }
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (is_excluded, body) = match rest.strip_prefix('-') {
            Some(body) if !body.is_empty() && !body.starts_with(char::is_whitespace) => (true, body),
            _ => (false, rest),
        };
        let (is_quoted, (term, after)) = match body.strip_prefix('"') {
            Some(quoted) => (true, quoted.split_once('"').unwrap_or((quoted, ""))),
            None => {
                let end = body.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(body.len());
                (false, body.split_at(end))
            }
        };
        // A star directly after a quoted phrase belongs to it.
        let (is_prefix, after) = match after.strip_prefix('*') {
            Some(after) if is_quoted => (true, after),
            _ => (!is_quoted && term.ends_with('*'), after),
        };
        let words: Vec<String> = token::tokens(term).map(|token| token.word).collect();
        if !words.is_empty() {
            terms.push(Term {
                words,
                is_prefix,
                is_excluded,
                is_quoted,
                meant: Vec::new(),
            });
        }
        rest = after.trim_start();
    }
    if terms.len() > MAX_TERMS {
        return Err(Failure::field("search", format!("more than {MAX_TERMS} words")));
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let terms = parse(text).expect("a search");
        let shown = |term: &Term| {
            let (sign, star) = (
                if term.is_excluded { "-" } else { "" },
                if term.is_prefix { "*" } else { "" },
            );
            format!("{sign}{}{star}", term.words.join(" "))
        };
        assert_eq!(terms.iter().map(shown).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn words_phrases_exclusions_and_beginnings_are_told_apart() {
        check("lantern -draft \"magic show\"", &["lantern", "-draft", "magic show"]);
        check("-\"a  b\" c-d - e", &["-a b", "c d", "e"]);
        check("\"open phrase", &["open phrase"]);
        check("a\"b c\"d", &["a", "b c", "d"]);
        check("lant* \"magic sh\"* * 50% off_", &["lant*", "magic sh*", "50", "off"]);
        check("Élan  STRASSE 東京", &["elan", "strasse", "東 京"]);
        check("  \"\" ' or 1=1 --", &["or", "1 1"]);
        assert!(parse(&"a ".repeat(MAX_TERMS + 1)).is_err());
        assert!(parse(&"a".repeat(MAX_BYTES + 1)).is_err());
    }
}
