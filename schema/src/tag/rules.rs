//! What making a tag means, without GraphQL.

use entities::{id::TagId, tag, tag_alias, tag_parent};
use kernel::{error::Failure, events::TagChanged, plugin::Kernel, store::Durability};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    kit::{error::violates, text::natural_key},
    media::codes::TAG_NAME_TAKEN,
};

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

/// Makes a tag.
pub async fn create(kernel: &Kernel, mut new: NewTag) -> Result<TagId, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let (id, now) = (TagId::new(), kernel.clock.now_ms());
    let known = tag::Entity::find().select_only().column(tag::Column::Id);
    let known: Vec<TagId> = known
        .filter(tag::Column::Id.is_in(new.parents.clone()))
        .into_tuple()
        .all(&*tx)
        .await?;
    if let Some(index) = new.parents.iter().position(|parent| !known.contains(parent)) {
        return Err(Failure::field(
            format!("input.parentIds[{index}]"),
            format!("no tag `{}`", new.parents[index]),
        ));
    }
    let row = tag::ActiveModel {
        id: Set(id),
        name: Set(new.name.clone()),
        sort_name: Set(natural_key(&new.name)),
        color: Set(new.color),
        description: Set(new.description),
        n_media: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    if let Err(error) = tag::Entity::insert(row).exec_without_returning(&*tx).await {
        let is_taken = violates(&error, "tag_name_key");
        let message = format!("there is a tag named `{}` already", new.name);
        return Err(if is_taken {
            Failure::new(&TAG_NAME_TAKEN, message)
        } else {
            error.into()
        });
    }
    if !new.aliases.is_empty() {
        let rows = new.aliases.into_iter().map(|name| tag_alias::ActiveModel {
            tag_id: Set(id),
            name: Set(name),
        });
        tag_alias::Entity::insert_many(rows)
            .exec_without_returning(&*tx)
            .await?;
    }
    new.parents.sort_unstable();
    new.parents.dedup();
    if !new.parents.is_empty() {
        let row = |parent: &TagId| tag_parent::ActiveModel {
            tag_id: Set(id),
            parent_id: Set(*parent),
        };
        tag_parent::Entity::insert_many(new.parents.iter().map(row))
            .exec_without_returning(&*tx)
            .await?;
    }
    tx.publish(TagChanged {
        tags: new.parents.into_iter().chain([id]).collect(),
    });
    tx.commit().await?;
    Ok(id)
}

/// A color as `#rrggbb` in lower case.
pub fn color(text: &str, path: &str) -> Result<String, Failure> {
    let is_color = text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_color {
        return Err(Failure::field(path, "not a color such as `#3366cc`"));
    }
    Ok(text.to_ascii_lowercase())
}
