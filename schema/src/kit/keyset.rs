//! Pages by key, never by offset: the conditions behind a cursor, and the one statement that reads a page.
//!
//! Absent values come last, whatever the direction. Where the first key can be absent the page is the union of two
//! limited reads, rows that have it and rows that do not, because neither database walks an index past that border.

use std::borrow::Cow;

use sea_orm::{
    Condition, ConnectionTrait, DbErr, Order, QueryResult,
    sea_query::{Asterisk, Expr, ExprTrait, NullOrdering, Query, SelectStatement, UnionType},
};

use crate::kit::{
    cells::Cells,
    cursor::{Cursor, RowCursor},
};

/// What a key's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Whole numbers.
    Int,
    /// Text, in the database's own order.
    Text,
}

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// The row has none.
    Absent,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
}

impl KeyValue {
    fn expr(&self) -> Expr {
        match self {
            Self::Absent => Expr::null(),
            Self::Int(value) => Expr::val(*value),
            Self::Text(value) => Expr::val(value.as_str()),
        }
    }
}

/// One key of an order.
#[derive(Debug, Clone)]
pub struct Key {
    /// The value in SQL.
    pub expr: Expr,
    /// What it is.
    pub kind: KeyKind,
    /// Whether rows may lack it.
    pub is_nullable: bool,
    /// Whether greater values come first.
    pub is_descending: bool,
}

/// A total order: keys, then the id.
#[derive(Debug, Clone)]
pub struct Keyset {
    /// The keys before the id.
    pub keys: Vec<Key>,
    /// The id in SQL.
    pub id: Expr,
    /// Whether greater ids come first.
    pub is_descending: bool,
    /// A short text that is equal for equal orders: cursors carry it.
    pub signature: String,
}

/// Which rows of a page are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// How many.
    pub limit: u64,
    /// From the end backward.
    pub is_backward: bool,
    /// Only rows after this.
    pub after: Option<Cursor>,
    /// Only rows before this.
    pub before: Option<Cursor>,
}

/// Which rows a read of a page covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All rows.
    All,
    /// Those that have the first key.
    Present,
    /// Those that lack it.
    Absent,
}

/// How a part of a list is read.
#[derive(Debug, Clone)]
pub struct PartOf {
    /// Its tables and conditions, without columns.
    pub base: SelectStatement,
    /// The id in SQL: a table that is joined by ids may have them in its own index.
    pub id: Expr,
    /// Whether the conditions say already that the first key is absent, whose table then need not be there.
    pub is_told: bool,
}

/// A row of a page: what is needed to load it and to go on from it.
#[derive(Debug, Clone)]
pub struct PageRow {
    /// The id.
    pub id: i64,
    /// The cursor behind it.
    pub cursor: RowCursor,
}

impl PageRow {
    /// The text of its cursor.
    pub fn cursor(&self) -> Cow<'_, str> {
        self.cursor.text(self.id)
    }
}

/// A page of ids.
#[derive(Debug, Clone, Default)]
pub struct IdPage {
    /// The rows in order.
    pub rows: Vec<PageRow>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_previous: bool,
    /// All rows of the list, if it was asked for and a row could carry it.
    pub total: Option<i64>,
}

impl Keyset {
    /// The order of a list that is at hand as a whole: it has no keys.
    pub fn in_memory(signature: &str) -> Self {
        Self {
            keys: Vec::new(),
            id: Expr::col("id"),
            is_descending: false,
            signature: signature.to_owned(),
        }
    }

    /// The statement that reads a page. `base` gives the tables and conditions of a part, without columns; `total`,
    /// if given, is read along with each row. Columns: `id`, `k0`.., `total`.
    pub fn select(
        &self,
        base: &dyn Fn(Part) -> SelectStatement,
        window: &Window,
        total: Option<SelectStatement>,
    ) -> SelectStatement {
        let part = |part: Part| PartOf {
            base: base(part),
            id: self.id.clone(),
            is_told: false,
        };
        let mut select = self.select_by(&part, window);
        if let Some(total) = total {
            select.expr_as(Expr::from(sea_orm::sea_query::SubQueryStatement::from(total)), "total");
        }
        select
    }

    /// The same, where parts are read in ways of their own.
    pub fn select_by(&self, parts: &dyn Fn(Part) -> PartOf, window: &Window) -> SelectStatement {
        let read = |part: Part| self.read(parts(part), part, window);
        match self.keys.first().is_some_and(|key| key.is_nullable) {
            true => self.split(&read, window),
            false => read(Part::All),
        }
    }

    /// Reads a page with a statement of [`Keyset::select`]; it asked for one row more than the window's limit.
    pub async fn fetch(
        &self,
        db: &impl ConnectionTrait,
        select: &SelectStatement,
        window: &Window,
        has_total: bool,
    ) -> Result<IdPage, DbErr> {
        let found = db.query_all(select).await?;
        let mut page = IdPage::default();
        if has_total && let Some(row) = found.first() {
            page.total = Some(row.try_get("", "total")?);
        }
        let rows = found.iter().map(|row| self.row(row)).collect::<Result<Vec<_>, _>>()?;
        Ok(page.fill(rows, window))
    }

    /// Reads the id and the cursor of a row.
    pub fn row(&self, row: &QueryResult) -> Result<PageRow, DbErr> {
        let id: i64 = row.try_get("", "id")?;
        let value = |(index, key): (usize, &Key)| -> Result<KeyValue, DbErr> {
            let column = KEYS[index];
            Ok(match key.kind {
                KeyKind::Int => row
                    .try_get::<Option<i64>>("", column)?
                    .map_or(KeyValue::Absent, KeyValue::Int),
                KeyKind::Text => row
                    .try_get::<Option<String>>("", column)?
                    .map_or(KeyValue::Absent, KeyValue::Text),
            })
        };
        let values = self.keys.iter().enumerate().map(value).collect::<Result<_, _>>()?;
        Ok(PageRow {
            id,
            cursor: RowCursor::Text(Cursor { values, id }.encode(self)),
        })
    }

    /// Takes the id and the keys of a row: its place, and the keys' values.
    pub fn place(&self, cells: &mut Cells) -> Result<(PageRow, Vec<KeyValue>), DbErr> {
        let id = cells.int()?;
        let value = |key: &Key| -> Result<KeyValue, DbErr> {
            Ok(match key.kind {
                KeyKind::Int => cells.int_or_absent()?.map_or(KeyValue::Absent, KeyValue::Int),
                KeyKind::Text => cells.text_or_absent()?.map_or(KeyValue::Absent, KeyValue::Text),
            })
        };
        let values: Vec<KeyValue> = self.keys.iter().map(value).collect::<Result<_, _>>()?;
        let cursor = Cursor {
            values: values.clone(),
            id,
        };
        let cursor = RowCursor::Text(cursor.encode(self));
        Ok((PageRow { id, cursor }, values))
    }

    fn split(&self, read: &dyn Fn(Part) -> SelectStatement, window: &Window) -> SelectStatement {
        // A bound among the absent leaves nothing of one part; one among the present leaves all of the other.
        let is_absent = |bound: &Option<Cursor>| bound.as_ref().map(|cursor| cursor.values[0] == KeyValue::Absent);
        let present = (is_absent(&window.after) != Some(true)).then(|| read(Part::Present));
        let absent = (is_absent(&window.before) != Some(false)).then(|| read(Part::Absent));
        let (present, absent) = match (present, absent) {
            (Some(present), Some(absent)) => (present, absent),
            (Some(only), None) | (None, Some(only)) => return only,
            // After an absent row and before a present one there is nothing.
            (None, None) => {
                let mut none = read(Part::Absent);
                return none.and_where(Expr::val(1).eq(2)).take();
            }
        };
        let wrap = |part: SelectStatement, alias: &'static str| {
            Query::select().column(Asterisk).from_subquery(part, alias).take()
        };
        let both = wrap(present, "present")
            .union(UnionType::All, wrap(absent, "absent"))
            .take();
        let mut select = Query::select();
        select.column("id");
        for column in &KEYS[..self.keys.len()] {
            select.column(*column);
        }
        select.from_subquery(both, "page");
        select.order_by("part", order(window.is_backward));
        for (key, column) in self.keys.iter().zip(KEYS) {
            add_order(&mut select, Expr::col(column), key, window.is_backward);
        }
        select.order_by("id", order(self.is_descending != window.is_backward));
        select.limit(window.limit + 1);
        select
    }

    fn read(&self, of: PartOf, part: Part, window: &Window) -> SelectStatement {
        let (mut select, id) = (of.base, &of.id);
        // In the part of the absent the first key says nothing any more, and in the other it is never absent.
        let mut keys: Vec<(usize, Key)> = self.keys.iter().cloned().enumerate().collect();
        match part {
            Part::All => {}
            Part::Present => {
                select.and_where(keys[0].1.expr.clone().is_not_null());
                keys[0].1.is_nullable = false;
            }
            Part::Absent => {
                let (_, key) = keys.remove(0);
                if !of.is_told {
                    select.and_where(key.expr.is_null());
                }
            }
        }
        for (bound, is_after) in [(&window.after, true), (&window.before, false)] {
            let Some(cursor) = bound else { continue };
            let is_here = match part {
                Part::All => true,
                Part::Present => cursor.values[0] != KeyValue::Absent,
                Part::Absent => cursor.values[0] == KeyValue::Absent,
            };
            if is_here {
                select.cond_where(self.beyond(&keys, id, cursor, is_after));
            }
        }
        select.expr_as(id.clone(), "id");
        for (index, key) in self.keys.iter().enumerate() {
            let expr = match of.is_told && index == 0 {
                true => Expr::cust("null"),
                false => key.expr.clone(),
            };
            let value = match key.kind {
                // One type for all whole numbers; PostgreSQL has narrower columns.
                KeyKind::Int => expr.cast_as("bigint"),
                KeyKind::Text => expr,
            };
            select.expr_as(value, KEYS[index]);
        }
        match part {
            Part::All => {}
            Part::Present => drop(select.expr_as(Expr::cust("0"), "part")),
            Part::Absent => drop(select.expr_as(Expr::cust("1"), "part")),
        }
        for (_, key) in &keys {
            add_order(&mut select, key.expr.clone(), key, window.is_backward);
        }
        select.order_by_expr(id.clone(), order(self.is_descending != window.is_backward));
        select.limit(window.limit + 1);
        select
    }

    /// The rows strictly after (or before) a cursor.
    fn beyond(&self, keys: &[(usize, Key)], id: &Expr, cursor: &Cursor, is_after: bool) -> Condition {
        let bound = Expr::val(cursor.id);
        let ids_greater = self.is_descending != is_after;
        let agrees = |(_, key): &(usize, Key)| !key.is_nullable && key.is_descending == self.is_descending;
        if keys.iter().all(agrees) {
            // One row-value comparison, which both databases turn into one index range.
            let (mut columns, mut values): (Vec<Expr>, Vec<Expr>) = keys
                .iter()
                .map(|(index, key)| (key.expr.clone(), cursor.values[*index].expr()))
                .unzip();
            if columns.is_empty() {
                return compare(id.clone(), bound, ids_greater).into();
            }
            columns.push(id.clone());
            values.push(bound);
            return compare(Expr::tuple(columns), Expr::tuple(values), ids_greater).into();
        }
        let mut any = Condition::any();
        let mut equal = Condition::all();
        for (index, key) in keys {
            let value = &cursor.values[*index];
            let greater = key.is_descending != is_after;
            let further = match (value, key.is_nullable, is_after) {
                // Nothing comes after the absent; before them comes everything present.
                (KeyValue::Absent, _, true) => None,
                (KeyValue::Absent, _, false) => Some(key.expr.clone().is_not_null()),
                (_, true, true) => {
                    Some(compare(key.expr.clone(), value.expr(), greater).or(key.expr.clone().is_null()))
                }
                _ => Some(compare(key.expr.clone(), value.expr(), greater)),
            };
            if let Some(further) = further {
                any = any.add(equal.clone().add(further));
            }
            equal = equal.add(match value {
                KeyValue::Absent => key.expr.clone().is_null(),
                value => key.expr.clone().eq(value.expr()),
            });
        }
        any.add(equal.add(compare(id.clone(), bound, ids_greater)))
    }
}

impl IdPage {
    /// Fills in rows that were read one beyond the window's limit, in the order of reading.
    pub fn fill(mut self, mut rows: Vec<PageRow>, window: &Window) -> Self {
        let has_more = rows.len() as u64 > window.limit;
        rows.truncate(window.limit as usize);
        if window.is_backward {
            rows.reverse();
            self.has_previous = has_more;
            self.has_next = window.before.is_some();
        } else {
            self.has_next = has_more;
            self.has_previous = window.after.is_some();
        }
        self.rows = rows;
        self
    }

    /// The ids in order.
    pub fn ids<T: From<i64>>(&self) -> Vec<T> {
        self.rows.iter().map(|row| T::from(row.id)).collect()
    }
}

/// Names of the key columns in a page statement; a sort has at most so many keys.
pub const KEYS: [&str; 6] = ["k0", "k1", "k2", "k3", "k4", "k5"];

fn order(is_descending: bool) -> Order {
    if is_descending { Order::Desc } else { Order::Asc }
}

fn add_order(select: &mut SelectStatement, expr: Expr, key: &Key, is_backward: bool) {
    let order = order(key.is_descending != is_backward);
    if key.is_nullable {
        let nulls = if is_backward {
            NullOrdering::First
        } else {
            NullOrdering::Last
        };
        select.order_by_expr_with_nulls(expr, order, nulls);
    } else {
        select.order_by_expr(expr, order);
    }
}

fn compare(left: Expr, right: Expr, greater: bool) -> Expr {
    if greater { left.gt(right) } else { left.lt(right) }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use sea_orm::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder};

    use super::*;

    fn keyset(is_nullable: bool) -> Keyset {
        let key = |column: &'static str, is_nullable, is_descending| Key {
            expr: Expr::col(("media", column)),
            kind: KeyKind::Int,
            is_nullable,
            is_descending,
        };
        Keyset {
            keys: vec![key("height", is_nullable, true)],
            id: Expr::col(("media", "id")),
            is_descending: true,
            signature: "-Height".to_owned(),
        }
    }

    fn check(keyset: &Keyset, after: Option<Cursor>, is_backward: bool, sqlite: Expect) {
        let window = Window {
            limit: 2,
            is_backward,
            after,
            before: None,
        };
        let select = keyset.select(&|_| Query::select().from("media").take(), &window, None);
        sqlite.assert_eq(&select.to_string(SqliteQueryBuilder));
        // The databases differ in how a union's members are bracketed, and in nothing else.
        let plain = |text: String| text.replace(['(', ')'], "");
        assert_eq!(
            plain(select.to_string(PostgresQueryBuilder)),
            plain(select.to_string(SqliteQueryBuilder))
        );
    }

    #[test]
    fn a_page_is_one_range_or_a_union_of_two() {
        let cursor = |value| {
            Some(Cursor {
                values: vec![value],
                id: 9,
            })
        };
        check(
            &keyset(false),
            cursor(KeyValue::Int(720)),
            false,
            expect![[
                r#"SELECT "media"."id" AS "id", CAST("media"."height" AS bigint) AS "k0" FROM "media" WHERE ("media"."height", "media"."id") < (720, 9) ORDER BY "media"."height" DESC, "media"."id" DESC LIMIT 3"#
            ]],
        );
        check(
            &keyset(true),
            cursor(KeyValue::Int(720)),
            false,
            expect![[
                r#"SELECT "id", "k0" FROM (SELECT * FROM (SELECT "media"."id" AS "id", CAST("media"."height" AS bigint) AS "k0", 0 AS "part" FROM "media" WHERE "media"."height" IS NOT NULL AND ("media"."height", "media"."id") < (720, 9) ORDER BY "media"."height" DESC, "media"."id" DESC LIMIT 3) AS "present" UNION ALL SELECT * FROM (SELECT "media"."id" AS "id", CAST("media"."height" AS bigint) AS "k0", 1 AS "part" FROM "media" WHERE "media"."height" IS NULL ORDER BY "media"."id" DESC LIMIT 3) AS "absent") AS "page" ORDER BY "part" ASC, "k0" DESC NULLS LAST, "id" DESC LIMIT 3"#
            ]],
        );
        check(
            &keyset(true),
            cursor(KeyValue::Absent),
            false,
            expect![[
                r#"SELECT "media"."id" AS "id", CAST("media"."height" AS bigint) AS "k0", 1 AS "part" FROM "media" WHERE "media"."height" IS NULL AND "media"."id" < 9 ORDER BY "media"."id" DESC LIMIT 3"#
            ]],
        );
    }
}
