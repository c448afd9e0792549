//! What making, changing, merging and deleting tags means, without GraphQL.

use entities::id::TagId;
use kernel::{error::Failure, plugin::Kernel};
use serde_json::json;

use crate::{
    edit::{
        named::{TAGS, few_aliases},
        row::Row,
        session::{Done, Edit, must_exist},
        table::{TAG, TAG_ALIAS, TAG_PARENT},
    },
    kit::{access::Viewer, text::natural_key},
    tag::graph::{Graph, Of},
};

/// The most tags right above one.
const MAX_PARENTS: usize = 50;

/// A tag to be made.
#[derive(Debug, Clone, Default)]
pub struct NewTag {
    /// Its name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// `#rrggbb`.
    pub color: Option<String>,
    /// The tags right above it.
    pub parents: Vec<TagId>,
    /// What it means.
    pub description: Option<String>,
}

/// What to change about a tag: `None` keeps, and an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct TagEdit {
    /// Its name.
    pub name: Option<String>,
    /// All its other names.
    pub aliases: Option<Vec<String>>,
    /// `#rrggbb`.
    pub color: Option<Option<String>>,
    /// All tags right above it.
    pub parents: Option<Vec<TagId>>,
    /// What it means.
    pub description: Option<Option<String>>,
}

/// Makes a tag.
///
/// # Errors
/// The name is taken, a parent does not exist, or the database fails.
pub async fn create(kernel: &Kernel, viewer: &Viewer, new: NewTag) -> Result<(TagId, Done), Failure> {
    let mut edit = Edit::begin(kernel, viewer, "createTag").await?;
    let id = add(&mut edit, new).await?;
    Ok((id, edit.commit().await?))
}

/// States a new tag to an edit.
///
/// # Errors
/// A parent does not exist, or the database fails.
pub async fn add(edit: &mut Edit, mut new: NewTag) -> Result<TagId, Failure> {
    let id = TagId::new();
    must_exist(edit, "tag", "tag", &new.parents, |index| {
        format!("input.parentIds[{index}]")
    })
    .await?;
    new.parents.sort_unstable();
    new.parents.dedup();
    few(&new.parents)?;
    let sort_name = natural_key(&new.name);
    let row = [
        json!(id.0),
        json!(new.name),
        json!(sort_name),
        json!(new.color),
        json!(new.description),
        json!(edit.now),
    ];
    edit.insert(&TAG, Row(row.to_vec()));
    few_aliases(&new.aliases)?;
    for name in new.aliases {
        edit.insert(&TAG_ALIAS, Row(vec![json!(id.0), json!(name)]));
    }
    for parent in new.parents {
        edit.insert(&TAG_PARENT, Row(vec![json!(id.0), json!(parent.0)]));
    }
    Ok(id)
}

fn few(parents: &[TagId]) -> Result<(), Failure> {
    match parents.len() > MAX_PARENTS {
        true => Err(Failure::field(
            "input.parentIds",
            format!("at most {MAX_PARENTS} tags right above one"),
        )),
        false => Ok(()),
    }
}

/// Changes a tag.
///
/// # Errors
/// It or a parent does not exist, the name is taken, it would be above itself, or the database fails.
pub async fn update(kernel: &Kernel, viewer: &Viewer, id: TagId, change: TagEdit) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "updateTag").await?;
    let before = TAGS.row(&edit, id.0).await?;
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after = TAGS.renamed(after, name);
    }
    if let Some(color) = change.color {
        after = after.with(&TAG, "color", color);
    }
    if let Some(description) = change.description {
        after = after.with(&TAG, "description", description);
    }
    edit.update(&TAG, before, after);
    if let Some(aliases) = &change.aliases {
        TAGS.set_aliases(&mut edit, id.0, aliases).await?;
    }
    if let Some(mut parents) = change.parents {
        must_exist(&edit, "tag", "tag", &parents, |index| {
            format!("input.parentIds[{index}]")
        })
        .await?;
        parents.sort_unstable();
        parents.dedup();
        few(&parents)?;
        let mut graph = Graph::lock(edit.tx(), Of::Tags).await?;
        let present = edit.read(&TAG_PARENT, "tag_id", &[id.0]).await?;
        let parent = |row: &Row| TagId(row.int(&TAG_PARENT, "parent_id"));
        for row in present.iter().filter(|row| !parents.contains(&parent(row))) {
            graph.remove(id.0, parent(row).0);
            edit.delete(&TAG_PARENT, row.clone());
        }
        for new in parents
            .iter()
            .filter(|new| !present.iter().any(|row| parent(row) == **new))
        {
            graph.must_stay_open(edit.tx(), Of::Tags, id.0, new.0).await?;
            graph.add(id.0, new.0);
            edit.insert(&TAG_PARENT, Row(vec![json!(id.0), json!(new.0)]));
        }
    }
    edit.commit().await
}

/// Makes one tag of several. Where their places in the graph would close a circle, the target keeps its own.
///
/// # Errors
/// One of them does not exist, or the database fails.
pub async fn merge(kernel: &Kernel, viewer: &Viewer, sources: &[TagId], target: TagId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "mergeTags").await?;
    let sources: Vec<i64> = sources.iter().map(|id| id.0).collect();
    let mut graph = Graph::lock(edit.tx(), Of::Tags).await?;
    // As if the edges moved one after the other: those that would close a circle go.
    let edges = graph.edges_of(&sources);
    for (below, above) in &edges {
        graph.remove(*below, *above);
    }
    let moved = |id: i64| if sources.contains(&id) { target.0 } else { id };
    let mut dropped = Vec::new();
    for (below, above) in edges {
        match graph.way(moved(above), moved(below)) {
            Some(_) => dropped.push(Row(vec![json!(below), json!(above)])),
            None => graph.add(moved(below), moved(above)),
        }
    }
    for row in &dropped {
        edit.delete(&TAG_PARENT, row.clone());
    }
    TAGS.merge(&mut edit, &sources, target.0, &dropped).await?;
    edit.commit().await
}

/// Deletes tags; items, markers and other tags lose them.
///
/// # Errors
/// One of them does not exist, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, ids: &[TagId]) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteTag").await?;
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    TAGS.delete(&mut edit, &ids).await?;
    edit.commit().await
}

/// A color as `#rrggbb` in lower case.
///
/// # Errors
/// When it is none.
pub fn color(text: &str, path: &str) -> Result<String, Failure> {
    let is_color = text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_color {
        return Err(Failure::field(path, "not a color such as `#3366cc`"));
    }
    Ok(text.to_ascii_lowercase())
}
