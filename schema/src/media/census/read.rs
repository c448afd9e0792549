//! How rows become the census.

use std::{collections::HashMap, ops::Range};

use kernel::sql;
use sea_orm::{DatabaseConnection, DbErr, QueryResult};

use super::table::{Item, Table};

/// Items in one statement: none of them keeps a connection for long.
const CHUNK: usize = 10_000;

const COLUMNS: &str = "id, library_id, studio_id, kind, width, height, duration_us, size, added_at, date, video_codec, \
    audio_codec, container, has_subtitles, case when missing_at is null then 0 else 1 end";

/// Rows that were read.
pub struct Rows {
    items: Vec<QueryResult>,
    tags: Grouped,
    people: Grouped,
}

impl Rows {
    /// Takes them into the table; of these ids those that have no row any more are gone.
    ///
    /// # Errors
    /// A row is not as it should be.
    pub fn put(self, table: &mut Table, ids: &[i64]) -> Result<(), DbErr> {
        for id in ids {
            table.remove(*id);
        }
        for row in &self.items {
            let id = row.try_get_by_index(0)?;
            let item = item(table, row)?;
            table.put(id, item, self.tags.of(id), self.people.of(id));
        }
        Ok(())
    }
}

/// Reads all items.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &DatabaseConnection) -> Result<Table, DbErr> {
    let mut table = Table::default();
    let mut last = 0;
    loop {
        let text = format!("select {COLUMNS} from media where id > $1 order by id limit {CHUNK}");
        let items = sql::rows(db, text, [last.into()]).await?;
        let Some(end) = items.last().map(|row| row.try_get_by_index::<i64>(0)).transpose()? else {
            return Ok(table);
        };
        let mut rows = linked(db, &format!("media_id > {last} and media_id <= {end}")).await?;
        rows.items = items;
        rows.put(&mut table, &[])?;
        last = end;
    }
}

/// Reads these items.
///
/// # Errors
/// When the database fails.
pub async fn some(db: &DatabaseConnection, ids: &[i64]) -> Result<Rows, DbErr> {
    let list = sql::ids(ids.iter().copied());
    let items = sql::rows(db, format!("select {COLUMNS} from media where id in ({list})"), []).await?;
    let mut rows = linked(db, &format!("media_id in ({list})")).await?;
    rows.items = items;
    Ok(rows)
}

/// What some items are linked to.
async fn linked(db: &DatabaseConnection, which: &str) -> Result<Rows, DbErr> {
    let tags = format!("select media_id, tag_id from media_tag where {which} order by media_id");
    let people = format!("select media_id, person_id from media_person where {which} order by media_id");
    Ok(Rows {
        items: Vec::new(),
        tags: Grouped::read(db, tags).await?,
        people: Grouped::read(db, people).await?,
    })
}

fn item(table: &mut Table, row: &QueryResult) -> Result<Item, DbErr> {
    Ok(Item {
        library: table.libraries.number(row.try_get_by_index(1)?),
        studio: table.studios.number_of(row.try_get_by_index(2)?),
        kind: row.try_get_by_index::<i32>(3)? as u8,
        width: row.try_get_by_index(4)?,
        height: row.try_get_by_index(5)?,
        duration_us: row.try_get_by_index(6)?,
        size: row.try_get_by_index(7)?,
        added_at: row.try_get_by_index(8)?,
        date: table.dates.number_of(row.try_get_by_index(9)?),
        video_codec: table.video_codecs.number_of(row.try_get_by_index(10)?),
        audio_codec: table.audio_codecs.number_of(row.try_get_by_index(11)?),
        container: table.containers.number_of(row.try_get_by_index(12)?),
        has_subtitles: row.try_get_by_index(13)?,
        is_missing: row.try_get_by_index::<i32>(14)? != 0,
        is_gone: false,
    })
}

/// What items are linked to, by item.
struct Grouped {
    of: HashMap<i64, Range<usize>>,
    ids: Vec<i64>,
}

impl Grouped {
    async fn read(db: &DatabaseConnection, text: String) -> Result<Self, DbErr> {
        let rows = sql::rows(db, text, []).await?;
        let mut grouped = Self {
            of: HashMap::with_capacity(rows.len() / 2),
            ids: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            let at = grouped.ids.len();
            grouped.ids.push(row.try_get_by_index(1)?);
            let range = grouped.of.entry(row.try_get_by_index(0)?).or_insert(at..at);
            range.end = at + 1;
        }
        Ok(grouped)
    }

    fn of(&self, id: i64) -> Vec<i64> {
        self.of
            .get(&id)
            .map_or_else(Vec::new, |range| self.ids[range.clone()].to_vec())
    }
}
