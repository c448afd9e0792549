//! The row caches that all requests share, their invalidation by facts, and the loaders of one request.

use std::{collections::HashMap, future::Future, hash::Hash, sync::Arc};

use async_graphql::{Context, Data};
use entities::{
    chapter, file, folder,
    id::{FileId, FolderId, LibraryId, MediaId, PersonId, StudioId, TagId, UserId},
    library, library_path, media, media_person, media_tag, media_user, person, person_alias, stream, studio, tag,
    tag_alias, tag_parent,
};
use kernel::{
    cache::RowCache,
    events::{LibraryChanged, MediaAdded, MediaChanged, MediaRemoved, PersonChanged, StudioChanged, TagChanged},
    plugin::Kernel,
};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    kit::{access::Access, loader::Rows},
    media::{card::Card, nested::NestedPages, rules::MediaUserChanged},
};

/// What an item is credited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The person.
    pub person: PersonId,
    /// Actor, director and the like.
    pub role: Option<String>,
}

/// A tag's neighbors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kin {
    /// The tags right above it.
    pub parents: Vec<TagId>,
    /// The tags right below it.
    pub children: Vec<TagId>,
}

/// A library with its paths in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryRow {
    /// The row.
    pub library: library::Model,
    /// Absolute paths.
    pub paths: Vec<String>,
}

/// Where a folder is on this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPlace {
    /// The library path it is below.
    pub root: String,
    /// Its own path below that, as bytes.
    pub path: Vec<u8>,
}

/// The streams or chapters of an item, by file.
pub type ByFile<T> = HashMap<FileId, Vec<T>>;

macro_rules! caches {
    ($($(#[$doc:meta])* $field:ident: $key:ty => $row:ty;)+) => {
        /// The row caches of the process. Clones are handles to the same ones.
        #[derive(Clone)]
        pub struct SharedCaches {
            $($(#[$doc])* pub $field: RowCache<$key, $row>,)+
        }

        /// The loaders of one request.
        pub struct Loaders {
            $($(#[$doc])* pub $field: Rows<$key, $row>,)+
            /// Pages of media below something.
            pub nested: NestedPages,
        }

        impl Loaders {
            fn new(kernel: &Kernel, shared: &SharedCaches) -> Self {
                Self { $($field: Rows::new(&shared.$field),)+ nested: NestedPages::new(kernel) }
            }
        }
    };
}

caches! {
    /// Items as pages show them.
    card: MediaId => Card;
    /// Descriptions of items.
    description: MediaId => Option<String>;
    /// Files of items, the primary one first.
    files: MediaId => Vec<file::Model>;
    /// Streams of items, by file.
    streams: MediaId => ByFile<stream::Model>;
    /// Chapters of items, by file.
    chapters: MediaId => ByFile<chapter::Model>;
    /// Tags of items, in no order.
    media_tags: MediaId => Vec<TagId>;
    /// People of items, in order.
    credits: MediaId => Vec<Credit>;
    /// What one account did with one item.
    own: (MediaId, UserId) => media_user::Model;
    /// Tags.
    tag: TagId => tag::Model;
    /// Other names of tags.
    tag_aliases: TagId => Vec<String>;
    /// Neighbors of tags.
    kin: TagId => Kin;
    /// People.
    person: PersonId => person::Model;
    /// Other names of people.
    person_aliases: PersonId => Vec<String>;
    /// Studios.
    studio: StudioId => studio::Model;
    /// Libraries with their paths.
    library: LibraryId => LibraryRow;
    /// Folders on this server.
    folder: FolderId => FolderPlace;
}

impl Loaders {
    /// The loaders of this request.
    pub fn of<'a>(cx: &Context<'a>) -> &'a Self {
        cx.data_unchecked::<Arc<Self>>()
    }
}

/// What goes into each request's data.
pub fn request_data(kernel: &Kernel, shared: &SharedCaches, access: Access) -> Data {
    let mut data = Data::default();
    data.insert(access);
    data.insert(Arc::new(Loaders::new(kernel, shared)));
    crate::job::loaders(kernel, &mut data);
    data
}

/// Makes the caches, once per process, and lets facts invalidate them.
pub fn context(kernel: &Kernel) -> SharedCaches {
    let shared = build(kernel);
    let forget_media = {
        let shared = shared.clone();
        move |media: &[MediaId]| {
            let ids = || media.iter().copied();
            shared.card.invalidate(ids());
            shared.description.invalidate(ids());
            shared.files.invalidate(ids());
            shared.streams.invalidate(ids());
            shared.chapters.invalidate(ids());
            shared.media_tags.invalidate(ids());
            shared.credits.invalidate(ids());
        }
    };
    let events = &kernel.events;
    let forget = forget_media.clone();
    events.on::<MediaAdded>(move |fact| forget(&fact.media));
    let forget = forget_media.clone();
    events.on::<MediaChanged>(move |fact| forget(&fact.media));
    events.on::<MediaRemoved>(move |fact| forget_media(&fact.media));
    let own = shared.own.clone();
    events.on::<MediaUserChanged>(move |fact| own.invalidate(fact.media.iter().map(|media| (*media, fact.user))));
    let (tag, aliases, kin) = (shared.tag.clone(), shared.tag_aliases.clone(), shared.kin.clone());
    events.on::<TagChanged>(move |fact| {
        let ids = || fact.tags.iter().copied();
        tag.invalidate(ids());
        aliases.invalidate(ids());
        kin.invalidate(ids());
    });
    let (person, aliases) = (shared.person.clone(), shared.person_aliases.clone());
    events.on::<PersonChanged>(move |fact| {
        person.invalidate(fact.people.iter().copied());
        aliases.invalidate(fact.people.iter().copied());
    });
    let studio = shared.studio.clone();
    events.on::<StudioChanged>(move |fact| studio.invalidate(fact.studios.iter().copied()));
    let (library, folder) = (shared.library.clone(), shared.folder.clone());
    events.on::<LibraryChanged>(move |fact| {
        library.invalidate([fact.library]);
        // A library path may have moved, and with it every folder below.
        folder.clear();
    });
    shared
}

const MIB: u64 = 1 << 20;

fn build(kernel: &Kernel) -> SharedCaches {
    let caches = &kernel.caches;
    let db = || kernel.store.reader().clone();
    let tag = {
        let db = db();
        caches.rows("tag.row", 32 * MIB, weigh_tag, move |ids: Vec<TagId>| {
            let db = db.clone();
            async move {
                by_id(
                    tag::Entity::find().filter(tag::Column::Id.is_in(ids)).all(&db).await?,
                    |row| row.id,
                )
            }
        })
    };
    let person = {
        let db = db();
        caches.rows("person.row", 32 * MIB, weigh_person, move |ids: Vec<PersonId>| {
            let db = db.clone();
            async move {
                by_id(
                    person::Entity::find()
                        .filter(person::Column::Id.is_in(ids))
                        .all(&db)
                        .await?,
                    |row| row.id,
                )
            }
        })
    };
    SharedCaches {
        card: caches.rows("media.card", 128 * MIB, Card::weigh, with(db(), load_cards)),
        description: caches.rows("media.description", 32 * MIB, weigh_text, with(db(), load_descriptions)),
        files: caches.rows("media.files", 128 * MIB, weigh_files, with(db(), load_files)),
        streams: caches.rows("media.streams", 64 * MIB, weigh_streams, with(db(), load_streams)),
        chapters: caches.rows("media.chapters", 32 * MIB, weigh_chapters, with(db(), load_chapters)),
        media_tags: {
            let (db, tag) = (db(), tag.clone());
            caches.rows(
                "media.tags",
                32 * MIB,
                |tags| 24 + 8 * tags.len() as u32,
                move |ids| load_media_tags(db.clone(), tag.clone(), ids),
            )
        },
        credits: {
            let (db, person) = (db(), person.clone());
            caches.rows("media.people", 32 * MIB, weigh_credits, move |ids| {
                load_credits(db.clone(), person.clone(), ids)
            })
        },
        own: caches.rows(
            "media.user",
            32 * MIB,
            |_| size_of::<media_user::Model>() as u32,
            with(db(), load_own),
        ),
        tag,
        tag_aliases: caches.rows("tag.aliases", 8 * MIB, weigh_names, with(db(), load_tag_aliases)),
        kin: caches.rows("tag.kin", 8 * MIB, weigh_kin, with(db(), load_kin)),
        person,
        person_aliases: caches.rows("person.aliases", 8 * MIB, weigh_names, with(db(), load_person_aliases)),
        studio: caches.rows(
            "studio.row",
            8 * MIB,
            weigh_studio,
            with(db(), |db, ids: Vec<StudioId>| async move {
                by_id(
                    studio::Entity::find()
                        .filter(studio::Column::Id.is_in(ids))
                        .all(&db)
                        .await?,
                    |row| row.id,
                )
            }),
        ),
        library: caches.rows("library.row", 4 * MIB, weigh_library, with(db(), load_libraries)),
        folder: caches.rows("folder.place", 16 * MIB, weigh_folder, with(db(), load_folders)),
    }
}

/// Hands each load its own handle of the reader.
fn with<K, F>(
    db: DatabaseConnection,
    load: impl Fn(DatabaseConnection, Vec<K>) -> F + Send + Sync + 'static,
) -> impl Fn(Vec<K>) -> F + Send + Sync + 'static
where
    F: Future + Send + 'static,
{
    move |ids| load(db.clone(), ids)
}

fn by_id<K: Hash + Eq, T>(rows: Vec<T>, id: impl Fn(&T) -> K) -> Result<HashMap<K, T>, DbErr> {
    Ok(rows.into_iter().map(|row| (id(&row), row)).collect())
}

/// A list for each key, empty where there are no rows: an empty list is a fact and is kept as long as any.
fn lists<K: Hash + Eq + Copy, T>(keys: &[K], rows: impl IntoIterator<Item = (K, T)>) -> HashMap<K, Vec<T>> {
    let mut lists: HashMap<K, Vec<T>> = keys.iter().map(|key| (*key, Vec::new())).collect();
    for (key, row) in rows {
        lists.entry(key).or_default().push(row);
    }
    lists
}

async fn load_cards(db: DatabaseConnection, ids: Vec<MediaId>) -> Result<HashMap<MediaId, Card>, DbErr> {
    let cards = media::Entity::find()
        .filter(media::Column::Id.is_in(ids))
        .into_partial_model::<Card>()
        .all(&db)
        .await?;
    by_id(cards, |card| card.id)
}

async fn load_descriptions(
    db: DatabaseConnection,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, Option<String>>, DbErr> {
    let select = media::Entity::find()
        .select_only()
        .columns([media::Column::Id, media::Column::Description]);
    let rows = select
        .filter(media::Column::Id.is_in(ids))
        .into_tuple::<(MediaId, Option<String>)>()
        .all(&db)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn load_files(db: DatabaseConnection, ids: Vec<MediaId>) -> Result<HashMap<MediaId, Vec<file::Model>>, DbErr> {
    let select = file::Entity::find().filter(file::Column::MediaId.is_in(ids.iter().copied()));
    // Present files before missing ones, then the oldest: the scan picks its primary file the same way.
    let rows = select
        .order_by_asc(file::Column::Status)
        .order_by_asc(file::Column::Id)
        .all(&db)
        .await?;
    Ok(lists(&ids, rows.into_iter().map(|file| (file.media_id, file))))
}

async fn load_streams(
    db: DatabaseConnection,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, ByFile<stream::Model>>, DbErr> {
    let owners = file_owners(&db, &ids).await?;
    let select = stream::Entity::find().filter(stream::Column::FileId.is_in(owners.keys().copied()));
    let rows = select
        .order_by_asc(stream::Column::FileId)
        .order_by_asc(stream::Column::Index)
        .all(&db)
        .await?;
    Ok(group_by_file(&ids, &owners, rows, |row| row.file_id))
}

async fn load_chapters(
    db: DatabaseConnection,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, ByFile<chapter::Model>>, DbErr> {
    let owners = file_owners(&db, &ids).await?;
    let select = chapter::Entity::find().filter(chapter::Column::FileId.is_in(owners.keys().copied()));
    let rows = select
        .order_by_asc(chapter::Column::FileId)
        .order_by_asc(chapter::Column::Position)
        .all(&db)
        .await?;
    Ok(group_by_file(&ids, &owners, rows, |row| row.file_id))
}

async fn file_owners(db: &DatabaseConnection, ids: &[MediaId]) -> Result<HashMap<FileId, MediaId>, DbErr> {
    let select = file::Entity::find()
        .select_only()
        .columns([file::Column::Id, file::Column::MediaId]);
    let rows = select
        .filter(file::Column::MediaId.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

fn group_by_file<T>(
    ids: &[MediaId],
    owners: &HashMap<FileId, MediaId>,
    rows: Vec<T>,
    file: impl Fn(&T) -> FileId,
) -> HashMap<MediaId, ByFile<T>> {
    let mut found: HashMap<MediaId, ByFile<T>> = ids.iter().map(|id| (*id, ByFile::new())).collect();
    for row in rows {
        let file = file(&row);
        if let Some(media) = owners.get(&file) {
            found.entry(*media).or_default().entry(file).or_default().push(row);
        }
    }
    found
}

async fn load_media_tags(
    db: DatabaseConnection,
    tags: RowCache<TagId, tag::Model>,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, Vec<TagId>>, DbErr> {
    use sea_orm::{
        JoinType,
        sea_query::{Expr, ExprTrait},
    };
    // The tags' rows come along: a page needs them next, and one statement is cheaper than two.
    let moment = tags.moment();
    let on = Expr::col((media_tag::Entity, media_tag::Column::TagId)).equals((tag::Entity, tag::Column::Id));
    let mut select = tag::Entity::find();
    QuerySelect::query(&mut select)
        .expr_as(
            Expr::col((media_tag::Entity, media_tag::Column::MediaId)),
            "of_media_id",
        )
        .join(JoinType::InnerJoin, media_tag::Entity, on)
        .and_where(Expr::col((media_tag::Entity, media_tag::Column::MediaId)).is_in(ids.iter().copied()));
    let rows = select.into_model::<Linked<tag::Model>>().all(&db).await?;
    tags.offer(moment, rows.iter().map(|linked| (linked.row.id, linked.row.clone())));
    Ok(lists(
        &ids,
        rows.into_iter().map(|linked| (linked.media, linked.row.id)),
    ))
}

async fn load_credits(
    db: DatabaseConnection,
    people: RowCache<PersonId, person::Model>,
    ids: Vec<MediaId>,
) -> Result<HashMap<MediaId, Vec<Credit>>, DbErr> {
    use sea_orm::{
        JoinType, Order,
        sea_query::{Expr, ExprTrait},
    };
    let moment = people.moment();
    let link = |column| Expr::col((media_person::Entity, column));
    let mut select = person::Entity::find();
    QuerySelect::query(&mut select)
        .expr_as(link(media_person::Column::MediaId), "of_media_id")
        .expr_as(link(media_person::Column::Role), "of_role")
        .join(
            JoinType::InnerJoin,
            media_person::Entity,
            link(media_person::Column::PersonId).equals((person::Entity, person::Column::Id)),
        )
        .and_where(link(media_person::Column::MediaId).is_in(ids.iter().copied()))
        .order_by_expr(link(media_person::Column::Position), Order::Asc)
        .order_by_expr(link(media_person::Column::PersonId), Order::Asc);
    let rows = select.into_model::<Linked<person::Model>>().all(&db).await?;
    people.offer(moment, rows.iter().map(|linked| (linked.row.id, linked.row.clone())));
    let credit = |linked: Linked<person::Model>| {
        (
            linked.media,
            Credit {
                person: linked.row.id,
                role: linked.role,
            },
        )
    };
    Ok(lists(&ids, rows.into_iter().map(credit)))
}

/// A row that was reached from an item.
struct Linked<T> {
    media: MediaId,
    role: Option<String>,
    row: T,
}

impl<T: sea_orm::FromQueryResult> sea_orm::FromQueryResult for Linked<T> {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            media: row.try_get(prefix, "of_media_id")?,
            role: row.try_get(prefix, "of_role").unwrap_or_default(),
            row: T::from_query_result(row, prefix)?,
        })
    }
}

async fn load_own(
    db: DatabaseConnection,
    keys: Vec<(MediaId, UserId)>,
) -> Result<HashMap<(MediaId, UserId), media_user::Model>, DbErr> {
    let mut by_user: HashMap<UserId, Vec<MediaId>> = HashMap::new();
    for (media, user) in keys {
        by_user.entry(user).or_default().push(media);
    }
    let mut found = HashMap::new();
    // One user in practice: a batch belongs to one request.
    for (user, media) in by_user {
        let select = media_user::Entity::find().filter(media_user::Column::UserId.eq(user));
        let rows = select
            .filter(media_user::Column::MediaId.is_in(media.iter().copied()))
            .all(&db)
            .await?;
        found.extend(media.iter().map(|media| ((*media, user), untouched(*media, user))));
        found.extend(rows.into_iter().map(|row| ((row.media_id, user), row)));
    }
    Ok(found)
}

/// The state of an item that an account never touched.
fn untouched(media_id: MediaId, user_id: UserId) -> media_user::Model {
    media_user::Model {
        media_id,
        user_id,
        rating: None,
        is_favorite: false,
        n_views: 0,
        last_viewed_at: None,
        position_us: None,
        updated_at: 0,
    }
}

async fn load_tag_aliases(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, Vec<String>>, DbErr> {
    let select = tag_alias::Entity::find().filter(tag_alias::Column::TagId.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(tag_alias::Column::Name).all(&db).await?;
    Ok(lists(&ids, rows.into_iter().map(|row| (row.tag_id, row.name))))
}

async fn load_person_aliases(
    db: DatabaseConnection,
    ids: Vec<PersonId>,
) -> Result<HashMap<PersonId, Vec<String>>, DbErr> {
    let select = person_alias::Entity::find().filter(person_alias::Column::PersonId.is_in(ids.iter().copied()));
    let rows = select.order_by_asc(person_alias::Column::Name).all(&db).await?;
    Ok(lists(&ids, rows.into_iter().map(|row| (row.person_id, row.name))))
}

async fn load_kin(db: DatabaseConnection, ids: Vec<TagId>) -> Result<HashMap<TagId, Kin>, DbErr> {
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

async fn load_libraries(db: DatabaseConnection, ids: Vec<LibraryId>) -> Result<HashMap<LibraryId, LibraryRow>, DbErr> {
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

async fn load_folders(db: DatabaseConnection, ids: Vec<FolderId>) -> Result<HashMap<FolderId, FolderPlace>, DbErr> {
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

fn weigh_tag(tag: &tag::Model) -> u32 {
    let texts = [&tag.color, &tag.description]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    (size_of::<tag::Model>() + tag.name.len() + tag.sort_name.len() + texts) as u32
}

fn weigh_person(person: &person::Model) -> u32 {
    let text = person.description.as_ref().map_or(0, String::len);
    (size_of::<person::Model>() + person.name.len() + person.sort_name.len() + text) as u32
}

fn weigh_studio(studio: &studio::Model) -> u32 {
    (size_of::<studio::Model>() + studio.name.len() + studio.sort_name.len()) as u32
}

fn weigh_text(text: &Option<String>) -> u32 {
    24 + text.as_ref().map_or(0, String::len) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
fn weigh_names(names: &Vec<String>) -> u32 {
    names.iter().map(|name| 24 + name.len() as u32).sum()
}

fn weigh_kin(kin: &Kin) -> u32 {
    48 + 8 * (kin.parents.len() + kin.children.len()) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
fn weigh_credits(credits: &Vec<Credit>) -> u32 {
    credits
        .iter()
        .map(|credit| 32 + credit.role.as_ref().map_or(0, String::len) as u32)
        .sum()
}

fn weigh_library(row: &LibraryRow) -> u32 {
    size_of::<library::Model>() as u32 + weigh_names(&row.paths)
}

fn weigh_folder(place: &FolderPlace) -> u32 {
    (place.root.len() + place.path.len()) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
fn weigh_files(files: &Vec<file::Model>) -> u32 {
    let texts = |file: &file::Model| file.name.len() + file.path.len() + file.tags.len() + 64;
    files
        .iter()
        .map(|file| (size_of::<file::Model>() + texts(file)) as u32)
        .sum()
}

fn weigh_streams(streams: &ByFile<stream::Model>) -> u32 {
    let weigh = |stream: &stream::Model| (size_of::<stream::Model>() + stream.tags.len() + 128) as u32;
    48 + streams.values().flatten().map(weigh).sum::<u32>()
}

fn weigh_chapters(chapters: &ByFile<chapter::Model>) -> u32 {
    let weigh =
        |chapter: &chapter::Model| (size_of::<chapter::Model>() + chapter.title.as_ref().map_or(0, String::len)) as u32;
    48 + chapters.values().flatten().map(weigh).sum::<u32>()
}
