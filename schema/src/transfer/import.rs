//! Reading an export. Names that are there are used as they are, others are made; items are found by the fingerprints of
//! their files, or by their place. What a line says is set or added, and nothing is taken away: read twice, an export
//! changes nothing the second time. Each line is an edit, recorded as any other.

use std::collections::HashMap;

use anyhow::{Context, bail};
use async_graphql::{InputType, Value};
use data_encoding::HEXLOWER;
use entities::{
    collection::CollectionKind,
    custom_field::FieldKind,
    id::{CollectionId, CustomFieldId, MediaId, PersonId, StudioId, TagId, UserId},
    user::{self, Role},
};
use kernel::{error::Failure, plugin::Kernel, sql};
use sea_orm::{EntityTrait, QueryOrder, QueryResult};

use super::form::{ItemKey, Line, MediaLine, Names, OwnLine, VERSION};
use crate::{
    collection::rules::{self as collections, NewCollection, Place},
    edit::session::Edit,
    field::rules::{self as fields, FieldValue, NewField},
    kit::access::Viewer,
    marker::rules::{self as markers, NewMarker},
    media::{
        inputs::MediaSort,
        rules::{self as media, Links, MediaEdit},
        selection::KeptFilter,
    },
    person::rules::{self as people, NewPerson},
    saved::rules::{self as saved, Opened},
    studio::rules::{self as studios, NewStudio},
    tag::rules::{self as tags, NewTag},
};

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines that were read.
    pub n_lines: u64,
    /// Items that were found and brought in line.
    pub n_media: u64,
    /// Items that are not here.
    pub n_unknown: u64,
}

/// An import while it is read, line by line.
pub struct Import<'a> {
    kernel: &'a Kernel,
    actor: Viewer,
    users: HashMap<String, Viewer>,
    /// What was done so far.
    pub done: Imported,
}

impl<'a> Import<'a> {
    /// Begins an import in the name of the oldest administrator.
    ///
    /// # Errors
    /// There is no administrator, or the database fails.
    pub async fn begin(kernel: &'a Kernel) -> anyhow::Result<Self> {
        let rows = user::Entity::find()
            .order_by_asc(user::Column::Id)
            .all(kernel.store.reader())
            .await?;
        let viewer = |row: &user::Model| Viewer::of_system(row.id, row.name.clone(), row.role);
        let admin = rows.iter().find(|row| row.role == Role::Admin).map(viewer);
        Ok(Self {
            kernel,
            actor: admin.context("there is no administrator; make one with `vitagraph user add`")?,
            users: rows.iter().map(|row| (row.name.to_lowercase(), viewer(row))).collect(),
            done: Imported::default(),
        })
    }

    /// Takes in one line.
    ///
    /// # Errors
    /// The line is no line of an export, or what it says is not valid.
    pub async fn line(&mut self, text: &str) -> anyhow::Result<()> {
        let line: Line = serde_json::from_str(text).context("it is no line of an export")?;
        if self.done.n_lines == 0 && !matches!(line, Line::Header { .. }) {
            bail!("the first line does not say that this is an export");
        }
        self.done.n_lines += 1;
        match line {
            Line::Header { version } if version > VERSION => {
                bail!("the export has form {version}, and this version reads forms up to {VERSION}")
            }
            Line::Header { .. } => Ok(()),
            Line::Tag {
                name,
                aliases,
                color,
                description,
                parents,
            } => {
                if self.id("tag", &name).await?.is_some() {
                    return Ok(());
                }
                let mut above = Vec::new();
                for parent in parents {
                    above.extend(self.id("tag", &parent).await?.map(TagId));
                }
                let new = NewTag {
                    name,
                    aliases,
                    color,
                    parents: above,
                    description,
                };
                Ok(tags::create(self.kernel, &self.actor, new).await.map(drop)?)
            }
            Line::Person {
                name,
                aliases,
                description,
            } => {
                if self.id("person", &name).await?.is_none() {
                    people::create(
                        self.kernel,
                        &self.actor,
                        NewPerson {
                            name,
                            aliases,
                            description,
                        },
                    )
                    .await?;
                }
                Ok(())
            }
            Line::Studio { name, parent } => {
                if self.id("studio", &name).await?.is_some() {
                    return Ok(());
                }
                let parent = match parent {
                    Some(parent) => self.id("studio", &parent).await?.map(StudioId),
                    None => None,
                };
                Ok(studios::create(self.kernel, &self.actor, NewStudio { name, parent })
                    .await
                    .map(drop)?)
            }
            Line::Field {
                name,
                holds,
                choices,
                description,
            } => {
                if self.id("custom_field", &name).await?.is_some() {
                    return Ok(());
                }
                let kinds = [
                    FieldKind::Text,
                    FieldKind::Number,
                    FieldKind::Date,
                    FieldKind::Boolean,
                    FieldKind::Choice,
                ];
                let kind = kinds.into_iter().find(|kind| fields::word(*kind) == holds);
                let kind = kind.with_context(|| format!("the field `{name}` holds a `{holds}`, which is unknown"))?;
                let new = NewField {
                    name,
                    kind,
                    choices,
                    description,
                };
                Ok(fields::create(self.kernel, &self.actor, new).await.map(drop)?)
            }
            Line::Media(line) => match self.find(&line.key).await? {
                Some(id) => {
                    self.done.n_media += 1;
                    self.media(id, *line).await
                }
                None => {
                    self.done.n_unknown += 1;
                    Ok(())
                }
            },
            Line::Collection {
                name,
                is_gallery,
                description,
                parent,
                filter,
                items,
            } => {
                let kind = if is_gallery {
                    CollectionKind::Gallery
                } else {
                    CollectionKind::Collection
                };
                self.collection(kind, name, description, parent, filter, &items).await
            }
            Line::SavedFilter {
                user,
                name,
                filter,
                search,
                sort,
            } => {
                let Some(viewer) = self.users.get(&user.to_lowercase()).cloned() else {
                    return Ok(());
                };
                let text = "select id from saved_filter where user_id = $1 and lower(name) = lower($2)";
                if !self
                    .rows(text, [viewer.user.0.into(), name.clone().into()])
                    .await?
                    .is_empty()
                {
                    return Ok(());
                }
                let names = Names::read(self.kernel.store.reader()).await?;
                let filter = KeptFilter::from_json(names.local(filter))
                    .map_err(anyhow::Error::msg)?
                    .0;
                let sort = sort.map(Value::from_json).transpose()?;
                let sort = sort.map(|sort| Vec::<MediaSort>::parse(Some(sort))).transpose();
                let sort =
                    sort.map_err(|error| anyhow::Error::msg(error.into_server_error(Default::default()).message))?;
                let opened = Opened {
                    filter,
                    search,
                    sort: sort.unwrap_or_default(),
                };
                Ok(saved::save(self.kernel, &viewer, None, name, opened).await.map(drop)?)
            }
        }
    }

    async fn rows(
        &self,
        text: &str,
        values: impl IntoIterator<Item = sea_orm::Value>,
    ) -> Result<Vec<QueryResult>, Failure> {
        Ok(sql::rows(self.kernel.store.reader(), text, values).await?)
    }

    async fn id(&self, table: &str, name: &str) -> Result<Option<i64>, Failure> {
        let text = format!("select id from {table} where lower(name) = lower($1)");
        let rows = self.rows(&text, [name.into()]).await?;
        Ok(rows.first().map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// The item of a key: by a fingerprint that only one item has, else by its place.
    async fn find(&self, key: &ItemKey) -> anyhow::Result<Option<MediaId>> {
        for print in &key.fingerprints {
            let print = HEXLOWER
                .decode(print.as_bytes())
                .context("a fingerprint is not hexadecimal")?;
            let rows = self
                .rows(
                    "select distinct media_id from file where fingerprint = $1",
                    [print.into()],
                )
                .await?;
            if let [row] = &rows[..] {
                return Ok(Some(row.try_get_by_index(0)?));
            }
        }
        let text = "select media.id from media join library on library.id = library_id \
            where media.path = $2 and lower(library.name) = lower($1)";
        let rows = self
            .rows(text, [key.library.clone().into(), key.path.clone().into()])
            .await?;
        match &rows[..] {
            [row] => Ok(Some(row.try_get_by_index(0)?)),
            _ => Ok(None),
        }
    }

    async fn ids<T: From<i64>>(&self, table: &str, names: &[String]) -> Result<Vec<T>, Failure> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.extend(self.id(table, name).await?.map(T::from));
        }
        Ok(ids)
    }

    async fn media(&self, id: MediaId, line: MediaLine) -> anyhow::Result<()> {
        let mut change = MediaEdit {
            title: line.title,
            description: line.description.map(Some),
            date: line.date.map(Some),
            tags: Some(Links::Change {
                add: self.ids("tag", &line.tags).await?,
                remove: Vec::new(),
            }),
            people: Some(Links::Change {
                add: self.ids::<PersonId>("person", &line.people).await?,
                remove: Vec::new(),
            }),
            ..MediaEdit::default()
        };
        if let Some(studio) = &line.studio {
            change.studio = self.id("studio", studio).await?.map(|id| Some(StudioId(id)));
        }
        for value in line.fields {
            let text = "select id, kind from custom_field where lower(name) = lower($1)";
            let rows = self.rows(text, [value.field.into()]).await?;
            let Some(row) = rows.first() else { continue };
            let kind: FieldKind = row.try_get_by_index(1)?;
            let value = match (kind, value.text, value.number) {
                (FieldKind::Text | FieldKind::Choice, Some(text), _) => FieldValue::Text(text),
                (FieldKind::Date, Some(date), _) => FieldValue::Date(date),
                (FieldKind::Number, _, Some(number)) => FieldValue::Number(number),
                (FieldKind::Boolean, _, Some(number)) => FieldValue::Boolean(number != 0.0),
                _ => continue,
            };
            change
                .fields
                .push((CustomFieldId(row.try_get_by_index(0)?), Some(value)));
        }
        let mut edit = Edit::begin(self.kernel, &self.actor, "import").await?;
        media::must_refer(&edit, &change).await?;
        media::apply(&mut edit, self.actor.user, &[id], &change).await?;
        for marker in line.markers {
            let text = "select id from marker where media_id = $1 and start_us = $2 and title = $3";
            let values = [id.0.into(), marker.start_us.into(), marker.title.clone().into()];
            if !sql::rows(&**edit.tx(), text, values).await?.is_empty() {
                continue;
            }
            let tags = self.ids("tag", &marker.tags).await?;
            let new = NewMarker {
                media: id,
                title: marker.title,
                start_us: marker.start_us,
                end_us: marker.end_us,
                tags,
            };
            markers::add(&mut edit, new).await?;
        }
        for own in &line.own {
            let Some(viewer) = self.users.get(&own.user.to_lowercase()) else {
                continue;
            };
            let change = MediaEdit {
                rating: own.rating.map(Some),
                is_favorite: own.is_favorite.then_some(true),
                ..MediaEdit::default()
            };
            media::apply(&mut edit, viewer.user, &[id], &change).await?;
            edit.write().await?;
            played(&edit, viewer.user, id, own).await?;
        }
        edit.commit().await?;
        Ok(())
    }

    async fn collection(
        &self,
        kind: CollectionKind,
        name: String,
        description: Option<String>,
        parent: Option<String>,
        filter: Option<serde_json::Value>,
        items: &[ItemKey],
    ) -> anyhow::Result<()> {
        let mut found = Vec::new();
        for key in items {
            found.extend(self.find(key).await?);
        }
        let text = "select id from collection where lower(name) = lower($1) and kind = $2 order by id limit 1";
        let rows = self.rows(text, [name.clone().into(), (kind as i32).into()]).await?;
        let id: Option<CollectionId> = rows.first().map(|row| row.try_get_by_index(0)).transpose()?;
        let id = match id {
            Some(id) => id,
            None => {
                let filter = match filter.clone() {
                    Some(json) => {
                        let names = Names::read(self.kernel.store.reader()).await?;
                        Some(KeptFilter::from_json(names.local(json)).map_err(anyhow::Error::msg)?)
                    }
                    None => None,
                };
                let parent = match parent {
                    Some(parent) => self.id("collection", &parent).await?.map(CollectionId),
                    None => None,
                };
                let new = NewCollection {
                    kind,
                    name,
                    description,
                    parent,
                    folder: None,
                    filter,
                    media: Vec::new(),
                };
                collections::create(self.kernel, &self.actor, new).await?.0
            }
        };
        if filter.is_none() {
            for chunk in found.chunks(collections::MAX_ITEMS) {
                collections::add_items(self.kernel, &self.actor, id, chunk, Place::Last).await?;
            }
        }
        Ok(())
    }
}

/// Takes over how an account played an item, unless it played it more here.
async fn played(edit: &Edit, user: UserId, media: MediaId, own: &OwnLine) -> Result<(), Failure> {
    if own.view_count == 0 && own.position_us.is_none() && own.last_viewed_at.is_none() {
        return Ok(());
    }
    let text = "insert into media_user (media_id, user_id, is_favorite, n_views, last_viewed_at, position_us, updated_at) \
        values ($1, $2, false, $3, $4, $5, $6) on conflict (media_id, user_id) do update set n_views = excluded.n_views, \
        last_viewed_at = excluded.last_viewed_at, position_us = excluded.position_us \
        where media_user.n_views < excluded.n_views or media_user.last_viewed_at is null";
    let values = [
        media.0.into(),
        user.0.into(),
        own.view_count.into(),
        own.last_viewed_at.into(),
        own.position_us.into(),
        edit.now.into(),
    ];
    sql::execute(&**edit.tx(), text, values).await?;
    edit.tx().publish(media::MediaUserChanged {
        user,
        media: vec![media],
    });
    Ok(())
}
