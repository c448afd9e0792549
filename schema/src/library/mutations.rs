//! Making, changing and deleting libraries.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{access::Needs, error::ToGraphql, id},
    library::{
        rules::{self, LibraryEdit, NewLibrary},
        types::{Library, LibraryKind},
    },
};

/// A new library.
#[derive(Debug, Clone, InputObject)]
pub struct CreateLibraryInput {
    /// Its name, unique without regard to case.
    pub name: String,
    /// Absolute paths of folders on the server, none inside another library's.
    pub paths: Vec<String>,
    /// What it mostly holds.
    #[graphql(default)]
    pub kind: LibraryKind,
    /// Whether to scan files and folders whose name begins with a dot.
    #[graphql(default)]
    pub include_hidden: bool,
}

/// What to change about a library; what is left out stays.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateLibraryInput {
    /// The library.
    pub id: ID,
    /// Its name, unique without regard to case.
    pub name: Option<String>,
    /// All its folders. One path in the place of another counts as moved: its files stay known.
    pub paths: Option<Vec<String>>,
    /// What it mostly holds.
    pub kind: Option<LibraryKind>,
    /// Whether to scan files and folders whose name begins with a dot.
    pub include_hidden: Option<bool>,
}

/// Which library to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteLibraryInput {
    /// The library.
    pub id: ID,
    /// The library's name, to make sure.
    pub confirm: String,
}

/// What `createLibrary` made.
#[derive(SimpleObject)]
pub struct CreateLibraryPayload {
    /// The library; null when it was removed meanwhile.
    pub library: Option<Library>,
}

/// What `updateLibrary` changed.
#[derive(SimpleObject)]
pub struct UpdateLibraryPayload {
    /// The library as it is now; null when it was removed meanwhile.
    pub library: Option<Library>,
}

/// What `deleteLibrary` removed.
#[derive(SimpleObject)]
pub struct DeleteLibraryPayload {
    /// The library that is gone.
    pub library_id: ID,
    /// How many items went with it. Their files are still on the disk.
    pub removed_media_count: u64,
}

/// What can be changed about libraries.
#[derive(Default)]
pub struct LibraryMutation;

/// What can be changed about libraries.
#[Object]
impl LibraryMutation {
    /// Makes a library of folders on the server. It scans nothing by itself.
    #[graphql(guard = "Needs::Admin")]
    async fn create_library(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new library.")] input: CreateLibraryInput,
    ) -> async_graphql::Result<CreateLibraryPayload> {
        let CreateLibraryInput {
            name,
            paths,
            kind,
            include_hidden,
        } = input;
        let new = NewLibrary {
            name,
            paths,
            kind: kind.into(),
            include_hidden,
        };
        let id = rules::create_library(cx.data_unchecked::<Kernel>(), new)
            .await
            .graphql()?;
        let row = Loaders::of(cx).library.get(id).await.graphql()?;
        Ok(CreateLibraryPayload {
            library: row.map(|row| Library { row }),
        })
    }

    /// Changes a library: what is left out stays.
    #[graphql(guard = "Needs::Admin")]
    async fn update_library(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The library and what to change about it.")] input: UpdateLibraryInput,
    ) -> async_graphql::Result<UpdateLibraryPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let UpdateLibraryInput {
            name,
            paths,
            kind,
            include_hidden,
            ..
        } = input;
        let edit = LibraryEdit {
            name,
            paths,
            kind: kind.map(Into::into),
            include_hidden,
        };
        rules::update_library(cx.data_unchecked::<Kernel>(), id, edit)
            .await
            .graphql()?;
        let row = Loaders::of(cx).library.get(id).await.graphql()?;
        Ok(UpdateLibraryPayload {
            library: row.map(|row| Library { row }),
        })
    }

    /// Deletes a library with its items and all that is known about them. The files stay on the disk.
    #[graphql(guard = "Needs::Admin")]
    async fn delete_library(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The library, and its name to make sure.")] input: DeleteLibraryInput,
    ) -> async_graphql::Result<DeleteLibraryPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let removed = rules::delete_library(cx.data_unchecked::<Kernel>(), id, &input.confirm)
            .await
            .graphql()?;
        Ok(DeleteLibraryPayload {
            library_id: id::id(id),
            removed_media_count: removed,
        })
    }
}
