//! The row caches that all requests share, their invalidation by facts, and the loaders of one request.

mod answers;
mod joined;
mod listed;
mod load;
mod organize;
mod weigh;

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::{Arc, OnceLock},
};

use async_graphql::{Context, Data};
use entities::{
    chapter, collection, custom_field, file,
    id::{
        CollectionId, CustomFieldId, FileId, FolderId, LibraryId, MarkerId, MediaId, PersonId, StudioId, TagId, UserId,
    },
    library, marker, media_field, media_user, page, person, stream, studio, tag,
};
use futures_util::future::BoxFuture;
use kernel::{
    cache::{Loaded, RowCache},
    error::Failure,
    events::{LibraryChanged, MediaAdded, MediaChanged, MediaRemoved, PersonChanged, StudioChanged, TagChanged},
    plugin::Kernel,
    relay::Relay,
};
use sea_orm::{DatabaseConnection, DbErr};

pub use self::answers::Answers;
use self::joined::Sources;
use crate::{
    collection::{items::ItemPages, rules::CollectionChanged},
    edit::{facts::MarkersChanged, types::ChangePages},
    field::rules::FieldChanged,
    kit::{
        access::Access,
        libraries::Libraries,
        loader::{Gate, Rows},
        together::{Together, unshared},
        visible::{self, IsNamed, Named, ShownCounts},
    },
    media::{card::Card, nested::NestedPages, rules::MediaUserChanged},
    search::index::MediaIndexed,
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
    (
        joined { $($(#[$of_joined:meta])* $joined:ident: $joined_key:ty => $joined_row:ty;)+ }
        alone { $($(#[$doc:meta])* $field:ident: $key:ty => $row:ty;)+ }
    ) => {
        /// The row caches of the process. Clones are handles to the same ones.
        #[derive(Clone)]
        pub struct SharedCaches {
            $($(#[$doc])* pub $field: RowCache<$key, $row>,)+
            $($(#[$of_joined])* pub $joined: RowCache<$joined_key, $joined_row>,)+
            /// Answers about the list of media.
            pub answers: Answers,
        }

        /// The loaders of one request.
        pub struct Loaders {
            $($(#[$doc])* pub $field: Rows<$key, $row>,)+
            $($(#[$of_joined])* pub $joined: Rows<$joined_key, $joined_row>,)+
            /// Pages of media below something.
            pub nested: NestedPages,
            /// Pages of what collections hold, as the viewer sees them.
            pub items: OnceLock<ItemPages>,
            /// What edits changed.
            pub edit_changes: ChangePages,
            /// Short reads of different fields in one statement.
            pub together: Arc<Together>,
            /// Answers about the list of media.
            pub answers: Answers,
            /// The libraries that are there for this request.
            pub sees: Libraries,
            /// How many items of those have something; absent where the rows say it.
            counts: Option<ShownCounts>,
        }

        impl Loaders {
            fn new(kernel: &Kernel, shared: &SharedCaches, sees: Libraries) -> Self {
                let together = Arc::new(Together::new(&kernel.store));
                let mut loaders = Self {
                    $($field: Rows::new(&shared.$field),)+
                    $($joined: Rows::joined(&shared.$joined, {
                        let sources = shared.sources(&together);
                        move |ids| joined::$joined(sources.clone(), ids)
                    }),)+
                    nested: NestedPages::new(Arc::clone(&together), sees.clone()),
                    counts: ShownCounts::new(&together, &sees),
                    together,
                    items: OnceLock::new(),
                    edit_changes: ChangePages::new(kernel),
                    answers: shared.answers.clone(),
                    sees,
                };
                loaders.close();
                loaders
            }
        }
    };
}

caches! {
    joined {
        /// Items as pages show them.
        card: MediaId => Card;
        /// Tags of items, in no order.
        media_tags: MediaId => Vec<TagId>;
        /// People of items, in order.
        credits: MediaId => Vec<Credit>;
        /// Descriptions of items.
        description: MediaId => Option<String>;
        /// Files of items, the primary one first.
        files: MediaId => Vec<file::Model>;
        /// Chapters of items, by file.
        chapters: MediaId => ByFile<chapter::Model>;
        /// Pages of items that are archives, by file.
        pages: MediaId => ByFile<page::Model>;
        /// Markers of items, from the beginning to the end.
        markers: MediaId => Vec<marker::Model>;
        /// What one account did with one item.
        own: (MediaId, UserId) => media_user::Model;
    }
    alone {
        /// Streams of items, by file.
        streams: MediaId => ByFile<stream::Model>;
        /// Tags.
        tag: TagId => tag::Model;
        /// Other names of tags.
        tag_aliases: TagId => Vec<String>;
        /// Tags with all tags below them, themselves included.
        below: TagId => Vec<TagId>;
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
        /// Collections and galleries.
        collection: CollectionId => collection::Model;
        /// The collections right inside others.
        subcollections: CollectionId => Vec<CollectionId>;
        /// Tags of markers.
        marker_tags: MarkerId => Vec<TagId>;
        /// Custom fields.
        field: CustomFieldId => custom_field::Model;
        /// Values of custom fields, by item, the oldest field first.
        fields: MediaId => Vec<media_field::Model>;
        /// Folders on this server.
        folder: FolderId => FolderPlace;
        /// What the subtitles of items say, packed, by file.
        said: MediaId => Vec<Vec<u8>>;
    }
}

impl Loaders {
    /// Shuts out what is not there for who asks. Whatever else is loaded of an item is loaded of one that was let through.
    fn close(&mut self) {
        if self.sees.is_all() {
            return;
        }
        let sees = self.sees.clone();
        self.card
            .guard(Gate::Row(Box::new(move |card| sees.has(card.library_id))));
        let sees = self.sees.clone();
        let all_seen = move |files: &Vec<file::Model>| files.iter().all(|file| sees.has(file.library_id));
        self.files.guard(Gate::Row(Box::new(all_seen)));
        let sees = self.sees.clone();
        self.library
            .guard(Gate::Row(Box::new(move |row| sees.has(row.library.id))));
        self.tag.guard(visible::gate(&self.together, Named::Tag, &self.sees));
        self.person
            .guard(visible::gate(&self.together, Named::Person, &self.sees));
        self.studio
            .guard(visible::gate(&self.together, Named::Studio, &self.sees));
        self.collection
            .guard(visible::gate(&self.together, Named::Collection, &self.sees));
    }

    /// Whether an item is there for this request. For who has all libraries the question costs nothing, and an item that
    /// does not exist is there, too: what is asked next finds that out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn shows(&self, media: MediaId) -> Result<bool, Failure> {
        Ok(self.sees.is_all() || self.card.get(media).await?.is_some())
    }

    /// How many items that are there for this request have something, whose row says `n_media` for everybody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn n_media<T: IsNamed>(&self, id: T, n_media: i64) -> Result<i64, Failure> {
        match &self.counts {
            Some(counts) => Box::pin(counts.of(T::NAMED, id.into())).await,
            None => Ok(n_media),
        }
    }

    /// The loaders of this request.
    pub fn of<'a>(cx: &Context<'a>) -> &'a Self {
        cx.data_unchecked::<Arc<Self>>()
    }
}

/// What goes into each request's data.
pub fn request_data(kernel: &Kernel, shared: &SharedCaches, access: Access) -> Data {
    let mut data = Data::default();
    let sees = match &access {
        Access::Viewer(viewer) => viewer.sees.clone(),
        Access::Anonymous => Libraries::Only(BTreeSet::new()),
    };
    crate::job::loaders(kernel, &access, &mut data);
    data.insert(access);
    data.insert(Arc::new(Loaders::new(kernel, shared, sees)));
    data
}

/// Has other processes hear of the facts that drop rows from caches.
pub fn carry(relay: &mut Relay) {
    relay.carry::<MediaUserChanged>();
    relay.carry::<CollectionChanged>();
    relay.carry::<MarkersChanged>();
    relay.carry::<FieldChanged>();
    relay.carry::<MediaIndexed>();
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
            shared.pages.invalidate(ids());
            shared.media_tags.invalidate(ids());
            shared.credits.invalidate(ids());
            shared.markers.invalidate(ids());
            shared.fields.invalidate(ids());
            shared.said.invalidate(ids());
        }
    };
    let events = &kernel.events;
    let forget = forget_media.clone();
    events.on::<MediaAdded>(move |fact| forget(&fact.media));
    let forget = forget_media.clone();
    events.on::<MediaChanged>(move |fact| forget(&fact.media));
    events.on::<MediaRemoved>(move |fact| forget_media(&fact.media));
    let said = shared.said.clone();
    events.on::<MediaIndexed>(move |fact| said.invalidate(fact.media.iter().copied()));
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
    organize::listen(events, &shared);
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
    let tag = caches.rows("tag.row", 32 * MIB, weigh::tag, with(db(), load::tags));
    let person = caches.rows("person.row", 32 * MIB, weigh::person, with(db(), load::people));
    let studio = caches.rows("studio.row", 8 * MIB, weigh::studio, with(db(), load::studios));
    let marker_tags = caches.rows(
        "marker.tags",
        4 * MIB,
        organize::list,
        with(db(), organize::marker_tags),
    );
    let sources = Sources {
        together: Arc::new(Together::new(&kernel.store)),
        marker_tags: marker_tags.clone(),
        tags: tag.clone(),
        people: person.clone(),
        studios: studio.clone(),
    };
    SharedCaches {
        answers: Answers::new(kernel),
        card: caches.rows("media.card", 128 * MIB, Card::weigh, alone(&sources, joined::card)),
        description: caches.rows(
            "media.description",
            32 * MIB,
            weigh::text,
            alone(&sources, joined::description),
        ),
        files: caches.rows("media.files", 128 * MIB, weigh::files, alone(&sources, joined::files)),
        streams: caches.rows("media.streams", 64 * MIB, weigh::streams, with(db(), load::streams)),
        chapters: caches.rows(
            "media.chapters",
            32 * MIB,
            weigh::chapters,
            alone(&sources, joined::chapters),
        ),
        pages: caches.rows("media.pages", 16 * MIB, weigh::pages, alone(&sources, joined::pages)),
        media_tags: caches.rows(
            "media.tags",
            32 * MIB,
            |tags| 24 + 8 * tags.len() as u32,
            alone(&sources, joined::media_tags),
        ),
        credits: caches.rows(
            "media.people",
            32 * MIB,
            weigh::credits,
            alone(&sources, joined::credits),
        ),
        own: caches.rows(
            "media.user",
            32 * MIB,
            |_| size_of::<media_user::Model>() as u32,
            alone(&sources, joined::own),
        ),
        tag,
        tag_aliases: caches.rows("tag.aliases", 8 * MIB, weigh::names, with(db(), load::tag_aliases)),
        kin: caches.rows("tag.kin", 8 * MIB, weigh::kin, with(db(), load::kin)),
        person,
        person_aliases: caches.rows(
            "person.aliases",
            8 * MIB,
            weigh::names,
            with(db(), load::person_aliases),
        ),
        studio,
        library: caches.rows("library.row", 4 * MIB, weigh::library, with(db(), load::libraries)),
        collection: caches.rows(
            "collection.row",
            16 * MIB,
            organize::collection,
            with(db(), crate::collection::items::rows),
        ),
        subcollections: caches.rows(
            "collection.children",
            4 * MIB,
            organize::list,
            with(db(), organize::subcollections),
        ),
        markers: caches.rows(
            "media.markers",
            16 * MIB,
            organize::markers_weight,
            alone(&sources, joined::markers),
        ),
        marker_tags,
        below: caches.rows("tag.below", 4 * MIB, organize::list, with(db(), organize::below)),
        field: caches.rows("field.row", 2 * MIB, organize::field, with(db(), organize::field_rows)),
        fields: caches.rows("media.fields", 16 * MIB, organize::values, with(db(), organize::fields)),
        folder: caches.rows("folder.place", 16 * MIB, weigh::folder, with(db(), load::folders)),
        said: caches.rows("media.said", 16 * MIB, weigh::said, with(db(), load::said)),
    }
}

impl SharedCaches {
    /// What joined loads of a request read.
    fn sources(&self, together: &Arc<Together>) -> Sources {
        Sources {
            together: Arc::clone(together),
            marker_tags: self.marker_tags.clone(),
            tags: self.tag.clone(),
            people: self.person.clone(),
            studios: self.studio.clone(),
        }
    }
}

/// A joined load outside of any request.
fn alone<K, V, F>(
    sources: &Sources,
    load: impl Fn(Sources, Vec<K>) -> F + Send + Sync + 'static,
) -> impl Fn(Vec<K>) -> BoxFuture<'static, Result<HashMap<K, V>, DbErr>> + Send + Sync + 'static
where
    F: Future<Output = Loaded<K, V>> + Send + 'static,
{
    let sources = sources.clone();
    move |ids| {
        let load = load(sources.clone(), ids);
        Box::pin(async move { load.await.map_err(unshared) })
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
