//! Every row that a scan writes, as text without ids and times of its own, so that two databases can be compared.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use anyhow::{bail, ensure};
use entities::{
    chapter, file, folder,
    id::{ChapterId, FileId, FolderId, LibraryId, LibraryPathId, MediaId, PersonId, StreamId, StudioId, TagId},
    library, library_path, media, media_person, media_tag, person, stream, studio, tag,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, Statement};

/// Differences shown of one table.
const SHOWN: usize = 6;

/// The rows of each table, sorted.
#[derive(Default)]
pub struct Rows(BTreeMap<&'static str, Vec<String>>);

impl Rows {
    /// Reads all tables that a scan writes.
    pub async fn read(db: &DatabaseConnection) -> anyhow::Result<Self> {
        let folders: HashMap<FolderId, folder::Model> = all(folder::Entity::find().all(db).await?, |row| row.id);
        let media: HashMap<MediaId, media::Model> = all(media::Entity::find().all(db).await?, |row| row.id);
        let files: HashMap<FileId, file::Model> = all(file::Entity::find().all(db).await?, |row| row.id);
        let studios: HashMap<StudioId, studio::Model> = all(studio::Entity::find().all(db).await?, |row| row.id);
        let tags: HashMap<TagId, tag::Model> = all(tag::Entity::find().all(db).await?, |row| row.id);
        let people: HashMap<PersonId, person::Model> = all(person::Entity::find().all(db).await?, |row| row.id);
        // Bytes, because two names that are no UTF-8 may look alike.
        let place = |id: FileId| {
            files
                .get(&id)
                .map(|row| (folders.get(&row.folder_id).map(|folder| &folder.path), &row.name))
        };
        let item = |id: MediaId| media.get(&id).and_then(|row| row.primary_file_id).and_then(place);
        let mut rows = Self::default();

        for mut row in library::Entity::find().all(db).await? {
            row.id = LibraryId(0);
            (row.created_at, row.updated_at) = (0, 0);
            row.last_scanned_at = row.last_scanned_at.map(|_| 0);
            rows.add("library", format!("{row:?}"));
        }
        for mut row in library_path::Entity::find().all(db).await? {
            (row.id, row.library_id) = (LibraryPathId(0), LibraryId(0));
            rows.add("library_path", format!("{row:?}"));
        }
        for row in folders.values() {
            let row = folder::Model {
                id: FolderId(0),
                library_path_id: LibraryPathId(0),
                ..row.clone()
            };
            rows.add("folder", format!("{row:?}"));
        }
        for row in media.values() {
            let studio = row.studio_id.and_then(|id| studios.get(&id)).map(|studio| &studio.name);
            let key = (item(row.id), studio);
            let row = media::Model {
                id: MediaId(0),
                library_id: LibraryId(0),
                studio_id: row.studio_id.map(|_| StudioId(0)),
                primary_file_id: row.primary_file_id.map(|_| FileId(0)),
                added_at: 0,
                updated_at: 0,
                ..row.clone()
            };
            rows.add("media", format!("{key:?} {row:?}"));
        }
        for row in files.values() {
            let key = (place(row.id), item(row.media_id));
            let row = file::Model {
                id: FileId(0),
                media_id: MediaId(0),
                library_id: LibraryId(0),
                folder_id: FolderId(0),
                added_at: 0,
                probed_at: row.probed_at.map(|_| 0),
                ..row.clone()
            };
            rows.add("file", format!("{key:?} {row:?}"));
        }
        for mut row in stream::Entity::find().all(db).await? {
            let key = place(row.file_id);
            (row.id, row.file_id) = (StreamId(0), FileId(0));
            rows.add("stream", format!("{key:?} {row:?}"));
        }
        for mut row in chapter::Entity::find().all(db).await? {
            let key = place(row.file_id);
            (row.id, row.file_id) = (ChapterId(0), FileId(0));
            rows.add("chapter", format!("{key:?} {row:?}"));
        }
        for row in studios.values() {
            rows.add("studio", format!("{:?}", (&row.name, &row.sort_name, row.n_media)));
        }
        for row in tags.values() {
            rows.add("tag", format!("{:?}", (&row.name, &row.sort_name, row.n_media)));
        }
        for row in people.values() {
            rows.add("person", format!("{:?}", (&row.name, &row.sort_name, row.n_media)));
        }
        for row in media_tag::Entity::find().all(db).await? {
            let name = tags.get(&row.tag_id).map(|tag| &tag.name);
            rows.add("media_tag", format!("{:?}", (item(row.media_id), name)));
        }
        for row in media_person::Entity::find().all(db).await? {
            let name = people.get(&row.person_id).map(|person| &person.name);
            rows.add(
                "media_person",
                format!("{:?}", (item(row.media_id), name, &row.role, row.position)),
            );
        }
        rows.read_scan_tables(db, place).await?;
        for (id, row) in &files {
            ensure!(
                media.contains_key(&row.media_id) && place(*id).is_some(),
                "a file without item or folder: {row:?}"
            );
        }
        rows.0.values_mut().for_each(|lines| lines.sort());
        Ok(rows)
    }

    async fn read_scan_tables<P: fmt::Debug>(
        &mut self,
        db: &DatabaseConnection,
        place: impl Fn(FileId) -> P,
    ) -> Result<(), DbErr> {
        let backend = db.get_database_backend();
        let failures = "select path, path_text, code, reason, size, mtime_ns, inode, file_id from scan_failure";
        for row in db.query_all_raw(Statement::from_string(backend, failures)).await? {
            let path: Vec<u8> = row.try_get_by_index(0)?;
            let words: [String; 3] = [
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
                row.try_get_by_index(3)?,
            ];
            let facts: [i64; 3] = [
                row.try_get_by_index(4)?,
                row.try_get_by_index(5)?,
                row.try_get_by_index(6)?,
            ];
            let file: Option<i64> = row.try_get_by_index(7)?;
            self.add(
                "scan_failure",
                format!("{:?}", (path, words, facts, file.map(|id| place(FileId(id))))),
            );
        }
        let sidecars = "select file_id, digest from scan_sidecar";
        for row in db.query_all_raw(Statement::from_string(backend, sidecars)).await? {
            let (file, digest): (i64, Vec<u8>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            self.add("scan_sidecar", format!("{:?}", (place(FileId(file)), digest)));
        }
        let quarantined = "select identity, job_kind, reason from quarantine";
        for row in db.query_all_raw(Statement::from_string(backend, quarantined)).await? {
            let identity: Vec<u8> = row.try_get_by_index(0)?;
            let words: [String; 2] = [row.try_get_by_index(1)?, row.try_get_by_index(2)?];
            self.add("quarantine", format!("{:?}", (identity, words)));
        }
        Ok(())
    }

    fn add(&mut self, table: &'static str, line: String) {
        self.0.entry(table).or_default().push(line);
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> usize {
        self.0.get(table).map_or(0, Vec::len)
    }

    /// Fails with the first differences of each table.
    pub fn ensure_equals(&self, wanted: &Self) -> anyhow::Result<()> {
        if self.0 == wanted.0 {
            return Ok(());
        }
        let mut text = String::new();
        let none = Vec::new();
        for table in self.0.keys().chain(wanted.0.keys()).collect::<BTreeSet<_>>() {
            let (have, want) = (self.0.get(table).unwrap_or(&none), wanted.0.get(table).unwrap_or(&none));
            if have == want {
                continue;
            }
            let lost = want.iter().filter(|line| have.binary_search(line).is_err());
            let extra = have.iter().filter(|line| want.binary_search(line).is_err());
            text.push_str(&format!("{table}: {} rows, {} wanted\n", have.len(), want.len()));
            for line in lost.take(SHOWN) {
                text.push_str(&format!("  lost  {line}\n"));
            }
            for line in extra.take(SHOWN) {
                text.push_str(&format!("  extra {line}\n"));
            }
        }
        bail!("the rows differ\n{text}")
    }
}

fn all<K: std::hash::Hash + Eq, M>(rows: Vec<M>, key: impl Fn(&M) -> K) -> HashMap<K, M> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self
            .0
            .iter()
            .map(|(table, lines)| format!("{} {table}", lines.len()))
            .collect();
        f.write_str(&counts.join(", "))
    }
}
