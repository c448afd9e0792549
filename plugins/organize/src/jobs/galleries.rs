//! `organize.galleries`: makes a gallery of each folder with enough pictures, and adds new pictures to those that there
//! are. Killed at any point, the next attempt goes on with the folders that are left.

use entities::{
    collection::{self, CollectionKind},
    edit,
    id::{CollectionId, EditId, FolderId, LibraryId, MediaId},
};
use kernel::{
    error::Failure,
    jobs::{Job, JobCx, Lane},
    sql,
    store::Durability,
};
use schema::{
    collection::rules::{self, MAX_ITEMS, NewCollection},
    edit::session::Edit,
    kit::text,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::Organize;

kernel::steps! {
    /// What it does.
    pub enum GalleriesStep {
        Make = "make",
    }
}

/// Makes galleries of folders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FolderGalleries {
    /// The edit that it makes.
    pub edit: EditId,
    /// Only a library.
    pub library: Option<LibraryId>,
    /// Folders with fewer pictures get none.
    pub least: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct GalleriesState {
    after: i64,
    n_done: u64,
}

#[async_trait::async_trait]
impl Job for FolderGalleries {
    const KIND: &'static str = "organize.galleries";
    const LANE: Lane = Lane::Cpu;
    type Step = GalleriesStep;
    type Plugin = Organize;

    fn title(&self) -> String {
        "Make galleries of folders".to_owned()
    }

    async fn run(&self, cx: &JobCx<GalleriesStep>, _organize: &Organize) -> anyhow::Result<()> {
        let kernel = cx.kernel();
        let mut state = cx.saved().unwrap_or(GalleriesState {
            after: i64::MIN,
            n_done: 0,
        });
        let folders = self.folders(kernel.store.reader(), state.after).await?;
        cx.unit("folders");
        cx.step(GalleriesStep::Make, Some(folders.len() as u64 + state.n_done));
        cx.advance(state.n_done);
        for folder in folders {
            cx.checkpoint().await?;
            let tx = cx.begin(Durability::Full).await?;
            let row = edit::Entity::find_by_id(self.edit).one(&*tx).await?;
            let row = row.ok_or_else(|| Failure::internal(format!("the edit `{}` was not opened", self.edit)))?;
            let mut edit = Edit::resume(tx, kernel.clock.now_ms(), &row);
            fill(&mut edit, folder).await?;
            edit.settle().await?;
            state = GalleriesState {
                after: folder.0,
                n_done: state.n_done + 1,
            };
            cx.save_in(edit.tx(), &state).await?;
            edit.finish().await?;
            cx.advance(1);
        }
        Ok(())
    }
}

impl FolderGalleries {
    async fn folders(&self, db: &impl ConnectionTrait, after: i64) -> Result<Vec<FolderId>, DbErr> {
        let of = self
            .library
            .map_or(String::new(), |id| format!("and media.library_id = {}", id.0));
        let text = format!(
            "select file.folder_id from file join media on media.primary_file_id = file.id \
             where media.kind = 2 and media.missing_at is null and file.folder_id > $1 {of} \
             group by file.folder_id having count(*) >= $2 order by file.folder_id"
        );
        let rows = sql::rows(db, text, [after.into(), i64::from(self.least).into()]).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }
}

/// Brings the gallery of a folder up to date.
async fn fill(edit: &mut Edit, folder: FolderId) -> Result<(), Failure> {
    let text = "select media.id from file join media on media.primary_file_id = file.id \
        where file.folder_id = $1 and media.kind = 2 and media.missing_at is null \
        and not exists (select 1 from collection_item join collection on collection.id = collection_id \
            where collection.folder_id = $1 and collection_item.media_id = media.id) \
        order by media.sort_title, media.id";
    let rows = sql::rows(&**edit.tx(), text, [folder.0.into()]).await?;
    let new: Vec<MediaId> = rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?;
    if new.is_empty() {
        return Ok(());
    }
    let present = collection::Entity::find().filter(collection::Column::FolderId.eq(folder));
    let id: CollectionId = match present.one(&**edit.tx()).await? {
        Some(row) => row.id,
        None => {
            let gallery = NewCollection {
                kind: CollectionKind::Gallery,
                name: name(edit, folder).await?,
                description: None,
                parent: None,
                folder: Some(folder),
                filter: None,
                media: Vec::new(),
            };
            rules::add(edit, gallery).await?
        }
    };
    for chunk in new.chunks(MAX_ITEMS) {
        edit.write().await?;
        let text = "select max(position) from collection_item where collection_id = $1";
        let rows = sql::rows(&**edit.tx(), text, [id.0.into()]).await?;
        let last: Option<String> = rows.first().map_or(Ok(None), |row| row.try_get_by_index(0))?;
        rules::insert(edit, id, chunk, (last.as_deref(), None), "items").await?;
    }
    Ok(())
}

/// The folder's own name; of the top of a library the library's.
async fn name(edit: &Edit, folder: FolderId) -> Result<String, Failure> {
    let text = "select folder.path, library.name from folder join library_path on library_path.id = library_path_id \
        join library on library.id = library_path.library_id where folder.id = $1";
    let rows = sql::rows(&**edit.tx(), text, [folder.0.into()]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::internal(format!("the folder `{folder}` is gone")))?;
    let path: Vec<u8> = row.try_get_by_index(0)?;
    let path = String::from_utf8_lossy(&path).into_owned();
    let own: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    match text::name(&own, "name") {
        Ok(name) => Ok(name),
        Err(_) => Ok(row.try_get_by_index(1)?),
    }
}
