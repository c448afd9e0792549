//! Direct play through the mounted routes: signatures, ranges, and what a browser is told of a file.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test names what it checks")]

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use entities::{
    file::{self, FileStatus},
    folder,
    id::{FileId, FolderId, LibraryId, LibraryPathId, MediaId},
    library,
    library::LibraryKind,
    library_path, media,
    media::MediaKind,
};
use kernel::{
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, Jobs},
    parts::Parts,
    plugin::{Kernel, Plugin},
    signing::Signer,
    store::{Durability, Store, StoreConfig},
    telemetry::Metrics,
};
use migration::Migrator;
use plugin_stream::{Config, Stream};
use schema::{kit::surface::Surface, media::contracts::FileUrls};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use sea_orm_migration::MigratorTrait;
use tower::ServiceExt;

struct World {
    kernel: Kernel,
    router: Router,
    urls: Arc<dyn FileUrls>,
    folder: tempfile::TempDir,
    folder_id: FolderId,
    library_id: LibraryId,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("root/in side")).unwrap();
        let (clock, events) = (Clock::default(), Events::default());
        let store = Store::open(&StoreConfig::embedded(folder.path()), clock.clone(), events.clone())
            .await
            .unwrap();
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
            data_dir: Arc::new(folder.path().to_owned()),
        };
        let stream = Stream::new(&kernel, Config::default()).unwrap();
        let mut data = async_graphql::Data::default();
        stream.loaders(&kernel, &mut data);
        let urls = data.get(&std::any::TypeId::of::<Arc<dyn FileUrls>>()).unwrap();
        let urls = Arc::clone(urls.downcast_ref::<Arc<dyn FileUrls>>().unwrap());
        let router = Router::new().nest("/p/stream", Surface::routes(stream, &kernel));

        let tx = kernel.store.begin(Durability::Normal).await.unwrap();
        let (library_id, path_id, folder_id) = (LibraryId::new(), LibraryPathId::new(), FolderId::new());
        library::Model {
            id: library_id,
            name: "L".to_owned(),
            kind: LibraryKind::Mixed,
            is_online: true,
            offline_reason: None,
            include_hidden: false,
            n_media: 0,
            total_size: 0,
            total_duration_us: 0,
            last_scanned_at: None,
            created_at: 0,
            updated_at: 0,
        }
        .into_active_model()
        .insert(&*tx)
        .await
        .unwrap();
        let path = folder.path().join("root").display().to_string();
        let root = library_path::Model {
            id: path_id,
            library_id,
            path,
            position: 0,
        };
        root.into_active_model().insert(&*tx).await.unwrap();
        let place = folder::Model {
            id: folder_id,
            library_path_id: path_id,
            path: b"in side".to_vec(),
            digest: None,
        };
        place.into_active_model().insert(&*tx).await.unwrap();
        tx.commit().await.unwrap();
        Self {
            kernel,
            router,
            urls,
            folder,
            folder_id,
            library_id,
        }
    }

    /// A file with its item, in the database and on the disk.
    async fn file(&self, name: impl AsRef<[u8]>, bytes: &[u8]) -> file::Model {
        let raw = name.as_ref();
        let name = &*String::from_utf8_lossy(raw);
        std::fs::write(self.on_disk(OsStr::from_bytes(raw)), bytes).unwrap();
        let media_id = MediaId::new();
        let tx = self.kernel.store.begin(Durability::Normal).await.unwrap();
        let item = media::ActiveModel {
            id: sea_orm::Set(media_id),
            library_id: sea_orm::Set(self.library_id),
            kind: sea_orm::Set(MediaKind::Video),
            title: sea_orm::Set(name.to_owned()),
            sort_title: sea_orm::Set(name.to_owned()),
            title_origin: sea_orm::Set(0),
            path: sea_orm::Set(name.to_owned()),
            size: sea_orm::Set(bytes.len() as i64),
            has_subtitles: sea_orm::Set(false),
            n_files: sea_orm::Set(1),
            added_at: sea_orm::Set(0),
            modified_at: sea_orm::Set(0),
            updated_at: sea_orm::Set(0),
            ..Default::default()
        };
        item.insert(&*tx).await.unwrap();
        let row = file::Model {
            id: FileId::new(),
            media_id,
            library_id: self.library_id,
            folder_id: self.folder_id,
            name: raw.to_vec(),
            path: format!("in side/{name}"),
            status: FileStatus::Present,
            missing_at: None,
            size: bytes.len() as i64,
            mtime_ns: 0,
            inode: 0,
            device: 0,
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
        let row = row.into_active_model().insert(&*tx).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    fn on_disk(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("root/in side").join(name)
    }

    async fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }
}

#[tokio::test]
async fn a_signed_url_gives_the_bytes_and_nothing_else_does() {
    let world = World::make().await;
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let file = world.file("Grüße 1.mp4", &bytes).await;
    let url = world.urls.direct(&file);
    let whole = world.ask("GET", &url, &[]).await;
    assert_eq!((whole.status, whole.body == bytes), (StatusCode::OK, true));
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!(whole.header("content-length"), "2000000");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("content-security-policy").starts_with("sandbox;"));
    assert!(
        whole
            .header("content-disposition")
            .starts_with("inline; filename=\"Gr__e 1.mp4\"")
    );

    let head = world.ask("HEAD", &url, &[("range", "bytes=0-9")]).await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (StatusCode::OK, "2000000", 0)
    );

    let part = world.ask("GET", &url, &[("range", "bytes=1999990-")]).await;
    assert_eq!(
        (part.status, part.header("content-range")),
        (StatusCode::PARTIAL_CONTENT, "bytes 1999990-1999999/2000000")
    );
    assert_eq!(part.body, bytes[1_999_990..]);
    let parts = world.ask("GET", &url, &[("range", "bytes=0-4,-5")]).await;
    assert!(
        parts
            .header("content-type")
            .starts_with("multipart/byteranges; boundary=")
    );
    assert_eq!(parts.header("content-length"), parts.body.len().to_string());
    let beyond = world.ask("GET", &url, &[("range", "bytes=2000000-")]).await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.header("content-range")),
        (416, "bytes */2000000")
    );

    let etag = whole.header("etag").to_owned();
    let same = world.ask("GET", &url, &[("if-none-match", &etag)]).await;
    assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let resumed = world
        .ask("GET", &url, &[("range", "bytes=5-"), ("if-range", &etag)])
        .await;
    assert_eq!(resumed.status, StatusCode::PARTIAL_CONTENT);
    let replaced = world
        .ask("GET", &url, &[("range", "bytes=5-"), ("if-range", "\"other\"")])
        .await;
    assert_eq!(replaced.status, StatusCode::OK);

    let (path, query) = url.split_once('?').unwrap();
    let other = world.file("b.mp4", b"other").await;
    let other_path = world.urls.direct(&other).split_once('?').unwrap().0.to_owned();
    for bad in [
        path.to_owned(),
        format!("{other_path}?{query}"),
        format!("{path}?{}", query.replace("s=", "s=A")),
    ] {
        let refused = world.ask("GET", &bad, &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{bad}");
        assert!(String::from_utf8(refused.body).unwrap().contains("URL_NOT_SIGNED"));
    }
    world.kernel.clock.advance(std::time::Duration::from_secs(6 * 3600));
    let expired = world.ask("GET", &url, &[]).await;
    assert!(String::from_utf8(expired.body).unwrap().contains("URL_EXPIRED"));
}

#[tokio::test]
async fn a_name_in_no_known_encoding_is_served_like_any_other() {
    let world = World::make().await;
    let file = world.file(b"caf\xe9 \xff.mp4", b"film").await;
    let answer = world.ask("GET", &world.urls.direct(&file), &[]).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"film"[..]));
    assert!(answer.header("content-disposition").starts_with("inline;"));
}

#[tokio::test]
async fn a_missing_file_and_a_link_out_of_the_root_are_errors_that_name_the_file() {
    let world = World::make().await;
    let file = world.file("gone.mkv", b"x").await;
    let url = world.urls.direct(&file);
    std::fs::remove_file(world.on_disk("gone.mkv")).unwrap();
    let gone = world.ask("GET", &url, &[]).await;
    assert_eq!(
        (gone.status, gone.header("content-type")),
        (StatusCode::NOT_FOUND, "application/json")
    );
    let text = String::from_utf8(gone.body).unwrap();
    assert!(
        text.contains("STREAM_FILE_MISSING") && text.contains("in side/gone.mkv"),
        "{text}"
    );

    std::fs::write(world.folder.path().join("secret"), "s").unwrap();
    std::os::unix::fs::symlink("../../secret", world.on_disk("gone.mkv")).unwrap();
    let link = world.ask("GET", &url, &[]).await;
    assert_eq!(link.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8(link.body).unwrap().contains("STREAM_FILE_UNREADABLE"));
}

#[tokio::test]
async fn a_document_is_never_shown_in_place() {
    let world = World::make().await;
    for name in ["a.svg", "a.html"] {
        let file = world
            .file(
                name,
                b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
            )
            .await;
        let answer = world.ask("GET", &world.urls.direct(&file), &[]).await;
        assert!(
            answer.header("content-disposition").starts_with("attachment;"),
            "{name}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let empty = world.file("empty.mp4", b"").await;
    let answer = world.ask("GET", &world.urls.direct(&empty), &[]).await;
    assert_eq!((answer.status, answer.header("content-length")), (StatusCode::OK, "0"));
}
