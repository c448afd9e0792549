//! Words that were probably meant: of those that occur in the library, the nearest to one that does not.

use std::collections::BTreeSet;

use kernel::error::Failure;
use sea_orm::{ConnectionTrait, Statement};
use strsim::osa_distance;

use crate::search::{Term, token};

/// The most words that one may stand for.
const MAX_MEANT: usize = 5;

/// How many letters may be wrong, missing, added or swapped. In short words one letter makes another word.
fn tolerance(n_letters: usize) -> usize {
    match n_letters {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// Completes terms whose only word occurs nowhere by what was probably meant. Quoted terms, exclusions, beginnings and
/// numbers are taken as they are. One statement if all words occur, and two otherwise.
pub async fn correct(db: &impl ConnectionTrait, terms: &mut [Term]) -> Result<(), Failure> {
    let candidates: Vec<&mut Term> = terms.iter_mut().filter(|term| word(term).is_some()).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let exact: BTreeSet<&str> = candidates.iter().filter_map(|term| word(term)).collect();
    let pairs: Vec<String> = exact
        .iter()
        .map(|word| format!("({}, '{word}')", word.chars().count()))
        .collect();
    let text = format!(
        "select word from search_word where (n_letters, word) in (values {})",
        pairs.join(", ")
    );
    let known = words(db, text).await?;
    let unknown: Vec<&mut Term> = candidates
        .into_iter()
        .filter(|term| word(term).is_some_and(|word| !known.iter().any(|known| known == word)))
        .collect();
    let lengths: BTreeSet<usize> = unknown
        .iter()
        .filter_map(|term| word(term))
        .map(|word| word.chars().count())
        .flat_map(|n| n - tolerance(n)..=n + tolerance(n))
        .collect();
    if lengths.is_empty() {
        return Ok(());
    }
    let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
    let text = format!(
        "select word from search_word where n_letters in ({})",
        lengths.join(", ")
    );
    let all = words(db, text).await?;
    for term in unknown {
        let Some(word) = word(term) else { continue };
        let near = |other: &String| {
            let distance = osa_distance(word, other);
            (distance <= tolerance(word.chars().count())).then(|| (distance, other.clone()))
        };
        let mut near: Vec<(usize, String)> = all.iter().filter_map(near).collect();
        near.sort_unstable();
        term.meant = near.into_iter().take(MAX_MEANT).map(|(_, word)| word).collect();
    }
    Ok(())
}

/// Completes terms that occur in none of these texts by words of the texts that are as near to them as [`correct`] allows.
pub fn guess<'a>(terms: &mut [Term], texts: impl Iterator<Item = &'a str> + Clone) {
    let words = || texts.clone().flat_map(token::tokens).map(|token| token.word);
    let mut missing: Vec<&mut Term> = terms.iter_mut().filter(|term| word(term).is_some()).collect();
    for found in words() {
        if missing.is_empty() {
            return;
        }
        missing.retain(|term| word(term) != Some(&found));
    }
    let words: BTreeSet<String> = words().filter(|word| is_kept(word)).collect();
    for term in missing {
        let Some(wanted) = word(term) else { continue };
        let most = tolerance(wanted.chars().count());
        let near = words.iter().filter(|other| osa_distance(wanted, other) <= most);
        term.meant = near.take(MAX_MEANT).cloned().collect();
    }
}

/// The word of a term that may be mistyped: letters and digits only, so it is safe in a text.
fn word(term: &Term) -> Option<&str> {
    let [word] = term.words.as_slice() else { return None };
    let is_plain = !(term.is_quoted || term.is_excluded || term.is_prefix);
    (is_plain && is_kept(word)).then_some(word)
}

/// Whether the vocabulary keeps a word: numbers are too many, and none is a mistyped other.
pub fn is_kept(word: &str) -> bool {
    word.chars().count() >= 4 && word.chars().all(char::is_alphabetic)
}

async fn words(db: &impl ConnectionTrait, text: String) -> Result<Vec<String>, Failure> {
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), text))
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?)
}
