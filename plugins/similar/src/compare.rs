//! Compares files with all others: the index in memory finds who may be near, the rows say who is.
//!
//! A file is entered, committed, and only then compared, by an index that has read every row of an earlier commit. So of
//! two files that two processes compare at the same time at least the later one meets the other.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use entities::{
    file_analysis::unpack_words,
    id::{FileId, MediaId},
    media::MediaKind,
};
use kernel::{
    jobs::JobCx,
    sql,
    store::{Durability, Tx},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use crate::{
    enter::Scope,
    groups,
    index::{
        hashes::{HashIndex, MAX_DISTANCE},
        words::{self, WordIndex},
    },
    jobs::index::{IndexState, IndexStep},
    state,
};

/// Files in one transaction.
const BATCH: usize = 250;
/// The most pairs that one file brings, the nearest: a thousand copies of one picture are still one group.
const MAX_PAIRS: usize = 100;
/// Rows that are read into the index at a time.
const READ: usize = 20_000;
/// Videos whose lengths differ more are other cuts: by five seconds, or by a twentieth of the longer one.
const MAX_LENGTH_US: i64 = 5_000_000;

/// The index of this process: a cache of rows, brought up to date by their version before each use.
#[derive(Clone, Default)]
pub struct Near {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    version: i64,
    /// By kind and way of measuring: what was measured otherwise does not compare.
    hashes: HashMap<(i32, i32), HashIndex>,
    words: HashMap<i32, WordIndex>,
}

/// A row that is compared.
#[derive(Debug, Clone)]
struct Entered {
    file: FileId,
    media: MediaId,
    kind: i32,
    way: i32,
    hash: Option<i64>,
    terms: Option<Vec<u32>>,
    duration_us: Option<i64>,
    version: i64,
}

const COLUMNS: &str = "entered.file_id, file.media_id, entered.kind, entered.way, entered.hash, entered.terms, \
    entered.duration_us, entered.version from similar_file as entered join file on file.id = entered.file_id";

/// Compares everything of a scope that is entered and not compared.
pub async fn compare(cx: &JobCx<IndexStep>, near: &Near, scope: &Scope) -> anyhow::Result<()> {
    let mut after = FileId(i64::MIN);
    loop {
        cx.checkpoint().await?;
        let db = cx.kernel().store.reader();
        let text = format!(
            "select {COLUMNS} where not entered.is_compared and entered.file_id > $1{} order by entered.file_id limit {BATCH}",
            scope.condition()
        );
        let rows = sql::rows(db, text, [after.0.into()]).await?;
        let batch = rows.iter().map(entered).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = last.file;
        near.refresh(db).await?;
        let pairs = find(db, near, &batch).await?;
        write(cx, &batch, &pairs).await?;
        cx.advance(batch.len() as u64);
    }
}

/// How many of a scope wait to be compared.
pub async fn n_waiting<C: ConnectionTrait>(db: &C, scope: &Scope) -> Result<u64, DbErr> {
    let text = format!(
        "select count(*) from similar_file as entered join file on file.id = entered.file_id where not entered.is_compared{}",
        scope.condition()
    );
    let rows = sql::rows(db, text, []).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))? as u64)
}

impl Near {
    /// Bytes of the hashes' indexes, and how many entries all have.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.lock();
        let n_words: usize = inner.words.values().map(WordIndex::len).sum();
        let n_hashes: usize = inner.hashes.values().map(HashIndex::len).sum();
        (inner.hashes.values().map(HashIndex::bytes).sum(), n_hashes + n_words)
    }

    /// Reads what was entered since the last time, by whatever process. Entries whose rows are gone stay until they are
    /// looked up: then they are found to be gone.
    async fn refresh<C: ConnectionTrait>(&self, db: &C) -> Result<(), DbErr> {
        let (mut version, mut file) = (self.lock().version, i64::MAX);
        loop {
            let text = format!(
                "select {COLUMNS} where (entered.version, entered.file_id) > ($1, $2) \
                 order by entered.version, entered.file_id limit {READ}"
            );
            let rows = sql::rows(db, text, [version.into(), file.into()]).await?;
            let entries = rows.iter().map(entered).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = entries.last() else { return Ok(()) };
            (version, file) = (last.version, last.file.0);
            let is_last = entries.len() < READ;
            let near = self.clone();
            // Whoever comes first reads; a second reader enters the same again, which changes nothing.
            let enter = move || near.lock().enter(entries, if is_last { version } else { version - 1 });
            tokio::task::spawn_blocking(enter)
                .await
                .map_err(|error| DbErr::Custom(format!("filling the index: {error}")))?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(&mut self, entries: Vec<Entered>, version: i64) {
        let mut fresh: HashMap<(i32, i32), Vec<(i64, u64)>> = HashMap::new();
        for entry in entries {
            let of = (entry.kind, entry.way);
            // What it was before, perhaps of another kind, is no more.
            for (_, index) in self
                .hashes
                .iter_mut()
                .filter(|(key, _)| **key != of || entry.hash.is_none())
            {
                index.remove(entry.file.0);
            }
            for (_, index) in self
                .words
                .iter_mut()
                .filter(|(way, _)| **way != entry.way || entry.terms.is_none())
            {
                index.remove(entry.file.0);
            }
            if let Some(hash) = entry.hash {
                fresh.entry(of).or_default().push((entry.file.0, hash as u64));
            }
            if let Some(terms) = entry.terms {
                self.words.entry(entry.way).or_default().insert(entry.file.0, &terms);
            }
        }
        for (of, entries) in fresh {
            let index = self.hashes.entry(of).or_default();
            for (key, hash) in entries {
                index.insert(key, hash);
            }
        }
        self.version = self.version.max(version);
    }

    /// Who may be near a file, the likeliest first.
    fn candidates(&self, of: &Entered) -> Vec<FileId> {
        let mut found: Vec<(u32, i64)> = Vec::new();
        if let (Some(hash), Some(index)) = (of.hash, self.hashes.get(&(of.kind, of.way))) {
            index.within(hash as u64, MAX_DISTANCE, |key, distance| found.push((distance, key)));
        }
        if let (Some(terms), Some(index)) = (&of.terms, self.words.get(&of.way)) {
            found.extend(index.candidates(terms).into_iter().map(|key| (0, key)));
        }
        found.retain(|(_, key)| *key != of.file.0);
        found.sort_by_key(|(distance, _)| *distance);
        // Some of them may be gone, or of another length.
        found.truncate(4 * MAX_PAIRS);
        found.into_iter().map(|(_, key)| FileId(key)).collect()
    }
}

/// Two files, the lesser id first, and their distance.
type Pairs = HashMap<(FileId, FileId), u32>;

async fn find<C: ConnectionTrait>(db: &C, near: &Near, batch: &[Entered]) -> anyhow::Result<Pairs> {
    let (searched, of) = (near.clone(), batch.to_vec());
    let search = move || {
        let index = searched.lock();
        of.iter().map(|entry| index.candidates(entry)).collect::<Vec<_>>()
    };
    let candidates = tokio::task::spawn_blocking(search).await?;
    let wanted: BTreeSet<FileId> = candidates.iter().flatten().copied().collect();
    let others = read(db, wanted).await?;
    let mut pairs = Pairs::new();
    for (entry, candidates) in batch.iter().zip(candidates) {
        let others: Vec<&Entered> = candidates.iter().filter_map(|file| others.get(file)).collect();
        let mut found = match &entry.terms {
            Some(_) => by_words(db, entry, &others).await?,
            None => others
                .iter()
                .filter_map(|other| Some((by_hash(entry, other)?, other.file)))
                .collect(),
        };
        found.sort_unstable();
        for (distance, other) in found.into_iter().take(MAX_PAIRS) {
            pairs.insert((entry.file.min(other), entry.file.max(other)), distance);
        }
    }
    Ok(pairs)
}

fn by_hash(one: &Entered, other: &Entered) -> Option<u32> {
    if (one.kind, one.way) != (other.kind, other.way) {
        return None;
    }
    let distance = (one.hash? ^ other.hash?).count_ones();
    let is_video = one.kind == MediaKind::Video as i32;
    let is_other_cut = match (one.duration_us, other.duration_us) {
        (Some(one), Some(other)) => (one - other).abs() > MAX_LENGTH_US.max(one.max(other) / 20),
        _ => false,
    };
    (distance <= MAX_DISTANCE && !(is_video && is_other_cut)).then_some(distance)
}

async fn by_words<C: ConnectionTrait>(
    db: &C,
    one: &Entered,
    others: &[&Entered],
) -> anyhow::Result<Vec<(u32, FileId)>> {
    let same_way = others
        .iter()
        .filter(|other| other.terms.is_some() && other.way == one.way);
    let files: Vec<FileId> = same_way.map(|other| other.file).collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "select file_id, audio_fingerprint from file_analysis where file_id in ({}) and audio_fingerprint is not null",
        sql::ids(files.into_iter().chain([one.file]))
    );
    let mut words = HashMap::new();
    for row in sql::rows(db, text, []).await? {
        words.insert(
            FileId(row.try_get_by_index(0)?),
            unpack_words(&row.try_get_by_index::<Vec<u8>>(1)?),
        );
    }
    let Some(own) = words.remove(&one.file) else {
        return Ok(Vec::new());
    };
    let compare = move || {
        let rate = |(file, words): (FileId, Vec<u32>)| Some((words::distance(&own, &words)?, file));
        let near = words
            .into_iter()
            .filter_map(rate)
            .filter(|(distance, _)| *distance <= MAX_DISTANCE);
        near.collect::<Vec<_>>()
    };
    Ok(tokio::task::spawn_blocking(compare).await?)
}

async fn read<C: ConnectionTrait>(db: &C, files: BTreeSet<FileId>) -> Result<HashMap<FileId, Entered>, DbErr> {
    let files: Vec<FileId> = files.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in files.chunks(sql::CHUNK) {
        let text = format!(
            "select {COLUMNS} where entered.file_id in ({})",
            sql::ids(chunk.iter().copied())
        );
        for row in sql::rows(db, text, []).await? {
            let entry = entered(&row)?;
            found.insert(entry.file, entry);
        }
    }
    Ok(found)
}

async fn write(cx: &JobCx<IndexStep>, batch: &[Entered], pairs: &Pairs) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    state::next_version(&tx).await?;
    let mut touched: BTreeSet<MediaId> = batch.iter().map(|entry| entry.media).collect();
    touched.extend(insert(&tx, pairs).await?);
    for entry in batch {
        // Not if it was entered anew meanwhile.
        let text = "update similar_file set is_compared = $3 where file_id = $1 and version = $2";
        sql::execute(&*tx, text, [entry.file.0.into(), entry.version.into(), true.into()]).await?;
    }
    groups::recompute(&tx, touched).await?;
    cx.save_in(&tx, &IndexState { has_forgotten: true }).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes pairs, and gives the items they are of.
async fn insert(tx: &Tx, pairs: &Pairs) -> Result<Vec<MediaId>, DbErr> {
    let mut pairs: Vec<_> = pairs.iter().map(|((a, b), distance)| (*a, *b, *distance)).collect();
    pairs.sort_unstable();
    let mut media = Vec::new();
    for chunk in pairs.chunks(sql::CHUNK) {
        // A file that was deleted since it was found has no pairs.
        let files = sql::ids(chunk.iter().flat_map(|(a, b, _)| [*a, *b]));
        let mut present = BTreeSet::new();
        for row in sql::rows(
            &**tx,
            format!("select id, media_id from file where id in ({files})"),
            [],
        )
        .await?
        {
            present.insert(FileId(row.try_get_by_index(0)?));
            media.push(MediaId(row.try_get_by_index(1)?));
        }
        let kept: Vec<_> = chunk
            .iter()
            .filter(|(a, b, _)| present.contains(a) && present.contains(b))
            .collect();
        if kept.is_empty() {
            continue;
        }
        let text = format!(
            "insert into similar_pair (a_file_id, b_file_id, distance) values {} \
             on conflict (a_file_id, b_file_id) do update set distance = excluded.distance",
            sql::tuples(kept.len(), 3)
        );
        let values = kept
            .iter()
            .flat_map(|(a, b, distance)| -> [Value; 3] { [a.0.into(), b.0.into(), (*distance as i32).into()] });
        sql::execute(&**tx, text, values.collect::<Vec<_>>()).await?;
    }
    Ok(media)
}

fn entered(row: &QueryResult) -> Result<Entered, DbErr> {
    Ok(Entered {
        file: FileId(row.try_get_by_index(0)?),
        media: MediaId(row.try_get_by_index(1)?),
        kind: row.try_get_by_index(2)?,
        way: row.try_get_by_index(3)?,
        hash: row.try_get_by_index(4)?,
        terms: row
            .try_get_by_index::<Option<Vec<u8>>>(5)?
            .map(|bytes| unpack_words(&bytes)),
        duration_us: row.try_get_by_index(6)?,
        version: row.try_get_by_index(7)?,
    })
}
