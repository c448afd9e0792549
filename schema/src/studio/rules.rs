//! What making, changing, merging and deleting studios means, without GraphQL.

use entities::id::StudioId;
use kernel::{error::Failure, plugin::Kernel};
use serde_json::json;

use crate::{
    edit::{
        named::STUDIOS,
        row::Row,
        session::{Done, Edit, must_exist},
        table::STUDIO,
    },
    kit::{access::Viewer, text::natural_key},
    tag::graph::{Graph, Of},
};

/// A studio to be made.
#[derive(Debug, Clone, Default)]
pub struct NewStudio {
    /// Its name.
    pub name: String,
    /// The studio it belongs to.
    pub parent: Option<StudioId>,
}

/// What to change about a studio: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct StudioEdit {
    /// Its name.
    pub name: Option<String>,
    /// The studio it belongs to.
    pub parent: Option<Option<StudioId>>,
}

/// Makes a studio.
///
/// # Errors
/// The name is taken, the parent does not exist, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewStudio) -> Result<(StudioId, Done), Failure> {
    let mut edit = Edit::begin(kernel, viewer, "createStudio").await?;
    let id = add(&mut edit, new).await?;
    Ok((id, edit.commit().await?))
}

/// States a new studio to an edit.
///
/// # Errors
/// The parent does not exist, or the database fails.
pub async fn add(edit: &mut Edit, new: NewStudio) -> Result<StudioId, Failure> {
    must_exist(edit, "studio", "studio", new.parent.as_slice(), |_| {
        "input.parentId".to_owned()
    })
    .await?;
    let id = StudioId::new();
    let parent = new.parent.map(|parent| parent.0);
    let sort_name = natural_key(&new.name);
    edit.insert(
        &STUDIO,
        Row(vec![
            json!(id.0),
            json!(new.name),
            json!(sort_name),
            json!(parent),
            json!(edit.now),
        ]),
    );
    Ok(id)
}

/// Changes a studio.
///
/// # Errors
/// It or the parent does not exist, the name is taken, it would belong to itself, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: StudioId, change: StudioEdit) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updateStudio").await?;
    let before = STUDIOS.row(&edit, id.0).await?;
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after = STUDIOS.renamed(after, name);
    }
    if let Some(parent) = change.parent {
        if let Some(parent) = parent {
            must_exist(&edit, "studio", "studio", &[parent], |_| "input.parentId".to_owned()).await?;
            let graph = Graph::lock(edit.tx(), Of::Studios).await?;
            graph.must_stay_open(edit.tx(), Of::Studios, id.0, parent.0).await?;
        }
        after = after.with(&STUDIO, "parent_id", parent.map(|parent| parent.0));
    }
    edit.update(&STUDIO, before, after);
    edit.commit().await
}

/// Makes one studio of several.
///
/// # Errors
/// One of them does not exist, or the database fails.
pub async fn merge(kernel: &Kernel, viewer: &Viewer, sources: &[StudioId], target: StudioId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "mergeStudios").await?;
    let sources: Vec<i64> = sources.iter().map(|id| id.0).collect();
    // A target below one of the sources comes out at the top: its way up led through what is gone.
    let graph = Graph::lock(edit.tx(), Of::Studios).await?;
    if sources
        .iter()
        .any(|source| *source != target.0 && graph.way(target.0, *source).is_some())
    {
        let before = STUDIOS.row(&edit, target.0).await?;
        edit.update(
            &STUDIO,
            before.clone(),
            before.with(&STUDIO, "parent_id", serde_json::Value::Null),
        );
        edit.write().await?;
    }
    STUDIOS.merge(&mut edit, &sources, target.0, &[]).await?;
    edit.commit().await
}

/// Deletes a studio; its items have none then, and its studios belong to nobody.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: StudioId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteStudio").await?;
    STUDIOS.delete(&mut edit, &[id.0]).await?;
    edit.commit().await
}
