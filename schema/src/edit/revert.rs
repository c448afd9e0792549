//! Taking an edit back: each row becomes what it was, unless somebody changed it since.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kernel::{error::Failure, sql};
use sea_orm::DbErr;
use serde_json::{Map, Value as Json};

use super::{
    change::Change,
    codes::UNDO_CONFLICT,
    effects::Effects,
    gather::Want,
    ledger::{Difference, Record},
    row::Row,
    session::Edit,
    table::{ALL, MEDIA_USER, Shape, Table},
    write,
};

/// Why something could not be taken back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// What it is about, as clients know it.
    pub subject: String,
    /// What is in the way.
    pub message: String,
}

/// The most conflicts that an error names.
const MAX_NAMED: usize = 20;

/// Refuses an undo that has conflicts.
///
/// # Errors
/// When there are any.
pub fn refuse(conflicts: &[Conflict]) -> Result<(), Failure> {
    let Some(first) = conflicts.first() else { return Ok(()) };
    let message = format!(
        "{} of the changes cannot be undone, so none was: {}: {}; undo with `skipConflicts` to take back the rest",
        conflicts.len(),
        first.subject,
        first.message
    );
    let mut failure = Failure::new(&UNDO_CONFLICT, message);
    let fault = |conflict: &Conflict| kernel::error::FieldFault {
        path: conflict.subject.clone(),
        message: conflict.message.clone(),
    };
    failure.fields = conflicts.iter().take(MAX_NAMED).map(fault).collect();
    Err(failure)
}

/// What a row was and what it is to be.
struct Planned {
    table: &'static Table,
    now: Option<Row>,
    then: Option<Row>,
    subject: String,
}

/// States the reverse of records to an edit; gives what cannot be taken back. The records come latest first.
///
/// # Errors
/// When the database fails.
pub async fn revert(edit: &mut Edit, records: &[Record]) -> Result<Vec<Conflict>, Failure> {
    let mut rows = present(edit, records).await?;
    let mut order = Vec::new();
    let mut conflicts = Vec::new();
    for record in records {
        let subject = record.kind.id(record.subject);
        for difference in record.differences.iter().rev() {
            let Some((table, key)) = difference.table().zip(key_of(difference)) else {
                continue;
            };
            let place = (table.name, key);
            let Some(planned) = rows.get_mut(&place) else { continue };
            if planned.subject.is_empty() {
                planned.subject.clone_from(&subject);
                order.push(place);
            }
            match step(table, planned.then.as_ref(), difference) {
                Ok(then) => planned.then = then,
                Err(message) => conflicts.push(Conflict {
                    subject: subject.clone(),
                    message,
                }),
            }
        }
    }
    let mut planned: Vec<Planned> = order.iter().filter_map(|place| rows.remove(place)).collect();
    planned.retain(|planned| planned.now != planned.then);
    without_missing_parents(edit, &mut planned, &mut conflicts).await?;
    without_users(edit, &mut planned, &mut conflicts).await?;
    for Planned { table, now, then, .. } in planned {
        edit.state(Change {
            table,
            before: now,
            after: then,
        });
    }
    Ok(conflicts)
}

/// The rows that records are about, as they are now: those with keys of numbers in one statement.
async fn present(edit: &mut Edit, records: &[Record]) -> Result<HashMap<(&'static str, String), Planned>, DbErr> {
    let mut wanted: BTreeMap<&'static str, (&'static Table, BTreeMap<String, Row>)> = BTreeMap::new();
    let mut items = BTreeSet::new();
    for difference in records.iter().flat_map(|record| &record.differences) {
        let Some((table, row)) = difference
            .table()
            .and_then(|table| Some((table, image(table, difference)?)))
        else {
            continue;
        };
        let counted = Effects::item_column(table).map(|column| table.at(column));
        items.extend(counted.and_then(|at| row.0[at].as_i64()));
        let rows = &mut wanted.entry(table.name).or_insert_with(|| (table, BTreeMap::new())).1;
        rows.insert(row.key(table), row);
    }
    let mut found: HashMap<(&'static str, String), Row> = HashMap::new();
    let mut wants = Vec::new();
    for (table, like) in wanted.values() {
        let keys: Vec<&Row> = like.values().collect();
        if table.is_gathered() && keys.len() <= sql::CHUNK {
            let condition = write::keyed(table, &keys, &mut Vec::new());
            wants.push(Want { table, condition });
            continue;
        }
        let rows = write::read_keys(&**edit.tx(), table, &keys).await?;
        found.extend(rows.into_iter().map(|row| ((table.name, row.key(table)), row)));
    }
    if !wants.is_empty() {
        let items = format!("id in ({})", sql::ids(items.into_iter().take(sql::CHUNK)));
        let gathered = edit.gather(&wants, &items).await?;
        for (Want { table, .. }, rows) in wants.iter().zip(gathered) {
            found.extend(rows.into_iter().map(|row| ((table.name, row.key(table)), row)));
        }
    }
    let mut rows = HashMap::new();
    for (table, like) in wanted.into_values() {
        for (key, like) in like {
            let place = (table.name, key);
            let now = found.remove(&place).or_else(|| untouched(table, &like));
            let planned = Planned {
                table,
                then: now.clone(),
                now,
                subject: String::new(),
            };
            rows.insert(place, planned);
        }
    }
    Ok(rows)
}

/// What an account that never touched an item thinks of it.
fn untouched(table: &Table, like: &Row) -> Option<Row> {
    let is_own = matches!(table.shape, Shape::Own(_));
    is_own.then(|| {
        like.clone()
            .with(&MEDIA_USER, "rating", Json::Null)
            .with(&MEDIA_USER, "is_favorite", false)
    })
}

/// An image of the table with at least the key of a difference.
fn image(table: &Table, difference: &Difference) -> Option<Row> {
    let object = difference.after.as_ref().or(difference.before.as_ref())?;
    Some(filled(table, object))
}

fn filled(table: &Table, object: &Map<String, Json>) -> Row {
    Row(table
        .columns
        .iter()
        .map(|column| object.get(column.name).cloned().unwrap_or_default())
        .collect())
}

fn key_of(difference: &Difference) -> Option<String> {
    let table = difference.table()?;
    Some(image(table, difference)?.key(table))
}

/// One difference back, from the row as it would be by now.
fn step(table: &'static Table, now: Option<&Row>, difference: &Difference) -> Result<Option<Row>, String> {
    let noun = table.name.replace('_', " ");
    let differs = |row: &Row, object: &Map<String, Json>| {
        let changed = table.columns.iter().enumerate();
        let changed = changed.filter(|(at, column)| object.get(column.name).is_some_and(|value| *value != row.0[*at]));
        changed.map(|(_, column)| column.name).next()
    };
    match (&difference.before, &difference.after, now) {
        // It was made: it goes, unless it is gone or was changed.
        (None, Some(_), None) => Ok(None),
        (None, Some(after), Some(row)) => match differs(row, after) {
            None => Ok(None),
            Some(column) => Err(format!("the {noun}'s {column} was changed since")),
        },
        // It went: it comes back.
        (Some(before), None, None) => Ok(Some(filled(table, before))),
        (Some(before), None, Some(row)) => match differs(row, before) {
            None => Ok(Some(row.clone())),
            Some(column) => Err(format!("there is another {noun} in its place, with another {column}")),
        },
        (Some(_), Some(_), None) => Err(format!("the {noun} is gone")),
        (Some(before), Some(after), Some(row)) => {
            let mut then = row.clone();
            for (at, column) in table.columns.iter().enumerate() {
                let (Some(old), Some(new)) = (before.get(column.name), after.get(column.name)) else {
                    continue;
                };
                if row.0[at] == *old {
                    continue;
                }
                if row.0[at] != *new {
                    return Err(format!("the {noun}'s {} was changed since", column.name));
                }
                then.0[at] = old.clone();
            }
            Ok(Some(then))
        }
        (None, None, _) => Ok(now.cloned()),
    }
}

/// Leaves out rows that refer to what is gone.
async fn without_missing_parents(
    edit: &Edit,
    planned: &mut Vec<Planned>,
    conflicts: &mut Vec<Conflict>,
) -> Result<(), DbErr> {
    let mut wanted: BTreeMap<&'static str, BTreeSet<i64>> = BTreeMap::new();
    for plan in planned.iter() {
        for (column, parent) in plan.table.parents {
            let then = plan.then.as_ref().and_then(|row| row.get(plan.table, column).as_i64());
            let now = plan.now.as_ref().and_then(|row| row.get(plan.table, column).as_i64());
            if let Some(id) = then.filter(|_| then != now) {
                wanted.entry(parent).or_default().insert(id);
            }
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let select = |(at, (parent, ids)): (usize, (&&str, &BTreeSet<i64>))| {
        let ids = sql::ids(ids.iter().copied());
        format!("select {at}, id from {parent} where id in ({ids})")
    };
    let selects: Vec<String> = wanted.iter().enumerate().map(select).collect();
    let parents: Vec<&'static str> = wanted.keys().copied().collect();
    let mut known: BTreeSet<(&'static str, i64)> = BTreeSet::new();
    for row in sql::rows(&**edit.tx(), selects.join(" union all "), []).await? {
        let at: i32 = row.try_get_by_index(0)?;
        let parent = usize::try_from(at).ok().and_then(|at| parents.get(at));
        known.extend(parent.copied().zip(row.try_get_by_index::<Option<i64>>(1)?));
    }
    // What the undo itself brings back is there.
    let made = planned.iter().filter(|plan| plan.then.is_some());
    known.extend(made.filter_map(|plan| Some((plan.table.name, plan.then.as_ref()?.0[0].as_i64()?))));
    let all = wanted
        .iter()
        .flat_map(|(parent, ids)| ids.iter().map(move |id| (*parent, *id)));
    let missing: BTreeSet<(&'static str, i64)> = all.filter(|place| !known.contains(place)).collect();
    planned.retain(|plan| {
        let lacks = plan.table.parents.iter().find(|(column, parent)| {
            let id = plan.then.as_ref().and_then(|row| row.get(plan.table, column).as_i64());
            id.is_some_and(|id| missing.contains(&(parent, id)))
        });
        let Some((_, parent)) = lacks else { return true };
        let noun = parent.trim_matches('"').replace('_', " ");
        conflicts.push(Conflict {
            subject: plan.subject.clone(),
            message: format!("the {noun} that it had is gone"),
        });
        false
    });
    Ok(())
}

/// Leaves out rows that would go although something refers to them by now.
async fn without_users(
    edit: &mut Edit,
    planned: &mut Vec<Planned>,
    conflicts: &mut Vec<Conflict>,
) -> Result<(), DbErr> {
    let mut going: BTreeMap<&'static str, BTreeSet<i64>> = BTreeMap::new();
    for plan in planned
        .iter()
        .filter(|plan| plan.then.is_none() && plan.table.n_key == 1)
    {
        going
            .entry(plan.table.name)
            .or_default()
            .extend(plan.now.as_ref().and_then(|row| row.0[0].as_i64()));
    }
    let mut wants = Vec::new();
    let mut columns = Vec::new();
    for (parent, ids) in &going {
        let ids = sql::ids(ids.iter().copied());
        for table in ALL {
            for (column, _) in table.parents.iter().filter(|(_, of)| of == parent) {
                let condition = format!("{column} in ({ids})");
                wants.push(Want { table, condition });
                columns.push((*parent, *column));
            }
        }
    }
    let mut used: BTreeMap<(&'static str, i64), &'static str> = BTreeMap::new();
    if !wants.is_empty() {
        let gathered = edit.gather(&wants, "false").await?;
        for ((Want { table, .. }, (parent, column)), rows) in wants.iter().zip(columns).zip(gathered) {
            let changing = planned.iter().filter(|plan| plan.table.name == table.name);
            let changing: BTreeSet<String> = changing
                .filter_map(|plan| Some(plan.now.as_ref()?.key(table)))
                .collect();
            for row in rows.iter().filter(|row| !changing.contains(&row.key(table))) {
                used.insert((parent, row.int(table, column)), table.name);
            }
        }
    }
    planned.retain(|plan| {
        let id = plan.now.as_ref().and_then(|row| row.0[0].as_i64());
        let user = id
            .filter(|_| plan.then.is_none())
            .and_then(|id| used.get(&(plan.table.name, id)));
        let Some(user) = user else { return true };
        let noun = user.replace('_', " ");
        conflicts.push(Conflict {
            subject: plan.subject.clone(),
            message: format!("a {noun} refers to it by now"),
        });
        false
    });
    Ok(())
}
