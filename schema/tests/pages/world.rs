//! A small library with ties, gaps and links, known to the test in memory as well.

use std::sync::Arc;

use async_graphql::{Request, Response, Schema, Value, Variables, value};
use entities::{
    file::{self, FileStatus},
    folder,
    id::{FileId, FolderId, LibraryId, LibraryPathId, MediaId, PersonId, StudioId, TagId, UserId},
    library, library_path,
    media::{self, MediaKind},
    media_person, media_tag, media_user, person, studio, tag, tag_parent,
    user::{self, Role},
};
use kernel::{
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, Jobs},
    parts::Parts,
    plugin::Kernel,
    signing::Signer,
    store::{Durability, Store, StoreConfig},
    telemetry::Metrics,
};
use migration::Migrator;
use schema::{
    SharedCaches,
    kit::access::{Access, Viewer},
    kit::text::natural_key,
};
use sea_orm::{ActiveModelTrait, ConnectOptions, ConnectionTrait, Database, EntityTrait, IntoActiveModel};
use sea_orm_migration::MigratorTrait;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Writes each test for both databases.
macro_rules! on_both {
    ($(async fn $name:ident($world:ident: World) $body:block)+) => {
        $(async fn $name($world: $crate::world::World) $body)+

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let world = $crate::world::World::make($crate::world::Backend::Sqlite).await.expect("SQLite is always there");
                super::$name(world).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = $crate::world::World::make($crate::world::Backend::Postgres).await {
                    super::$name(world).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

pub type Api = Schema<schema::Query, schema::Mutation, schema::Subscription>;

pub struct World {
    pub kernel: Kernel,
    pub shared: SharedCaches,
    pub api: Api,
    pub viewer: UserId,
    pub library: LibraryId,
    pub media: Vec<media::Model>,
    pub own: Vec<media_user::Model>,
    pub tags: Vec<TagId>,
    pub people: Vec<PersonId>,
    pub studios: Vec<StudioId>,
    pub tagged: Vec<(MediaId, TagId)>,
    pub credited: Vec<(MediaId, PersonId)>,
    pub folder: tempfile::TempDir,
}

/// How many items there are.
pub const N: usize = 230;

impl World {
    pub async fn make(backend: Backend) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = match backend {
            Backend::Sqlite => StoreConfig::embedded(folder.path()),
            Backend::Postgres => StoreConfig::new(postgres_database().await?),
        };
        let (clock, events) = (Clock::default(), Events::default());
        let store = Store::open(&config, clock.clone(), events.clone())
            .await
            .expect("a database");
        Migrator::up(store.migrator(), None).await.expect("the tables");
        let signer = Signer::open(&store).await.expect("a key");
        let kernel = Kernel {
            jobs: Jobs::new(store.clone(), Arc::new(LocalBus::default()), JobSettings::default()),
            store,
            clock,
            events,
            caches: Caches::default(),
            metrics: Metrics::default(),
            signer,
            parts: Parts::default(),
            data_dir: Arc::new(folder.path().to_owned()),
        };
        let shared = schema::context(&kernel);
        let api = Schema::build(
            schema::Query::default(),
            schema::Mutation::default(),
            schema::Subscription::default(),
        )
        .data(kernel.clone())
        .data(shared.clone())
        .limit_complexity(schema::limits::COMPLEXITY)
        .limit_depth(schema::limits::DEPTH)
        .finish();
        let mut world = Self {
            kernel,
            shared,
            api,
            viewer: UserId::new(),
            library: LibraryId::new(),
            media: Vec::new(),
            own: Vec::new(),
            tags: Vec::new(),
            people: Vec::new(),
            studios: Vec::new(),
            tagged: Vec::new(),
            credited: Vec::new(),
            folder,
        };
        world.fill().await;
        Some(world)
    }

    /// Runs a document as an administrator.
    pub async fn run(&self, document: &str, variables: Value) -> Response {
        self.run_as(Role::Admin, document, variables).await
    }

    pub async fn run_as(&self, role: Role, document: &str, variables: Value) -> Response {
        let viewer = Viewer::of_system(self.viewer, "ada", role);
        let mut request = Request::new(document).variables(Variables::from_value(variables));
        request.data = schema::request_data(&self.kernel, &self.shared, Access::Viewer(viewer));
        schema::kit::turn::drive(self.api.execute(request)).await
    }

    /// The data of a document that must not fail.
    pub async fn data(&self, document: &str, variables: Value) -> serde_json::Value {
        let response = self.run(document, variables).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().expect("data")
    }

    /// The code and the first field path of a document that must fail.
    pub async fn refused(&self, document: &str, variables: Value) -> (String, Option<String>) {
        let response = self.run(document, variables).await;
        let error = response.errors.first().expect("an error");
        let extensions = serde_json::to_value(&error.extensions).expect("extensions");
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        (
            text(&extensions["code"]).unwrap_or_default(),
            text(&extensions["fields"][0]["path"]),
        )
    }

    /// The statements that a document costs.
    pub async fn statements(&self, document: &str, variables: Value) -> u64 {
        let before = self.kernel.store.statements().statements;
        self.data(document, variables).await;
        self.kernel.store.statements().statements - before
    }

    async fn fill(&mut self) {
        let now = 1_700_000_000_000;
        let tx = self
            .kernel
            .store
            .begin(Durability::Normal)
            .await
            .expect("a transaction");
        let account = user::Model {
            id: self.viewer,
            name: "ada".into(),
            password_hash: String::new(),
            role: Role::Admin,
            is_disabled: false,
            is_limited: false,
            created_at: now,
            updated_at: now,
        };
        insert(&*tx, account).await;
        let root = library_path::Model {
            id: LibraryPathId::new(),
            library_id: self.library,
            path: "/srv/media".into(),
            position: 0,
        };
        let place = folder::Model {
            id: FolderId::new(),
            library_path_id: root.id,
            path: b"films".to_vec(),
            digest: None,
        };
        let n_present = (0..N).filter(|n| n % 23 != 7).count() as i64;
        let library = library::Model {
            id: self.library,
            name: "Films".into(),
            kind: library::LibraryKind::Mixed,
            is_online: true,
            offline_reason: None,
            include_hidden: false,
            n_media: n_present,
            total_size: 0,
            total_duration_us: 0,
            last_scanned_at: None,
            created_at: now,
            updated_at: now,
        };
        insert(&*tx, library).await;
        insert(&*tx, root).await;
        insert(&*tx, place.clone()).await;
        for n in 0..12 {
            let name = format!("tag {n}");
            self.tags.push(TagId::new());
            let row = tag::Model {
                id: self.tags[n],
                sort_name: natural_key(&name),
                name,
                color: None,
                description: None,
                n_media: 0,
                created_at: now,
                updated_at: now,
            };
            insert(&*tx, row).await;
        }
        // 0 above 1 above 2, and a cycle back to 0: it must not hang anything.
        for (below, above) in [(1, 0), (2, 1), (0, 2)] {
            insert(
                &*tx,
                tag_parent::Model {
                    tag_id: self.tags[below],
                    parent_id: self.tags[above],
                },
            )
            .await;
        }
        for n in 0..5 {
            let name = format!("Person {n}");
            self.people.push(PersonId::new());
            let sort_name = natural_key(&name);
            let id = self.people[n];
            let row = person::Model {
                id,
                sort_name,
                name,
                description: None,
                n_media: 0,
                created_at: now,
                updated_at: now,
            };
            insert(&*tx, row).await;
        }
        for n in 0..3 {
            let name = format!("Studio {n}");
            self.studios.push(StudioId::new());
            let sort_name = natural_key(&name);
            let id = self.studios[n];
            let row = studio::Model {
                id,
                sort_name,
                name,
                parent_id: None,
                n_media: 0,
                created_at: now,
                updated_at: now,
            };
            insert(&*tx, row).await;
        }
        for n in 0..N {
            self.item(&*tx, n, place.id, now).await;
        }
        let ids: Vec<MediaId> = self.media.iter().map(|row| row.id).collect();
        schema::search::index::refresh(&tx, &ids).await.expect("an index");
        tx.commit().await.expect("a commit");
    }

    /// Item `n`: values repeat with small periods, so that every sort has ties and every nullable one has gaps.
    async fn item(&mut self, tx: &impl ConnectionTrait, n: usize, folder: FolderId, now: i64) {
        let id = MediaId::new();
        let title = ["Lantern", "50% off_day", "magic show", "Álbum 10", "album 9"][n % 5];
        let title = format!("{title} {}", n % 40);
        let kind = [MediaKind::Video, MediaKind::Video, MediaKind::Image, MediaKind::Audio][n % 4];
        let file = FileId::new();
        let path = format!("holidays/{}/clip {n}.mkv", n % 7);
        let row = media::Model {
            id,
            library_id: self.library,
            kind,
            sort_title: natural_key(&title),
            title,
            title_origin: 0,
            description: n.is_multiple_of(3).then(|| format!("about {n}")),
            date: (n % 4 != 1).then(|| format!("20{:02}-05-01", n % 20)),
            studio_id: n.is_multiple_of(2).then(|| self.studios[n % 3]),
            primary_file_id: Some(file),
            path: path.clone(),
            size: (n % 11) as i64 * 1000,
            duration_us: (kind != MediaKind::Image).then_some((n % 9) as i64 * 1_000_000),
            width: (kind != MediaKind::Audio).then_some([640, 1280, 1920][n % 3]),
            height: (kind != MediaKind::Audio).then_some([360, 720, 1080][n % 3]),
            frame_rate_num: None,
            frame_rate_den: None,
            bit_rate: (!n.is_multiple_of(5)).then_some((n % 13) as i64 * 100),
            video_codec: (kind == MediaKind::Video).then(|| ["h264", "hevc"][n % 2].to_owned()),
            audio_codec: (kind == MediaKind::Audio).then(|| "aac".to_owned()),
            container: Some("matroska".into()),
            has_subtitles: n.is_multiple_of(6),
            n_files: 1,
            thumbhash: None,
            added_at: now + (n / 4) as i64,
            modified_at: now + (n % 17) as i64,
            updated_at: now,
            missing_at: (n % 23 == 7).then_some(now),
        };
        insert(tx, row.clone()).await;
        let file = file::Model {
            id: file,
            media_id: id,
            library_id: self.library,
            folder_id: folder,
            name: format!("clip {n}.mkv").into_bytes(),
            path,
            status: if row.missing_at.is_some() {
                FileStatus::Missing
            } else {
                FileStatus::Present
            },
            missing_at: row.missing_at,
            size: row.size,
            mtime_ns: row.modified_at * 1_000_000,
            inode: n as i64,
            device: 1,
            fingerprint: None,
            oshash: None,
            content_hash: None,
            container: row.container.clone(),
            demuxer: None,
            duration_us: row.duration_us,
            start_us: None,
            bit_rate: row.bit_rate,
            tags: r#"[["encoder","x"]]"#.into(),
            has_cover: false,
            subtitles: "[]".to_owned(),
            added_at: row.added_at,
            probed_at: None,
        };
        insert(tx, file).await;
        for t in 0..n % 4 {
            let tag = self.tags[(n + t * 5) % 12];
            self.tagged.push((id, tag));
            insert(
                tx,
                media_tag::Model {
                    media_id: id,
                    tag_id: tag,
                    added_at: row.added_at,
                },
            )
            .await;
        }
        for p in 0..n % 3 {
            let person = self.people[(n + p) % 5];
            self.credited.push((id, person));
            let credit = media_person::Model {
                media_id: id,
                person_id: person,
                role: None,
                position: p as i32,
                added_at: row.added_at,
            };
            insert(tx, credit).await;
        }
        if n % 3 != 2 {
            let own = media_user::Model {
                media_id: id,
                user_id: self.viewer,
                rating: (!n.is_multiple_of(6)).then_some((n % 5) as i32 * 20),
                is_favorite: n.is_multiple_of(10),
                n_views: (n % 14) as i64,
                last_viewed_at: (n % 7 != 3).then_some(now + (n % 19) as i64),
                position_us: None,
                updated_at: now,
            };
            insert(tx, own.clone()).await;
            self.own.push(own);
        }
        self.media.push(row);
    }

    pub fn own(&self, id: MediaId) -> Option<&media_user::Model> {
        self.own.iter().find(|own| own.media_id == id)
    }
}

async fn insert<M>(db: &impl ConnectionTrait, row: M)
where
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    <M::Entity as EntityTrait>::ActiveModel: ActiveModelTrait<Entity = M::Entity> + Send,
{
    let row = row.into_active_model().reset_all();
    M::Entity::insert(row).exec_without_returning(db).await.expect("a row");
}

async fn postgres_database() -> Option<String> {
    let Some(admin) = std::env::var("VITAGRAPH_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())
    else {
        eprintln!("skipped on PostgreSQL: VITAGRAPH_TEST_POSTGRES names no server");
        return None;
    };
    let name = format!("schema_{}_{}", std::process::id(), MediaId::new().0);
    let mut options = ConnectOptions::new(&admin);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("the PostgreSQL server");
    connection
        .execute_unprepared(&format!("create database {name}"))
        .await
        .expect("a database");
    connection.close().await.expect("a close");
    let (server, _) = admin.rsplit_once('/').expect("the URL names a database");
    Some(format!("{server}/{name}"))
}

/// No variables.
pub fn none() -> Value {
    value!({})
}
