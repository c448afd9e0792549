//! Making tags.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{access::Needs, error::ToGraphql, id, text},
    tag::{
        rules::{self, NewTag},
        types::Tag,
    },
};

/// A new tag.
#[derive(Debug, Clone, InputObject)]
pub struct CreateTagInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// Its other names.
    #[graphql(default)]
    pub aliases: Vec<String>,
    /// Its color as `#rrggbb`.
    pub color: Option<String>,
    /// The tags right above it.
    #[graphql(default)]
    pub parent_ids: Vec<ID>,
    /// What it means.
    pub description: Option<String>,
}

/// What `createTag` made.
#[derive(SimpleObject)]
pub struct CreateTagPayload {
    /// The tag; null when it was removed meanwhile.
    pub tag: Option<Tag>,
}

/// What can be changed about tags.
#[derive(Default)]
pub struct TagMutation;

/// What can be changed about tags.
#[Object]
impl TagMutation {
    /// Makes a tag.
    #[graphql(guard = "Needs::Edit")]
    async fn create_tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new tag.")] input: CreateTagInput,
    ) -> async_graphql::Result<CreateTagPayload> {
        let new = NewTag {
            name: text::name(&input.name, "input.name").graphql()?,
            aliases: text::names(&input.aliases, "input.aliases").graphql()?,
            color: input
                .color
                .as_deref()
                .map(|color| rules::color(color, "input.color"))
                .transpose()
                .graphql()?,
            parents: id::parse_many(&input.parent_ids, "input.parentIds").graphql()?,
            description: match input.description {
                Some(text) => text::long(&text, "input.description").graphql()?,
                None => None,
            },
        };
        let id = rules::create(cx.data_unchecked::<Kernel>(), new).await.graphql()?;
        let row = Loaders::of(cx).tag.get(id).await.graphql()?;
        Ok(CreateTagPayload {
            tag: row.map(|row| Tag { row }),
        })
    }
}
