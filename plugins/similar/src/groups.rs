//! Groups of items that pairs hold together, for each distance that can be asked for.
//!
//! At level `d` two items are in one group if a chain of pairs within `d` joins them. The rows of a group are written
//! anew whenever one of its items or pairs changes, so that a page of groups is a read of an index.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::{id::MediaId, media::MediaKind};
use kernel::{sql, store::Tx};
use schema::kit::{
    cursor::RowCursor,
    keyset::{IdPage, Keyset, PageRow, Window},
};
use sea_orm::{ConnectionTrait, DbErr, Value};

use crate::index::hashes::MAX_DISTANCE;

/// The most items of one group that are told; what is beyond comes up when these are dealt with.
pub const MAX_MEMBERS: usize = 100;

/// Which groups are listed.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The greatest distance of a pair.
    pub level: u32,
    /// Only of these kinds; of all if empty.
    pub kinds: Vec<MediaKind>,
}

/// A group as it is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its items that are not missing, the oldest first, at most [`MAX_MEMBERS`].
    pub media: Vec<MediaId>,
    /// How many there are.
    pub n_media: usize,
    /// The greatest distance of the pairs that hold it together.
    pub distance: u32,
}

/// Writes the groups of these items, and of all that were or are in a group with them, anew. The caller's transaction has
/// passed [`next_version`](crate::state::next_version).
pub async fn recompute(tx: &Tx, media: impl IntoIterator<Item = MediaId>) -> Result<(), DbErr> {
    let mut all: BTreeSet<i64> = media.into_iter().map(|id| id.0).collect();
    all.extend(companions(tx, &all).await?);
    let mut edges: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    let mut open = all.clone();
    while !open.is_empty() {
        let found = edges_of(tx, &open).await?;
        let ends = found.keys().flat_map(|(a, b)| [*a, *b]);
        open = ends.filter(|id| !all.contains(id)).collect();
        // Who comes in new brings those it was grouped with until now.
        open.extend(companions(tx, &open).await?.into_iter().filter(|id| !all.contains(id)));
        all.extend(&open);
        edges.extend(found);
    }
    let kinds = kinds(tx, &all).await?;
    edges.retain(|(a, b), _| kinds.contains_key(a) && kinds.contains_key(b));
    let ids: Vec<i64> = all.into_iter().collect();
    for chunk in ids.chunks(sql::CHUNK) {
        let text = format!(
            "delete from similar_member where media_id in ({})",
            sql::ids(chunk.iter().copied())
        );
        sql::execute(&**tx, text, []).await?;
    }
    let rows = rows(&edges, &kinds);
    for chunk in rows.chunks(sql::CHUNK) {
        let text = format!(
            "insert into similar_member (level, media_id, group_id, kind, distance) values {}",
            sql::tuples(chunk.len(), 5)
        );
        sql::execute(&**tx, text, chunk.iter().flatten().cloned().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// The rows of all groups that edges make, level by level.
fn rows(edges: &BTreeMap<(i64, i64), u32>, kinds: &HashMap<i64, i32>) -> Vec<[Value; 5]> {
    let mut by_distance: Vec<(u32, i64, i64)> = edges.iter().map(|((a, b), distance)| (*distance, *a, *b)).collect();
    by_distance.sort_unstable();
    let mut next = by_distance.into_iter().peekable();
    // The group of each item, and of each group its items and its greatest distance. A group is called after its newest
    // item, so that groups that were found lately come first.
    let mut group_of: HashMap<i64, i64> = HashMap::new();
    let mut groups: BTreeMap<i64, (Vec<i64>, u32)> = BTreeMap::new();
    let mut rows = Vec::new();
    for level in 0..=MAX_DISTANCE {
        while let Some((distance, a, b)) = next.next_if(|(distance, ..)| *distance <= level) {
            let [one, other] = [a, b].map(|id| {
                let group = *group_of.entry(id).or_insert(id);
                groups.entry(group).or_insert_with(|| (vec![id], 0));
                group
            });
            if one == other {
                continue;
            }
            let (keeps, goes) = (one.max(other), one.min(other));
            let Some((moved, farthest)) = groups.remove(&goes) else {
                continue;
            };
            for id in &moved {
                group_of.insert(*id, keeps);
            }
            if let Some((members, greatest)) = groups.get_mut(&keeps) {
                members.extend(moved);
                *greatest = (*greatest).max(farthest).max(distance);
            }
        }
        for (group, (members, distance)) in &groups {
            for id in members {
                let kind = kinds.get(id).copied().unwrap_or_default();
                rows.push([
                    (level as i32).into(),
                    (*id).into(),
                    (*group).into(),
                    kind.into(),
                    (*distance as i32).into(),
                ]);
            }
        }
    }
    rows
}

/// Who is in a group with one of these at the widest level.
async fn companions(tx: &Tx, of: &BTreeSet<i64>) -> Result<Vec<i64>, DbErr> {
    let of: Vec<i64> = of.iter().copied().collect();
    let mut found = Vec::new();
    for chunk in of.chunks(sql::CHUNK) {
        let text = format!(
            // The plus keeps SQLite from going through the whole level for want of statistics.
            "select media_id from similar_member where level = {MAX_DISTANCE} and group_id in ( \
                 select distinct group_id from similar_member where media_id in ({}) and +level = {MAX_DISTANCE})",
            sql::ids(chunk.iter().copied())
        );
        for row in sql::rows(&**tx, text, []).await? {
            found.push(row.try_get_by_index(0)?);
        }
    }
    Ok(found)
}

/// The pairs of items, the lesser id first, of which one is among these and that nobody dismissed.
async fn edges_of(tx: &Tx, of: &BTreeSet<i64>) -> Result<BTreeMap<(i64, i64), u32>, DbErr> {
    let of: Vec<i64> = of.iter().copied().collect();
    let mut edges: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    for chunk in of.chunks(sql::CHUNK) {
        for (own, other) in [("a", "b"), ("b", "a")] {
            let text = format!(
                "select one.media_id, other.media_id, min(pair.distance) from file as one \
                 join similar_pair as pair on pair.{own}_file_id = one.id \
                 join file as other on other.id = pair.{other}_file_id \
                 where one.media_id in ({}) and one.media_id <> other.media_id and {} \
                 group by one.media_id, other.media_id",
                sql::ids(chunk.iter().copied()),
                not_dismissed("one.media_id", "other.media_id")
            );
            for row in sql::rows(&**tx, text, []).await? {
                let (one, other): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
                let distance = row.try_get_by_index::<i32>(2)? as u32;
                let nearest = edges.entry((one.min(other), one.max(other))).or_insert(distance);
                *nearest = (*nearest).min(distance);
            }
        }
    }
    Ok(edges)
}

/// The condition that nobody said of two items that they are no duplicates.
pub fn not_dismissed(one: &str, other: &str) -> String {
    format!(
        "not exists (select 1 from similar_dismissed as dismissed \
         where (dismissed.a_media_id = {one} and dismissed.b_media_id = {other}) \
             or (dismissed.a_media_id = {other} and dismissed.b_media_id = {one}))"
    )
}

async fn kinds(tx: &Tx, of: &BTreeSet<i64>) -> Result<HashMap<i64, i32>, DbErr> {
    let of: Vec<i64> = of.iter().copied().collect();
    let mut kinds = HashMap::new();
    for chunk in of.chunks(sql::CHUNK) {
        let text = format!(
            "select id, kind from media where id in ({})",
            sql::ids(chunk.iter().copied())
        );
        for row in sql::rows(&**tx, text, []).await? {
            kinds.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
    }
    Ok(kinds)
}

impl Listing {
    /// A page of groups, those with the newest item first. A group has two items at least, or one item with two files.
    pub async fn page<C: ConnectionTrait>(&self, db: &C, keyset: &Keyset, window: &Window) -> Result<IdPage, DbErr> {
        let bound = |column: &str| {
            let after = window
                .after
                .as_ref()
                .map(|cursor| format!(" and {column} < {}", cursor.id));
            let before = window
                .before
                .as_ref()
                .map(|cursor| format!(" and {column} > {}", cursor.id));
            [after, before].into_iter().flatten().collect::<String>()
        };
        let direction = if window.is_backward { "asc" } else { "desc" };
        let limit = window.limit + 1;
        let text = format!(
            "select id from ( \
                 select * from ({} order by id {direction} limit {limit}) as grouped \
                 union all \
                 select * from ({} order by id {direction} limit {limit}) as copied \
             ) as page order by id {direction} limit {limit}",
            self.grouped(&bound("member.group_id")),
            self.copied(&bound("media.id"))
        );
        let cursor = RowCursor::OfId(keyset.signature.as_str().into());
        let mut rows = Vec::new();
        for row in sql::rows(db, text, []).await? {
            let id: i64 = row.try_get_by_index(0)?;
            rows.push(PageRow {
                id,
                cursor: cursor.clone(),
            });
        }
        Ok(IdPage::default().fill(rows, window))
    }

    /// How many groups there are.
    pub async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<i64, DbErr> {
        let text = format!(
            "select (select count(*) from ({}) as grouped) + (select count(*) from ({}) as copied)",
            self.grouped(""),
            self.copied("")
        );
        let rows = sql::rows(db, text, []).await?;
        rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))
    }

    /// The groups with these ids, by id.
    pub async fn groups<C: ConnectionTrait>(&self, db: &C, ids: &[i64]) -> Result<HashMap<i64, Group>, DbErr> {
        let mut groups: HashMap<i64, Group> = HashMap::new();
        let text = format!(
            "select member.group_id, member.media_id, member.distance from similar_member as member \
             join media on media.id = member.media_id and media.missing_at is null \
             where member.level = {} and member.group_id in ({}) order by member.group_id, member.media_id",
            self.level,
            sql::ids(ids.iter().copied())
        );
        for row in sql::rows(db, text, []).await? {
            let group = groups.entry(row.try_get_by_index(0)?).or_default();
            group.n_media += 1;
            group.distance = row.try_get_by_index::<i32>(2)? as u32;
            if group.media.len() < MAX_MEMBERS {
                group.media.push(MediaId(row.try_get_by_index(1)?));
            }
        }
        groups.retain(|_, group| group.n_media > 1);
        for id in ids {
            // The same bytes twice, which are two files of one item.
            groups.entry(*id).or_insert_with(|| Group {
                media: vec![MediaId(*id)],
                n_media: 1,
                distance: 0,
            });
        }
        Ok(groups)
    }

    fn grouped(&self, bound: &str) -> String {
        format!(
            "select member.group_id as id from similar_member as member \
             join media on media.id = member.media_id and media.missing_at is null \
             where member.level = {}{}{bound} group by member.group_id having count(*) > 1",
            self.level,
            self.of_kinds("member.kind")
        )
    }

    /// Items of several files that are in no group with another item.
    fn copied(&self, bound: &str) -> String {
        format!(
            "select media.id as id from media where media.n_files > 1 and media.missing_at is null{}{bound} \
             and not exists (select 1 from similar_member as own \
                 join similar_member as other on other.level = own.level and other.group_id = own.group_id \
                     and other.media_id <> own.media_id \
                 join media as shown on shown.id = other.media_id and shown.missing_at is null \
                 where own.level = {} and own.media_id = media.id)",
            self.of_kinds("media.kind"),
            self.level
        )
    }

    fn of_kinds(&self, column: &str) -> String {
        if self.kinds.is_empty() {
            return String::new();
        }
        format!(
            " and {column} in ({})",
            sql::ids(self.kinds.iter().map(|kind| *kind as i32))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups of each level, as their items and their distance.
    fn levels(edges: &[(i64, i64, u32)]) -> BTreeMap<(i32, i64), (Vec<i64>, i32)> {
        let kinds = edges.iter().flat_map(|(a, b, _)| [(*a, 0), (*b, 0)]).collect();
        let edges = edges.iter().map(|(a, b, distance)| ((*a, *b), *distance)).collect();
        let mut levels: BTreeMap<(i32, i64), (Vec<i64>, i32)> = BTreeMap::new();
        for [level, media, group, _, distance] in rows(&edges, &kinds) {
            let (level, media): (i32, i64) = (level.unwrap(), media.unwrap());
            let entry = levels.entry((level, group.unwrap())).or_default();
            entry.0.push(media);
            entry.0.sort_unstable();
            entry.1 = distance.unwrap();
        }
        levels
    }

    #[test]
    fn groups_grow_with_the_distance_and_are_called_after_their_newest_item() {
        let levels = levels(&[(1, 2, 0), (3, 4, 2), (2, 3, 5), (4, 9, 5), (7, 8, 10)]);
        assert_eq!(levels[&(0, 2)], (vec![1, 2], 0));
        assert!(!levels.contains_key(&(1, 4)));
        assert_eq!(levels[&(2, 4)], (vec![3, 4], 2));
        assert_eq!(levels[&(4, 2)], (vec![1, 2], 0));
        assert_eq!(levels[&(5, 9)], (vec![1, 2, 3, 4, 9], 5));
        assert!(!levels.contains_key(&(5, 4)) && !levels.contains_key(&(9, 8)));
        assert_eq!(levels[&(10, 8)], (vec![7, 8], 10));
    }
}
