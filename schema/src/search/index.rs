//! The search index, kept current in the transaction that changes what it is made from.
//!
//! Whoever changes the title, description, path, tags, people or studio of items, or a name or alias of those, calls
//! [`refresh`] with the items. Deleted items leave the index by themselves.

use std::collections::{BTreeMap, BTreeSet};

use entities::{id::MediaId, setting};
use kernel::{
    events::Fact,
    relay::Common,
    sql,
    store::{Durability, Store, Tx},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, Statement, Value,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::search::{subtitles, token, typo};

/// Items per statement.
const CHUNK: usize = 250;
/// Items in one transaction when all are indexed anew.
const REBUILD_CHUNK: i64 = 2_000;
/// More words of one description are not indexed: a position in PostgreSQL's vector ends at 16,383.
const MAX_DESCRIPTION: usize = 4_000;
/// Raised when words are cut or folded in another way: then every item is indexed anew.
const VERSION: &[u8] = b"1";
/// The setting that says which version the index has.
const SETTING: &str = "search.version";

/// Items may be found by other words than before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MediaIndexed {
    /// The items.
    pub media: Vec<MediaId>,
}

impl Fact for MediaIndexed {}

impl Common for MediaIndexed {
    const NAME: &'static str = "MediaIndexed";
}

/// The texts of an item that are searched, by column, folded.
#[derive(Debug, Default)]
struct Document {
    title: String,
    names: Vec<String>,
    path: String,
    description: String,
}

/// What the index is to hold of some items, read and not written yet.
#[derive(Debug, Default)]
pub struct Prepared(BTreeMap<i64, Document>);

impl Prepared {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows of the index as lists of their columns.
    pub(crate) fn documents(&self, backend: DbBackend) -> Vec<Json> {
        let row = |(id, document): (&i64, &Document)| match backend {
            DbBackend::Postgres => json!([id, vector(document)]),
            _ => {
                let names = document.names.join(" ");
                json!([id, document.title, names, document.path, document.description])
            }
        };
        self.0.iter().map(row).collect()
    }

    /// The words that occur, with their lengths.
    pub(crate) fn words(&self) -> Vec<(usize, &str)> {
        let words: BTreeSet<&str> = words(&self.0).filter(|word| typo::is_kept(word)).collect();
        words.into_iter().map(|word| (word.chars().count(), word)).collect()
    }
}

/// Indexes items as their rows are in this transaction.
pub async fn refresh(tx: &Tx, media: &[MediaId]) -> Result<(), DbErr> {
    let media: BTreeSet<i64> = media.iter().map(|id| id.0).collect();
    refresh_from(tx, media.into_iter().collect()).await
}

/// Reads what the index is to hold of items, and of those that selects find: of a few of them, for the caller to write
/// with what else it writes. Of the others, if there are more, it is written.
///
/// # Errors
/// When the database fails.
pub(crate) async fn prepare(tx: &Tx, media: &BTreeSet<i64>, selects: &[String]) -> Result<Prepared, DbErr> {
    if media.is_empty() && selects.is_empty() {
        return Ok(Prepared::default());
    }
    let some = sql::ids(media.iter().copied().take(CHUNK));
    let given = (!media.is_empty()).then(|| format!("select id from media where id in ({some})"));
    let all: Vec<&str> = given.iter().chain(selects).map(String::as_str).collect();
    let wanted = format!(
        "select id from ({}) as found order by id limit {CHUNK}",
        all.join(" union ")
    );
    let first = documents(tx, &wanted).await?;
    let mut rest: BTreeSet<i64> = media.iter().copied().skip(CHUNK).collect();
    if first.len() == CHUNK {
        rest.extend(media);
        if !selects.is_empty() {
            for row in rows(tx, selects.join(" union ")).await? {
                rest.insert(row.try_get_by_index(0)?);
            }
        }
    }
    rest.retain(|id| !first.contains_key(id));
    tx.publish(MediaIndexed {
        media: first.keys().copied().map(MediaId).collect(),
    });
    refresh_from(tx, rest.into_iter().collect()).await?;
    Ok(Prepared(first))
}

async fn refresh_from(tx: &Tx, media: Vec<i64>) -> Result<(), DbErr> {
    for chunk in media.chunks(CHUNK) {
        let ids = sql::ids(chunk.iter().copied());
        let documents = documents(tx, &format!("select id from media where id in ({ids})")).await?;
        write(tx, &documents).await?;
        write_words(tx, words(&documents)).await?;
    }
    tx.publish(MediaIndexed {
        media: media.into_iter().map(MediaId).collect(),
    });
    Ok(())
}

/// Indexes every item unless this version of the index is complete. Killed, it begins again.
pub async fn ensure(store: &Store) -> Result<(), DbErr> {
    let done = setting::Entity::find()
        .filter(setting::Column::Name.eq(SETTING))
        .one(store.reader())
        .await?;
    if done.is_some_and(|row| row.value == VERSION) {
        return Ok(());
    }
    let mut after = i64::MIN;
    loop {
        let tx = store.begin(Durability::Normal).await?;
        let text = format!("select id from media where id > {after} order by id limit {REBUILD_CHUNK}");
        let rows = rows(&tx, text).await?;
        let ids = rows
            .iter()
            .map(|row| Ok(MediaId(row.try_get_by_index(0)?)))
            .collect::<Result<Vec<_>, DbErr>>()?;
        let Some(last) = ids.last() else {
            let row = setting::ActiveModel {
                name: Set(SETTING.to_owned()),
                value: Set(VERSION.to_owned()),
                updated_at: Set(store.clock().now_ms()),
            };
            let replace = OnConflict::column(setting::Column::Name)
                .update_columns([setting::Column::Value, setting::Column::UpdatedAt])
                .to_owned();
            setting::Entity::insert(row)
                .on_conflict(replace)
                .exec_without_returning(&*tx)
                .await?;
            return tx.commit().await;
        };
        after = last.0;
        refresh(&tx, &ids).await?;
        subtitles::refresh(&tx, &ids).await?;
        tx.commit().await?;
    }
}

async fn rows(tx: &Tx, text: String) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    tx.query_all_raw(Statement::from_string(tx.get_database_backend(), text))
        .await
}

/// The texts of the items that a select finds.
async fn documents(tx: &Tx, wanted: &str) -> Result<BTreeMap<i64, Document>, DbErr> {
    let mut documents = BTreeMap::new();
    let name = |link: &str, named: &str, on: &str| {
        format!(
            "union all select {link}.media_id, 1, {named}.name, null, null, null from {link} \
             join {named} on {on} where {link}.media_id in (select id from wanted)"
        )
    };
    let text = format!(
        "with wanted (id) as materialized ({wanted})
         select media.id, 0, media.title, media.path, media.description, studio.name
         from media left join studio on studio.id = media.studio_id where media.id in (select id from wanted) {} {} {} {}",
        name("media_tag", "tag", "tag.id = media_tag.tag_id"),
        name("media_tag", "tag_alias", "tag_alias.tag_id = media_tag.tag_id"),
        name("media_person", "person", "person.id = media_person.person_id"),
        name(
            "media_person",
            "person_alias",
            "person_alias.person_id = media_person.person_id"
        ),
    );
    let mut names: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in rows(tx, text).await? {
        let (id, is_name): (i64, i32) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let text = token::folded(&row.try_get_by_index::<String>(2)?);
        if is_name == 1 {
            names.entry(id).or_default().push(text);
            continue;
        }
        let description: Option<String> = row.try_get_by_index(4)?;
        let description = token::tokens(description.as_deref().unwrap_or_default()).take(MAX_DESCRIPTION);
        let studio: Option<String> = row.try_get_by_index(5)?;
        let document = Document {
            title: text,
            names: studio.iter().map(|name| token::folded(name)).collect(),
            path: token::folded(&row.try_get_by_index::<String>(3)?),
            description: description.map(|token| token.word).collect::<Vec<_>>().join(" "),
        };
        documents.insert(id, document);
    }
    for (id, names) in names {
        if let Some(document) = documents.get_mut(&id) {
            document.names.extend(names);
        }
    }
    Ok(documents)
}

async fn write(tx: &Tx, documents: &BTreeMap<i64, Document>) -> Result<(), DbErr> {
    if documents.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let mut values: Vec<Value> = Vec::with_capacity(documents.len() * 5);
    let text = if backend == DbBackend::Postgres {
        for (id, document) in documents {
            values.extend([(*id).into(), vector(document).into()]);
        }
        let row = |n: usize| format!("(${}, cast(${} as tsvector))", 2 * n + 1, 2 * n + 2);
        format!(
            "insert into media_search (media_id, document) values {}
             on conflict (media_id) do update set document = excluded.document",
            (0..documents.len()).map(row).collect::<Vec<_>>().join(", ")
        )
    } else {
        for (id, document) in documents {
            let Document {
                title,
                path,
                description,
                ..
            } = document;
            values.push((*id).into());
            values.extend([title, &document.names.join(" "), path, description].map(|text| Value::from(text.as_str())));
        }
        let rows = vec!["(?,?,?,?,?)"; documents.len()].join(", ");
        format!("insert or replace into media_search (rowid, title, names, path, description) values {rows}")
    };
    tx.execute_raw(Statement::from_sql_and_values(backend, text, values))
        .await?;
    Ok(())
}

/// PostgreSQL's vector: words with their places and the letter of their column.
fn vector(document: &Document) -> String {
    let names = document.names.join(" ");
    let mut text = String::new();
    let mut place = 1;
    for (column, weight) in [
        (&document.title, 'A'),
        (&names, 'B'),
        (&document.path, 'C'),
        (&document.description, 'D'),
    ] {
        for word in column.split_ascii_whitespace() {
            text.push_str(&format!("'{word}':{place}{weight} "));
            place += 1;
        }
        // No phrase spans two columns.
        place += 2;
    }
    text
}

/// The words that occur in documents.
fn words(documents: &BTreeMap<i64, Document>) -> impl Iterator<Item = &str> {
    documents.values().flat_map(|document| {
        let texts = [&document.title, &document.path, &document.description];
        let texts = texts.into_iter().chain(&document.names);
        texts.flat_map(|text| text.split_ascii_whitespace())
    })
}

/// Adds words to those that occur, as far as they are kept.
pub(super) async fn write_words<'a>(tx: &Tx, words: impl Iterator<Item = &'a str>) -> Result<(), DbErr> {
    let words: BTreeSet<&str> = words.filter(|word| typo::is_kept(word)).collect();
    let words: Vec<&str> = words.into_iter().collect();
    for chunk in words.chunks(1_000) {
        // Words are letters only, so nothing can be smuggled in.
        let pair = |word: &&str| format!("({}, '{word}')", word.chars().count());
        let pairs: Vec<String> = chunk.iter().map(pair).collect();
        // Most batches bring no new word, and then nothing is written or locked.
        let text = format!(
            "with fresh (n_letters, word) as (values {}) insert into search_word (n_letters, word)
             select n_letters, word from fresh where not exists (select 1 from search_word as known
                 where known.n_letters = fresh.n_letters and known.word = fresh.word) on conflict do nothing",
            pairs.join(", ")
        );
        tx.execute_unprepared(&text).await?;
    }
    Ok(())
}
