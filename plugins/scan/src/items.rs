//! Items after their files changed: which file is shown, what pages sort by, and the library's totals.

use std::collections::{BTreeMap, HashMap};

use entities::{
    file::{self, FileStatus},
    id::{FileId, LibraryId, MediaId, StudioId},
    media::{self, MediaKind},
    stream,
};
use kernel::{
    events::{LibraryChanged, MediaChanged, MediaRemoved},
    store::Tx,
    subtitle_file::NONE,
};
use schema::{kit::text::natural_key, search::index};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    describe::{Description, origin, title_of},
    edges,
    facts::{Summary, summary},
    sql,
};

/// How a library's totals change with a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TotalsChange {
    /// Items with a present file.
    pub n_media: i64,
    /// Bytes of present files.
    pub size: i64,
    /// Microseconds of items with a present file.
    pub duration_us: i64,
}

impl std::ops::AddAssign for TotalsChange {
    fn add_assign(&mut self, other: Self) {
        self.n_media += other.n_media;
        self.size += other.size;
        self.duration_us += other.duration_us;
    }
}

impl TotalsChange {
    /// Adds it to the library, in the transaction that makes it true.
    pub async fn write(self, tx: &Tx, library: LibraryId, now: i64) -> Result<(), DbErr> {
        if self == Self::default() {
            return Ok(());
        }
        let text = "update library set n_media = n_media + $2, total_size = total_size + $3, \
            total_duration_us = total_duration_us + $4, updated_at = $5 where id = $1";
        let values = vec![
            library.0.into(),
            self.n_media.into(),
            self.size.into(),
            self.duration_us.into(),
            now.into(),
        ];
        sql::execute(&**tx, text, values).await?;
        tx.publish(LibraryChanged { library });
        Ok(())
    }
}

/// What a new look at a file says about its item.
#[derive(Debug, Clone)]
pub struct Relook {
    /// The file that was looked at; only the item's primary file speaks for the item.
    pub file: FileId,
    /// What it is now, if its bytes were looked at.
    pub kind: Option<MediaKind>,
    /// What it is called now.
    pub words: Description,
}

/// Items as they were before their files change.
pub struct Items {
    before: HashMap<MediaId, media::Model>,
}

impl Items {
    /// Reads items before their files change. Nobody edits them until the transaction ends: counters depend on both.
    pub async fn load(tx: &Tx, ids: impl IntoIterator<Item = MediaId>) -> Result<Self, DbErr> {
        let mut ids: Vec<MediaId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut before = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(sql::CHUNK) {
            let rows = media::Entity::find()
                .filter(media::Column::Id.is_in(chunk.iter().copied()))
                .order_by_asc(media::Column::Id)
                .lock_exclusive()
                .all(&**tx)
                .await?;
            before.extend(rows.into_iter().map(|row| (row.id, row)));
        }
        Ok(Self { before })
    }

    /// When an item was added.
    pub fn added_at(&self, media: MediaId) -> Option<i64> {
        self.before.get(&media).map(|row| row.added_at)
    }

    /// Brings the items in line with their files, tells what changed, and says how the totals move (but for sizes,
    /// which the caller knows of the files).
    pub async fn settle(
        self,
        tx: &Tx,
        now: i64,
        relooks: &HashMap<MediaId, Relook>,
        studios: &HashMap<String, StudioId>,
    ) -> Result<TotalsChange, DbErr> {
        let mut totals = TotalsChange::default();
        let mut files = self.files(tx).await?;
        let mut plans = Vec::with_capacity(self.before.len());
        for (id, before) in self.before {
            let files = files.remove(&id).unwrap_or_default();
            let is_present = |file: &&file::Model| file.status == FileStatus::Present;
            let n_files = files.iter().filter(is_present).count() as i32;
            let current = files.iter().find(|file| Some(file.id) == before.primary_file_id);
            let primary = match current {
                Some(file) if is_present(&file) || n_files == 0 => Some(file.clone()),
                _ => files.iter().find(is_present).or(files.first()).cloned(),
            };
            plans.push((before, n_files, primary));
        }
        let reread: Vec<FileId> = plans
            .iter()
            .filter_map(|(before, _, primary)| {
                let primary = primary.as_ref()?;
                let is_relooked = relooks.get(&before.id).is_some_and(|relook| relook.file == primary.id);
                // It may have had them only beside it.
                let may_lack = before.has_subtitles && primary.subtitles == NONE;
                let is_other = Some(primary.id) != before.primary_file_id;
                (is_relooked || is_other || may_lack).then_some(primary.id)
            })
            .collect();
        let summaries = summaries(tx, &reread).await?;

        let (mut changed, mut removed, mut appeared) = (Vec::new(), Vec::new(), Vec::new());
        let mut reworded = Vec::new();
        let mut studio_changes: BTreeMap<StudioId, i64> = BTreeMap::new();
        for (before, n_files, primary) in plans {
            let mut after = before.clone();
            after.n_files = n_files;
            after.missing_at = if n_files > 0 {
                None
            } else {
                before.missing_at.or(Some(now))
            };
            if let Some(primary) = &primary {
                show(&mut after, primary, summaries.get(&primary.id));
                let relook = relooks.get(&before.id).filter(|relook| relook.file == primary.id);
                if let Some(relook) = relook {
                    after.kind = relook.kind.unwrap_or(after.kind);
                    say(&mut after, &relook.words, studios);
                } else if after.title_origin == origin::FILE_NAME {
                    after.title = title_of(&primary.name, after.kind);
                }
                after.sort_title = natural_key(&after.title);
            }
            totals.n_media += i64::from(after.n_files > 0) - i64::from(before.n_files > 0);
            totals.duration_us += counted(&after) - counted(&before);
            let (was_present, is_present) = (before.n_files > 0, after.n_files > 0);
            for (studio, counts, n) in [(before.studio_id, was_present, -1), (after.studio_id, is_present, 1)] {
                if let Some(studio) = studio.filter(|_| counts) {
                    *studio_changes.entry(studio).or_default() += n;
                }
            }
            match (was_present, is_present) {
                (true, false) => removed.push(before.id),
                _ => changed.push(before.id),
            }
            if !was_present && is_present {
                appeared.push(before.id);
            }
            if (&after.title, &after.description, &after.path, after.studio_id)
                != (&before.title, &before.description, &before.path, before.studio_id)
            {
                reworded.push(before.id);
            }
            if after != before {
                after.updated_at = now;
                update(tx, &before, after).await?;
            }
        }
        edges::count_studios(tx, &studio_changes).await?;
        edges::count_presence(tx, &appeared, &removed).await?;
        index::refresh(tx, &reworded).await?;
        if !changed.is_empty() {
            tx.publish(MediaChanged { media: changed });
        }
        if !removed.is_empty() {
            tx.publish(MediaRemoved { media: removed });
        }
        Ok(totals)
    }

    async fn files(&self, tx: &Tx) -> Result<HashMap<MediaId, Vec<file::Model>>, DbErr> {
        let ids: Vec<MediaId> = self.before.keys().copied().collect();
        let mut files: HashMap<MediaId, Vec<file::Model>> = HashMap::new();
        for chunk in ids.chunks(sql::CHUNK) {
            let rows = file::Entity::find()
                .filter(file::Column::MediaId.is_in(chunk.iter().copied()))
                .order_by_asc(file::Column::Id)
                .all(&**tx)
                .await?;
            for row in rows {
                files.entry(row.media_id).or_default().push(row);
            }
        }
        Ok(files)
    }
}

fn counted(item: &media::Model) -> i64 {
    if item.n_files > 0 {
        item.duration_us.unwrap_or(0)
    } else {
        0
    }
}

/// Takes over what a page shows of the primary file.
pub fn show(item: &mut media::Model, primary: &file::Model, summary: Option<&Summary>) {
    item.primary_file_id = Some(primary.id);
    item.path.clone_from(&primary.path);
    item.size = primary.size;
    item.duration_us = primary.duration_us;
    item.bit_rate = primary.bit_rate;
    item.container.clone_from(&primary.container);
    item.modified_at = primary.mtime_ns.div_euclid(1_000_000);
    if let Some(summary) = summary {
        item.width = summary.width;
        item.height = summary.height;
        item.frame_rate_num = summary.frame_rate.map(|(num, _)| num);
        item.frame_rate_den = summary.frame_rate.map(|(_, den)| den);
        item.video_codec.clone_from(&summary.video_codec);
        item.audio_codec.clone_from(&summary.audio_codec);
        item.has_subtitles = summary.has_subtitles;
    }
    item.has_subtitles |= primary.subtitles != NONE;
}

/// Takes over words. What a person typed stays; then only what is empty is filled.
fn say(item: &mut media::Model, words: &Description, studios: &HashMap<String, StudioId>) {
    let is_ours = item.title_origin < origin::PERSON;
    if is_ours && words.title_origin >= item.title_origin && !words.title.is_empty() {
        item.title.clone_from(&words.title);
        item.title_origin = words.title_origin;
    }
    let studio = words.studio.as_ref().and_then(|name| studios.get(name)).copied();
    if is_ours || item.description.is_none() {
        item.description = words.description.clone().or(item.description.take());
    }
    if is_ours || item.date.is_none() {
        item.date = words.date.clone().or(item.date.take());
    }
    if is_ours || item.studio_id.is_none() {
        item.studio_id = studio.or(item.studio_id);
    }
}

/// Writes only the columns that differ: somebody may be rating or tagging the item meanwhile.
async fn update(tx: &Tx, before: &media::Model, after: media::Model) -> Result<(), DbErr> {
    let mut row = before.clone().into_active_model();
    macro_rules! set_changed {
        ($($column:ident),+ $(,)?) => {
            $(if before.$column != after.$column { row.$column = sea_orm::ActiveValue::Set(after.$column); })+
        };
    }
    set_changed!(
        kind,
        title,
        sort_title,
        title_origin,
        description,
        date,
        studio_id,
        primary_file_id,
        path,
        size,
        duration_us,
        width,
        height,
        frame_rate_num,
        frame_rate_den,
        bit_rate,
        video_codec,
        audio_codec,
        container,
        has_subtitles,
        n_files,
        modified_at,
        updated_at,
        missing_at,
    );
    row.update(&**tx).await?;
    Ok(())
}

async fn summaries(tx: &Tx, files: &[FileId]) -> Result<HashMap<FileId, Summary>, DbErr> {
    let mut streams: HashMap<FileId, Vec<stream::Model>> = files.iter().map(|file| (*file, Vec::new())).collect();
    for chunk in files.chunks(sql::CHUNK) {
        let rows = stream::Entity::find()
            .filter(stream::Column::FileId.is_in(chunk.iter().copied()))
            .order_by_asc(stream::Column::Index)
            .all(&**tx)
            .await?;
        for row in rows {
            streams.entry(row.file_id).or_default().push(row);
        }
    }
    Ok(streams
        .into_iter()
        .map(|(file, streams)| (file, summary(&streams)))
        .collect())
}
