//! Cutting text into words: runs of letters and digits, in lower case, without accents.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longer words are cut: nobody types them, and indexes refuse the longest.
const MAX_LETTERS: usize = 64;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As the index has it.
    pub word: String,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
}

/// The words of a text in order. Scripts without spaces between words give a word for each sign; several of them side
/// by side are then a phrase.
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut signs = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while signs.next_if(|(_, sign)| !sign.is_alphanumeric()).is_some() {}
        let (begin, first) = signs.next()?;
        let mut word = String::new();
        let mut n_letters = 0;
        let mut take = |sign: char| {
            if n_letters < MAX_LETTERS {
                word.extend(
                    sign.nfkd()
                        .filter(|part| !is_combining_mark(*part))
                        .flat_map(char::to_lowercase),
                );
            }
            n_letters += 1;
        };
        take(first);
        let mut end = begin + first.len_utf8();
        if !stands_alone(first) {
            let goes_on = |sign: char| (sign.is_alphanumeric() && !stands_alone(sign)) || is_combining_mark(sign);
            while let Some((at, sign)) = signs.next_if(|(_, sign)| goes_on(*sign)) {
                take(sign);
                end = at + sign.len_utf8();
            }
        }
        // Folding may leave signs that are no letters, such as those of a fraction.
        word.retain(char::is_alphanumeric);
        Some(Token {
            word,
            range: begin..end,
        })
    })
    .filter(|token| !token.word.is_empty())
}

/// Han and kana.
fn stands_alone(sign: char) -> bool {
    matches!(sign, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// The words of a text, with spaces between them.
pub fn folded(text: &str) -> String {
    tokens(text).map(|token| token.word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_keep_their_places() {
        assert_eq!(
            folded("The Café—at 3½ O'Clock/clip_07.MKV"),
            "the cafe at 312 o clock clip 07 mkv"
        );
        assert_eq!(folded("cafe\u{301}s 映画の夜"), "cafes 映 画 の 夜");
        assert_eq!(folded(" \t-_/ "), "");
        let text = "Łódź, naïve café";
        let words: Vec<&str> = tokens(text).map(|token| &text[token.range]).collect();
        assert_eq!(words, ["Łódź", "naïve", "café"]);
        assert_eq!(folded(&"x".repeat(100)).len(), MAX_LETTERS);
    }
}
