//! Keeping and deleting filters.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::SavedFilterId;
use kernel::plugin::Kernel;

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id, text,
    },
    media::inputs::{MediaFilter, MediaSort},
    saved::{
        queries,
        rules::{self, Opened},
        types::SavedFilter,
    },
};

/// A filter to be kept.
#[derive(Debug, Clone, InputObject)]
pub struct SaveFilterInput {
    /// The saved filter that it replaces; left out for a new one.
    pub id: Option<ID>,
    /// Its name, unique for the account without regard to case.
    pub name: String,
    /// Which media.
    #[graphql(default)]
    pub filter: MediaFilter,
    /// Words to find.
    pub search: Option<String>,
    /// In which order.
    #[graphql(default)]
    pub sort: Vec<MediaSort>,
}

/// What `saveFilter` kept.
#[derive(SimpleObject)]
pub struct SaveFilterPayload {
    /// The saved filter; null when it was deleted meanwhile.
    pub saved_filter: Option<SavedFilter>,
    /// Takes it back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which saved filter to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteSavedFilterInput {
    /// The saved filter.
    pub id: ID,
}

/// What `deleteSavedFilter` did.
#[derive(SimpleObject)]
pub struct DeleteSavedFilterPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What can be changed about saved filters.
#[derive(Default)]
pub struct SavedFilterMutation;

/// What can be changed about saved filters.
#[Object]
impl SavedFilterMutation {
    /// Keeps a filter for the viewer.
    #[graphql(guard = "Needs::ViewSome")]
    async fn save_filter(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The filter and its name.")] input: SaveFilterInput,
    ) -> async_graphql::Result<SaveFilterPayload> {
        let id = input.id.map(|id| id::parse(&id, "input.id")).transpose().graphql()?;
        let name = text::name(&input.name, "input.name").graphql()?;
        let search = input.search.filter(|search| !search.trim().is_empty());
        let opened = Opened {
            filter: input.filter,
            search,
            sort: input.sort,
        };
        let viewer = require(cx).graphql()?;
        let (id, done) = rules::save(cx.data_unchecked::<Kernel>(), viewer, id, name, opened)
            .await
            .graphql()?;
        let saved_filter = queries::node(cx, id).await.graphql()?;
        Ok(SaveFilterPayload {
            saved_filter,
            undo_token: done.token.map(id::id),
        })
    }

    /// Deletes a saved filter of the viewer.
    #[graphql(guard = "Needs::ViewSome")]
    async fn delete_saved_filter(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which saved filter.")] input: DeleteSavedFilterInput,
    ) -> async_graphql::Result<DeleteSavedFilterPayload> {
        let id: SavedFilterId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeleteSavedFilterPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }
}
