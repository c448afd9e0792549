//! The trash as it is seen by whoever puts files there at a person's word: whoever keeps one lends [`Trash`].

use std::sync::Arc;

use entities::id::FileId;

use crate::{error::Failure, plugin::Kernel};

/// Puts files where people can bring them back from.
#[async_trait::async_trait]
pub trait Discards: Send + Sync {
    /// Puts files in the trash; gives those that stayed where they are, and why.
    ///
    /// # Errors
    /// When the database fails.
    async fn discard(&self, kernel: &Kernel, files: &[FileId]) -> Result<Vec<(FileId, Failure)>, Failure>;
}

/// The trash, as a part that the server lends: `kernel.parts.get::<Trash>()`.
pub struct Trash(pub Arc<dyn Discards>);
