//! A library in memory, and whether a filter holds for an item of it: what the words of the schema say, without SQL.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use entities::{
    custom_field::FieldKind,
    library,
    media::{self, MediaKind},
    media_field, media_person, media_tag, media_user, person, studio, tag, tag_parent,
};
use schema::media::{
    facets::{Facet, RATING_STEP},
    resolution::Resolution,
};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::Value as Json;
use tests::library::Library;

/// An item with all that filters are about.
#[derive(Debug)]
pub struct Item {
    /// Its row.
    pub row: media::Model,
    /// Its id as filters spell it; spelled once, for trees compare it again and again.
    pub id: String,
    /// The id of its library.
    pub library: String,
    /// The id of its studio.
    pub studio: Option<String>,
    /// What the viewer did with it.
    pub own: Option<media_user::Model>,
    /// The ids of its tags.
    pub tags: BTreeSet<String>,
    /// The ids of its people.
    pub people: BTreeSet<String>,
    /// Its values of custom fields, by their ids.
    pub fields: BTreeMap<String, media_field::Model>,
}

/// A library in memory.
pub struct World {
    /// By id.
    pub items: Vec<Item>,
    /// All tags.
    pub tags: Vec<String>,
    /// All people.
    pub people: Vec<String>,
    /// All studios.
    pub studios: Vec<String>,
    /// All libraries.
    pub libraries: Vec<String>,
    /// All custom fields.
    pub fields: BTreeMap<String, FieldKind>,
    /// Each tag with all below it, itself included.
    below: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    /// Reads all of a library.
    pub async fn read(library: &Library) -> anyhow::Result<Self> {
        let db = library.kernel.store.reader();
        let mut items: BTreeMap<i64, Item> = BTreeMap::new();
        for row in media::Entity::find().order_by_asc(media::Column::Id).all(db).await? {
            // SQLite folds the case of these letters only.
            ensure!(row.title.is_ascii() && row.path.is_ascii(), "{row:?}");
            let item = Item {
                id: row.id.to_string(),
                library: row.library_id.to_string(),
                studio: row.studio_id.map(|id| id.to_string()),
                row,
                own: None,
                tags: BTreeSet::new(),
                people: BTreeSet::new(),
                fields: BTreeMap::new(),
            };
            items.insert(item.row.id.0, item);
        }
        for link in media_tag::Entity::find().all(db).await? {
            items.entry(link.media_id.0).and_modify(|item| {
                item.tags.insert(link.tag_id.to_string());
            });
        }
        for link in media_person::Entity::find().all(db).await? {
            items.entry(link.media_id.0).and_modify(|item| {
                item.people.insert(link.person_id.to_string());
            });
        }
        for own in media_user::Entity::find().all(db).await? {
            if own.user_id == library.viewer {
                items.entry(own.media_id.0).and_modify(|item| item.own = Some(own));
            }
        }
        let fields = super::fields::read(library, &mut items).await?;
        let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let tags: Vec<String> = ids(
            tag::Entity::find().order_by_asc(tag::Column::Id).all(db).await?,
            |row| row.id,
        );
        for tag in &tags {
            below.insert(tag.clone(), BTreeSet::from([tag.clone()]));
        }
        let edges = tag_parent::Entity::find().all(db).await?;
        // Until nothing is added any more.
        loop {
            let before: usize = below.values().map(BTreeSet::len).sum();
            for edge in &edges {
                let lower = below[&edge.tag_id.to_string()].clone();
                below.entry(edge.parent_id.to_string()).or_default().extend(lower);
            }
            if below.values().map(BTreeSet::len).sum::<usize>() == before {
                break;
            }
        }
        Ok(Self {
            items: items.into_values().collect(),
            people: ids(
                person::Entity::find().order_by_asc(person::Column::Id).all(db).await?,
                |row| row.id,
            ),
            studios: ids(
                studio::Entity::find().order_by_asc(studio::Column::Id).all(db).await?,
                |row| row.id,
            ),
            libraries: ids(library::Entity::find().all(db).await?, |row| row.id),
            fields,
            tags,
            below,
        })
    }

    /// The item of an id.
    pub fn item(&self, id: i64) -> Option<&Item> {
        self.items.iter().find(|item| item.row.id.0 == id)
    }

    /// The items that a list with this filter has.
    pub fn find<'a>(&'a self, tree: &'a Json) -> impl Iterator<Item = &'a Item> {
        let shows_missing = mentions_missing(tree);
        let items = self.items.iter();
        items.filter(move |item| (shows_missing || item.row.missing_at.is_none()) && self.holds(tree, item))
    }

    /// How many of them are of which kind, and then of which class of resolution.
    pub fn classes(&self, tree: &Json) -> Vec<i64> {
        let mut counts = vec![0; 3 + Resolution::ALL.len()];
        for item in self.find(tree) {
            counts[item.row.kind as usize] += 1;
            if let Some(class) = class(&item.row) {
                counts[3 + class as usize] += 1;
            }
        }
        counts
    }

    /// How many of them have which value.
    pub fn counts(&self, tree: &Json, facet: Facet) -> BTreeMap<i64, i64> {
        let mut counts = BTreeMap::new();
        let number = |id: &String| id.parse::<entities::id::TagId>().map(|id| id.0);
        let person = |id: &String| id.parse::<entities::id::PersonId>().map(|id| id.0);
        for item in self.find(tree) {
            let row = &item.row;
            let values: Vec<i64> = match facet {
                Facet::Tags => item.tags.iter().flat_map(number).collect(),
                Facet::People => item.people.iter().flat_map(person).collect(),
                Facet::Studios => row.studio_id.iter().map(|id| id.0).collect(),
                Facet::Libraries => vec![row.library_id.0],
                Facet::Years => row.date.iter().filter_map(|date| date[..4].parse().ok()).collect(),
                Facet::Ratings => {
                    let rating = item.own.as_ref().and_then(|own| own.rating);
                    rating
                        .iter()
                        .map(|rating| Ord::min(i64::from(*rating) / RATING_STEP, 100 / RATING_STEP - 1))
                        .collect()
                }
                _ => Vec::new(),
            };
            for value in values {
                *counts.entry(value).or_default() += 1;
            }
        }
        counts
    }

    fn holds(&self, tree: &Json, item: &Item) -> bool {
        let Some(fields) = tree.as_object() else { return false };
        fields
            .iter()
            .all(|(name, criterion)| self.field_holds(name, criterion, item))
    }

    fn field_holds(&self, name: &str, criterion: &Json, item: &Item) -> bool {
        let list = || criterion.as_array().into_iter().flatten();
        let (row, own) = (&item.row, item.own.as_ref());
        let micros = |seconds: &Json| seconds.as_f64().map(|seconds| (seconds * 1e6).round() as i64);
        let moment = |text: &Json| Some(text.as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond());
        let day = |text: &Json| text.as_str().map(str::to_owned);
        match name {
            "and" => list().all(|tree| self.holds(tree, item)),
            "or" => list().any(|tree| self.holds(tree, item)),
            "not" => !self.holds(criterion, item),
            "ids" => list().any(|id| *id == item.id),
            "tags" => {
                let is_deep = criterion["includeDescendants"] == true;
                let has = |id: &str| match self.below.get(id).filter(|_| is_deep) {
                    Some(below) => below.intersection(&item.tags).next().is_some(),
                    None => item.tags.contains(id),
                };
                relation(criterion, has, item.tags.is_empty())
            }
            "people" => relation(criterion, |id| item.people.contains(id), item.people.is_empty()),
            "studio" => relation(
                criterion,
                |id| item.studio.as_deref() == Some(id),
                item.studio.is_none(),
            ),
            "library" => relation(criterion, |id| item.library == id, false),
            "rating" => ordered(criterion, own.and_then(|own| own.rating).map(i64::from), Json::as_i64),
            "viewCount" => ordered(criterion, Some(own.map_or(0, |own| own.n_views)), Json::as_i64),
            "height" => ordered(criterion, row.height.map(i64::from), Json::as_i64),
            "width" => ordered(criterion, row.width.map(i64::from), Json::as_i64),
            "size" => ordered(criterion, Some(row.size), Json::as_i64),
            "duration" => ordered(criterion, row.duration_us, micros),
            "addedAt" => ordered(criterion, Some(row.added_at), moment),
            "date" => ordered(criterion, row.date.clone(), day),
            "kind" => {
                let kind = match row.kind {
                    MediaKind::Video => "VIDEO",
                    MediaKind::Audio => "AUDIO",
                    MediaKind::Image => "IMAGE",
                };
                ordered(criterion, Some(kind.to_owned()), day)
            }
            "resolution" => {
                const CLASSES: [&str; 6] = ["SD", "HD", "FULL_HD", "QUAD_HD", "ULTRA_HD_4K", "ULTRA_HD_8K"];
                ordered(
                    criterion,
                    class(row).map(|class| CLASSES[class as usize].to_owned()),
                    day,
                )
            }
            "path" => text(criterion, Some(&row.path)),
            "title" => text(criterion, Some(&row.title)),
            "videoCodec" => text(criterion, row.video_codec.as_deref()),
            "audioCodec" => text(criterion, row.audio_codec.as_deref()),
            "container" => text(criterion, row.container.as_deref()),
            "isFavorite" => flag(criterion, own.is_some_and(|own| own.is_favorite)),
            "hasSubtitles" => flag(criterion, row.has_subtitles),
            "customFields" => list().all(|criterion| super::fields::holds(criterion, &self.fields, item)),
            "isMissing" => flag(criterion, row.missing_at.is_some()),
            // A field that nobody taught this to must be found out.
            _ => panic!("no meaning for {name}"),
        }
    }
}

fn ids<M, T: ToString>(rows: Vec<M>, id: impl Fn(&M) -> T) -> Vec<String> {
    rows.iter().map(|row| id(row).to_string()).collect()
}

fn class(row: &media::Model) -> Option<Resolution> {
    match row.kind {
        MediaKind::Video => Some(Resolution::of(row.width?, row.height?)),
        _ => None,
    }
}

fn mentions_missing(tree: &Json) -> bool {
    let Some(fields) = tree.as_object() else { return false };
    fields.iter().any(|(name, value)| match name.as_str() {
        "isMissing" => true,
        "and" | "or" => value.as_array().into_iter().flatten().any(mentions_missing),
        "not" => mentions_missing(value),
        _ => false,
    })
}

fn flag(criterion: &Json, value: bool) -> bool {
    criterion["eq"].as_bool().is_none_or(|wanted| wanted == value)
}

fn relation(criterion: &Json, has: impl Fn(&str) -> bool, is_empty: bool) -> bool {
    let list = |name: &str| {
        let ids = criterion[name].as_array();
        ids.map(|ids| ids.iter().filter_map(Json::as_str).collect::<Vec<_>>())
    };
    list("anyOf").is_none_or(|ids| ids.into_iter().any(&has))
        && list("allOf").is_none_or(|ids| ids.into_iter().all(&has))
        && list("noneOf").is_none_or(|ids| !ids.into_iter().any(&has))
        && criterion["isEmpty"].as_bool().is_none_or(|wanted| wanted == is_empty)
}

/// Whether a criterion on a value with an order holds.
pub fn ordered<T: Ord>(criterion: &Json, value: Option<T>, read: impl Fn(&Json) -> Option<T>) -> bool {
    let fields = criterion.as_object().into_iter().flatten();
    let among = |list: &Json| list.as_array().into_iter().flatten().any(|other| read(other) == value);
    fields.into_iter().all(|(operator, other)| {
        let present = value.as_ref();
        let against = |fits: fn(&T, &T) -> bool| {
            present
                .zip(read(other).as_ref())
                .is_some_and(|(one, other)| fits(one, other))
        };
        match operator.as_str() {
            "eq" => against(T::eq),
            "ne" => !against(T::eq),
            "gt" => against(T::gt),
            "gte" => against(T::ge),
            "lt" => against(T::lt),
            "lte" => against(T::le),
            "in" => present.is_some() && among(other),
            "notIn" => present.is_none() || !among(other),
            "between" => {
                let (from, to) = (read(&other["from"]), read(&other["to"]));
                present
                    .is_some_and(|value| from.is_some_and(|from| *value >= from) && to.is_some_and(|to| *value <= to))
            }
            "isNull" => other.as_bool() == Some(value.is_none()),
            _ => panic!("no meaning for {operator}"),
        }
    })
}

/// Whether a criterion on a text holds.
pub fn text(criterion: &Json, value: Option<&str>) -> bool {
    let folded = value.map(str::to_ascii_lowercase);
    let fields = criterion.as_object().into_iter().flatten();
    fields.into_iter().all(|(operator, other)| {
        let wanted = other.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
        let fits = |fits: &dyn Fn(&str) -> bool| folded.as_deref().is_some_and(fits);
        match operator.as_str() {
            "contains" => fits(&|text| text.contains(&wanted)),
            "notContains" => !fits(&|text| text.contains(&wanted)),
            "startsWith" => fits(&|text| text.starts_with(&wanted)),
            "endsWith" => fits(&|text| text.ends_with(&wanted)),
            _ => {
                let one = serde_json::json!({ operator: other });
                ordered(&one, value.map(str::to_owned), |text| text.as_str().map(str::to_owned))
            }
        }
    })
}
