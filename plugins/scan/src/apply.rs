//! What needs no look into files: moves, files that are back, files that are gone, and edited sidecars.

use std::collections::HashMap;

use entities::id::{FileId, FolderId, MediaId};
use kernel::{blob::Facts, store::Durability};

use crate::{
    describe::Description,
    edges::{self, Joined},
    folders,
    items::{Items, Relook, TotalsChange},
    known::{self, KnownFile},
    look::read_nfo,
    record::Recorder,
    sidecar, sql,
    walk::SeenFile,
};

/// A known file under another path, or at its own with another inode.
#[derive(Debug, Clone)]
pub struct Move {
    /// The row.
    pub row: KnownFile,
    /// The folder it is in now.
    pub folder: usize,
    /// What it is there.
    pub seen: SeenFile,
    /// The row that had this path until now, if it is another one.
    pub displaced: Option<KnownFile>,
    /// The files of subtitles beside it there.
    pub subtitles: String,
}

/// Files in one transaction: each costs two or three statements.
const BATCH: usize = 250;

impl Recorder<'_> {
    /// Gives rows their new paths.
    pub async fn apply_moves(&mut self, moves: Vec<Move>) -> anyhow::Result<()> {
        for batch in moves.chunks(BATCH) {
            self.cx.checkpoint().await?;
            let now = self.cx.kernel().clock.now_ms();
            let tx = self.cx.kernel().store.begin(Durability::Normal).await?;
            self.folders.ensure(&tx, batch.iter().map(|moved| moved.folder)).await?;
            let items = Items::load(&tx, batch.iter().map(|moved| moved.row.media)).await?;
            let in_place = known::in_place(&tx, batch.iter().map(|moved| moved.row.id)).await?;
            // A path belongs to one row: those that held these make room first, under a name that no file can have.
            // If they have moved as well, they get their own later; if not, they are missing.
            for displaced in batch.iter().filter_map(|moved| moved.displaced.as_ref()) {
                let mut name = displaced.name.clone();
                name.extend_from_slice(format!("/{}", displaced.id).as_bytes());
                let text = "update file set name = $2 where id = $1 and name = $3 and folder_id = $4";
                let values = vec![
                    displaced.id.0.into(),
                    name.into(),
                    displaced.name.clone().into(),
                    displaced.folder.0.into(),
                ];
                sql::execute(&*tx, text, values).await?;
            }
            let mut totals = TotalsChange::default();
            for moved in batch.iter().filter(|moved| in_place.contains(&moved.row.id)) {
                let (facts, row) = (&moved.seen.facts, &moved.row);
                let path = self.folders.path(moved.folder).join(&moved.seen.name);
                let text = "update file set folder_id = $2, name = $3, path = $4, status = 0, missing_at = null, \
                    mtime_ns = $5, inode = $6, device = $7, subtitles = $8 where id = $1";
                let mut values = vec![row.id.0.into(), self.folders.id(moved.folder).0.into()];
                values.extend([moved.seen.name.clone().into(), path.display().into()]);
                values.extend([facts.mtime_ns.into(), facts.inode.into(), facts.device.into()]);
                values.push(moved.subtitles.clone().into());
                sql::execute(&*tx, text, values).await?;
                if !row.is_present {
                    totals.size += row.size;
                }
                let is_elsewhere = self.folders.id(moved.folder) != row.folder || moved.seen.name != row.name;
                self.report.moved += u64::from(is_elsewhere);
                self.report.restored += u64::from(!is_elsewhere && !row.is_present);
            }
            totals += items.settle(&tx, now, &HashMap::new(), &HashMap::new()).await?;
            totals.write(&tx, self.library, now).await?;
            self.cx.save_in(&tx, &self.report).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Marks files as present again.
    pub async fn apply_restored(&mut self, restored: Vec<(KnownFile, usize, Facts)>) -> anyhow::Result<()> {
        for batch in restored.chunks(sql::CHUNK) {
            let rows: Vec<&KnownFile> = batch.iter().map(|(row, ..)| row).collect();
            self.set_status(&rows, "status = 0, missing_at = null", 1, |report| &mut report.restored)
                .await?;
        }
        Ok(())
    }

    /// Marks files as missing.
    pub async fn apply_missing(&mut self, missing: Vec<KnownFile>) -> anyhow::Result<()> {
        let now = self.cx.kernel().clock.now_ms();
        for batch in missing.chunks(sql::CHUNK) {
            let rows: Vec<&KnownFile> = batch.iter().collect();
            let set = format!("status = 1, missing_at = {now}");
            self.set_status(&rows, &set, -1, |report| &mut report.missing).await?;
        }
        Ok(())
    }

    async fn set_status(
        &mut self,
        rows: &[&KnownFile],
        set: &str,
        sign: i64,
        count: fn(&mut crate::report::ScanReport) -> &mut u64,
    ) -> anyhow::Result<()> {
        self.cx.checkpoint().await?;
        let now = self.cx.kernel().clock.now_ms();
        let tx = self.cx.kernel().store.begin(Durability::Normal).await?;
        let items = Items::load(&tx, rows.iter().map(|row| row.media)).await?;
        let in_place = known::in_place(&tx, rows.iter().map(|row| row.id)).await?;
        let rows: Vec<&KnownFile> = rows.iter().copied().filter(|row| in_place.contains(&row.id)).collect();
        let ids: Vec<FileId> = rows.iter().map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        sql::execute(
            &*tx,
            format!("update file set {set} where id in ({})", sql::ids(&ids)),
            Vec::new(),
        )
        .await?;
        let size = sign * rows.iter().map(|row| row.size).sum::<i64>();
        let mut totals = TotalsChange {
            size,
            ..TotalsChange::default()
        };
        totals += items.settle(&tx, now, &HashMap::new(), &HashMap::new()).await?;
        totals.write(&tx, self.library, now).await?;
        *count(&mut self.report) += rows.len() as u64;
        self.cx.save_in(&tx, &self.report).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Applies sidecars that are new or were edited to files that did not change themselves.
    pub async fn apply_sidecars(&mut self, described: Vec<(KnownFile, usize, SeenFile)>) -> anyhow::Result<()> {
        for batch in described.chunks(BATCH) {
            self.cx.checkpoint().await?;
            let ids: Vec<FileId> = batch.iter().map(|(row, ..)| row.id).collect();
            let applied = sidecar::applied(self.cx.kernel().store.reader(), &ids).await?;
            let edited: Vec<_> = batch
                .iter()
                .filter(|(row, _, nfo)| applied.get(&row.id) != Some(&sidecar::digest(nfo)))
                .cloned()
                .collect();
            if !edited.is_empty() {
                self.apply_edited(edited).await?;
            }
        }
        Ok(())
    }

    async fn apply_edited(&mut self, edited: Vec<(KnownFile, usize, SeenFile)>) -> anyhow::Result<()> {
        let mut words: Vec<(MediaId, Relook)> = Vec::new();
        for (row, folder, nfo) in &edited {
            let (roots, root, path) = (
                self.roots.clone(),
                self.folders.root(*folder),
                self.folders.path(*folder).clone(),
            );
            let nfo = nfo.clone();
            let read = tokio::task::spawn_blocking(move || read_nfo(&roots[root], &path, &nfo)).await?;
            if let Some(nfo) = read {
                words.push((
                    row.media,
                    Relook {
                        file: row.id,
                        kind: None,
                        words: Description::of_sidecar(&nfo),
                    },
                ));
            }
        }
        let now = self.cx.kernel().clock.now_ms();
        let tx = self.cx.begin(Durability::Normal).await?;
        let studios = words
            .iter()
            .filter_map(|(_, relook)| relook.words.studio.clone())
            .collect();
        let studios = edges::studios(&tx, now, studios).await?;
        let items = Items::load(&tx, words.iter().map(|(media, _)| *media)).await?;
        let joined: Vec<Joined> = words
            .iter()
            .map(|(media, relook)| Joined {
                media: *media,
                added_at: items.added_at(*media).unwrap_or(now),
                people: relook.words.people.clone(),
                tags: relook.words.tags.clone(),
            })
            .collect();
        let totals = items.settle(&tx, now, &words.into_iter().collect(), &studios).await?;
        edges::join(&tx, now, &joined).await?;
        sidecar::write(&tx, edited.iter().map(|(row, _, nfo)| (row.id, nfo))).await?;
        totals.write(&tx, self.library, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps the digests of folders in which nothing is to be looked into, and remembers folders that are gone.
    pub async fn apply_folders(&mut self, gone: &[FolderId]) -> anyhow::Result<()> {
        if !self.folders.has_complete() && gone.is_empty() {
            return Ok(());
        }
        let tx = self.cx.kernel().store.begin(Durability::Normal).await?;
        self.folders.write_complete(&tx).await?;
        folders::write_gone(&tx, gone).await?;
        self.cx.save_in(&tx, &self.report).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Clears failures of earlier scans that are no more.
    pub async fn clear_gone_failures(&mut self, gone: &[entities::id::ScanFailureId]) -> anyhow::Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let tx = self.cx.begin(Durability::Normal).await?;
        crate::failures::clear(&tx, gone).await?;
        tx.commit().await?;
        Ok(())
    }
}
