//! What an account that sees only some libraries knows of tags, people, studios and collections: those that items which it
//! sees have, and those that nothing has. Accounts that see everything never come here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use entities::id::{CollectionId, PersonId, StudioId, TagId};
use kernel::{error::Failure, sql};
use sea_orm::DbErr;

use crate::kit::{
    cells::Cells,
    libraries::Libraries,
    loader::Gate,
    together::Together,
    turn::{self, Batches},
};

/// Something with a name that items have, and that keeps count of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    /// A tag.
    Tag,
    /// A person.
    Person,
    /// A studio.
    Studio,
    /// A collection or a gallery.
    Collection,
}

impl Named {
    /// The one whose table this is.
    pub fn of_table(table: &str) -> Option<Self> {
        let all = [Self::Tag, Self::Person, Self::Studio, Self::Collection];
        all.into_iter().find(|named| named.table() == table)
    }

    fn table(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Person => "person",
            Self::Studio => "studio",
            Self::Collection => "collection",
        }
    }

    /// Items that have the one whose id is `id`, as `item`: what stands behind `from`, and the condition.
    fn items(self, id: &str) -> String {
        let linked = |table: &str, column: &str| {
            format!("{table} as link join media as item on item.id = link.media_id where link.{column} = {id}")
        };
        match self {
            Self::Tag => linked("media_tag", "tag_id"),
            Self::Person => linked("media_person", "person_id"),
            Self::Collection => linked("collection_item", "collection_id"),
            Self::Studio => format!("media as item where item.studio_id = {id}"),
        }
    }

    /// Whether a row of the table is shown.
    pub fn condition(self, libraries: &Libraries) -> Option<String> {
        let seen = libraries.and("item.library_id");
        if seen.is_empty() {
            return None;
        }
        let id = format!("{}.id", self.table());
        let items = self.items(&id);
        let mut shown = format!("exists (select 1 from {items}{seen})");
        let mut unused = format!("not exists (select 1 from {items})");
        match self {
            Self::Tag => {
                let marked = format!(
                    "marker_tag as link join marker on marker.id = link.marker_id join media as item on item.id = marker.media_id \
                     where link.tag_id = {id}"
                );
                shown += &format!(" or exists (select 1 from {marked}{seen})");
                unused += &format!(" and not exists (select 1 from {marked})");
            }
            // The name of a folder is of the library that it is in; what a filter finds is found for each account anew.
            Self::Collection => {
                shown += " or collection.filter is not null";
                unused += " and collection.folder_id is null";
            }
            Self::Person | Self::Studio => {}
        }
        Some(format!("({shown} or ({unused}))"))
    }

    /// How many items that are shown have it, for an order by that.
    pub fn n_media(self, libraries: &Libraries) -> Option<String> {
        let seen = libraries.and("item.library_id");
        let items = self.items(&format!("{}.id", self.table()));
        (!seen.is_empty()).then(|| format!("(select count(*) from {items} and item.missing_at is null{seen})"))
    }
}

type Ids = Result<Arc<HashSet<i64>>, Arc<DbErr>>;
type Counts = Result<Arc<HashMap<(Named, i64), i64>>, Arc<DbErr>>;

/// Lets through those that are shown; one statement for all of a standstill, kept for the request.
pub fn gate<K, V>(together: &Arc<Together>, named: Named, libraries: &Libraries) -> Gate<K, V>
where
    K: Into<i64> + Copy + Send + Sync + 'static,
{
    let (together, libraries) = (Arc::clone(together), libraries.clone());
    let batches: Batches<i64, Ids> = Batches::over_others(move |ids: Vec<i64>| {
        let (together, libraries) = (Arc::clone(&together), libraries.clone());
        async move {
            let table = named.table();
            let among = sql::ids(turn::distinct(ids));
            let shown = named.condition(&libraries).unwrap_or_else(|| "1 = 1".to_owned());
            let text = format!("select {table}.id as id from {table} where {table}.id in ({among}) and {shown}");
            let rows = together.read_text(text, vec!["id"]).await?;
            let ids = rows.into_iter().map(|mut cells: Cells| cells.int());
            ids.collect::<Result<HashSet<i64>, _>>().map(Arc::new).map_err(Arc::new)
        }
    });
    Gate::asking(batches)
}

/// How many items of the libraries that are shown have something.
pub struct ShownCounts(Batches<(Named, i64), Counts>);

impl ShownCounts {
    /// Counts for some libraries; for all of them the rows say it.
    pub fn new(together: &Arc<Together>, libraries: &Libraries) -> Option<Self> {
        if libraries.is_all() {
            return None;
        }
        let (together, libraries) = (Arc::clone(together), libraries.clone());
        Some(Self(Batches::over_others(move |asked: Vec<(Named, i64)>| {
            let (together, libraries) = (Arc::clone(&together), libraries.clone());
            async move { count(&together, &libraries, asked).await.map(Arc::new) }
        })))
    }

    /// How many items have it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, named: Named, id: i64) -> Result<i64, Failure> {
        let counts = self.0.get([(named, id)]).await??;
        Ok(counts.get(&(named, id)).copied().unwrap_or(0))
    }
}

async fn count(
    together: &Together,
    libraries: &Libraries,
    asked: Vec<(Named, i64)>,
) -> Result<HashMap<(Named, i64), i64>, Arc<DbErr>> {
    let mut of_table: HashMap<Named, Vec<i64>> = HashMap::new();
    for (named, id) in turn::distinct(asked) {
        of_table.entry(named).or_default().push(id);
    }
    let reads = of_table.into_iter().map(|(named, ids)| async move {
        let (table, n) = (
            named.table(),
            named.n_media(libraries).unwrap_or_else(|| "0".to_owned()),
        );
        let text = format!(
            "select {table}.id as id, {n} as n from {table} where {table}.id in ({})",
            sql::ids(ids)
        );
        let rows = together.read_text(text, vec!["id", "n"]).await?;
        let counts = rows
            .into_iter()
            .map(|mut cells| Ok(((named, cells.int()?), cells.int()?)));
        counts.collect::<Result<Vec<_>, DbErr>>().map_err(Arc::new)
    });
    let counts = futures_util::future::try_join_all(reads).await?;
    Ok(counts.into_iter().flatten().collect())
}

/// The ids of named things, for [`ShownCounts`].
pub trait IsNamed: Copy + Into<i64> {
    /// What it is the id of.
    const NAMED: Named;
}

impl IsNamed for TagId {
    const NAMED: Named = Named::Tag;
}
impl IsNamed for PersonId {
    const NAMED: Named = Named::Person;
}
impl IsNamed for StudioId {
    const NAMED: Named = Named::Studio;
}
impl IsNamed for CollectionId {
    const NAMED: Named = Named::Collection;
}
