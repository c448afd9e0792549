//! Making studios.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{access::Needs, error::ToGraphql, id, text},
    studio::{
        rules::{self, NewStudio},
        types::Studio,
    },
};

/// A new studio.
#[derive(Debug, Clone, InputObject)]
pub struct CreateStudioInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// The studio it belongs to.
    pub parent_id: Option<ID>,
}

/// What `createStudio` made.
#[derive(SimpleObject)]
pub struct CreateStudioPayload {
    /// The studio; null when it was removed meanwhile.
    pub studio: Option<Studio>,
}

/// What can be changed about studios.
#[derive(Default)]
pub struct StudioMutation;

/// What can be changed about studios.
#[Object]
impl StudioMutation {
    /// Makes a studio.
    #[graphql(guard = "Needs::Edit")]
    async fn create_studio(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new studio.")] input: CreateStudioInput,
    ) -> async_graphql::Result<CreateStudioPayload> {
        let new = NewStudio {
            name: text::name(&input.name, "input.name").graphql()?,
            parent: input
                .parent_id
                .map(|id| id::parse(&id, "input.parentId"))
                .transpose()
                .graphql()?,
        };
        let id = rules::create(cx.data_unchecked::<Kernel>(), new).await.graphql()?;
        let row = Loaders::of(cx).studio.get(id).await.graphql()?;
        Ok(CreateStudioPayload {
            studio: row.map(|row| Studio { row }),
        })
    }
}
