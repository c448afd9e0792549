//! The counters that some items take part in: of tags, people and studios, which count what their lists show, and of
//! libraries. Tallied before a change and after it, the counters move by the difference, whatever the change was.

use std::collections::{BTreeMap, BTreeSet};

use entities::id::{CollectionId, LibraryId, MediaId, PersonId, StudioId, TagId};
use kernel::{
    events::{LibraryChanged, PersonChanged, StudioChanged, TagChanged},
    sql,
    store::Tx,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::collection::rules::CollectionChanged;

/// What some items add to counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    media: Vec<MediaId>,
    tags: BTreeMap<i64, i64>,
    people: BTreeMap<i64, i64>,
    studios: BTreeMap<i64, i64>,
    collections: BTreeMap<i64, i64>,
    /// Items, bytes of present files, microseconds.
    libraries: BTreeMap<i64, [i64; 3]>,
}

impl Tally {
    /// Locks these items until the transaction ends, and reads what they add to counters now.
    pub async fn of(tx: &Tx, media: impl IntoIterator<Item = MediaId>) -> Result<Self, DbErr> {
        let media: BTreeSet<MediaId> = media.into_iter().collect();
        let media: Vec<MediaId> = media.into_iter().collect();
        // SQLite has one writer, and who writes has locked everything.
        if tx.get_database_backend() == DbBackend::Postgres {
            for chunk in media.chunks(sql::CHUNK) {
                let text = format!(
                    "select id from media where id in ({}) order by id for update",
                    list(chunk)
                );
                sql::rows(&**tx, text, []).await?;
            }
        }
        read(tx, media).await
    }

    /// Moves the counters by what changed since, for these items and any others that came of them.
    pub async fn apply(self, tx: &Tx, others: impl IntoIterator<Item = MediaId>, now: i64) -> Result<(), DbErr> {
        let media: BTreeSet<MediaId> = self.media.iter().copied().chain(others).collect();
        let after = read(tx, media.into_iter().collect()).await?;
        let tags = count(tx, "tag", &self.tags, &after.tags).await?;
        if !tags.is_empty() {
            tx.publish(TagChanged {
                tags: tags.into_iter().map(TagId).collect(),
            });
        }
        let people = count(tx, "person", &self.people, &after.people).await?;
        if !people.is_empty() {
            tx.publish(PersonChanged {
                people: people.into_iter().map(PersonId).collect(),
            });
        }
        let studios = count(tx, "studio", &self.studios, &after.studios).await?;
        if !studios.is_empty() {
            tx.publish(StudioChanged {
                studios: studios.into_iter().map(StudioId).collect(),
            });
        }
        let collections = count(tx, "collection", &self.collections, &after.collections).await?;
        if !collections.is_empty() {
            tx.publish(CollectionChanged {
                collections: collections.into_iter().map(CollectionId).collect(),
            });
        }
        let libraries: BTreeSet<i64> = self.libraries.keys().chain(after.libraries.keys()).copied().collect();
        for library in libraries {
            let of = |tally: &Self| tally.libraries.get(&library).copied().unwrap_or_default();
            let (before, after) = (of(&self), of(&after));
            if before == after {
                continue;
            }
            let [n_media, size, duration_us] = [0, 1, 2].map(|at| after[at] - before[at]);
            let text = "update library set n_media = n_media + $2, total_size = total_size + $3, \
                total_duration_us = total_duration_us + $4, updated_at = $5 where id = $1";
            sql::execute(&**tx, text, [library, n_media, size, duration_us, now].map(Into::into)).await?;
            tx.publish(LibraryChanged {
                library: LibraryId(library),
            });
        }
        Ok(())
    }
}

async fn read(tx: &Tx, media: Vec<MediaId>) -> Result<Tally, DbErr> {
    let mut tally = Tally::default();
    for chunk in media.chunks(sql::CHUNK) {
        let ids = list(chunk);
        let joined = |table: &str, key: &str| {
            format!(
                "select {key}, count(*) from {table} join media on media.id = {table}.media_id \
                 where {table}.media_id in ({ids}) and media.missing_at is null group by {key}"
            )
        };
        let studios = format!(
            "select studio_id, count(*) from media where id in ({ids}) and missing_at is null and studio_id is not null \
             group by studio_id"
        );
        let counts = [
            (joined("media_tag", "tag_id"), &mut tally.tags),
            (joined("media_person", "person_id"), &mut tally.people),
            (studios, &mut tally.studios),
            (joined("collection_item", "collection_id"), &mut tally.collections),
        ];
        for (text, counts) in counts {
            for row in sql::rows(&**tx, text, []).await? {
                *counts.entry(row.try_get_by_index(0)?).or_default() += row.try_get_by_index::<i64>(1)?;
            }
        }
        // PostgreSQL sums to a decimal.
        let items = format!(
            "select library_id, count(*), cast(coalesce(sum(duration_us), 0) as bigint) from media \
             where id in ({ids}) and n_files > 0 group by library_id"
        );
        for row in sql::rows(&**tx, items, []).await? {
            let totals = tally.libraries.entry(row.try_get_by_index(0)?).or_default();
            totals[0] += row.try_get_by_index::<i64>(1)?;
            totals[2] += row.try_get_by_index::<i64>(2)?;
        }
        let sizes = format!(
            "select library_id, cast(sum(size) as bigint) from file where media_id in ({ids}) and status = 0 \
             group by library_id"
        );
        for row in sql::rows(&**tx, sizes, []).await? {
            tally.libraries.entry(row.try_get_by_index(0)?).or_default()[1] += row.try_get_by_index::<i64>(1)?;
        }
    }
    tally.media = media;
    Ok(tally)
}

/// Adds the differences to the counters of named things; says whose.
async fn count(
    tx: &Tx,
    table: &str,
    before: &BTreeMap<i64, i64>,
    after: &BTreeMap<i64, i64>,
) -> Result<Vec<i64>, DbErr> {
    let named: BTreeSet<i64> = before.keys().chain(after.keys()).copied().collect();
    let mut by_amount: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for id in named {
        let n = after.get(&id).unwrap_or(&0) - before.get(&id).unwrap_or(&0);
        if n != 0 {
            by_amount.entry(n).or_default().push(id);
        }
    }
    for (n, ids) in &by_amount {
        let text = format!(
            "update {table} set n_media = n_media + $1 where id in ({})",
            sql::ids(ids.iter().copied())
        );
        sql::execute(&**tx, text, [(*n).into()]).await?;
    }
    Ok(by_amount.into_values().flatten().collect())
}

fn list(media: &[MediaId]) -> String {
    sql::ids(media.iter().copied())
}
