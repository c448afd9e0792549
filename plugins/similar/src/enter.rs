//! Takes over what was measured of files: from `file_analysis` to the rows that are compared.

use entities::{
    file_analysis::{pack_words, unpack_words},
    id::{FileId, LibraryId, MediaId},
    media::MediaKind,
};
use kernel::{jobs::JobCx, sql, store::Durability};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use serde::{Deserialize, Serialize};

use crate::{
    index::words,
    jobs::index::{IndexState, IndexStep},
    state,
};

/// What is to be compared with everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that was measured and not compared yet.
    All,
    /// The same of one library.
    Library(LibraryId),
    /// The same of some items.
    Media(Vec<MediaId>),
    /// The same of what rows of `similar_request` name under this number.
    Request(i64),
}

impl Scope {
    /// The condition on `file`.
    pub fn condition(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Library(library) => format!(" and file.library_id = {}", library.0),
            Self::Media(media) => format!(" and file.media_id in ({})", sql::ids(media.iter().copied())),
            Self::Request(request) => format!(
                " and exists (select 1 from similar_request as request \
                 where request.request_id = {request} and request.media_id = file.media_id)"
            ),
        }
    }
}

/// Files in one transaction.
const BATCH: usize = 500;
/// A hash with fewer bits set, or fewer clear, is that of an even picture and equal to every other such. The median of
/// its coefficients parts those of a real one about evenly.
const MIN_BITS: u32 = 8;

/// What was measured of a file that is new here.
struct Measured {
    file: FileId,
    kind: MediaKind,
    way: i32,
    hash: Option<i64>,
    terms: Option<Vec<u8>>,
    duration_us: Option<i64>,
    analyzed_at: i64,
}

/// Enters everything of a scope that was measured since.
pub async fn enter(cx: &JobCx<IndexStep>, scope: &Scope) -> anyhow::Result<()> {
    let mut after = FileId(i64::MIN);
    loop {
        cx.checkpoint().await?;
        let batch = read(cx.kernel().store.reader(), scope, after).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = last.file;
        write(cx, &batch).await?;
        cx.advance(batch.len() as u64);
    }
}

/// Whether anything was measured that is not compared.
pub async fn has_work<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    let todo = sql::rows(db, "select file_id from similar_file where not is_compared limit 1", []).await?;
    Ok(!todo.is_empty()
        || !sql::rows(db, statement(&Scope::All, 1), [i64::MIN.into()])
            .await?
            .is_empty())
}

/// Lets everything of a scope be compared again.
pub async fn forget(cx: &JobCx<IndexStep>, scope: &Scope) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    state::next_version(&tx).await?;
    let text = format!(
        "update similar_file set analyzed_at = -1 where file_id in (select file.id from file where true{})",
        scope.condition()
    );
    sql::execute(&*tx, text, []).await?;
    cx.save_in(&tx, &IndexState { has_forgotten: true }).await?;
    tx.commit().await?;
    Ok(())
}

/// A book's hash is that of its cover, which says nothing of a picture that stands alone: books compare with books.
const WAY: &str = "case when exists (select 1 from page where page.file_id = analysis.file_id) \
    then -analysis.version else analysis.version end";

fn statement(scope: &Scope, limit: usize) -> String {
    format!(
        "select analysis.file_id, media.kind, {WAY}, analysis.phash, analysis.audio_fingerprint, \
             file.duration_us, analysis.made_at \
         from file_analysis as analysis \
         join file on file.id = analysis.file_id \
         join media on media.id = file.media_id \
         left join similar_file as entered on entered.file_id = analysis.file_id \
         where analysis.file_id > $1 and (entered.file_id is null or entered.analyzed_at <> analysis.made_at) \
             and analysis.size = file.size and analysis.mtime_ns = file.mtime_ns{} \
         order by analysis.file_id limit {limit}",
        scope.condition()
    )
}

async fn read<C: ConnectionTrait>(db: &C, scope: &Scope, after: FileId) -> anyhow::Result<Vec<Measured>> {
    let rows = sql::rows(db, statement(scope, BATCH), [after.0.into()]).await?;
    Ok(rows.iter().map(measured).collect::<Result<_, _>>()?)
}

fn measured(row: &QueryResult) -> Result<Measured, DbErr> {
    let kind: MediaKind = row.try_get_by_index(1)?;
    let hash: Option<i64> = row.try_get_by_index(3)?;
    let fingerprint: Option<Vec<u8>> = row.try_get_by_index(4)?;
    let is_telling = |hash: &i64| (MIN_BITS..=64 - MIN_BITS).contains(&hash.count_ones());
    let words = fingerprint
        .filter(|_| kind == MediaKind::Audio)
        .map(|bytes| unpack_words(&bytes));
    Ok(Measured {
        file: FileId(row.try_get_by_index(0)?),
        kind,
        way: row.try_get_by_index(2)?,
        hash: hash.filter(|hash| kind != MediaKind::Audio && is_telling(hash)),
        terms: words
            .filter(|words| words::is_telling(words))
            .map(|words| pack_words(&words::terms(&words))),
        duration_us: row.try_get_by_index(5)?,
        analyzed_at: row.try_get_by_index(6)?,
    })
}

async fn write(cx: &JobCx<IndexStep>, batch: &[Measured]) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    let version = state::next_version(&tx).await?;
    let ids = sql::ids(batch.iter().map(|measured| measured.file));
    // A file whose content is another one has other neighbors.
    let text = format!("delete from similar_pair where a_file_id in ({ids}) or b_file_id in ({ids})");
    sql::execute(&*tx, text, []).await?;
    let row = |measured: &Measured| -> [Value; 9] {
        [
            measured.file.0.into(),
            (measured.kind as i32).into(),
            measured.way.into(),
            measured.hash.into(),
            measured.terms.clone().into(),
            measured.duration_us.into(),
            measured.analyzed_at.into(),
            version.into(),
            false.into(),
        ]
    };
    // A file that was deleted since it was read fails the statement, and the next attempt does not read it any more.
    let text = format!(
        "insert into similar_file \
             (file_id, kind, way, hash, terms, duration_us, analyzed_at, version, is_compared) values {} \
         on conflict (file_id) do update set kind = excluded.kind, way = excluded.way, hash = excluded.hash, \
             terms = excluded.terms, duration_us = excluded.duration_us, analyzed_at = excluded.analyzed_at, \
             version = excluded.version, is_compared = excluded.is_compared",
        sql::tuples(batch.len(), 9)
    );
    sql::execute(&*tx, text, batch.iter().flat_map(row)).await?;
    cx.save_in(&tx, &IndexState { has_forgotten: true }).await?;
    tx.commit().await?;
    Ok(())
}
