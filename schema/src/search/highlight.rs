//! Where the words of a search stand in a text.

use crate::search::{Term, token};

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

/// A text in pieces, or none if no wanted term occurs in it. Of a long text only the surroundings of the first match.
pub fn pieces(text: &str, terms: &[Term]) -> Option<Vec<Piece>> {
    let tokens: Vec<token::Token> = token::tokens(text).collect();
    let mut is_match = vec![false; tokens.len()];
    for term in terms.iter().filter(|term| !term.is_excluded) {
        let own = term.meant.is_empty().then_some(term.words.as_slice());
        for words in own.into_iter().chain(term.meant.iter().map(std::slice::from_ref)) {
            let last = words.len() - 1;
            for at in 0..(tokens.len() + 1).saturating_sub(words.len()) {
                let fits = |(place, word): (usize, &String)| {
                    let found = &tokens[at + place].word;
                    found == word || (term.is_prefix && place == last && found.starts_with(word.as_str()))
                };
                if words.iter().enumerate().all(fits) {
                    is_match[at..at + words.len()].fill(true);
                }
            }
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
