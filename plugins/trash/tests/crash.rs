//! A process may die between any two steps: the next one brings every file to where it was meant to be.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test names what it checks")]

use std::{fs, path::PathBuf, sync::Arc};

use entities::{
    file::{self, FileStatus},
    folder,
    id::{FileId, FolderId, LibraryId, LibraryPathId, MediaId},
    library::{self, LibraryKind},
    library_path,
    media::{self, MediaKind},
};
use kernel::{
    blob::TRASH_FOLDER,
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, Jobs},
    parts::Parts,
    plugin::{Kernel, Plugin},
    signing::Signer,
    sql,
    store::{Durability, Store, StoreConfig},
    telemetry::Metrics,
};
use migration::Migrator;
use plugin_trash::{Config, Trash, held::Step, moves};
use sea_orm::{EntityTrait, IntoActiveModel};
use sea_orm_migration::{MigratorTrait, SchemaManager};

struct World {
    kernel: Kernel,
    home: tempfile::TempDir,
    file: FileId,
    media: MediaId,
    library: LibraryId,
    path: LibraryPathId,
}

const BYTES: &[u8] = b"a short film";

impl World {
    /// A library with one item of one file, `films/a.mkv`.
    async fn make() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("root/films")).unwrap();
        fs::write(home.path().join("root/films/a.mkv"), BYTES).unwrap();
        let (clock, events) = (Clock::default(), Events::default());
        let config = StoreConfig::embedded(home.path());
        let store = Store::open(&config, clock.clone(), events.clone()).await.unwrap();
        Migrator::up(store.migrator(), None).await.unwrap();
        let kernel = Kernel {
            jobs: Jobs::new(store.clone(), Arc::new(LocalBus::default()), JobSettings::for_tests()),
            signer: Signer::open(&store).await.unwrap(),
            store,
            clock,
            events,
            caches: Caches::default(),
            metrics: Metrics::default(),
            parts: Parts::default(),
            data_dir: Arc::new(home.path().to_owned()),
        };
        let trash = Trash::new(&kernel, Config::default()).unwrap();
        for migration in trash.migrations() {
            migration
                .up(&SchemaManager::new(kernel.store.migrator()))
                .await
                .unwrap();
        }
        let world = Self {
            kernel,
            home,
            file: FileId::new(),
            media: MediaId::new(),
            library: LibraryId::new(),
            path: LibraryPathId::new(),
        };
        world.write().await;
        world
    }

    async fn write(&self) {
        use std::os::unix::fs::MetadataExt;
        let facts = fs::metadata(self.place()).unwrap();
        let tx = self.kernel.store.begin(Durability::Full).await.unwrap();
        let row = library::Model {
            id: self.library,
            name: "films".to_owned(),
            kind: LibraryKind::Mixed,
            is_online: true,
            offline_reason: None,
            include_hidden: false,
            n_media: 1,
            total_size: BYTES.len() as i64,
            total_duration_us: 0,
            last_scanned_at: None,
            created_at: 0,
            updated_at: 0,
        };
        library::Entity::insert(row.into_active_model())
            .exec_without_returning(&*tx)
            .await
            .unwrap();
        let row = library_path::Model {
            id: self.path,
            library_id: self.library,
            path: self.home.path().join("root").display().to_string(),
            position: 0,
        };
        library_path::Entity::insert(row.into_active_model())
            .exec_without_returning(&*tx)
            .await
            .unwrap();
        let folder = FolderId::new();
        let row = folder::Model {
            id: folder,
            library_path_id: self.path,
            path: b"films".to_vec(),
            digest: None,
        };
        folder::Entity::insert(row.into_active_model())
            .exec_without_returning(&*tx)
            .await
            .unwrap();
        let text = "insert into media (id, library_id, kind, title, sort_title, title_origin, primary_file_id, path, size, \
            has_subtitles, n_files, added_at, modified_at, updated_at) \
            values ($1, $2, $3, 'a', 'a', 0, $4, 'films/a.mkv', $5, $6, 1, 0, 0, 0)";
        let values = [
            self.media.0.into(),
            self.library.0.into(),
            (MediaKind::Video as i32).into(),
            self.file.0.into(),
            (BYTES.len() as i64).into(),
            false.into(),
        ];
        sql::execute(&*tx, text, values).await.unwrap();
        let row = file::Model {
            id: self.file,
            media_id: self.media,
            library_id: self.library,
            folder_id: folder,
            name: b"a.mkv".to_vec(),
            path: "films/a.mkv".to_owned(),
            status: FileStatus::Present,
            missing_at: None,
            size: BYTES.len() as i64,
            mtime_ns: facts.mtime() * 1_000_000_000 + facts.mtime_nsec(),
            inode: facts.ino() as i64,
            device: facts.dev() as i64,
            fingerprint: None,
            oshash: None,
            content_hash: None,
            container: None,
            demuxer: None,
            duration_us: None,
            start_us: None,
            bit_rate: None,
            tags: "[]".to_owned(),
            has_cover: false,
            subtitles: "[]".to_owned(),
            added_at: 0,
            probed_at: None,
        };
        file::Entity::insert(row.into_active_model())
            .exec_without_returning(&*tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    fn place(&self) -> PathBuf {
        self.home.path().join("root/films/a.mkv")
    }

    fn trash_place(&self) -> PathBuf {
        let trash = self
            .home
            .path()
            .join("root")
            .join(String::from_utf8(TRASH_FOLDER.to_vec()).unwrap());
        trash.join(self.file.to_string()).join("a.mkv")
    }

    /// The row of the trash as a process left it that died.
    async fn left_at(&self, step: Step) {
        let tx = self.kernel.store.begin(Durability::Full).await.unwrap();
        let text = "insert into trash_file (file_id, library_path_id, folder, name, step, trashed_at) values ($1, $2, $3, $4, $5, 1) \
            on conflict (file_id) do update set step = excluded.step";
        let values = [
            self.file.0.into(),
            self.path.0.into(),
            b"films".to_vec().into(),
            b"a.mkv".to_vec().into(),
            (step as i32).into(),
        ];
        sql::execute(&*tx, text, values).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn move_by_hand(&self, is_in: bool) {
        fs::create_dir_all(self.trash_place().parent().unwrap()).unwrap();
        let (from, to) = if is_in {
            (self.place(), self.trash_place())
        } else {
            (self.trash_place(), self.place())
        };
        fs::rename(from, to).unwrap();
    }

    async fn status(&self) -> Option<FileStatus> {
        let row = file::Entity::find_by_id(self.file)
            .one(self.kernel.store.reader())
            .await
            .unwrap();
        row.map(|row| row.status)
    }

    /// Files of the trash's table, items that are not missing, and what the library counts.
    async fn counts(&self) -> [i64; 4] {
        let text = "select (select count(*) from trash_file), (select count(*) from media where missing_at is null), \
            n_media, total_size from library";
        let rows = sql::rows(self.kernel.store.reader(), text, []).await.unwrap();
        [0, 1, 2, 3].map(|at| rows[0].try_get_by_index(at).unwrap())
    }
}

const SIZE: i64 = BYTES.len() as i64;

#[tokio::test]
async fn a_file_on_its_way_in_arrives() {
    for is_moved in [false, true] {
        let world = World::make().await;
        world.left_at(Step::Entering).await;
        if is_moved {
            world.move_by_hand(true);
        }
        moves::repair(&world.kernel).await.unwrap();
        assert!(!world.place().exists() && fs::read(world.trash_place()).unwrap() == BYTES);
        assert_eq!(world.status().await, Some(FileStatus::Trashed));
        assert_eq!(world.counts().await, [1, 0, 0, 0]);
        // Nothing is left to do.
        moves::repair(&world.kernel).await.unwrap();
        assert_eq!(world.counts().await, [1, 0, 0, 0]);
    }
}

#[tokio::test]
async fn a_file_on_its_way_back_arrives() {
    for is_moved in [false, true] {
        let world = World::make().await;
        let outcome = moves::trash(&world.kernel, &[world.file]).await.unwrap();
        assert!(outcome.failed.is_empty() && outcome.done == [world.file], "{outcome:?}");
        world.left_at(Step::Returning).await;
        if is_moved {
            world.move_by_hand(false);
        }
        moves::repair(&world.kernel).await.unwrap();
        assert!(fs::read(world.place()).unwrap() == BYTES && !world.trash_place().exists());
        assert_eq!(world.status().await, Some(FileStatus::Present));
        assert_eq!(world.counts().await, [0, 1, 1, SIZE]);
    }
}

#[tokio::test]
async fn a_file_on_its_way_out_is_gone_with_its_item() {
    for is_removed in [false, true] {
        let world = World::make().await;
        moves::trash(&world.kernel, &[world.file]).await.unwrap();
        world.left_at(Step::Leaving).await;
        if is_removed {
            fs::remove_file(world.trash_place()).unwrap();
        }
        moves::repair(&world.kernel).await.unwrap();
        assert!(!world.place().exists() && !world.trash_place().exists());
        assert_eq!(world.status().await, None);
        assert_eq!(world.counts().await, [0, 0, 0, 0]);
        let item = media::Entity::find_by_id(world.media)
            .one(world.kernel.store.reader())
            .await
            .unwrap();
        assert!(item.is_none());
    }
}

#[tokio::test]
async fn a_library_that_is_away_keeps_its_files_waiting() {
    let world = World::make().await;
    world.left_at(Step::Entering).await;
    let (root, away) = (world.home.path().join("root"), world.home.path().join("away"));
    fs::rename(&root, &away).unwrap();
    moves::repair(&world.kernel).await.unwrap();
    assert_eq!(world.status().await, Some(FileStatus::Present));
    assert_eq!(world.counts().await, [1, 1, 1, SIZE]);
    fs::rename(&away, &root).unwrap();
    moves::repair(&world.kernel).await.unwrap();
    assert_eq!(world.counts().await, [1, 0, 0, 0]);
}
