//! What making, changing and deleting a library means, without GraphQL. The command line uses the same functions.

use std::collections::BTreeSet;

use entities::{
    file, folder,
    id::{LibraryId, LibraryPathId, MediaId},
    library::{self, LibraryKind},
    library_path, media,
};
use kernel::{
    error::{Failure, code},
    events::{LibraryChanged, MediaRemoved, PersonChanged, StudioChanged, TagChanged},
    plugin::Kernel,
    store::{Durability, Tx},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
    sea_query::{Expr, Query},
};

use crate::{
    kit::{
        error::violates,
        keyset::{IdPage, Key, KeyKind, Keyset},
        libraries::Libraries,
        page::PageArgs,
        text,
    },
    library::{
        codes::{LIBRARY_NAME_TAKEN, LIBRARY_PATH_IN_USE},
        own,
        paths::{self, Taken},
    },
};

/// A library to be made.
#[derive(Debug, Clone)]
pub struct NewLibrary {
    /// Its name.
    pub name: String,
    /// Absolute paths of folders.
    pub paths: Vec<String>,
    /// What it mostly holds.
    pub kind: LibraryKind,
    /// Scan names that begin with a dot.
    pub include_hidden: bool,
}

/// What to change about a library; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct LibraryEdit {
    /// Its name.
    pub name: Option<String>,
    /// All its folders.
    pub paths: Option<Vec<String>>,
    /// What it mostly holds.
    pub kind: Option<LibraryKind>,
    /// Scan names that begin with a dot.
    pub include_hidden: Option<bool>,
}

/// Makes a library. It scans nothing by itself.
pub async fn create_library(kernel: &Kernel, new: NewLibrary) -> Result<LibraryId, Failure> {
    let name = text::name(&new.name, "input.name")?;
    let paths = check_paths(kernel, new.paths, None).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    let (id, now) = (LibraryId::new(), kernel.clock.now_ms());
    let row = library::ActiveModel {
        id: Set(id),
        name: Set(name.clone()),
        kind: Set(new.kind),
        is_online: Set(true),
        offline_reason: Set(None),
        include_hidden: Set(new.include_hidden),
        n_media: Set(0),
        total_size: Set(0),
        total_duration_us: Set(0),
        last_scanned_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let inserted = library::Entity::insert(row).exec_without_returning(&*tx).await;
    inserted.map_err(|error| name_taken(error, &name))?;
    for (position, path) in paths.into_iter().enumerate() {
        insert_path(&tx, id, path, position).await?;
    }
    tx.publish(LibraryChanged { library: id });
    tx.commit().await?;
    Ok(id)
}

/// Changes a library. A path that is replaced by exactly one other counts as moved: its files keep their identity.
pub async fn update_library(kernel: &Kernel, id: LibraryId, edit: LibraryEdit) -> Result<(), Failure> {
    let name = edit
        .name
        .as_deref()
        .map(|name| text::name(name, "input.name"))
        .transpose()?;
    let paths = match edit.paths {
        Some(paths) => Some(check_paths(kernel, paths, Some(id)).await?),
        None => None,
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let found = library::Entity::find_by_id(id).lock_exclusive().one(&*tx).await?;
    let Some(row) = found else { return Err(unknown(id)) };
    let mut row = row.into_active_model();
    row.updated_at = Set(kernel.clock.now_ms());
    if let Some(name) = &name {
        row.name = Set(name.clone());
    }
    if let Some(kind) = edit.kind {
        row.kind = Set(kind);
    }
    if let Some(include_hidden) = edit.include_hidden {
        row.include_hidden = Set(include_hidden);
    }
    if let Err(error) = row.update(&*tx).await {
        return Err(name_taken(error, name.as_deref().unwrap_or_default()));
    }
    if let Some(paths) = paths {
        replace_paths(kernel, &tx, id, paths).await?;
    }
    tx.publish(LibraryChanged { library: id });
    tx.commit().await?;
    Ok(())
}

/// Deletes a library with its items and everything known about them; the files stay on the disk. `confirm` must be
/// the library's name. Returns how many items went.
pub async fn delete_library(kernel: &Kernel, id: LibraryId, confirm: &str) -> Result<u64, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let found = library::Entity::find_by_id(id).lock_exclusive().one(&*tx).await?;
    let Some(row) = found else { return Err(unknown(id)) };
    if confirm != row.name {
        let message = format!(
            "to delete it with all that is known about its items, repeat its name: `{}`",
            row.name
        );
        return Err(Failure::field("input.confirm", message));
    }
    let items = media::Entity::find()
        .select_only()
        .column(media::Column::Id)
        .filter(media::Column::LibraryId.eq(id));
    let items: Vec<MediaId> = items.into_tuple().all(&*tx).await?;
    recount_without(&tx, id).await?;
    // Files refer to folders without a cascade, so they go first.
    file::Entity::delete_many()
        .filter(file::Column::LibraryId.eq(id))
        .exec(&*tx)
        .await?;
    library::Entity::delete_by_id(id).exec(&*tx).await?;
    let n_items = items.len() as u64;
    tx.publish(MediaRemoved { media: items });
    tx.publish(LibraryChanged { library: id });
    tx.commit().await?;
    Ok(n_items)
}

/// The library of a name, without regard to case.
pub async fn find_library(kernel: &Kernel, name: &str) -> Result<Option<library::Model>, Failure> {
    let lower = |expr: Expr| Expr::from(sea_orm::sea_query::Func::lower(expr));
    let same = sea_orm::ExprTrait::eq(lower(Expr::col(library::Column::Name)), lower(Expr::val(name)));
    Ok(library::Entity::find().filter(same).one(kernel.store.reader()).await?)
}

/// All libraries with their paths, by name.
pub async fn list_libraries(kernel: &Kernel) -> Result<Vec<(library::Model, Vec<String>)>, Failure> {
    let db = kernel.store.reader();
    let rows = library::Entity::find()
        .order_by_asc(library::Column::Name)
        .all(db)
        .await?;
    let paths = library_path::Entity::find()
        .order_by_asc(library_path::Column::Position)
        .all(db)
        .await?;
    let of = |id| {
        paths
            .iter()
            .filter(|path| path.library_id == id)
            .map(|path| path.path.clone())
            .collect()
    };
    Ok(rows.into_iter().map(|row| (row.clone(), of(row.id))).collect())
}

/// A page of libraries by name.
pub async fn page(
    kernel: &Kernel,
    sees: &Libraries,
    args: &PageArgs,
    cap: usize,
    with_total: bool,
) -> Result<IdPage, Failure> {
    let expr = Expr::col(("library", "name"));
    let keyset = Keyset {
        keys: vec![Key {
            expr,
            kind: KeyKind::Text,
            is_nullable: false,
            is_descending: false,
        }],
        id: Expr::col(("library", "id")),
        is_descending: false,
        signature: "library+name".to_owned(),
    };
    let window = args.window(&keyset, cap)?;
    let from = || {
        let mut select = Query::select().from("library").take();
        if let Some(holds) = sees.holds("library.id") {
            select.and_where(Expr::cust(holds));
        }
        select
    };
    let count = || from().expr(Expr::cust("count(*)")).take();
    let select = keyset.select(&|_| from(), &window, with_total.then(count));
    let db = kernel.store.reader();
    let mut page = keyset.fetch(db, &select, &window, with_total).await?;
    if with_total && page.total.is_none() {
        page.total = Some(
            db.query_one(&count())
                .await?
                .map_or(Ok(0), |row| row.try_get_by_index(0))?,
        );
    }
    Ok(page)
}

async fn check_paths(kernel: &Kernel, paths: Vec<String>, except: Option<LibraryId>) -> Result<Vec<String>, Failure> {
    let others = list_libraries(kernel)
        .await?
        .into_iter()
        .filter(|(library, _)| Some(library.id) != except);
    let taken: Vec<Taken> = others
        .flat_map(|(library, paths)| {
            paths.into_iter().map(move |path| Taken {
                library: library.name.clone(),
                path,
            })
        })
        .collect();
    let checked = tokio::task::spawn_blocking(move || paths::check(&paths, &taken, "input.paths")).await;
    checked.map_err(Failure::internal)?
}

async fn insert_path(tx: &Tx, library: LibraryId, path: String, position: usize) -> Result<(), Failure> {
    let row = library_path::ActiveModel {
        id: Set(LibraryPathId::new()),
        library_id: Set(library),
        path: Set(path),
        position: Set(position as i32),
    };
    library_path::Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(())
}

async fn replace_paths(kernel: &Kernel, tx: &Tx, library: LibraryId, wanted: Vec<String>) -> Result<(), Failure> {
    let select = library_path::Entity::find().filter(library_path::Column::LibraryId.eq(library));
    let mut rows = select.order_by_asc(library_path::Column::Position).all(&**tx).await?;
    // Folders that the server itself fills are nobody's to take away, and no other folder comes in their place.
    rows.retain(|row| !own::is_own(kernel, &row.path) || wanted.contains(&row.path));
    let kept: BTreeSet<&String> = rows
        .iter()
        .map(|row| &row.path)
        .filter(|path| wanted.contains(path))
        .collect();
    let mut gone: Vec<&library_path::Model> = rows.iter().filter(|row| !kept.contains(&row.path)).collect();
    let fresh: Vec<&String> = wanted.iter().filter(|path| !kept.contains(path)).collect();
    let is_move = gone.len() == 1 && fresh.len() == 1;
    for (position, path) in wanted.iter().enumerate() {
        let row = match rows.iter().find(|row| row.path == *path) {
            Some(row) => row,
            None if is_move => gone.remove(0),
            None => {
                insert_path(tx, library, path.clone(), position).await?;
                continue;
            }
        };
        let mut row = row.clone().into_active_model();
        row.path = Set(path.clone());
        row.position = Set(position as i32);
        row.update(&**tx).await?;
    }
    for row in gone {
        let folders = folder::Entity::find().select_only().column(folder::Column::Id);
        let folders = folders.filter(folder::Column::LibraryPathId.eq(row.id));
        let in_folders = file::Column::FolderId.in_subquery(sea_orm::QueryTrait::into_query(folders));
        let n_files = file::Entity::find().filter(in_folders).count(&**tx).await?;
        if n_files > 0 {
            let message = format!(
                "`{}` still has {n_files} known files; put another path in its place if it moved, or delete the library",
                row.path
            );
            return Err(Failure::new(&LIBRARY_PATH_IN_USE, message));
        }
        library_path::Entity::delete_by_id(row.id).exec(&**tx).await?;
    }
    Ok(())
}

/// Takes a library's items out of the counters of tags, people and studios, which count those that are not missing.
async fn recount_without(tx: &Tx, library: LibraryId) -> Result<(), Failure> {
    let backend = tx.get_database_backend();
    let place = if backend == sea_orm::DbBackend::Postgres {
        "$1"
    } else {
        "?1"
    };
    let linked = |owner: &str, link: &str, column: &str| {
        format!(
            "update {owner} set n_media = n_media - (
                 select count(*) from {link} join media on media.id = {link}.media_id
                 where {link}.{column} = {owner}.id and media.library_id = {place} and media.missing_at is null)
             where id in (
                 select {link}.{column} from {link} join media on media.id = {link}.media_id
                 where media.library_id = {place})
             returning id"
        )
    };
    let of_studios = format!(
        "update studio set n_media = n_media - (
             select count(*) from media
             where media.studio_id = studio.id and media.library_id = {place} and media.missing_at is null)
         where id in (select studio_id from media where library_id = {place})
         returning id"
    );
    let run = async |sql: String| -> Result<Vec<i64>, Failure> {
        let statement = Statement::from_sql_and_values(backend, sql, [i64::from(library).into()]);
        let rows = tx.query_all_raw(statement).await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<Result<_, _>>()?)
    };
    let tags = run(linked("tag", "media_tag", "tag_id")).await?;
    let people = run(linked("person", "media_person", "person_id")).await?;
    let studios = run(of_studios).await?;
    tx.publish(TagChanged {
        tags: tags.into_iter().map(Into::into).collect(),
    });
    tx.publish(PersonChanged {
        people: people.into_iter().map(Into::into).collect(),
    });
    tx.publish(StudioChanged {
        studios: studios.into_iter().map(Into::into).collect(),
    });
    Ok(())
}

fn unknown(id: LibraryId) -> Failure {
    Failure::new(&code::NOT_FOUND, format!("no library `{id}`"))
}

fn name_taken(error: sea_orm::DbErr, name: &str) -> Failure {
    if violates(&error, "library_name_key") {
        return Failure::new(
            &LIBRARY_NAME_TAKEN,
            format!("there is a library named `{name}` already"),
        );
    }
    error.into()
}
