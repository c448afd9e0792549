//! What follows from row differences: counters, the search index, and the facts that caches hear.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::id::{CollectionId, MarkerId, MediaId, PersonId, StudioId, TagId, UserId};
use kernel::{
    events::{MediaChanged, PersonChanged, StudioChanged, TagChanged},
    sql,
    store::Tx,
};
use sea_orm::DbErr;

use super::{
    change::Change,
    facts::MarkersChanged,
    row::Row,
    session::Locked,
    settlement::Settlement,
    table::{Kind, SubjectKind, Table},
};
use crate::{collection::rules::CollectionChanged, media::rules::MediaUserChanged, search::index};

/// What follows from the changes so far.
#[derive(Debug, Default)]
pub(super) struct Effects {
    media: BTreeSet<i64>,
    told: BTreeSet<i64>,
    changed: BTreeSet<i64>,
    stamped: BTreeSet<i64>,
    searched: BTreeSet<i64>,
    touched: BTreeMap<SubjectKind, BTreeSet<i64>>,
    renamed: BTreeSet<(SubjectKind, i64)>,
    new: BTreeSet<(SubjectKind, i64)>,
    own: BTreeMap<i64, BTreeSet<i64>>,
    counts: BTreeMap<(&'static str, i64), i64>,
    gone: BTreeSet<(&'static str, i64)>,
}

/// Tables whose rows are counted: the counted table, the column that says whose, the column of the item.
const COUNTED: [(&str, &str, &str, &str); 4] = [
    ("media_tag", "tag", "tag_id", "media_id"),
    ("media_person", "person", "person_id", "media_id"),
    ("collection_item", "collection", "collection_id", "media_id"),
    ("media", "studio", "studio_id", "id"),
];

impl Effects {
    /// The items whose state decides whether a change counts.
    pub fn items(changes: &[Change]) -> BTreeSet<i64> {
        let mut items = BTreeSet::new();
        for change in changes {
            let Some(media) = Self::item_column(change.table) else {
                continue;
            };
            items.extend(change.rows().map(|row| row.int(change.table, media)));
        }
        items
    }

    /// The column of the item whose state decides whether rows of a table count; none where nothing is counted.
    pub fn item_column(table: &Table) -> Option<&'static str> {
        let counted = COUNTED.iter().find(|(name, ..)| *name == table.name);
        counted.map(|(.., media)| *media)
    }

    /// Takes up changes.
    pub fn add(&mut self, changes: &[Change], locked: &HashMap<i64, Locked>) {
        for change in changes {
            self.count(change, locked);
            self.touch(change);
        }
    }

    fn count(&mut self, change: &Change, locked: &HashMap<i64, Locked>) {
        let Some((_, counted, owner, media)) = COUNTED.iter().find(|(table, ..)| *table == change.table.name) else {
            return;
        };
        for (row, by) in [(&change.before, -1), (&change.after, 1)] {
            let Some(row) = row else { continue };
            let is_counted = locked
                .get(&row.int(change.table, media))
                .is_some_and(|item| item.is_counted);
            if let Some(owner) = row.get(change.table, owner).as_i64().filter(|_| is_counted) {
                *self.counts.entry((counted, owner)).or_default() += by;
            }
        }
    }

    fn touch(&mut self, change: &Change) {
        let table = change.table;
        if table.name == "media_user" {
            for row in change.rows() {
                self.own
                    .entry(row.int(table, "user_id"))
                    .or_default()
                    .insert(row.int(table, "media_id"));
            }
            return;
        }
        for row in change.rows() {
            let mut touch = |kind: SubjectKind, id: i64| self.touched.entry(kind).or_default().insert(id);
            for (column, value) in table.columns.iter().zip(&row.0) {
                let Some(id) = value.as_i64() else { continue };
                match column.name {
                    "media_id" => {
                        self.media.insert(id);
                        // What holds an item is no part of it.
                        if table.name != "collection_item" {
                            self.changed.insert(id);
                        }
                    }
                    "tag_id" => drop(touch(SubjectKind::Tag, id)),
                    "person_id" => drop(touch(SubjectKind::Person, id)),
                    "studio_id" => drop(touch(SubjectKind::Studio, id)),
                    "collection_id" => drop(touch(SubjectKind::Collection, id)),
                    "parent_id" => drop(touch(table.subject.0, id)),
                    "marker_id" => drop(touch(SubjectKind::Marker, id)),
                    _ => {}
                }
            }
            let (kind, column) = table.subject;
            let id = row.int(table, column);
            if table.name == "media" {
                self.stamped.insert(id);
            }
            match kind {
                SubjectKind::Media => {
                    self.media.insert(id);
                    self.changed.insert(id);
                }
                kind => drop(touch(kind, id)),
            }
            // A change of a link to something with a name changes what an item is found by.
            if matches!(table.name, "media_tag" | "media_person") {
                self.searched.insert(id);
            }
        }
        let Some(row) = change.after.as_ref().or(change.before.as_ref()) else {
            return;
        };
        let (kind, column) = table.subject;
        let subject = (kind, row.int(table, column));
        if change.after.is_none() && table.n_key == 1 {
            self.gone.insert((table.name, subject.1));
        }
        match table.name {
            "tag" | "person" | "studio" if change.before.is_none() => drop(self.new.insert(subject)),
            _ => {}
        }
        if !is_renamed(change) {
            return;
        }
        match kind {
            SubjectKind::Media => drop(self.searched.insert(subject.1)),
            // What is gone has no items: their links went with it, as changes of their own.
            _ if change.after.is_none() && !table.name.ends_with("_alias") => {}
            _ => drop(self.renamed.insert(subject)),
        }
    }

    /// What is left to write: time stamps, counters, and what the search is to hold.
    pub async fn settle(&mut self, tx: &Tx, now: i64) -> Result<Settlement, DbErr> {
        let mut counts: BTreeMap<&'static str, Vec<(i64, i64)>> = BTreeMap::new();
        for ((table, id), n) in std::mem::take(&mut self.counts) {
            if n != 0 && !self.gone.contains(&(table, id)) {
                counts.entry(table).or_default().push((id, n));
            }
        }
        let selects = self.linked();
        let told: BTreeSet<MediaId> = self.media.difference(&self.told).copied().map(MediaId).collect();
        self.told.extend(&self.media);
        Ok(Settlement {
            now,
            media: self.changed.difference(&self.stamped).copied().collect(),
            counts,
            search: index::prepare(tx, &std::mem::take(&mut self.searched), &selects).await?,
            told,
            ..Settlement::default()
        })
    }

    /// Selects of the items that have something with another name now.
    fn linked(&mut self) -> Vec<String> {
        let mut renamed: BTreeMap<SubjectKind, Vec<i64>> = BTreeMap::new();
        for (kind, id) in std::mem::take(&mut self.renamed) {
            // The links of what is new, and of what is gone, are changes of their own.
            let is_gone = self
                .gone
                .iter()
                .any(|(table, gone)| *gone == id && Table::of(table).is_some_and(|table| table.subject.0 == kind));
            if !self.new.contains(&(kind, id)) && !is_gone {
                renamed.entry(kind).or_default().push(id);
            }
        }
        let select = |(kind, ids): (SubjectKind, Vec<i64>)| {
            let ids = sql::ids(ids);
            Some(match kind {
                SubjectKind::Tag => format!("select media_id as id from media_tag where tag_id in ({ids})"),
                SubjectKind::Person => format!("select media_id as id from media_person where person_id in ({ids})"),
                SubjectKind::Studio => format!("select id from media where studio_id in ({ids})"),
                _ => return None,
            })
        };
        renamed.into_iter().filter_map(select).collect()
    }

    /// States what changed.
    pub fn publish(self, tx: &Tx) {
        let mut touched = self.touched;
        let mut of = |kind| touched.remove(&kind).unwrap_or_default().into_iter();
        let tags: Vec<TagId> = of(SubjectKind::Tag).map(TagId).collect();
        let people: Vec<PersonId> = of(SubjectKind::Person).map(PersonId).collect();
        let studios: Vec<StudioId> = of(SubjectKind::Studio).map(StudioId).collect();
        let collections: Vec<CollectionId> = of(SubjectKind::Collection).map(CollectionId).collect();
        for (user, media) in self.own {
            tx.publish(MediaUserChanged {
                user: UserId(user),
                media: media.into_iter().map(MediaId).collect(),
            });
        }
        if !tags.is_empty() {
            tx.publish(TagChanged { tags });
        }
        if !people.is_empty() {
            tx.publish(PersonChanged { people });
        }
        if !studios.is_empty() {
            tx.publish(StudioChanged { studios });
        }
        let markers: Vec<MarkerId> = of(SubjectKind::Marker).map(MarkerId).collect();
        if !markers.is_empty() {
            tx.publish(MarkersChanged { markers });
        }
        if !collections.is_empty() {
            tx.publish(CollectionChanged { collections });
        }
        if !self.media.is_empty() {
            let is_told = self.media.is_subset(&self.told);
            let fact = MediaChanged {
                media: self.media.into_iter().map(MediaId).collect(),
            };
            match is_told {
                true => tx.publish_logged(fact),
                false => tx.publish(fact),
            }
        }
    }
}

/// Whether a text that the search index holds came, went or changed.
fn is_renamed(change: &Change) -> bool {
    let of = |row: &Option<Row>, at: usize| row.as_ref().map(|row| row.0[at].clone()).unwrap_or_default();
    let names = |table: &Table, column: &super::table::Column| {
        matches!(column.kind, Kind::Name) || (table.name == "media" && column.name == "studio_id")
    };
    let columns = change.table.columns.iter().enumerate();
    let mut columns = columns.filter(|(_, column)| names(change.table, column));
    columns.any(|(at, _)| of(&change.before, at) != of(&change.after, at))
}
