//! Which markers become clips: some, or those of all items that a filter finds, but for those that are clips already.

use entities::id::{MarkerId, MediaId, TagId, UserId};
use kernel::error::Failure;
use schema::{
    kit::libraries::Libraries,
    media::{
        clip::{ClipFormat, ClipMode},
        selection::Selection,
    },
};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection,
    sea_query::{Expr, ExprTrait, Order, Query, SelectStatement},
};
use serde::{Deserialize, Serialize};

/// Markers, and what each of them becomes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Picked {
    /// Which.
    pub which: Which,
    /// Only those with this tag.
    pub tag: Option<TagId>,
    /// How long clips of markers are that have no end, in microseconds; without it they are left out.
    pub length_us: Option<i64>,
    /// How they are cut, as rows say it.
    pub mode: i32,
    /// What they are made into, as rows say it.
    pub format: i32,
}

/// Which markers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Which {
    /// These.
    Markers(Vec<MarkerId>),
    /// All of these items.
    Items(Selection),
}

/// A marker that becomes a clip.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The marker.
    pub id: MarkerId,
    /// Its item.
    pub media: MediaId,
    /// What is there.
    pub title: String,
    /// Where it begins, in microseconds.
    pub start_us: i64,
    /// Where it ends.
    pub end_us: i64,
}

/// Those of a selection for one viewer.
pub struct Found<'a> {
    picked: &'a Picked,
    condition: Condition,
}

impl Picked {
    /// New ones for a mode and a format.
    pub fn new(which: Which, mode: ClipMode, format: ClipFormat) -> Self {
        Self {
            which,
            tag: None,
            length_us: None,
            mode: mode as i32,
            format: format as i32,
        }
    }

    /// Translates them for a viewer.
    ///
    /// # Errors
    /// The filter or the search is not valid, or the database fails.
    pub async fn open(&self, db: &DatabaseConnection, viewer: UserId) -> Result<Found<'_>, Failure> {
        // Only who has all libraries gets here.
        let all = &Libraries::All;
        let mut condition = match &self.which {
            Which::Markers(ids) => Condition::all().add(Expr::col(("marker", "id")).is_in(ids.iter().map(|id| id.0))),
            Which::Items(selection) => Condition::all().add(selection.open(db, viewer, all).await?.condition()),
        };
        if let Some(tag) = self.tag {
            let marked = Query::select()
                .expr(Expr::cust("marker_tag.marker_id"))
                .from("marker_tag")
                .and_where(Expr::col(("marker_tag", "tag_id")).eq(tag.0))
                .take();
            condition = condition.add(Expr::col(("marker", "id")).in_subquery(marked));
        }
        if self.length_us.is_none() {
            condition = condition.add(Expr::col(("marker", "end_us")).is_not_null());
        }
        Ok(Found {
            picked: self,
            condition,
        })
    }
}

impl Found<'_> {
    fn select(&self) -> SelectStatement {
        Query::select()
            .from("marker")
            .inner_join("media", Expr::cust("media.id = marker.media_id"))
            .cond_where(self.condition.clone())
            .take()
    }

    /// The same without those that are clips of this mode and format already.
    fn todo(&self) -> SelectStatement {
        let Picked { mode, format, .. } = self.picked;
        let known = format!(
            "not exists (select 1 from clip where clip.marker_id = marker.id and clip.mode = {mode} \
             and clip.format = {format} and clip.status <> 4 and clip.deleted_at is null)"
        );
        self.select().and_where(Expr::cust(known)).take()
    }

    /// How many there are, and how many of them are no clips yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<(i64, i64), Failure> {
        let mut counts = [0, 0];
        for (mut select, count) in [self.select(), self.todo()].into_iter().zip(&mut counts) {
            let row = db.query_one(select.expr(Expr::cust("count(*)"))).await?;
            *count = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        }
        Ok((counts[0], counts[1]))
    }

    /// The next ones after an id that are no clips yet, in the order of ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn after(&self, db: &impl ConnectionTrait, after: MarkerId, limit: u64) -> Result<Vec<Marked>, Failure> {
        let id = Expr::col(("marker", "id"));
        let mut select = self.todo();
        select
            .expr(Expr::cust(
                "marker.id, marker.media_id, marker.title, marker.start_us, marker.end_us",
            ))
            .and_where(id.clone().gt(after.0))
            .order_by_expr(id, Order::Asc)
            .limit(limit);
        let rows = db.query_all(&select).await?;
        let marked = |row: &sea_orm::QueryResult| {
            let start_us: i64 = row.try_get_by_index(3)?;
            let length = self.picked.length_us.unwrap_or(0);
            Ok(Marked {
                id: MarkerId(row.try_get_by_index(0)?),
                media: MediaId(row.try_get_by_index(1)?),
                title: row.try_get_by_index(2)?,
                start_us,
                end_us: row
                    .try_get_by_index::<Option<i64>>(4)?
                    .unwrap_or_else(|| start_us.saturating_add(length)),
            })
        };
        rows.iter().map(marked).collect()
    }
}
