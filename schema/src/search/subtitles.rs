//! The search index of what subtitles say: one document for each item, of all its files.
//!
//! It is apart from the index of what is known of items: people change titles and tags all the time, and ten thousand words of a
//! film need not be written again for it. Whoever moves files between items, or takes them away, calls [`refresh`].

pub mod lines;

use std::collections::{BTreeMap, BTreeSet};

use entities::id::MediaId;
use kernel::{sql, store::Tx};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use self::lines::{Line, unpack};
use crate::search::{
    index::{self, MediaIndexed},
    token,
};

/// Items whose texts are in memory at a time.
const CHUNK: usize = 50;
/// A position in PostgreSQL's vector ends at 16,383: later words are found, but not as part of a phrase.
const MAX_POSITION: usize = 16_000;
/// A vector of PostgreSQL ends at a mebibyte, its bookkeeping included: later words that are new are left out.
const MAX_WORD_BYTES: usize = 600_000;

/// Indexes what the subtitles of items say, as their files are in this transaction. One statement where there is nothing to
/// say and never was.
///
/// # Errors
/// When the database fails.
pub async fn refresh(tx: &Tx, media: &[MediaId]) -> Result<(), DbErr> {
    let id = match tx.get_database_backend() {
        DbBackend::Postgres => "media_id",
        _ => "rowid",
    };
    for chunk in media.chunks(CHUNK) {
        let ids = sql::ids(chunk.iter().copied());
        let text = format!(
            "select {id}, null from subtitle_search where {id} in ({ids})
             union all select file.media_id, subtitle_lines.packed from file
             join subtitle_lines on subtitle_lines.file_id = file.id
             where file.media_id in ({ids})"
        );
        let (mut stale, mut said) = (BTreeSet::new(), BTreeMap::<i64, Vec<Line>>::new());
        for row in sql::rows(&**tx, text, []).await? {
            let id: i64 = row.try_get_by_index(0)?;
            match row.try_get_by_index::<Option<Vec<u8>>>(1)? {
                Some(packed) => said.entry(id).or_default().extend(unpack(&packed)),
                None => {
                    stale.insert(id);
                }
            }
        }
        if !stale.is_empty() {
            let text = format!("delete from subtitle_search where {id} in ({})", sql::ids(stale));
            sql::execute(&**tx, text, []).await?;
        }
        write(tx, &said).await?;
    }
    tx.publish(MediaIndexed { media: media.to_vec() });
    Ok(())
}

async fn write(tx: &Tx, said: &BTreeMap<i64, Vec<Line>>) -> Result<(), DbErr> {
    if said.is_empty() {
        return Ok(());
    }
    let words_of = |lines: &Vec<Line>| {
        let words = lines.iter().flat_map(|line| token::tokens(&line.text));
        words.map(|token| token.word).collect::<Vec<_>>()
    };
    let documents: Vec<(i64, Vec<String>)> = said.iter().map(|(id, lines)| (*id, words_of(lines))).collect();
    let backend = tx.get_database_backend();
    let row = |n: usize| match backend {
        DbBackend::Postgres => format!("(${}, cast(${} as tsvector))", 2 * n + 1, 2 * n + 2),
        _ => "(?, ?)".to_owned(),
    };
    let rows: Vec<String> = (0..documents.len()).map(row).collect();
    let columns = match backend {
        DbBackend::Postgres => "media_id, document",
        _ => "rowid, lines",
    };
    let text = format!("insert into subtitle_search ({columns}) values {}", rows.join(", "));
    let values = documents.iter().flat_map(|(id, words)| {
        let document = match backend {
            DbBackend::Postgres => vector(words),
            _ => words.join(" "),
        };
        [(*id).into(), document.into()]
    });
    sql::execute(&**tx, text, values).await?;
    let words = documents.iter().flat_map(|(_, words)| words);
    index::write_words(tx, words.map(String::as_str)).await
}

/// PostgreSQL's vector: words with their places, as far as it holds any.
fn vector(words: &[String]) -> String {
    let (mut text, mut seen, mut n_bytes) = (String::new(), BTreeSet::new(), 0);
    for (n, word) in words.iter().enumerate() {
        let is_new = !seen.contains(word.as_str());
        if is_new {
            if n_bytes + word.len() > MAX_WORD_BYTES {
                continue;
            }
            n_bytes += word.len() + 8;
            seen.insert(word.as_str());
        }
        match n < MAX_POSITION {
            true => text.push_str(&format!("'{word}':{} ", n + 1)),
            false if is_new => text.push_str(&format!("'{word}' ")),
            false => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_places_for_phrases_and_ends_before_postgresql_refuses_it() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(vector(&words("no it is no")), "'no':1 'it':2 'is':3 'no':4 ");
        let mut many = vec!["x".to_owned(); MAX_POSITION];
        many.extend(words("late x late"));
        assert!(vector(&many).ends_with("'x':16000 'late' "));
        let long = |n: usize| format!("{n}{}", "\u{1d400}".repeat(60));
        let all: Vec<String> = (0..MAX_POSITION).map(long).collect();
        let n_words = vector(&all).split(' ').count();
        assert!((2_000..MAX_WORD_BYTES / 240).contains(&n_words), "{n_words}");
    }
}
