//! What tags, people and studios have in common: they have a name and perhaps others, items refer to them, and they are
//! renamed, merged and deleted.

use std::collections::BTreeSet;

use kernel::{
    error::{Failure, code},
    sql,
};
use serde_json::{Value as Json, json};

use super::{
    gather::Want,
    row::Row,
    session::Edit,
    table::{ALL, PERSON, PERSON_ALIAS, STUDIO, TAG, TAG_ALIAS, TAG_PARENT, Table},
};
use crate::kit::text::natural_key;

/// The most names of one thing.
const MAX_ALIASES: usize = 200;
/// The most things that are merged or deleted at once.
pub const MAX_MERGED: usize = 100;

/// A kind of named things.
pub struct Named {
    /// Where they are.
    pub table: &'static Table,
    /// The word for messages.
    pub noun: &'static str,
    aliases: Option<(&'static Table, &'static str)>,
}

/// Tags.
pub static TAGS: Named = Named {
    table: &TAG,
    noun: "tag",
    aliases: Some((&TAG_ALIAS, "tag_id")),
};
/// People.
pub static PEOPLE: Named = Named {
    table: &PERSON,
    noun: "person",
    aliases: Some((&PERSON_ALIAS, "person_id")),
};
/// Studios.
pub static STUDIOS: Named = Named {
    table: &STUDIO,
    noun: "studio",
    aliases: None,
};

/// Refuses too many other names.
///
/// # Errors
/// When they are.
pub fn few_aliases(aliases: &[String]) -> Result<(), Failure> {
    match aliases.len() > MAX_ALIASES {
        true => Err(Failure::field("input.aliases", format!("at most {MAX_ALIASES} names"))),
        false => Ok(()),
    }
}

impl Named {
    /// Everything that refers to them: the table, and the column that says to which.
    fn links(&self) -> impl Iterator<Item = (&'static Table, &'static str)> + use<> {
        let (table, aliases) = (self.table.name, self.aliases.map(|(aliases, _)| aliases.name));
        let of = move |linked: &&'static Table| Some(linked.name) != aliases;
        ALL.into_iter().filter(of).flat_map(move |linked| {
            linked
                .parents
                .iter()
                .filter(move |(_, parent)| *parent == table)
                .map(move |(column, _)| (linked, *column))
        })
    }

    /// The rows of ids, in their order.
    ///
    /// # Errors
    /// One of them does not exist, or the database fails.
    pub async fn rows(&self, edit: &Edit, ids: &[i64], path: impl Fn(usize) -> String) -> Result<Vec<Row>, Failure> {
        let found = edit.read(self.table, "id", ids).await?;
        let row = |(index, id): (usize, &i64)| {
            let row = found.iter().find(|row| row.int(self.table, "id") == *id).cloned();
            row.ok_or_else(|| {
                Failure::field(
                    path(index),
                    format!("no {} `{}`", self.noun, self.table.subject.0.id(*id)),
                )
            })
        };
        ids.iter().enumerate().map(row).collect()
    }

    /// The row of one id.
    ///
    /// # Errors
    /// It does not exist, or the database fails.
    pub async fn row(&self, edit: &Edit, id: i64) -> Result<Row, Failure> {
        let row = edit.read(self.table, "id", &[id]).await?.pop();
        row.ok_or_else(|| {
            Failure::new(
                &code::NOT_FOUND,
                format!("no {} `{}`", self.noun, self.table.subject.0.id(id)),
            )
        })
    }

    /// The row under another name.
    pub fn renamed(&self, row: Row, name: &str) -> Row {
        row.with(self.table, "name", name)
            .with(self.table, "sort_name", natural_key(name))
    }

    /// States the other names of something.
    ///
    /// # Errors
    /// They are too many, or the database fails.
    pub async fn set_aliases(&self, edit: &mut Edit, id: i64, wanted: &[String]) -> Result<(), Failure> {
        let Some((table, owner)) = self.aliases else {
            return Ok(());
        };
        few_aliases(wanted)?;
        let present = edit.read(table, owner, &[id]).await?;
        for row in present
            .iter()
            .filter(|row| !wanted.iter().any(|name| row.text(table, "name") == Some(name)))
        {
            edit.delete(table, row.clone());
        }
        for name in wanted
            .iter()
            .filter(|name| !present.iter().any(|row| row.text(table, "name") == Some(name)))
        {
            edit.insert(table, Row(vec![json!(id), json!(name)]));
        }
        Ok(())
    }

    /// Makes one thing of several: everything that referred to the sources refers to the target, and their names become
    /// other names of it. Links that were dropped before are left out.
    ///
    /// # Errors
    /// One of them does not exist, they are too many, or the database fails.
    pub async fn merge(&self, edit: &mut Edit, sources: &[i64], target: i64, dropped: &[Row]) -> Result<(), Failure> {
        let sources: Vec<i64> = sources.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if sources.is_empty() || sources.len() > MAX_MERGED {
            return Err(Failure::field(
                "input.sourceIds",
                format!("between 1 and {MAX_MERGED} of them"),
            ));
        }
        if sources.contains(&target) {
            return Err(Failure::field(
                "input.sourceIds",
                format!("a {} cannot be merged into itself", self.noun),
            ));
        }
        let mut wants = self.wants(&sources, target);
        let items = wants.iter().filter_map(items).collect::<Vec<_>>();
        let items = if items.is_empty() {
            "false".to_owned()
        } else {
            items.join(" or ")
        };
        let mut found = edit.gather(&wants, &items).await?.into_iter();
        let named = found.next().unwrap_or_default();
        let row = |id: i64| named.iter().find(|row| row.int(self.table, "id") == id);
        let lacks = |id: i64| format!("no {} `{}`", self.noun, self.table.subject.0.id(id));
        let kept = row(target).ok_or_else(|| Failure::new(&code::NOT_FOUND, lacks(target)))?;
        let mut merged = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            let row =
                row(*source).ok_or_else(|| Failure::field(format!("input.sourceIds[{index}]"), lacks(*source)))?;
            merged.push(row);
        }
        for (Want { table, .. }, rows) in wants.drain(1..).zip(found) {
            match self.aliases.filter(|(aliases, _)| aliases.name == table.name) {
                Some(aliases) => rename(edit, aliases, (self.table, &merged, kept), &rows),
                None => {
                    let rows = rows.into_iter().filter(|row| !dropped.contains(row)).collect();
                    self.redirect(edit, table, rows, (&sources, target));
                    edit.write_if_many().await?;
                }
            }
        }
        for row in merged {
            edit.delete(self.table, row.clone());
        }
        Ok(())
    }

    /// What a merge must see: the things themselves, their links, and what the target has already of those.
    fn wants(&self, sources: &[i64], target: i64) -> Vec<Want> {
        let ids = sql::ids(sources.iter().copied());
        let mut wants = vec![Want {
            table: self.table,
            condition: format!("id in ({ids}, {target})"),
        }];
        for (table, column) in self.links() {
            let name = table.name;
            let of_sources = format!("{column} in ({ids})");
            let condition = match table.columns[..table.n_key].iter().find(|key| key.name != column) {
                Some(other) if table.at(column) < table.n_key => {
                    let other = other.name;
                    format!(
                        "({of_sources} or ({column} = {target} and {other} in \
                         (select {other} from {name} where {of_sources})))"
                    )
                }
                _ => of_sources,
            };
            match wants.iter_mut().find(|want| want.table.name == name) {
                Some(want) if name != self.table.name => want.condition.push_str(&format!(" or {condition}")),
                _ => wants.push(Want { table, condition }),
            }
        }
        wants.extend(self.aliases.map(|(table, owner)| Want {
            table,
            condition: format!("{owner} in ({ids}, {target})"),
        }));
        wants
    }

    /// Makes rows that refer to the sources refer to the target, unless it has such a row already.
    fn redirect(&self, edit: &mut Edit, table: &'static Table, rows: Vec<Row>, (sources, target): (&[i64], i64)) {
        let columns = || {
            self.links()
                .filter(|(linked, _)| linked.name == table.name)
                .map(|(_, column)| column)
        };
        let moved = |row: &Row| {
            let is_source = |column: &&str| sources.contains(&row.int(table, column));
            columns()
                .filter(is_source)
                .fold(row.clone(), |row, column| row.with(table, column, target))
        };
        let (stay, go): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| moved(row) == *row);
        let mut known: BTreeSet<String> = stay.iter().map(|row| row.key(table)).collect();
        for row in go {
            let mut after = moved(&row);
            if after.key(table) == row.key(table) {
                // A studio that belonged to one of the sources does not belong to itself now.
                if table.name == self.table.name && row.int(table, "id") == target {
                    let column = columns().next().unwrap_or("parent_id");
                    after = after.with(table, column, Json::Null);
                }
                edit.update(table, row, after);
                continue;
            }
            let points_at_itself = table.name == TAG_PARENT.name && after.0[0] == after.0[1];
            if !points_at_itself && known.insert(after.key(table)) {
                edit.insert(table, after);
            }
            edit.delete(table, row);
        }
    }

    /// Deletes things with everything that says nothing without them; items that referred to them lose that.
    ///
    /// # Errors
    /// One of them does not exist, they are too many, or the database fails.
    pub async fn delete(&self, edit: &mut Edit, ids: &[i64]) -> Result<(), Failure> {
        let ids: Vec<i64> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() || ids.len() > MAX_MERGED {
            return Err(Failure::field(
                "input.ids",
                format!("between 1 and {MAX_MERGED} of them"),
            ));
        }
        let rows = self.rows(edit, &ids, |index| format!("input.ids[{index}]")).await?;
        for (table, column) in self.links() {
            if table.at(column) < table.n_key {
                edit.delete_all(table, column, &ids).await?;
                continue;
            }
            for row in edit.read(table, column, &ids).await? {
                // What goes itself need not be changed before.
                if table.name == self.table.name && ids.contains(&row.int(table, "id")) {
                    continue;
                }
                let after = row.clone().with(table, column, Json::Null);
                edit.update(table, row, after);
                edit.write_if_many().await?;
            }
        }
        if let Some((table, owner)) = self.aliases {
            edit.delete_all(table, owner, &ids).await?;
        }
        for row in rows {
            edit.delete(self.table, row);
        }
        Ok(())
    }
}

/// Which items a merge changes, so that their counters and their place in the search may follow.
fn items(want: &Want) -> Option<String> {
    let name = want.table.name;
    match name {
        "media_tag" | "media_person" => Some(format!("id in (select media_id from {name} where {})", want.condition)),
        "media" => Some(want.condition.clone()),
        _ => None,
    }
}

/// The names of what goes become other names of what stays.
fn rename(
    edit: &mut Edit,
    (table, owner): (&'static Table, &'static str),
    (named, merged, kept): (&'static Table, &[&Row], &Row),
    rows: &[Row],
) {
    let target = kept.int(named, "id");
    let (theirs, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.int(table, owner) == target);
    let mut known: BTreeSet<String> = theirs
        .iter()
        .filter_map(|row| row.text(table, "name"))
        .map(str::to_lowercase)
        .collect();
    known.extend(kept.text(named, "name").map(str::to_lowercase));
    let names = merged.iter().filter_map(|row| row.text(named, "name"));
    for name in names.chain(others.iter().filter_map(|row| row.text(table, "name"))) {
        if known.insert(name.to_lowercase()) {
            edit.insert(table, Row(vec![json!(target), json!(name)]));
        }
    }
    for row in others {
        edit.delete(table, row.clone());
    }
}
