//! What a rule on file names gives items: whatever their paths say and they do not have already.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::{
    custom_field::{self, FieldKind},
    id::{CustomFieldId, LibraryId, MediaId, PersonId, StudioId, TagId, UserId},
};
use kernel::{error::Failure, sql};
use schema::{
    edit::session::Edit,
    field::rules::{self as field, FieldValue},
    kit::text,
    media::rules::{self, Links, MediaEdit},
    person::rules::{self as person, NewPerson},
    studio::rules::{self as studio, NewStudio},
    tag::rules::{self as tag, NewTag},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use serde::{Deserialize, Serialize};

use crate::pattern::{Pattern, Said};

/// Titles that came from a sidecar or from a person are of this origin or a higher one.
const KEPT_TITLE: i32 = 2;

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// What a path looks like.
    pub pattern: String,
    /// Whether what items have is replaced; otherwise only what they lack comes.
    pub replaces: bool,
    /// Whether tags, people and studios that there are not are made.
    pub makes: bool,
}

/// An item, as far as rules look at it.
#[derive(Debug, Clone)]
pub struct Item {
    /// The item.
    pub id: MediaId,
    path: String,
    title: String,
    title_origin: i32,
    date: Option<String>,
    has_studio: bool,
}

/// Present items after an id.
///
/// # Errors
/// When the database fails.
pub async fn items(
    db: &impl ConnectionTrait,
    library: Option<LibraryId>,
    after: MediaId,
    limit: u64,
) -> Result<Vec<Item>, DbErr> {
    let of = library.map_or(String::new(), |id| format!("and library_id = {}", id.0));
    let text = format!(
        "select id, path, title, title_origin, date, studio_id from media where id > $1 and missing_at is null {of} \
         order by id limit {limit}"
    );
    let rows = sql::rows(db, text, [after.0.into()]).await?;
    let item = |row: &sea_orm::QueryResult| {
        Ok(Item {
            id: MediaId(row.try_get_by_index(0)?),
            path: row.try_get_by_index(1)?,
            title: row.try_get_by_index(2)?,
            title_origin: row.try_get_by_index(3)?,
            date: row.try_get_by_index(4)?,
            has_studio: row.try_get_by_index::<Option<i64>>(5)?.is_some(),
        })
    };
    rows.iter().map(item).collect()
}

impl Rule {
    /// What the paths of items say that they do not have, for those of which they say anything.
    pub fn said(&self, pattern: &Pattern, items: &[Item]) -> BTreeMap<MediaId, Said> {
        let of_item = |item: &Item| {
            let mut said = pattern.read(&item.path)?;
            let named = |name: &String| text::name(name, "name").ok();
            let keeps_title = item.title_origin >= KEPT_TITLE && !self.replaces;
            said.title = said
                .title
                .as_ref()
                .and_then(named)
                .filter(|title| *title != item.title && !keeps_title);
            said.date = said.date.filter(|date| match &item.date {
                Some(present) => self.replaces && present != date,
                None => true,
            });
            said.studio = said
                .studio
                .as_ref()
                .and_then(named)
                .filter(|_| self.replaces || !item.has_studio);
            said.people = said.people.iter().filter_map(named).collect();
            said.tags = said.tags.iter().filter_map(named).collect();
            (said != Said::default()).then_some((item.id, said))
        };
        items.iter().filter_map(of_item).collect()
    }
}

/// The names that there are, in lower case.
#[derive(Debug, Default)]
pub struct Known {
    tags: HashMap<String, TagId>,
    people: HashMap<String, PersonId>,
    studios: HashMap<String, StudioId>,
    fields: HashMap<String, custom_field::Model>,
}

impl Known {
    /// Reads them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        // A name of its own goes before another's other name.
        let names = async |table: &str| -> Result<HashMap<String, i64>, DbErr> {
            let text = match table {
                "studio" => "select id, name from studio".to_owned(),
                _ => format!("select {table}_id, name from {table}_alias union all select id, name from {table}"),
            };
            let rows = sql::rows(db, text, []).await?;
            rows.iter()
                .map(|row| {
                    Ok((
                        row.try_get_by_index::<String>(1)?.to_lowercase(),
                        row.try_get_by_index(0)?,
                    ))
                })
                .collect()
        };
        let (tags, people, studios) = (names("tag").await?, names("person").await?, names("studio").await?);
        let fields = custom_field::Entity::find().all(db).await?;
        Ok(Self {
            tags: tags.into_iter().map(|(name, id)| (name, TagId(id))).collect(),
            people: people.into_iter().map(|(name, id)| (name, PersonId(id))).collect(),
            studios: studios.into_iter().map(|(name, id)| (name, StudioId(id))).collect(),
            fields: fields
                .into_iter()
                .map(|field| (field.name.to_lowercase(), field))
                .collect(),
        })
    }

    /// Whether values of fields can be kept: those of unknown fields, or of another kind, are left out.
    pub fn values(&self, said: &Said) -> Vec<(CustomFieldId, Option<FieldValue>)> {
        let value = |(name, text): &(String, String)| {
            let row = self.fields.get(&name.to_lowercase())?;
            let value = match row.kind {
                FieldKind::Text => FieldValue::Text(text.clone()),
                FieldKind::Choice => FieldValue::Text(field::choices(row).into_iter().find(|choice| choice == text)?),
                FieldKind::Number => FieldValue::Number(text.parse().ok().filter(|number: &f64| number.is_finite())?),
                FieldKind::Date => FieldValue::Date(text.parse::<jiff::civil::Date>().ok()?.to_string()),
                FieldKind::Boolean => return None,
            };
            Some((row.id, Some(value)))
        };
        said.fields.iter().filter_map(value).collect()
    }
}

/// States what paths say to an edit; gives how many items that is. Values of fields replace what items have of them.
///
/// # Errors
/// When the database fails.
pub async fn apply(
    edit: &mut Edit,
    user: UserId,
    rule: &Rule,
    known: &mut Known,
    said: BTreeMap<MediaId, Said>,
) -> Result<u64, Failure> {
    let valued = match rule.replaces {
        true => BTreeSet::new(),
        false => valued(edit, said.keys().copied()).await?,
    };
    let mut n_changed = 0;
    for (media, said) in said {
        let mut fields = known.values(&said);
        fields.retain(|(field, _)| !valued.contains(&(media.0, field.0)));
        let mut change = MediaEdit {
            title: said.title,
            date: said.date.map(Some),
            fields,
            ..MediaEdit::default()
        };
        let mut tags = Vec::new();
        for name in &said.tags {
            tags.extend(match known.tags.get(&name.to_lowercase()) {
                Some(id) => Some(*id),
                None if !rule.makes => None,
                None => {
                    let new = NewTag {
                        name: name.clone(),
                        ..NewTag::default()
                    };
                    let id = tag::add(edit, new).await?;
                    known.tags.insert(name.to_lowercase(), id);
                    Some(id)
                }
            });
        }
        let mut people = Vec::new();
        for name in &said.people {
            people.extend(match known.people.get(&name.to_lowercase()) {
                Some(id) => Some(*id),
                None if !rule.makes => None,
                None => {
                    let new = NewPerson {
                        name: name.clone(),
                        ..NewPerson::default()
                    };
                    let id = person::add(edit, new).await?;
                    known.people.insert(name.to_lowercase(), id);
                    Some(id)
                }
            });
        }
        if let Some(name) = said.studio {
            let id = match known.studios.get(&name.to_lowercase()) {
                Some(id) => Some(*id),
                None if !rule.makes => None,
                None => {
                    let key = name.to_lowercase();
                    let id = studio::add(edit, NewStudio { name, parent: None }).await?;
                    known.studios.insert(key, id);
                    Some(id)
                }
            };
            change.studio = id.map(Some);
        }
        let more = |is_some: bool| is_some.then_some(());
        change.tags = more(!tags.is_empty()).map(|()| Links::Change {
            add: tags,
            remove: Vec::new(),
        });
        change.people = more(!people.is_empty()).map(|()| Links::Change {
            add: people,
            remove: Vec::new(),
        });
        if !change.is_empty() {
            n_changed += 1;
            rules::apply(edit, user, &[media], &change).await?;
        }
    }
    Ok(n_changed)
}

/// Which of these items have a value of which field.
async fn valued(edit: &Edit, media: impl Iterator<Item = MediaId>) -> Result<BTreeSet<(i64, i64)>, DbErr> {
    let text = format!(
        "select media_id, field_id from media_field where media_id in ({})",
        sql::ids(media)
    );
    let rows = sql::rows(&**edit.tx(), text, []).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}
