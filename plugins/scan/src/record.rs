//! Writes looks into rows: up to 500 rows or 250 ms a transaction, each of them fenced by the job's lease.

mod outcome;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use entities::{
    chapter,
    file::{self, FileStatus},
    id::{FileId, LibraryId, MediaId, StudioId},
    media, page, stream,
};
use kernel::{
    blob::Root,
    events::MediaAdded,
    jobs::JobCx,
    store::{Durability, Tx},
};
use schema::{kit::text::natural_key, search::index};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DbErr, EntityTrait, Insert, IntoActiveModel, ModelTrait, QueryFilter,
};

use crate::{
    duplicates::{self, Original},
    edges::{self, Joined},
    facts::summary,
    failures::{self, KnownFailures, NewFailure, Prober},
    folders::Folders,
    galleries,
    items::{self, Items, Relook, TotalsChange},
    jobs::library::ScanStep,
    report::ScanReport,
    sidecar, sql,
};

use self::outcome::{Bad, Good, sort_out};
pub use self::outcome::{Batch, Outcome};

/// Writes what a scan finds.
pub struct Recorder<'a> {
    /// The running job.
    pub cx: &'a JobCx<ScanStep>,
    /// The library.
    pub library: LibraryId,
    /// Its paths, open.
    pub roots: Arc<Vec<Root>>,
    /// Its changed folders.
    pub folders: Folders,
    /// Failures of earlier scans.
    pub failures: KnownFailures,
    /// Which FFmpeg failures are noted with.
    pub prober: Prober,
    /// What the scan did so far.
    pub report: ScanReport,
}

impl Recorder<'_> {
    /// Writes a batch.
    pub async fn write(&mut self, batch: Batch) -> anyhow::Result<()> {
        let (mut good, bad) = sort_out(batch.outcomes);
        self.find_duplicates(&mut good).await?;
        let now = self.cx.kernel().clock.now_ms();

        let tx = self.cx.kernel().store.begin(Durability::Normal).await?;
        self.folders
            .ensure(&tx, good.iter().map(|good| good.task.found.folder))
            .await?;
        let mut totals = self.write_new(&tx, now, &good).await?;
        self.write_changed(&tx, now, &good, &mut totals).await?;
        self.write_bad(&tx, now, &bad, &mut totals).await?;
        totals.write(&tx, self.library, now).await?;
        self.clear_failures(&tx, &good).await?;
        for folder in good
            .iter()
            .map(|good| good.task.found.folder)
            .chain(bad.iter().map(|bad| bad.task.found.folder))
        {
            self.folders.done(folder);
        }
        self.folders.write_complete(&tx).await?;
        self.cx.save_in(&tx, &self.report).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Decides which new files have the bytes of a recorded file, or of one earlier in the batch.
    async fn find_duplicates(&self, good: &mut [Good]) -> anyhow::Result<()> {
        let is_new = |good: &&mut Good| good.task.found.at_path.is_none();
        let fingerprints: BTreeSet<Vec<u8>> = good
            .iter_mut()
            .filter(is_new)
            .map(|good| good.fingerprint.clone())
            .collect();
        if fingerprints.is_empty() {
            return Ok(());
        }
        let fingerprints: Vec<Vec<u8>> = fingerprints.into_iter().collect();
        let reader = self.cx.kernel().store.reader();
        let mut originals = duplicates::originals(reader, self.library, self.folders.paths(), &fingerprints).await?;
        for good in good.iter_mut().filter(is_new) {
            let mut new = Original {
                media: good.media,
                root: good.task.root,
                path: good.task.path.clone(),
                size: good.facts.size,
                identity: (good.facts.device, good.facts.inode),
                content_hash: None,
            };
            let originals = originals.entry(good.fingerprint.clone()).or_default();
            let joined = duplicates::find(&self.roots, originals, &mut new, self.cx.canceled()).await;
            self.cx.checkpoint().await?;
            good.content_hash.clone_from(&new.content_hash);
            match joined {
                Some(media) => (good.media, good.joins) = (media, true),
                None => originals.push(new),
            }
        }
        Ok(())
    }

    async fn write_new(&mut self, tx: &Tx, now: i64, good: &[Good]) -> anyhow::Result<TotalsChange> {
        let new: Vec<&Good> = good.iter().filter(|good| good.task.found.at_path.is_none()).collect();
        if new.is_empty() {
            return Ok(TotalsChange::default());
        }
        let studios = edges::studios(
            tx,
            now,
            new.iter().filter_map(|good| good.words.studio.clone()).collect(),
        )
        .await?;
        let mut totals = TotalsChange::default();
        let mut rows = Vec::new();
        let mut studio_counts = BTreeMap::new();
        for good in new.iter().filter(|good| !good.joins) {
            let studio_id = good.words.studio.as_ref().and_then(|name| studios.get(name)).copied();
            if let Some(studio) = studio_id {
                *studio_counts.entry(studio).or_default() += 1;
            }
            totals.n_media += 1;
            totals.duration_us += good.rows.duration_us.unwrap_or(0);
            rows.push(self.media_row(good, studio_id, now));
        }
        let added: Vec<MediaId> = rows.iter().map(|row| row.id).collect();
        // Items made in this transaction settle by what was just inserted; only older ones must be read.
        let joined = new.iter().filter(|good| good.joins).map(|good| good.media);
        insert(tx, rows, 32).await?;
        let items = Items::load(tx, joined).await?;
        insert(tx, new.iter().map(|good| self.file_row(good, now)).collect(), 25).await?;
        self.insert_parts(tx, &new).await?;
        totals.size += new.iter().map(|good| good.facts.size).sum::<i64>();
        totals += items.settle(tx, now, &HashMap::new(), &HashMap::new()).await?;
        edges::count_studios(tx, &studio_counts).await?;
        let joined: Vec<Joined> = new
            .iter()
            .filter(|good| !good.joins)
            .map(|good| Joined {
                media: good.media,
                added_at: now,
                people: good.words.people.clone(),
                tags: good.words.tags.clone(),
            })
            .collect();
        edges::join(tx, now, &joined).await?;
        let is_archive = |good: &&&Good| !good.joins && !good.rows.pages.is_empty();
        let archives = new.iter().filter(is_archive);
        let archives: Vec<_> = archives.map(|good| (good.media, good.words.title.as_str())).collect();
        galleries::of_archives(tx, now, &archives).await?;
        index::refresh(tx, &added).await?;
        self.report.new += new.len() as u64;
        if !added.is_empty() {
            tx.publish(MediaAdded {
                library: self.library,
                media: added,
            });
        }
        Ok(totals)
    }

    async fn write_changed(
        &mut self,
        tx: &Tx,
        now: i64,
        good: &[Good],
        totals: &mut TotalsChange,
    ) -> anyhow::Result<()> {
        let changed: Vec<&Good> = good.iter().filter(|good| good.task.found.at_path.is_some()).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let studios = edges::studios(
            tx,
            now,
            changed.iter().filter_map(|good| good.words.studio.clone()).collect(),
        )
        .await?;
        let items = Items::load(tx, changed.iter().map(|good| good.media)).await?;
        let ids: Vec<FileId> = changed.iter().map(|good| good.file).collect();
        stream::Entity::delete_many()
            .filter(stream::Column::FileId.is_in(ids.iter().copied()))
            .exec(&**tx)
            .await?;
        chapter::Entity::delete_many()
            .filter(chapter::Column::FileId.is_in(ids.iter().copied()))
            .exec(&**tx)
            .await?;
        page::Entity::delete_many()
            .filter(page::Column::FileId.is_in(ids.iter().copied()))
            .exec(&**tx)
            .await?;
        for good in &changed {
            let Some(before) = &good.task.found.at_path else {
                continue;
            };
            totals.size += good.facts.size - if before.is_present { before.size } else { 0 };
            let mut row = self.file_row(good, now).into_active_model().reset_all();
            row.id = ActiveValue::Unchanged(good.file);
            for kept in [file::Column::MediaId, file::Column::LibraryId, file::Column::AddedAt] {
                row.not_set(kept);
            }
            row.update(&**tx).await?;
        }
        self.insert_parts(tx, &changed).await?;
        let relook = |good: &&Good| {
            (
                good.media,
                Relook {
                    file: good.file,
                    kind: Some(good.kind),
                    words: good.words.clone(),
                },
            )
        };
        let added: Vec<Joined> = changed
            .iter()
            .map(|good| Joined {
                media: good.media,
                added_at: items.added_at(good.media).unwrap_or(now),
                people: good.words.people.clone(),
                tags: good.words.tags.clone(),
            })
            .collect();
        *totals += items
            .settle(tx, now, &changed.iter().map(relook).collect(), &studios)
            .await?;
        edges::join(tx, now, &added).await?;
        let joined = added
            .iter()
            .filter(|joined| !(joined.people.is_empty() && joined.tags.is_empty()));
        index::refresh(tx, &joined.map(|joined| joined.media).collect::<Vec<_>>()).await?;
        self.report.changed += changed.len() as u64;
        Ok(())
    }

    /// Writes failures down. A recorded file whose new bytes are broken keeps its item and what is known of it.
    async fn write_bad(&mut self, tx: &Tx, now: i64, bad: &[Bad], totals: &mut TotalsChange) -> anyhow::Result<()> {
        let mut rows = Vec::with_capacity(bad.len());
        let items = Items::load(
            tx,
            bad.iter()
                .filter_map(|bad| Some(bad.task.found.at_path.as_ref()?.media)),
        )
        .await?;
        for bad in bad {
            let folder = bad.task.found.folder;
            if bad.fault.is_passing {
                self.folders.unsettle(folder);
            }
            rows.push(NewFailure {
                library_path: self.folders.library_path(folder),
                path: bad.task.path.clone(),
                file: bad.task.found.at_path.as_ref().map(|row| row.id),
                facts: Some(
                    bad.looked
                        .as_ref()
                        .map_or(bad.task.found.seen.facts, |(facts, ..)| *facts),
                ),
                fault: bad.fault.clone(),
            });
            if let (Some(before), Some((facts, fingerprint, oshash)), false) =
                (&bad.task.found.at_path, &bad.looked, bad.fault.is_passing)
            {
                totals.size += facts.size - if before.is_present { before.size } else { 0 };
                let text = "update file set size = $2, mtime_ns = $3, inode = $4, device = $5, fingerprint = $6, oshash = $7, \
                    content_hash = null, status = 0, missing_at = null where id = $1";
                let mut values = vec![
                    before.id.0.into(),
                    facts.size.into(),
                    facts.mtime_ns.into(),
                    facts.inode.into(),
                ];
                values.extend([facts.device.into(), fingerprint.clone().into(), (*oshash).into()]);
                sql::execute(&**tx, text, values).await?;
            }
        }
        *totals += items.settle(tx, now, &HashMap::new(), &HashMap::new()).await?;
        failures::write(tx, self.library, now, &self.prober, &rows).await?;
        Ok(())
    }

    async fn clear_failures(&mut self, tx: &Tx, good: &[Good]) -> Result<(), DbErr> {
        let fine: Vec<_> = good
            .iter()
            .filter_map(|good| {
                let path = good.task.path.as_bytes().to_vec();
                self.failures
                    .remove(&(self.folders.library_path(good.task.found.folder), path))
                    .map(|row| row.id)
            })
            .collect();
        failures::clear(tx, &fine).await
    }

    async fn insert_parts(&self, tx: &Tx, good: &[&Good]) -> Result<(), DbErr> {
        let streams: Vec<stream::Model> = good.iter().flat_map(|good| good.rows.streams.clone()).collect();
        insert(tx, streams, 42).await?;
        let chapters: Vec<chapter::Model> = good.iter().flat_map(|good| good.rows.chapters.clone()).collect();
        insert(tx, chapters, 6).await?;
        let pages: Vec<page::Model> = good.iter().flat_map(|good| good.rows.pages.clone()).collect();
        insert(tx, pages, 4).await?;
        let sidecars = good
            .iter()
            .filter_map(|good| Some((good.file, good.task.found.nfo.as_ref()?)));
        sidecar::write(tx, sidecars).await
    }

    fn media_row(&self, good: &Good, studio_id: Option<StudioId>, now: i64) -> media::Model {
        let mut row = media::Model {
            id: good.media,
            library_id: self.library,
            kind: good.kind,
            title: good.words.title.clone(),
            sort_title: natural_key(&good.words.title),
            title_origin: good.words.title_origin,
            description: good.words.description.clone(),
            date: good.words.date.clone(),
            studio_id,
            primary_file_id: None,
            path: String::new(),
            size: 0,
            duration_us: None,
            width: None,
            height: None,
            frame_rate_num: None,
            frame_rate_den: None,
            bit_rate: None,
            video_codec: None,
            audio_codec: None,
            container: None,
            has_subtitles: false,
            n_files: 1,
            thumbhash: None,
            added_at: now,
            modified_at: 0,
            updated_at: now,
            missing_at: None,
        };
        items::show(&mut row, &self.file_row(good, now), Some(&summary(&good.rows.streams)));
        row
    }

    fn file_row(&self, good: &Good, now: i64) -> file::Model {
        let rows = &good.rows;
        file::Model {
            id: good.file,
            media_id: good.media,
            library_id: self.library,
            folder_id: self.folders.id(good.task.found.folder),
            name: good.task.found.seen.name.clone(),
            path: good.task.path.display(),
            status: FileStatus::Present,
            missing_at: None,
            size: good.facts.size,
            mtime_ns: good.facts.mtime_ns,
            inode: good.facts.inode,
            device: good.facts.device,
            fingerprint: Some(good.fingerprint.clone()),
            oshash: good.oshash,
            content_hash: good.content_hash.clone(),
            container: Some(rows.container.clone()),
            demuxer: Some(rows.demuxer.clone()),
            duration_us: rows.duration_us,
            start_us: rows.start_us,
            bit_rate: rows.bit_rate,
            tags: rows.tags.clone(),
            has_cover: rows.has_cover,
            subtitles: good.task.found.subtitles.clone(),
            added_at: now,
            probed_at: Some(now),
        }
    }
}

/// Inserts rows of so many columns, as many at once as SQLite's 32,766 parameters allow.
async fn insert<M, A>(tx: &Tx, rows: Vec<M>, n_columns: usize) -> Result<(), DbErr>
where
    M: IntoActiveModel<A> + ModelTrait,
    A: ActiveModelTrait<Entity = M::Entity> + Send,
{
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let chunk: Vec<A> = rows.by_ref().take(32_000 / n_columns).collect();
        Insert::many(chunk).exec_without_returning(&**tx).await?;
    }
    Ok(())
}
