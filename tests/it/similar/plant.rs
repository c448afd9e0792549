//! Items with given hashes, fingerprints and sizes, straight into the rows: no file is there, and nothing measures them
//! anew.

use entities::{
    file::{self, FileStatus},
    file_analysis::{self, pack_words},
    folder,
    id::{FileId, FolderId, LibraryId, MediaId, StreamId},
    library_path,
    media::{self, MediaKind},
    page,
    stream::{self, StreamKind},
};
use kernel::{events::MediaAnalyzed, store::Durability};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use tests::server::TestServer;

/// An item with one file.
#[derive(Debug, Clone)]
pub struct Plant {
    pub kind: MediaKind,
    pub hash: Option<u64>,
    pub words: Vec<u32>,
    pub seconds: i64,
    pub size: i64,
    pub height: i32,
    /// Of an archive; none of any other.
    pub n_pages: i32,
}

impl Plant {
    /// A video of ten seconds.
    pub fn video(hash: u64) -> Self {
        Self {
            kind: MediaKind::Video,
            hash: Some(hash),
            words: Vec::new(),
            seconds: 10,
            size: 1000,
            height: 720,
            n_pages: 0,
        }
    }

    /// An image.
    pub fn image(hash: u64) -> Self {
        Self {
            kind: MediaKind::Image,
            ..Self::video(hash)
        }
    }

    /// An archive of pictures, whose cover has that hash.
    pub fn archive(hash: u64) -> Self {
        Self {
            n_pages: 2,
            ..Self::image(hash)
        }
    }

    /// Sound of two minutes.
    pub fn audio(words: Vec<u32>) -> Self {
        Self {
            kind: MediaKind::Audio,
            hash: None,
            words,
            seconds: 120,
            ..Self::video(0)
        }
    }
}

/// An item that was planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planted {
    pub media: MediaId,
    pub file: FileId,
}

/// The numbers that SplitMix64 makes: the same in every run.
pub fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A hash with so many other bits.
pub fn flipped(hash: u64, bits: u32) -> u64 {
    // Every seventh bit: spread over the whole hash.
    (0..bits).fold(hash, |hash, n| hash ^ 1 << ((n * 7 + 3) % 64))
}

/// Plants items in a library, in their order, and tells the server.
pub async fn plant(server: &TestServer, library: &str, plants: &[Plant]) -> anyhow::Result<Vec<Planted>> {
    let kernel = &server.server().kernel;
    let tx = kernel.store.begin(Durability::Normal).await?;
    let planted = plant_rows(&*tx, library.parse()?, kernel.clock.now_ms(), plants).await?;
    tx.publish(MediaAnalyzed {
        media: planted.iter().map(|planted| planted.media).collect(),
    });
    tx.commit().await?;
    Ok(planted)
}

/// The same with a fact of its own for each item, all of them heard at once.
pub async fn plant_one_by_one(server: &TestServer, library: &str, plants: &[Plant]) -> anyhow::Result<Vec<Planted>> {
    let kernel = &server.server().kernel;
    let tx = kernel.store.begin(Durability::Normal).await?;
    let planted = plant_rows(&*tx, library.parse()?, kernel.clock.now_ms(), plants).await?;
    for planted in &planted {
        tx.publish(MediaAnalyzed {
            media: vec![planted.media],
        });
    }
    tx.commit().await?;
    Ok(planted)
}

/// Plants items in a library, in their order.
pub async fn plant_rows<C: ConnectionTrait>(
    db: &C,
    library: LibraryId,
    now: i64,
    plants: &[Plant],
) -> anyhow::Result<Vec<Planted>> {
    let path = library_path::Entity::find().filter(library_path::Column::LibraryId.eq(library));
    let path = path
        .one(db)
        .await?
        .ok_or_else(|| anyhow::anyhow!("the library has no path"))?;
    let folder = FolderId::new();
    let row = folder::Model {
        id: folder,
        library_path_id: path.id,
        path: folder.to_string().into_bytes(),
        digest: None,
    };
    folder::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    let mut planted = Vec::new();
    for chunk in plants.chunks(250) {
        let (mut items, mut files, mut streams, mut analyses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut pages = Vec::new();
        for plant in chunk {
            let ids = Planted {
                media: MediaId::new(),
                file: FileId::new(),
            };
            let name = format!("{}.mkv", ids.file);
            items.push(item(plant, ids, library, &name, now));
            files.push(file_row(plant, ids, library, folder, &name, now));
            if plant.kind != MediaKind::Audio {
                streams.push(picture(plant, ids.file));
            }
            pages.extend((0..plant.n_pages).map(|position| page_row(ids.file, position)));
            analyses.push(analysis(plant, ids.file, now));
            planted.push(ids);
        }
        media::Entity::insert_many(items).exec_without_returning(db).await?;
        file::Entity::insert_many(files).exec_without_returning(db).await?;
        if !streams.is_empty() {
            stream::Entity::insert_many(streams).exec_without_returning(db).await?;
        }
        if !pages.is_empty() {
            page::Entity::insert_many(pages).exec_without_returning(db).await?;
        }
        file_analysis::Entity::insert_many(analyses)
            .exec_without_returning(db)
            .await?;
    }
    let totals = format!(
        "update library set n_media = n_media + {}, total_size = total_size + {}, total_duration_us = total_duration_us + {} where id = {}",
        plants.len(),
        plants.iter().map(|plant| plant.size).sum::<i64>(),
        plants.iter().map(|plant| plant.seconds * 1_000_000).sum::<i64>(),
        library.0
    );
    db.execute_unprepared(&totals).await?;
    Ok(planted)
}

/// Measures a file anew.
pub async fn remeasure(server: &TestServer, planted: Planted, hash: u64) -> anyhow::Result<()> {
    let kernel = &server.server().kernel;
    let tx = kernel.store.begin(Durability::Normal).await?;
    let row = file_analysis::ActiveModel {
        file_id: Set(planted.file),
        phash: Set(Some(hash as i64)),
        made_at: Set(kernel.clock.now_ms() + 1000),
        ..Default::default()
    };
    file_analysis::Entity::update(row).exec(&*tx).await?;
    tx.publish(MediaAnalyzed {
        media: vec![planted.media],
    });
    tx.commit().await?;
    Ok(())
}

fn item(plant: &Plant, ids: Planted, library: LibraryId, name: &str, now: i64) -> media::ActiveModel {
    media::Model {
        id: ids.media,
        library_id: library,
        kind: plant.kind,
        title: name.to_owned(),
        sort_title: name.to_owned(),
        title_origin: 0,
        description: None,
        date: None,
        studio_id: None,
        primary_file_id: Some(ids.file),
        path: name.to_owned(),
        size: plant.size,
        duration_us: Some(plant.seconds * 1_000_000),
        width: Some(plant.height * 16 / 9),
        height: Some(plant.height),
        frame_rate_num: None,
        frame_rate_den: None,
        bit_rate: Some(plant.size * 8 / plant.seconds),
        video_codec: (plant.kind != MediaKind::Audio).then(|| "h264".to_owned()),
        audio_codec: None,
        container: Some("matroska".to_owned()),
        has_subtitles: false,
        n_files: 1,
        thumbhash: None,
        added_at: now,
        modified_at: now,
        updated_at: now,
        missing_at: None,
    }
    .into_active_model()
}

fn file_row(
    plant: &Plant,
    ids: Planted,
    library: LibraryId,
    folder: FolderId,
    name: &str,
    now: i64,
) -> file::ActiveModel {
    file::Model {
        id: ids.file,
        media_id: ids.media,
        library_id: library,
        folder_id: folder,
        name: name.as_bytes().to_vec(),
        path: name.to_owned(),
        status: FileStatus::Present,
        missing_at: None,
        size: plant.size,
        mtime_ns: now * 1_000_000,
        inode: ids.file.0,
        device: 1,
        fingerprint: None,
        oshash: None,
        content_hash: None,
        container: Some("matroska".to_owned()),
        demuxer: None,
        duration_us: Some(plant.seconds * 1_000_000),
        start_us: None,
        bit_rate: Some(plant.size * 8 / plant.seconds),
        tags: "[]".to_owned(),
        has_cover: false,
        subtitles: "[]".to_owned(),
        added_at: now,
        probed_at: Some(now),
    }
    .into_active_model()
}

fn picture(plant: &Plant, file: FileId) -> stream::ActiveModel {
    stream::ActiveModel {
        id: Set(StreamId::new()),
        file_id: Set(file),
        index: Set(0),
        kind: Set(StreamKind::Video),
        codec: Set("h264".to_owned()),
        is_default: Set(true),
        is_forced: Set(false),
        is_cover: Set(false),
        time_base_num: Set(1),
        time_base_den: Set(1000),
        width: Set(Some(plant.height * 16 / 9)),
        height: Set(Some(plant.height)),
        rotation: Set(0),
        is_text: Set(false),
        tags: Set("[]".to_owned()),
        ..Default::default()
    }
}

fn page_row(file: FileId, position: i32) -> page::ActiveModel {
    page::Model {
        file_id: file,
        position,
        name: format!("{position}.png"),
        n_bytes: 1,
    }
    .into_active_model()
}

fn analysis(plant: &Plant, file: FileId, now: i64) -> file_analysis::ActiveModel {
    file_analysis::Model {
        file_id: file,
        size: plant.size,
        mtime_ns: now * 1_000_000,
        version: 1,
        phash: plant.hash.map(|hash| hash as i64),
        audio_fingerprint: (!plant.words.is_empty()).then(|| pack_words(&plant.words)),
        loudness_lufs: None,
        loudness_range_lu: None,
        true_peak_dbtp: None,
        scenes: None,
        black: None,
        silence: None,
        made_at: now,
    }
    .into_active_model()
}
