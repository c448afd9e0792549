//! What making, changing, merging and deleting people means, without GraphQL.

use entities::id::PersonId;
use kernel::{error::Failure, plugin::Kernel};
use serde_json::json;

use crate::{
    edit::{
        named::{PEOPLE, few_aliases},
        row::Row,
        session::{Done, Edit},
        table::{PERSON, PERSON_ALIAS},
    },
    kit::{access::Viewer, text::natural_key},
};

/// A person to be made.
#[derive(Debug, Clone, Default)]
pub struct NewPerson {
    /// The name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Who it is.
    pub description: Option<String>,
}

/// What to change about a person: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct PersonEdit {
    /// The name.
    pub name: Option<String>,
    /// All other names.
    pub aliases: Option<Vec<String>>,
    /// Who it is.
    pub description: Option<Option<String>>,
}

/// Makes a person.
///
/// # Errors
/// The name is taken, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewPerson) -> Result<(PersonId, Done), Failure> {
    let mut edit = Edit::begin(kernel, viewer, "createPerson").await?;
    let id = add(&mut edit, new).await?;
    Ok((id, edit.commit().await?))
}

/// States a new person to an edit.
///
/// # Errors
/// There are too many other names, or the database fails.
pub async fn add(edit: &mut Edit, new: NewPerson) -> Result<PersonId, Failure> {
    let id = PersonId::new();
    let sort_name = natural_key(&new.name);
    let row = vec![
        json!(id.0),
        json!(new.name),
        json!(sort_name),
        json!(new.description),
        json!(edit.now),
    ];
    edit.insert(&PERSON, Row(row));
    few_aliases(&new.aliases)?;
    for name in new.aliases {
        edit.insert(&PERSON_ALIAS, Row(vec![json!(id.0), json!(name)]));
    }
    Ok(id)
}

/// Changes a person.
///
/// # Errors
/// There is none, the name is taken, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: PersonId, change: PersonEdit) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updatePerson").await?;
    let before = PEOPLE.row(&edit, id.0).await?;
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after = PEOPLE.renamed(after, name);
    }
    if let Some(description) = change.description {
        after = after.with(&PERSON, "description", description);
    }
    edit.update(&PERSON, before, after);
    if let Some(aliases) = &change.aliases {
        PEOPLE.set_aliases(&mut edit, id.0, aliases).await?;
    }
    edit.commit().await
}

/// Makes one person of several.
///
/// # Errors
/// One of them does not exist, or the database fails.
pub async fn merge(kernel: &Kernel, viewer: &Viewer, sources: &[PersonId], target: PersonId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "mergePeople").await?;
    let sources: Vec<i64> = sources.iter().map(|id| id.0).collect();
    PEOPLE.merge(&mut edit, &sources, target.0, &[]).await?;
    edit.commit().await
}

/// Deletes a person; items lose the credit.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: PersonId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deletePerson").await?;
    PEOPLE.delete(&mut edit, &[id.0]).await?;
    edit.commit().await
}
