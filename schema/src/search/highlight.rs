//! Where the words of a search stand in a text.

use std::ops::Range;

use crate::search::{Term, subtitles::lines::Line, token};

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The piece as it was written.
    pub text: String,
    /// Whether it was searched for.
    pub is_match: bool,
}

/// The most words before the first match and after the last that an excerpt shows.
const CONTEXT: usize = 12;
/// Texts up to so many bytes are shown whole.
const SHORT: usize = 240;
/// So many lines of subtitles are shown.
const MOST_LINES: usize = 3;

/// Whether each wanted term occurs in one of the texts, as it was written.
pub fn has_all<'a>(texts: impl Iterator<Item = &'a str>, terms: &[Term]) -> bool {
    let mut missing: Vec<&Term> = terms.iter().filter(|term| !term.is_excluded).collect();
    for text in texts {
        let words: Vec<token::Token> = token::tokens(text).collect();
        missing.retain(|term| matches(&words, term).next().is_none());
    }
    missing.is_empty()
}

/// The lines in which the most wanted terms occur, with their times, the earliest first. Where none has any, two that follow
/// each other may: a phrase goes on in the next.
pub fn lines(lines: &[Line], terms: &[Term]) -> Vec<(u32, Vec<Piece>)> {
    let single = best(lines.iter().map(|line| (line.at_ms, line.text.clone())), terms);
    if !single.is_empty() {
        return single;
    }
    let pairs = lines
        .windows(2)
        .map(|pair| (pair[0].at_ms, format!("{} {}", pair[0].text, pair[1].text)));
    best(pairs, terms)
}

fn best(texts: impl Iterator<Item = (u32, String)>, terms: &[Term]) -> Vec<(u32, Vec<Piece>)> {
    let wanted: Vec<&Term> = terms.iter().filter(|term| !term.is_excluded).collect();
    let mut found: Vec<(usize, u32, String)> = Vec::new();
    for (at_ms, text) in texts {
        let words: Vec<token::Token> = token::tokens(&text).collect();
        let n = wanted
            .iter()
            .filter(|term| matches(&words, term).next().is_some())
            .count();
        if n > 0 {
            found.push((n, at_ms, text));
        }
        if found.len() == MOST_LINES && found.iter().all(|(n, ..)| *n == wanted.len()) {
            break;
        }
    }
    // Sorting is stable: of lines that have as many the first ones stay.
    found.sort_by_key(|(n, ..)| std::cmp::Reverse(*n));
    found.truncate(MOST_LINES);
    found.sort_by_key(|(_, at_ms, _)| *at_ms);
    let pieces = |(_, at_ms, text): (usize, u32, String)| Some((at_ms, pieces(&text, terms)?));
    found.into_iter().filter_map(pieces).collect()
}

/// Where a term, or what was meant by it, stands among words.
fn matches<'a>(words: &'a [token::Token], term: &'a Term) -> impl Iterator<Item = Range<usize>> + 'a {
    let own = term.meant.is_empty().then_some(term.words.as_slice());
    let phrases = own.into_iter().chain(term.meant.iter().map(std::slice::from_ref));
    phrases.flat_map(move |phrase| {
        let last = phrase.len() - 1;
        let fits = move |at: &usize| {
            phrase.iter().enumerate().all(|(place, word)| {
                let found = &words[at + place].word;
                found == word || (term.is_prefix && place == last && found.starts_with(word.as_str()))
            })
        };
        let places = 0..(words.len() + 1).saturating_sub(phrase.len());
        places.filter(fits).map(move |at| at..at + phrase.len())
    })
}

/// A text in pieces, or none if no wanted term occurs in it. Of a long text only the surroundings of the first match.
pub fn pieces(text: &str, terms: &[Term]) -> Option<Vec<Piece>> {
    let tokens: Vec<token::Token> = token::tokens(text).collect();
    let mut is_match = vec![false; tokens.len()];
    for term in terms.iter().filter(|term| !term.is_excluded) {
        for place in matches(&tokens, term) {
            is_match[place].fill(true);
        }
    }
    let first = is_match.iter().position(|is_match| *is_match)?;
    let (mut from, mut to) = (0, text.len());
    if text.len() > SHORT {
        let begin = first.saturating_sub(CONTEXT);
        let end = (first + 2 * CONTEXT).min(tokens.len() - 1);
        from = if begin == 0 { 0 } else { tokens[begin].range.start };
        to = if end + 1 == tokens.len() {
            text.len()
        } else {
            tokens[end].range.end
        };
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut push = |text: &str, is_match: bool| {
        if !text.is_empty() {
            pieces.push(Piece {
                text: text.to_owned(),
                is_match,
            });
        }
    };
    let mut at = from;
    let inside = |token: &token::Token| token.range.start >= from && token.range.end <= to;
    for (token, _) in tokens
        .iter()
        .zip(&is_match)
        .filter(|(token, is_match)| **is_match && inside(token))
    {
        push(&text[at..token.range.start], false);
        push(&text[token.range.clone()], true);
        at = token.range.end;
    }
    push(&text[at..to], false);
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::parse;

    fn check(text: &str, search: &str, expected: Option<&str>) {
        let terms = parse(search).expect("a search");
        let shown = pieces(text, &terms).map(|pieces| {
            let piece = |piece: &Piece| {
                if piece.is_match {
                    format!("[{}]", piece.text)
                } else {
                    piece.text.clone()
                }
            };
            pieces.iter().map(piece).collect::<String>()
        });
        assert_eq!(shown.as_deref(), expected, "{search} in {text}");
    }

    #[test]
    fn matches_are_marked_as_they_were_written() {
        check(
            "The Café of Lanterns",
            "cafe lant* -the",
            Some("The [Café] of [Lanterns]"),
        );
        check(
            "A magic show, magic only",
            "\"magic show\"",
            Some("A [magic] [show], magic only"),
        );
        check("Nothing here", "lantern", None);
        let long = format!("{} lantern {}", "before ".repeat(60).trim(), "after ".repeat(60).trim());
        let expected = format!("{}[lantern]{}", "before ".repeat(12), " after".repeat(24));
        check(&long, "lantern", Some(&expected));
    }
}
