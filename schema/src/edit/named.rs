//! What tags, people and studios have in common: they have a name and perhaps others, items refer to them, and they are
//! renamed, merged and deleted.

use std::collections::BTreeSet;

use kernel::error::{Failure, code};
use serde_json::{Value as Json, json};

use super::{
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
    /// other names of it.
    ///
    /// # Errors
    /// One of them does not exist, they are too many, or the database fails.
    pub async fn merge(&self, edit: &mut Edit, sources: &[i64], target: i64) -> Result<(), Failure> {
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
        let kept = self.row(edit, target).await?;
        let merged = self
            .rows(edit, &sources, |index| format!("input.sourceIds[{index}]"))
            .await?;
        for (table, column) in self.links() {
            self.redirect(edit, (table, column), &sources, target).await?;
        }
        if let Some((table, owner)) = self.aliases {
            let mut known: BTreeSet<String> = BTreeSet::new();
            known.extend(kept.text(self.table, "name").map(str::to_lowercase));
            for row in edit.read(table, owner, &[target]).await? {
                known.extend(row.text(table, "name").map(str::to_lowercase));
            }
            let aliases = edit.delete_all(table, owner, &sources).await?;
            let theirs = merged.iter().filter_map(|row| row.text(self.table, "name"));
            for name in theirs.chain(aliases.iter().filter_map(|row| row.text(table, "name"))) {
                if known.insert(name.to_lowercase()) {
                    edit.insert(table, Row(vec![json!(target), json!(name)]));
                }
            }
        }
        // What referred to them is written first, so that nothing goes with them.
        edit.write().await?;
        for row in merged {
            edit.delete(self.table, row);
        }
        Ok(())
    }

    async fn redirect(
        &self,
        edit: &mut Edit,
        (table, column): (&'static Table, &'static str),
        sources: &[i64],
        target: i64,
    ) -> Result<(), Failure> {
        let rows = edit.read(table, column, sources).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let is_key = table.at(column) < table.n_key;
        if !is_key {
            for row in rows {
                // A studio that belonged to one of the sources does not belong to itself now.
                let owner = if table.name == self.table.name && row.int(table, "id") == target {
                    Json::Null
                } else {
                    json!(target)
                };
                let after = row.clone().with(table, column, owner);
                edit.update(table, row, after);
                edit.write_if_many().await?;
            }
            return Ok(());
        }
        let mut known: BTreeSet<String> = BTreeSet::new();
        known.extend(
            edit.read(table, column, &[target])
                .await?
                .iter()
                .map(|row| row.key(table)),
        );
        for row in rows {
            let after = row.clone().with(table, column, target);
            let points_at_itself = table.name == TAG_PARENT.name && after.0[0] == after.0[1];
            if !points_at_itself && known.insert(after.key(table)) {
                edit.insert(table, after);
            }
            edit.delete(table, row);
            edit.write_if_many().await?;
        }
        // The next column of the same table must see what this one came to.
        edit.write().await
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
        edit.write().await?;
        for row in rows {
            edit.delete(self.table, row);
        }
        Ok(())
    }
}
