//! How the row caches read what they lack: one statement for all missing keys.

use std::{collections::HashMap, hash::Hash};

use entities::{
    file, folder,
    id::{FolderId, LibraryId, MediaId, PersonId, StudioId, TagId},
    library, library_path, person, person_alias, stream, studio, tag, tag_alias, tag_parent,
};
use kernel::sql;
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{ByFile, FolderPlace, Kin, LibraryRow};

pub(super) async fn tags(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, tag::Model>, DbErr> {
    let rows = tag::Entity::find().filter(tag::Column::Id.is_in(ids)).all(&db).await?;
    by_id(rows, |row| row.id)
}

pub(super) async fn people(
    db: DatabaseConnection,
    ids: Vec<PersonId>,
) -> Result<HashMap<PersonId, person::Model>, DbErr> {
    let select = person::Entity::find().filter(person::Column::Id.is_in(ids));
    by_id(select.all(&db).await?, |row| row.id)
}

pub(super) async fn studios(
    db: DatabaseConnection,
    ids: Vec<StudioId>,
) -> Result<HashMap<StudioId, studio::Model>, DbErr> {
    let select = studio::Entity::find().filter(studio::Column::Id.is_in(ids));
    by_id(select.all(&db).await?, |row| row.id)
}

pub(super) async fn said(db: DatabaseConnection, ids: Vec<MediaId>) -> Result<HashMap<MediaId, Vec<Vec<u8>>>, DbErr> {
    let text = format!(
        "select file.media_id, subtitle_lines.packed from file join subtitle_lines on subtitle_lines.file_id = file.id
         where file.media_id in ({}) order by file.media_id, file.id",
        sql::ids(ids.iter().copied())
    );
    let mut found: HashMap<MediaId, Vec<Vec<u8>>> = ids.into_iter().map(|id| (id, Vec::new())).collect();
    for row in sql::rows(&db, text, []).await? {
        let of_item = found.entry(MediaId(row.try_get_by_index(0)?)).or_default();
        of_item.push(row.try_get_by_index(1)?);
    }
    Ok(found)
}

pub(super) async fn streams(
    db: DatabaseConnection,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, ByFile<stream::Model>>, DbErr> {
    use sea_orm::{
        JoinType,
        sea_query::{Expr, ExprTrait},
    };
    let of_file = |column| Expr::col((file::Entity, column));
    let mut select = stream::Entity::find();
    QuerySelect::query(&mut select)
        .expr_as(of_file(file::Column::MediaId), "of_media_id")
        .join(
            JoinType::InnerJoin,
            file::Entity,
            of_file(file::Column::Id).equals((stream::Entity, stream::Column::FileId)),
        )
        .and_where(of_file(file::Column::MediaId).is_in(ids.iter().copied()));
    let rows = select
        .order_by_asc(stream::Column::FileId)
        .order_by_asc(stream::Column::Index)
        .into_model::<Linked<stream::Model>>();
    let rows = rows.all(&db).await?;
    let mut found: HashMap<MediaId, ByFile<stream::Model>> = ids.iter().map(|id| (*id, ByFile::new())).collect();
    for Linked { media, row } in rows {
        found
            .entry(media)
            .or_default()
            .entry(row.file_id)
            .or_default()
            .push(row);
    }
    Ok(found)
}

/// A row that was reached from an item.
struct Linked<T> {
    media: MediaId,
    row: T,
}

impl<T: sea_orm::FromQueryResult> sea_orm::FromQueryResult for Linked<T> {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            media: row.try_get(prefix, "of_media_id")?,
            row: T::from_query_result(row, prefix)?,
        })
    }
}

pub(super) async fn tag_aliases(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, Vec<String>>, DbErr> {
    let select = tag_alias::Entity::find().filter(tag_alias::Column::TagId.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(tag_alias::Column::Name).all(&db).await?;
    Ok(lists(&ids, rows.into_iter().map(|row| (row.tag_id, row.name))))
}

pub(super) async fn person_aliases(
    db: DatabaseConnection,
    ids: Vec<PersonId>,
) -> Result<HashMap<PersonId, Vec<String>>, DbErr> {
    let select = person_alias::Entity::find().filter(person_alias::Column::PersonId.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(person_alias::Column::Name).all(&db).await?;
    Ok(lists(&ids, rows.into_iter().map(|row| (row.person_id, row.name))))
}

pub(super) async fn kin(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, Kin>, DbErr> {
    let of = Condition::any()
        .add(tag_parent::Column::TagId.is_in(ids.iter().copied()))
        .add(tag_parent::Column::ParentId.is_in(ids.iter().copied()));
    let mut kin: HashMap<TagId, Kin> = ids.iter().map(|id| (*id, Kin::default())).collect();
    let rows = tag_parent::Entity::find()
        .filter(of)
        .order_by_asc(tag_parent::Column::TagId)
        .all(&db)
        .await?;
    for edge in rows {
        if let Some(kin) = kin.get_mut(&edge.tag_id) {
            kin.parents.push(edge.parent_id);
        }
        if let Some(kin) = kin.get_mut(&edge.parent_id) {
            kin.children.push(edge.tag_id);
        }
    }
    Ok(kin)
}

pub(super) async fn libraries(
    db: DatabaseConnection,
    ids: Vec<LibraryId>,
) -> Result<HashMap<LibraryId, LibraryRow>, DbErr> {
    let rows = library::Entity::find()
        .filter(library::Column::Id.is_in(ids.iter().copied()))
        .all(&db)
        .await?;
    let select = library_path::Entity::find().filter(library_path::Column::LibraryId.is_in(ids.iter().copied()));
    let paths = select.order_by_asc(library_path::Column::Position).all(&db).await?;
    let mut paths = lists(&ids, paths.into_iter().map(|path| (path.library_id, path.path)));
    let row = |library: library::Model| {
        let paths = paths.remove(&library.id).unwrap_or_default();
        (library.id, LibraryRow { library, paths })
    };
    Ok(rows.into_iter().map(row).collect())
}

pub(super) async fn folders(
    db: DatabaseConnection,
    ids: Vec<FolderId>,
) -> Result<HashMap<FolderId, FolderPlace>, DbErr> {
    let folders = folder::Entity::find()
        .filter(folder::Column::Id.is_in(ids))
        .all(&db)
        .await?;
    let roots = folders.iter().map(|folder| folder.library_path_id);
    let roots = library_path::Entity::find()
        .filter(library_path::Column::Id.is_in(roots))
        .all(&db)
        .await?;
    let roots: HashMap<_, _> = roots.into_iter().map(|root| (root.id, root.path)).collect();
    let place = |folder: folder::Model| {
        let root = roots.get(&folder.library_path_id)?.clone();
        Some((
            folder.id,
            FolderPlace {
                root,
                path: folder.path,
            },
        ))
    };
    Ok(folders.into_iter().filter_map(place).collect())
}

fn by_id<K: Hash + Eq, T>(rows: Vec<T>, id: impl Fn(&T) -> K) -> Result<HashMap<K, T>, DbErr> {
    Ok(rows.into_iter().map(|row| (id(&row), row)).collect())
}

/// A list for each key, empty where there are no rows: an empty list is a fact and is kept as long as any.
pub(super) fn lists<K: Hash + Eq + Copy, T>(keys: &[K], rows: impl IntoIterator<Item = (K, T)>) -> HashMap<K, Vec<T>> {
    let mut lists: HashMap<K, Vec<T>> = keys.iter().map(|key| (*key, Vec::new())).collect();
    for (key, row) in rows {
        lists.entry(key).or_default().push(row);
    }
    lists
}
