//! The pages of an item that is an archive of pictures, as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entities::{file, page};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    kit::{
        connection::{Connection, Total},
        keyset::Keyset,
        page::{self as paging, PageArgs},
        scalar::Bytes,
    },
    media::{
        card::Card,
        contracts::{Pictures, Thumbnail},
        file::playable,
    },
};

/// A picture in an archive.
pub struct Page {
    row: page::Model,
    file: file::Model,
}

/// A picture in an archive.
#[Object(name = "ArchivePage")]
impl Page {
    /// Its place, from 0.
    async fn position(&self) -> i32 {
        self.row.position
    }

    /// What the archive calls it.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// How long it is, unpacked.
    async fn size(&self) -> Bytes {
        Bytes(self.row.n_bytes)
    }

    /// The picture in several widths, each drawn when it is first asked for; null while nothing draws any.
    async fn picture(&self, cx: &Context<'_>) -> Option<Thumbnail> {
        let pictures = cx.data_opt::<Arc<dyn Pictures>>()?;
        Some(pictures.page(&self.file, self.row.position))
    }
}

/// The pages of the file that is shown, in the order in which people read.
///
/// # Errors
/// When the database fails, or the arguments make no sense.
pub async fn of(cx: &Context<'_>, card: &Card, args: PageArgs) -> Result<Connection<Page>, Failure> {
    let loaders = Loaders::of(cx);
    let files = loaders.files.get(card.id).await?;
    let file = files.as_ref().and_then(|files| playable(files, card.primary_file_id));
    let pages = loaders.pages.get(card.id).await?;
    let rows = file.and_then(|file| pages.as_ref()?.get(&file.id)).map(Vec::as_slice);
    let rows = rows.unwrap_or_default();
    let places: Vec<i64> = rows.iter().map(|row| row.position.into()).collect();
    let page = args.slice(&places, &Keyset::in_memory("pages"), paging::cap(cx))?;
    let find = |place: i64| {
        let row = usize::try_from(place).ok().and_then(|place| rows.get(place))?;
        Some(Page {
            row: row.clone(),
            file: file?.clone(),
        })
    };
    Ok(Connection::new(page, Total::Known(places.len() as i64), find))
}
