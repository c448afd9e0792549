//! Whether a list is sorted, or its order walked along until a page is full: the shortest of the lists that hold what a
//! filter and a search find.
//!
//! A walk reads few items where a filter leaves much over, and nearly all where it leaves little.

use kernel::error::Failure;
use sea_orm::{
    ConnectionTrait, DatabaseConnection,
    sea_query::{Expr, Query, SelectStatement, SubQueryStatement},
};

use crate::media::{filter::Driver, page::everything};

/// Up to so many items, but for a tenth of all, a list is always shorter than a walk, and no longer list than the second is
/// counted to its end.
const FEW: i64 = 5_000;
const MANY: i64 = 20_000;

/// The shortest of several lists of ids that each hold all items of a filter.
#[derive(Debug)]
pub struct Fewest {
    /// It.
    pub ids: SelectStatement,
    /// Its length; [`MANY`] and one more stand for anything above.
    n: i64,
    /// All items.
    n_media: i64,
    /// Which part of all items is left over by all that is asked for, roughly.
    share: f64,
}

impl Fewest {
    /// Whether sorting the list takes fewer steps than walking the order until a page is full.
    pub fn is_shorter_than_a_walk(&self, limit: u64) -> bool {
        is_shorter_than_a_walk(self.n, self.n_media, self.share, limit)
    }

    /// Whether looking at each item of the list takes less than looking at all items.
    pub fn is_short(&self) -> bool {
        self.n < self.n_media / 3
    }
}

/// Whether sorting `n` of all items takes fewer steps than walking an order until `limit` are found, of which a `share` of
/// all items is.
pub fn is_shorter_than_a_walk(n: i64, n_media: i64, share: f64, limit: u64) -> bool {
    if n <= FEW.min(n_media / 10) {
        return true;
    }
    let steps = (limit + 1) as f64 / share.max(1e-9);
    n <= MANY && (n as f64) < steps.min(n_media as f64)
}

/// Of these lists of ids the shortest; one statement, which reads no list further than needed.
pub async fn of(db: &DatabaseConnection, drivers: Vec<Driver>, share: f64) -> Result<Option<Fewest>, Failure> {
    if drivers.is_empty() {
        return Ok(None);
    }
    let mut select = Query::select();
    select.expr(Expr::from(SubQueryStatement::from(everything())));
    for driver in &drivers {
        let count = driver.at_most.clone().unwrap_or_else(|| {
            let some = driver.ids.clone().limit(MANY as u64 + 1).take();
            Query::select()
                .expr(Expr::cust("count(*)"))
                .from_subquery(some, "some")
                .take()
        });
        select.expr(Expr::from(SubQueryStatement::from(count)));
    }
    let Some(row) = db.query_one(&select).await? else {
        return Ok(None);
    };
    let n_media: i64 = row.try_get_by_index(0)?;
    let mut fewest = Fewest {
        ids: SelectStatement::new(),
        n: i64::MAX,
        n_media,
        share,
    };
    for (index, driver) in drivers.into_iter().enumerate() {
        let n: i64 = row.try_get_by_index(index + 1)?;
        fewest.share *= f64::min(n as f64 / Ord::max(n_media, 1) as f64, 1.0);
        if n < fewest.n {
            (fewest.n, fewest.ids) = (n, driver.ids);
        }
    }
    Ok(Some(fewest))
}
