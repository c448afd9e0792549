//! From an item to what is worked on: its file, opened, and what the database knows of its streams.

use entities::{
    file::{self, FileStatus},
    id::{FileId, MediaId},
    keyframe_table, media, stream,
};
use kernel::{error::Failure, kind, library_file::LibraryFile, plugin::Kernel};
use media_engine::source::Source;
use media_proto::{
    grid::{Grid, LONGEST_US, SEGMENT_MS, TimeBase, half_frame_us, to_ticks, to_us},
    head::{AAC_FRAME, AudioHead, VideoHead},
    rendition::{self, AudioRendition, VideoRendition},
};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};

use crate::code;

/// A file as the database knows it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The row.
    pub file: file::Model,
    /// The pictures that are played.
    pub video: Option<Pictures>,
    /// The sounds.
    pub sounds: Vec<stream::Model>,
}

/// The pictures of a file.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// The row.
    pub stream: stream::Model,
    /// When the first frame shows, in ticks of the stream.
    pub start_pts: i64,
    /// How long they play, in microseconds.
    pub duration_us: i64,
    /// Frames that decode before they show, at most.
    pub reorder_depth: u32,
}

impl Subject {
    /// The file of an item that is shown.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn of_media(kernel: &Kernel, id: MediaId) -> Result<(media::Model, Self), Failure> {
        // Within this function alone: its `max` is not that of numbers.
        use sea_orm::sea_query::{Expr, ExprTrait};
        let db = kernel.store.reader();
        let missing = || {
            Failure::new(
                &code::MEDIA_NOT_FOUND,
                format!("no media item `{id}` with a present file"),
            )
        };
        let mut select = media::Entity::find_by_id(id);
        let of_item = Expr::col((file::Entity, file::Column::MediaId)).equals((media::Entity, media::Column::Id));
        QuerySelect::query(&mut select).join(JoinType::InnerJoin, file::Entity, of_item);
        let present = select
            .select_also(file::Entity)
            .filter(file::Column::Status.eq(FileStatus::Present))
            .order_by_asc(file::Column::Id)
            .all(db)
            .await?;
        let is_shown = |(item, file): &(media::Model, Option<file::Model>)| {
            file.as_ref().is_some_and(|file| Some(file.id) == item.primary_file_id)
        };
        let at = present.iter().position(is_shown).unwrap_or(0);
        let (item, file) = present.into_iter().nth(at).ok_or_else(missing)?;
        let file = file.ok_or_else(missing)?;
        Ok((item, Self::of(kernel, file).await?))
    }

    /// A file by its id.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn of_file(kernel: &Kernel, id: FileId) -> Result<Self, Failure> {
        let file = file::Entity::find_by_id(id).one(kernel.store.reader()).await?;
        let missing = || Failure::new(&code::MEDIA_NOT_FOUND, format!("no file `{id}`"));
        Self::of(kernel, file.ok_or_else(missing)?).await
    }

    async fn of(kernel: &Kernel, file: file::Model) -> Result<Self, Failure> {
        use sea_orm::sea_query::{Expr, ExprTrait};
        let of_file = Expr::col((keyframe_table::Entity, keyframe_table::Column::FileId))
            .equals((stream::Entity, stream::Column::FileId));
        let mut select = stream::Entity::find();
        QuerySelect::query(&mut select).join(JoinType::LeftJoin, keyframe_table::Entity, of_file);
        let rows = select
            .select_also(keyframe_table::Entity)
            .filter(stream::Column::FileId.eq(file.id))
            .order_by_asc(stream::Column::Index)
            .all(kernel.store.reader())
            .await?;
        let (streams, tables): (Vec<stream::Model>, Vec<_>) = rows.into_iter().unzip();
        let table = tables.into_iter().flatten().next();
        let film = streams.iter().find(|stream| stream.is_film());
        let video = film.and_then(|stream| pictures(&file, stream, table));
        let sounds: Vec<_> = streams.iter().filter(|stream| stream.is_sound()).cloned().collect();
        if video.is_none() && (sounds.is_empty() || file.duration_us.is_none()) {
            let message = format!("`{}` has nothing that plays", file.path);
            return Err(Failure::new(&code::NOT_PLAYABLE, message));
        }
        Ok(Self { file, video, sounds })
    }

    /// Opens the file, if it is the one that the database knows.
    ///
    /// # Errors
    /// It is gone, cannot be read, or has changed.
    pub async fn open(&self, kernel: &Kernel) -> Result<Source, Failure> {
        let place = LibraryFile::find(&kernel.store, self.file.id).await?;
        let path = &self.file.path;
        let gone = || Failure::new(&code::FILE_UNREADABLE, format!("`{path}` is not known any more"));
        let opened = place.ok_or_else(gone)?.open().await;
        let (file, facts) = opened.map_err(|error| Failure::new(&code::FILE_UNREADABLE, error.to_string()))?;
        if (facts.size, facts.mtime_ns) != (self.file.size, self.file.mtime_ns) {
            let message = format!("`{path}` has changed since the last scan; scan its library again");
            return Err(Failure::new(&code::FILE_CHANGED, message));
        }
        Source::new(file).map_err(|error| Failure::new(&code::FILE_UNREADABLE, format!("`{path}`: {error}")))
    }

    /// The file name's extension, as probes are told it.
    pub fn extension(&self) -> Option<String> {
        kind::extension(&self.file.name)
    }

    /// How long it plays, in microseconds.
    pub fn duration_us(&self) -> i64 {
        let video = self.video.as_ref().map(|video| video.duration_us);
        video.or(self.file.duration_us).unwrap_or(0)
    }

    /// Where the presentation begins, in microseconds on the file's own clock.
    pub fn start_us(&self) -> i64 {
        match &self.video {
            Some(video) => to_us(video.start_pts, video.time_base()),
            None => self
                .sounds
                .first()
                .and_then(|sound| sound.start_us)
                .or(self.file.start_us)
                .unwrap_or(0),
        }
    }

    /// The head of a rendition of its pictures.
    pub fn video_head(&self, rendition: VideoRendition) -> Option<VideoHead> {
        let video = self.video.as_ref()?;
        let grid = Grid::new(video.stream.frame_rate(), SEGMENT_MS);
        // Clocks of milliseconds round: what is less than half a frame is none.
        let listed_us = video.duration_us - half_frame_us(video.stream.frame_rate());
        Some(VideoHead {
            extension: self.extension(),
            stream: video.stream.index.unsigned_abs(),
            time_base: video.time_base(),
            start_pts: video.start_pts,
            reorder_depth: video.reorder_depth,
            keyframe_pts: None,
            rotation: u16::try_from(video.stream.rotation).unwrap_or(0),
            burn: None,
            rendition,
            encoder: None,
            grid,
            first: 0,
            until: 0,
            n_segments: grid.n_segments(listed_us.max(1), (1, 1_000_000)).max(1),
        })
    }

    /// The head of a rendition of its first sound, and its number of segments.
    pub fn audio_head(&self) -> Option<(AudioHead, u32)> {
        let stream = self
            .sounds
            .iter()
            .find(|sound| sound.is_default)
            .or(self.sounds.first())?;
        let rendition = sound_settings(stream);
        let rate = self.video.as_ref().and_then(|video| video.stream.frame_rate());
        let grid = Grid::new(rate, SEGMENT_MS);
        let samples = i128::from(self.duration_us()) * i128::from(rendition.sample_rate);
        let frame = i128::from(AAC_FRAME) * 1_000_000;
        let n_frames = u64::try_from((samples + frame - 1) / frame).ok()?.max(1);
        let first = |n: u32| grid.audio_frames(n, rendition.sample_rate, AAC_FRAME).start;
        let guess = grid.n_segments(self.duration_us(), (1, 1_000_000)).saturating_add(2);
        let n_segments = (1..=guess).find(|n| first(*n) >= n_frames).unwrap_or(guess);
        let head = AudioHead {
            extension: self.extension(),
            start_us: self.start_us(),
            rendition,
            grid,
            first: 0,
            until: 0,
            n_frames,
        };
        Some((head, n_segments))
    }
}

impl Pictures {
    /// The unit of their times.
    pub fn time_base(&self) -> TimeBase {
        (self.stream.time_base_num, self.stream.time_base_den)
    }

    /// What renditions are made of: upright, with square pixels.
    pub fn shape(&self, file: &file::Model) -> rendition::Source {
        let (width, height) = self.stream.displayed_size();
        let bit_rate = self.stream.bit_rate.or(file.bit_rate);
        rendition::Source {
            width,
            height,
            frame_rate: self.stream.frame_rate(),
            bit_rate: bit_rate.and_then(|rate| u64::try_from(rate).ok()),
            is_hdr: self.stream.is_hdr(),
            is_interlaced: self.stream.is_interlaced(),
        }
    }
}

/// How a stream of sound is encoded.
pub fn sound_settings(stream: &stream::Model) -> AudioRendition {
    AudioRendition::of(stream.index.unsigned_abs(), stream.channels, stream.sample_rate)
}

fn pictures(file: &file::Model, stream: &stream::Model, table: Option<keyframe_table::Model>) -> Option<Pictures> {
    let base = (stream.time_base_num, stream.time_base_den);
    if base.0 <= 0 || base.1 <= 0 {
        return None;
    }
    let table = table.filter(|table| table.is_of(file, stream));
    let start_us = stream.start_us.or(file.start_us).unwrap_or(0);
    let start_pts = table
        .as_ref()
        .map_or_else(|| to_ticks(start_us, base), |table| table.start_pts);
    let by_table = table
        .as_ref()
        .and_then(|table| Some(to_us(table.end_pts? - table.start_pts, base)));
    let of_file = || Some(file.duration_us? + file.start_us.unwrap_or(0) - start_us);
    let duration_us = by_table.filter(|us| *us > 0).or(stream.duration_us).or_else(of_file)?;
    (1..=LONGEST_US).contains(&duration_us).then(|| Pictures {
        stream: stream.clone(),
        start_pts,
        duration_us,
        reorder_depth: table.map_or(0, |table| table.reorder_depth.unsigned_abs()),
    })
}
