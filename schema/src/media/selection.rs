//! Which items a bulk change is about: some ids, or whatever a filter finds but for some.

use std::collections::BTreeSet;

use async_graphql::{InputType, Value};
use entities::id::{MediaId, UserId};
use kernel::{error::Failure, sql};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection,
    sea_query::{Expr, ExprTrait, Order, Query, SubQueryStatement},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    kit::libraries::Libraries,
    media::{
        filter::{self, Descendants},
        inputs::MediaFilter,
        page,
    },
    search,
};

/// The most ids in one selection; a filter has no such limit.
pub const MAX_IDS: usize = 1_000;

/// A filter that survives in a job's payload and in a row: as the JSON of the API's input.
#[derive(Debug, Clone, Default)]
pub struct KeptFilter(pub MediaFilter);

impl KeptFilter {
    /// The filter as JSON.
    ///
    /// # Errors
    /// Never in practice: inputs are plain values.
    pub fn to_json(&self) -> Result<serde_json::Value, Failure> {
        without_nulls(self.0.to_value()).into_json().map_err(Failure::internal)
    }

    /// Reads the JSON of a filter.
    ///
    /// # Errors
    /// A message for people when it is none.
    pub fn from_json(json: serde_json::Value) -> Result<Self, String> {
        let value = Value::from_json(json).map_err(|error| error.to_string())?;
        let filter =
            MediaFilter::parse(Some(value)).map_err(|error| error.into_server_error(Default::default()).message)?;
        Ok(Self(filter))
    }
}

/// The value without the fields that say nothing.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| *value != Value::Null)
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::List(values) => Value::List(values.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

impl Serialize for KeptFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeptFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(serde_json::Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Which items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Selection {
    /// These.
    Ids(Vec<MediaId>),
    /// What a filter and a search find.
    Found {
        /// The filter; without it everything that is present.
        filter: Box<KeptFilter>,
        /// Words to find.
        search: Option<String>,
        /// All but these.
        except: Vec<MediaId>,
    },
}

/// A selection with everything that its condition needs.
pub struct Selected<'a> {
    selection: &'a Selection,
    condition: Condition,
    /// The libraries that ids must be in, behind an `and`.
    within: String,
}

impl Selection {
    /// Translates the selection for a viewer, as far as it is in some libraries.
    ///
    /// # Errors
    /// The filter or the search is not valid, or the database fails.
    pub async fn open(
        &self,
        db: &DatabaseConnection,
        viewer: UserId,
        libraries: &Libraries,
    ) -> Result<Selected<'_>, Failure> {
        let condition = match self {
            Self::Ids(ids) => Condition::all()
                .add(Expr::col(("media", "id")).is_in(ids.iter().map(|id| id.0)))
                .add_option(libraries.of_media(db.get_database_backend())),
            Self::Found { filter, search, except } => {
                let terms = search.as_deref().map(search::parse).transpose()?.unwrap_or_default();
                let roots = filter::roots(&filter.0)?;
                let descendants: Descendants = filter::descendants(db, &roots).await?;
                let backend = db.get_database_backend();
                let found = page::condition(viewer, libraries, backend, &descendants, Some(&filter.0), &terms)?;
                match except.is_empty() {
                    true => found,
                    false => found.add(Expr::col(("media", "id")).is_not_in(except.iter().map(|id| id.0))),
                }
            }
        };
        Ok(Selected {
            selection: self,
            condition,
            within: libraries.and("library_id"),
        })
    }
}

impl Selected<'_> {
    /// What holds for its items, in terms of the table `media`.
    pub fn condition(&self) -> Condition {
        self.condition.clone()
    }

    /// How many items there are now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, Failure> {
        let mut select = Query::select();
        select
            .expr(Expr::cust("count(*)"))
            .from("media")
            .cond_where(self.condition.clone());
        Ok(db
            .query_one(&select)
            .await?
            .map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }

    /// How many items there are now, and the first of them in the order of ids: `limit` at least, where there are so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first(&self, db: &impl ConnectionTrait, limit: u64) -> Result<(i64, Vec<MediaId>), Failure> {
        if let Selection::Ids(_) = self.selection {
            let all = self.after(db, MediaId(i64::MIN), limit).await?;
            return Ok((all.len() as i64, all));
        }
        let id = || Expr::col(("media", "id"));
        let mut all = Query::select();
        all.expr(Expr::cust("count(*)"))
            .from("media")
            .cond_where(self.condition.clone());
        let mut select = Query::select();
        select
            .expr(id())
            .expr(Expr::from(SubQueryStatement::from(all)))
            .from("media")
            .cond_where(self.condition.clone())
            .order_by_expr(id(), Order::Asc)
            .limit(limit);
        let rows = db.query_all(&select).await?;
        let n = rows.first().map_or(Ok(0), |row| row.try_get_by_index(1))?;
        let first = rows.iter().map(|row| row.try_get_by_index(0));
        Ok((n, first.collect::<Result<_, _>>()?))
    }

    /// The next items after an id, in the order of ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn after(&self, db: &impl ConnectionTrait, after: MediaId, limit: u64) -> Result<Vec<MediaId>, Failure> {
        if let Selection::Ids(ids) = self.selection {
            // They are few, and some may be gone: an empty answer must mean the end.
            let ids: BTreeSet<MediaId> = ids.iter().copied().filter(|id| *id > after).collect();
            let text = format!(
                "select id from media where id in ({}){} order by id",
                sql::ids(ids.iter().copied()),
                self.within
            );
            let rows = sql::rows(db, text, []).await?;
            return Ok(rows
                .iter()
                .map(|row| row.try_get_by_index(0))
                .collect::<Result<_, _>>()?);
        }
        let id = Expr::col(("media", "id"));
        let mut select = Query::select();
        select.expr(id.clone()).from("media").cond_where(self.condition.clone());
        select
            .and_where(id.clone().gt(after.0))
            .order_by_expr(id, Order::Asc)
            .limit(limit);
        let rows = db.query_all(&select).await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<Result<_, _>>()?)
    }
}
