//! Writing an export. It is read in parts while others write: a line is true of one moment, all of them need not be.

use std::{collections::HashMap, io::Write};

use anyhow::Context;
use data_encoding::HEXLOWER;
use entities::{
    collection::{self, CollectionKind},
    custom_field, saved_filter,
};
use kernel::{plugin::Kernel, sql};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QueryOrder, QueryResult, TryGetable};

use super::form::{FieldLine, ItemKey, Line, MarkerLine, MediaLine, Names, OwnLine, VERSION};
use crate::field::rules::{choices, word};

/// Items in one part.
const PART: i64 = 500;

/// Writes everything that people decided; says how many lines.
///
/// # Errors
/// When the database or the writer fails.
pub async fn export(kernel: &Kernel, out: &mut (impl Write + Send)) -> anyhow::Result<u64> {
    let mut export = Export {
        db: kernel.store.reader().clone(),
        out,
        n_lines: 0,
    };
    export.line(&Line::Header { version: VERSION })?;
    export.tags().await?;
    export.people().await?;
    export.studios().await?;
    export.fields().await?;
    export.media().await?;
    export.collections().await?;
    export.filters().await?;
    export.out.flush()?;
    Ok(export.n_lines)
}

struct Export<'a, W> {
    db: DatabaseConnection,
    out: &'a mut W,
    n_lines: u64,
}

/// Rows of two columns as lists by the first.
fn lists<T: TryGetable>(rows: &[QueryResult]) -> Result<HashMap<i64, Vec<T>>, DbErr> {
    let mut lists: HashMap<i64, Vec<T>> = HashMap::new();
    for row in rows {
        lists
            .entry(row.try_get_by_index(0)?)
            .or_default()
            .push(row.try_get_by_index(1)?);
    }
    Ok(lists)
}

/// Those that are above others before these.
fn parents_first(nodes: Vec<(i64, Vec<i64>)>) -> Vec<i64> {
    let above: HashMap<i64, Vec<i64>> = nodes.iter().cloned().collect();
    let mut done = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (id, _) in &nodes {
        // A node is finished when it is met the second time.
        let mut todo = vec![*id];
        while let Some(here) = todo.pop() {
            if seen.insert(here) {
                todo.push(here);
                todo.extend(
                    above
                        .get(&here)
                        .into_iter()
                        .flatten()
                        .filter(|above| !seen.contains(above)),
                );
            } else if !done.contains(&here) {
                done.push(here);
            }
        }
    }
    done
}

impl<W: Write + Send> Export<'_, W> {
    fn line(&mut self, line: &Line) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *self.out, line).context("writing the export")?;
        self.out.write_all(b"\n").context("writing the export")?;
        self.n_lines += 1;
        Ok(())
    }

    async fn rows(&self, text: impl Into<String>) -> Result<Vec<QueryResult>, DbErr> {
        sql::rows(&self.db, text, []).await
    }

    async fn tags(&mut self) -> anyhow::Result<()> {
        let mut aliases: HashMap<i64, Vec<String>> =
            lists(&self.rows("select tag_id, name from tag_alias order by name").await?)?;
        let parents: HashMap<i64, Vec<i64>> = lists(&self.rows("select tag_id, parent_id from tag_parent").await?)?;
        let mut tags = HashMap::new();
        let mut nodes = Vec::new();
        for row in self
            .rows("select id, name, color, description from tag order by id")
            .await?
        {
            let id: i64 = row.try_get_by_index(0)?;
            nodes.push((id, parents.get(&id).cloned().unwrap_or_default()));
            tags.insert(
                id,
                (
                    row.try_get_by_index::<String>(1)?,
                    row.try_get_by_index(2)?,
                    row.try_get_by_index(3)?,
                ),
            );
        }
        for id in parents_first(nodes) {
            let Some((name, color, description)) = tags.get(&id).cloned() else {
                continue;
            };
            let above = parents.get(&id).into_iter().flatten();
            let line = Line::Tag {
                name,
                aliases: aliases.remove(&id).unwrap_or_default(),
                color,
                description,
                parents: above.filter_map(|id| Some(tags.get(id)?.0.clone())).collect(),
            };
            self.line(&line)?;
        }
        Ok(())
    }

    async fn people(&mut self) -> anyhow::Result<()> {
        let mut aliases: HashMap<i64, Vec<String>> = lists(
            &self
                .rows("select person_id, name from person_alias order by name")
                .await?,
        )?;
        for row in self
            .rows("select id, name, description from person order by id")
            .await?
        {
            let line = Line::Person {
                name: row.try_get_by_index(1)?,
                aliases: aliases.remove(&row.try_get_by_index(0)?).unwrap_or_default(),
                description: row.try_get_by_index(2)?,
            };
            self.line(&line)?;
        }
        Ok(())
    }

    async fn studios(&mut self) -> anyhow::Result<()> {
        let mut studios: HashMap<i64, (String, Option<i64>)> = HashMap::new();
        let mut nodes = Vec::new();
        for row in self.rows("select id, name, parent_id from studio order by id").await? {
            let (id, parent): (i64, Option<i64>) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
            nodes.push((id, parent.into_iter().collect()));
            studios.insert(id, (row.try_get_by_index(1)?, parent));
        }
        for id in parents_first(nodes) {
            let Some((name, parent)) = studios.get(&id) else {
                continue;
            };
            let parent = parent.and_then(|parent| Some(studios.get(&parent)?.0.clone()));
            let line = Line::Studio {
                name: name.clone(),
                parent,
            };
            self.line(&line)?;
        }
        Ok(())
    }

    async fn fields(&mut self) -> anyhow::Result<()> {
        for row in custom_field::Entity::find()
            .order_by_asc(custom_field::Column::Id)
            .all(&self.db)
            .await?
        {
            let line = Line::Field {
                holds: word(row.kind).to_owned(),
                choices: choices(&row),
                name: row.name,
                description: row.description,
            };
            self.line(&line)?;
        }
        Ok(())
    }

    async fn media(&mut self) -> anyhow::Result<()> {
        let mut after = i64::MIN;
        loop {
            let text = format!("select id from media where id > {after} order by id limit {PART}");
            let ids: Vec<i64> = self
                .rows(text)
                .await?
                .iter()
                .map(|row| row.try_get_by_index(0))
                .collect::<Result<_, _>>()?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = *last;
            self.part(&sql::ids(ids.iter().copied())).await?;
        }
    }

    async fn part(&mut self, ids: &str) -> anyhow::Result<()> {
        let mut keys = self.keys(ids).await?;
        let mut tags: HashMap<i64, Vec<String>> = lists(
            &self.rows(format!("select media_id, name from media_tag join tag on tag.id = tag_id where media_id in ({ids}) order by name")).await?,
        )?;
        let mut people: HashMap<i64, Vec<String>> = lists(
            &self.rows(format!("select media_id, name from media_person join person on person.id = person_id where media_id in ({ids}) order by position")).await?,
        )?;
        let mut fields: HashMap<i64, Vec<FieldLine>> = HashMap::new();
        let text = format!(
            "select media_id, name, text_value, number_value from media_field join custom_field on custom_field.id = field_id where media_id in ({ids})"
        );
        for row in self.rows(text).await? {
            let value = FieldLine {
                field: row.try_get_by_index(1)?,
                text: row.try_get_by_index(2)?,
                number: row.try_get_by_index(3)?,
            };
            fields.entry(row.try_get_by_index(0)?).or_default().push(value);
        }
        let text = format!(
            "select marker_id, tag.name from marker_tag join marker on marker.id = marker_id join tag on tag.id = tag_id where media_id in ({ids}) order by tag.name"
        );
        let mut marked: HashMap<i64, Vec<String>> = lists(&self.rows(text).await?)?;
        let mut markers: HashMap<i64, Vec<MarkerLine>> = HashMap::new();
        let text = format!(
            "select media_id, id, title, start_us, end_us from marker where media_id in ({ids}) order by start_us, id"
        );
        for row in self.rows(text).await? {
            let marker = MarkerLine {
                tags: marked.remove(&row.try_get_by_index(1)?).unwrap_or_default(),
                title: row.try_get_by_index(2)?,
                start_us: row.try_get_by_index(3)?,
                end_us: row.try_get_by_index(4)?,
            };
            markers.entry(row.try_get_by_index(0)?).or_default().push(marker);
        }
        let mut own: HashMap<i64, Vec<OwnLine>> = HashMap::new();
        let text = format!(
            "select media_id, name, rating, is_favorite, n_views, last_viewed_at, position_us from media_user join \"user\" on \"user\".id = user_id where media_id in ({ids}) order by name"
        );
        for row in self.rows(text).await? {
            let line = OwnLine {
                user: row.try_get_by_index(1)?,
                rating: row.try_get_by_index(2)?,
                is_favorite: row.try_get_by_index(3)?,
                view_count: row.try_get_by_index(4)?,
                last_viewed_at: row.try_get_by_index(5)?,
                position_us: row.try_get_by_index(6)?,
            };
            own.entry(row.try_get_by_index(0)?).or_default().push(line);
        }
        let text = format!(
            "select media.id, case when title_origin = 3 then title end, description, date, studio.name \
             from media left join studio on studio.id = studio_id where media.id in ({ids}) order by media.id"
        );
        for row in self.rows(text).await? {
            let id: i64 = row.try_get_by_index(0)?;
            let line = MediaLine {
                key: keys.remove(&id).unwrap_or_default(),
                title: row.try_get_by_index(1)?,
                description: row.try_get_by_index(2)?,
                date: row.try_get_by_index(3)?,
                studio: row.try_get_by_index(4)?,
                tags: tags.remove(&id).unwrap_or_default(),
                people: people.remove(&id).unwrap_or_default(),
                fields: fields.remove(&id).unwrap_or_default(),
                markers: markers.remove(&id).unwrap_or_default(),
                own: own.remove(&id).unwrap_or_default(),
            };
            let says_nothing = line.title.is_none()
                && line.description.is_none()
                && line.date.is_none()
                && line.studio.is_none()
                && line.tags.is_empty()
                && line.people.is_empty()
                && line.fields.is_empty()
                && line.markers.is_empty()
                && line.own.is_empty();
            if !says_nothing {
                self.line(&Line::Media(Box::new(line)))?;
            }
        }
        Ok(())
    }

    async fn keys(&self, ids: &str) -> Result<HashMap<i64, ItemKey>, DbErr> {
        let text = format!(
            "select media_id, fingerprint from file where fingerprint is not null and media_id in ({ids}) order by id"
        );
        let prints: HashMap<i64, Vec<Vec<u8>>> = lists(&self.rows(text).await?)?;
        let text = format!(
            "select media.id, library.name, media.path from media join library on library.id = library_id where media.id in ({ids})"
        );
        let mut keys = HashMap::new();
        for row in self.rows(text).await? {
            let id: i64 = row.try_get_by_index(0)?;
            let prints = prints
                .get(&id)
                .into_iter()
                .flatten()
                .map(|print| HEXLOWER.encode(print));
            let key = ItemKey {
                fingerprints: prints.collect(),
                library: row.try_get_by_index(1)?,
                path: row.try_get_by_index(2)?,
            };
            keys.insert(id, key);
        }
        Ok(keys)
    }

    async fn collections(&mut self) -> anyhow::Result<()> {
        let rows = collection::Entity::find()
            .order_by_asc(collection::Column::Id)
            .all(&self.db)
            .await?;
        let names = Names::read(&self.db).await?;
        let by_id: HashMap<i64, collection::Model> = rows.iter().map(|row| (row.id.0, row.clone())).collect();
        let nodes = rows
            .iter()
            .map(|row| (row.id.0, row.parent_id.map(|id| id.0).into_iter().collect()))
            .collect();
        for id in parents_first(nodes) {
            let Some(row) = by_id.get(&id) else { continue };
            let text =
                format!("select media_id from collection_item where collection_id = {id} order by position, media_id");
            let ids: Vec<i64> = self
                .rows(text)
                .await?
                .iter()
                .map(|row| row.try_get_by_index(0))
                .collect::<Result<_, _>>()?;
            let mut items = Vec::with_capacity(ids.len());
            for chunk in ids.chunks(PART as usize) {
                let mut keys = self.keys(&sql::ids(chunk.iter().copied())).await?;
                items.extend(chunk.iter().filter_map(|id| keys.remove(id)));
            }
            let filter = row.filter.as_deref().map(serde_json::from_str).transpose()?;
            let line = Line::Collection {
                name: row.name.clone(),
                is_gallery: row.kind == CollectionKind::Gallery,
                description: row.description.clone(),
                parent: row.parent_id.and_then(|id| Some(by_id.get(&id.0)?.name.clone())),
                filter: filter.map(|filter| names.portable(filter)),
                items,
            };
            self.line(&line)?;
        }
        Ok(())
    }

    async fn filters(&mut self) -> anyhow::Result<()> {
        let names = Names::read(&self.db).await?;
        let mut users: HashMap<i64, Vec<String>> = lists(&self.rows("select id, name from \"user\"").await?)?;
        for row in saved_filter::Entity::find()
            .order_by_asc(saved_filter::Column::Id)
            .all(&self.db)
            .await?
        {
            let Some(user) = users.get_mut(&row.user_id.0).and_then(|names| names.first().cloned()) else {
                continue;
            };
            let line = Line::SavedFilter {
                user,
                name: row.name,
                filter: names.portable(serde_json::from_str(&row.filter)?),
                search: row.search,
                sort: row.sort.as_deref().map(serde_json::from_str).transpose()?,
            };
            self.line(&line)?;
        }
        Ok(())
    }
}
