//! People, tags and studios by name: found or made without a race, and joined to items with their counters.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::id::{CollectionId, MediaId, PersonId, StudioId, TagId};
use kernel::{
    events::{PersonChanged, StudioChanged, TagChanged},
    store::Tx,
};
use schema::{collection::rules::CollectionChanged, kit::text::natural_key};
use sea_orm::DbErr;

use crate::{nfo::Credit, sql};

/// What is joined to one item.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The item.
    pub media: MediaId,
    /// When it was added.
    pub added_at: i64,
    /// Who is in it.
    pub people: Vec<Credit>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A table of named things that are unique without regard to case.
struct Names {
    table: &'static str,
    aliases: Option<(&'static str, &'static str)>,
}

const PEOPLE: Names = Names {
    table: "person",
    aliases: Some(("person_alias", "person_id")),
};
const TAGS: Names = Names {
    table: "tag",
    aliases: Some(("tag_alias", "tag_id")),
};
const STUDIOS: Names = Names {
    table: "studio",
    aliases: None,
};

impl Names {
    /// The ids of these names, by the name as given; a missing one is made. Two transactions that make the same one
    /// meet at the unique key, and the later one finds the earlier one's row.
    async fn resolve(
        &self,
        tx: &Tx,
        now: i64,
        names: &[String],
        make: fn() -> i64,
    ) -> Result<HashMap<String, i64>, DbErr> {
        let mut ids = HashMap::new();
        for chunk in names.chunks(sql::CHUNK) {
            if let Some((aliases, key)) = self.aliases {
                let text = format!(
                    "with wanted(name) as (values {}) select wanted.name, min(alias.{key}) from wanted \
                     join {aliases} as alias on lower(alias.name) = lower(wanted.name) group by wanted.name",
                    sql::tuples(chunk.len(), 1)
                );
                self.find(tx, text, chunk, &mut ids).await?;
            }
            let wanted: Vec<&String> = chunk.iter().filter(|name| !ids.contains_key(*name)).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut values = Vec::with_capacity(wanted.len() * 6);
            for name in &wanted {
                values.extend([make().into(), (*name).clone().into(), natural_key(name).into()]);
                values.extend([0_i64.into(), now.into(), now.into()]);
            }
            let text = format!(
                "insert into {} (id, name, sort_name, n_media, created_at, updated_at) values {} on conflict do nothing",
                self.table,
                sql::tuples(wanted.len(), 6)
            );
            sql::execute(&**tx, text, values).await?;
            let text = format!(
                "with wanted(name) as (values {}) select wanted.name, named.id from wanted \
                 join {} as named on lower(named.name) = lower(wanted.name)",
                sql::tuples(chunk.len(), 1),
                self.table
            );
            let mut own = HashMap::new();
            self.find(tx, text, chunk, &mut own).await?;
            for (name, id) in own {
                ids.entry(name).or_insert(id);
            }
        }
        Ok(ids)
    }

    async fn find(&self, tx: &Tx, text: String, names: &[String], ids: &mut HashMap<String, i64>) -> Result<(), DbErr> {
        for row in sql::rows(&**tx, text, names.iter().map(|name| name.clone().into()).collect()).await? {
            ids.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
        Ok(())
    }
}

/// The studios of these names.
pub async fn studios(tx: &Tx, now: i64, names: BTreeSet<String>) -> Result<HashMap<String, StudioId>, DbErr> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<String> = names.into_iter().collect();
    let ids = STUDIOS.resolve(tx, now, &names, || StudioId::new().0).await?;
    Ok(ids.into_iter().map(|(name, id)| (name, StudioId(id))).collect())
}

/// Counts items in and out of their studios.
pub async fn count_studios(tx: &Tx, changes: &BTreeMap<StudioId, i64>) -> Result<(), DbErr> {
    let changes: Vec<(i64, i64)> = changes
        .iter()
        .filter(|(_, n)| **n != 0)
        .map(|(id, n)| (id.0, *n))
        .collect();
    count(tx, "studio", &changes).await?;
    if !changes.is_empty() {
        tx.publish(StudioChanged {
            studios: changes.into_iter().map(|(id, _)| StudioId(id)).collect(),
        });
    }
    Ok(())
}

/// Joins people and tags to present items. What is joined already stays as it is.
pub async fn join(tx: &Tx, now: i64, items: &[Joined]) -> Result<(), DbErr> {
    // In the order of the items: of two spellings the first one names the person.
    let names = |of: fn(&Joined) -> Vec<&String>| {
        let mut seen = BTreeSet::new();
        items
            .iter()
            .flat_map(of)
            .filter(|name| seen.insert(*name))
            .cloned()
            .collect::<Vec<String>>()
    };
    let people = names(|item| item.people.iter().map(|credit| &credit.name).collect());
    if !people.is_empty() {
        let ids = PEOPLE.resolve(tx, now, &people, || PersonId::new().0).await?;
        let mut edges = BTreeMap::new();
        for item in items {
            for (position, credit) in item.people.iter().enumerate() {
                let Some(person) = ids.get(&credit.name) else { continue };
                let edge = (credit.role.clone(), position as i32, item.added_at);
                edges.entry((item.media.0, *person)).or_insert(edge);
            }
        }
        let rows = edges.into_iter().map(|((media, person), (role, position, added_at))| {
            vec![
                media.into(),
                person.into(),
                added_at.into(),
                role.into(),
                position.into(),
            ]
        });
        let counted = insert(
            tx,
            "media_person",
            "person_id, added_at, role, position",
            rows.collect(),
        )
        .await?;
        count(tx, "person", &counted).await?;
        if !counted.is_empty() {
            tx.publish(PersonChanged {
                people: counted.iter().map(|(id, _)| PersonId(*id)).collect(),
            });
        }
    }
    let tags = names(|item| item.tags.iter().collect());
    if !tags.is_empty() {
        let ids = TAGS.resolve(tx, now, &tags, || TagId::new().0).await?;
        let mut edges = BTreeMap::new();
        for item in items {
            for tag in item.tags.iter().filter_map(|name| ids.get(name)) {
                edges.insert((item.media.0, *tag), item.added_at);
            }
        }
        let rows = edges
            .into_iter()
            .map(|((media, tag), added_at)| vec![media.into(), tag.into(), added_at.into()]);
        let counted = insert(tx, "media_tag", "tag_id, added_at", rows.collect()).await?;
        count(tx, "tag", &counted).await?;
        if !counted.is_empty() {
            tx.publish(TagChanged {
                tags: counted.iter().map(|(id, _)| TagId(*id)).collect(),
            });
        }
    }
    Ok(())
}

/// Counts items in and out of their tags, people and collections when they appear and when their last file goes missing: a counter
/// says what the list below it shows.
pub async fn count_presence(tx: &Tx, appeared: &[MediaId], vanished: &[MediaId]) -> Result<(), DbErr> {
    let tags = joined(tx, ("media_tag", "tag_id"), appeared, vanished).await?;
    count(tx, "tag", &tags).await?;
    if !tags.is_empty() {
        tx.publish(TagChanged {
            tags: tags.into_iter().map(|(id, _)| TagId(id)).collect(),
        });
    }
    let people = joined(tx, ("media_person", "person_id"), appeared, vanished).await?;
    count(tx, "person", &people).await?;
    if !people.is_empty() {
        tx.publish(PersonChanged {
            people: people.into_iter().map(|(id, _)| PersonId(id)).collect(),
        });
    }
    let collections = joined(tx, ("collection_item", "collection_id"), appeared, vanished).await?;
    count(tx, "collection", &collections).await?;
    if !collections.is_empty() {
        tx.publish(CollectionChanged {
            collections: collections.into_iter().map(|(id, _)| CollectionId(id)).collect(),
        });
    }
    Ok(())
}

/// How the counters of what is joined to these items change.
async fn joined(
    tx: &Tx,
    (table, key): (&str, &str),
    appeared: &[MediaId],
    vanished: &[MediaId],
) -> Result<Vec<(i64, i64)>, DbErr> {
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for (items, sign) in [(appeared, 1), (vanished, -1)] {
        for chunk in items.chunks(sql::CHUNK) {
            let text = format!(
                "select {key}, count(*) from {table} where media_id in ({}) group by {key}",
                sql::ids(chunk)
            );
            for row in sql::rows(&**tx, text, Vec::new()).await? {
                *changes.entry(row.try_get_by_index(0)?).or_default() += sign * row.try_get_by_index::<i64>(1)?;
            }
        }
    }
    Ok(changes.into_iter().filter(|(_, n)| *n != 0).collect())
}

/// Inserts edges whose second column is the named thing, and counts for each thing how many are new.
async fn insert(tx: &Tx, table: &str, columns: &str, rows: Vec<Vec<sea_orm::Value>>) -> Result<Vec<(i64, i64)>, DbErr> {
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for chunk in rows.chunks(sql::CHUNK) {
        let n_columns = chunk.first().map_or(0, Vec::len);
        let key = columns.split(',').next().unwrap_or_default();
        let text = format!(
            "insert into {table} (media_id, {columns}) values {} on conflict do nothing returning {key}",
            sql::tuples(chunk.len(), n_columns)
        );
        for row in sql::rows(&**tx, text, chunk.iter().flatten().cloned().collect()).await? {
            *counts.entry(row.try_get_by_index(0)?).or_default() += 1;
        }
    }
    Ok(counts.into_iter().collect())
}

/// Adds to the counters of named things, in one statement for each amount: most are 1.
async fn count(tx: &Tx, table: &str, changes: &[(i64, i64)]) -> Result<(), DbErr> {
    let mut by_amount: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (id, n) in changes {
        by_amount.entry(*n).or_default().push(*id);
    }
    for (n, ids) in by_amount {
        for chunk in ids.chunks(sql::CHUNK) {
            let text = format!(
                "update {table} set n_media = n_media + {n} where id in ({})",
                sql::ids(chunk)
            );
            sql::execute(&**tx, text, Vec::new()).await?;
        }
    }
    Ok(())
}
